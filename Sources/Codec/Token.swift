/// Signed numbers as a token, which is entropy coded, and raw bits, which are not.
///
/// Small numbers (-8…7) are tokens 0…15 of their own, zigzagged. Of the others the token holds the sign, the
/// exponent e (the highest bit set, from 3) and the bit below it; the e - 1 lower bits of the magnitude follow raw:
/// noise, which no coder makes smaller. Token = 16 + ((e - 3) × 2 + bit) × 2 + sign.
enum Token {
    /// Tokens are below this: the last has e = 63, bit and sign.
    static let count = 16 + (60 * 2 + 1) * 2 + 2

    /// The token of `value`.
    @inline(__always)
    static func token(_ value: Int64) -> Int {
        if value >= -8, value <= 7 { return Int(truncatingIfNeeded: Zigzag.encode(value)) }
        let magnitude = value.magnitude
        let exponent = 63 &- magnitude.leadingZeroBitCount
        let bit = Int(truncatingIfNeeded: magnitude &>> UInt64(exponent &- 1) & 1)
        return 16 &+ ((exponent &- 3) &* 2 &+ bit) &* 2 &+ (value < 0 ? 1 : 0)
    }

    /// How many raw bits follow a token.
    @inline(__always)
    static func rawWidth(_ token: Int) -> Int {
        token < 16 ? 0 : (token &- 16) &>> 2 &+ 2
    }

    /// The raw bits of `value`.
    @inline(__always)
    static func rawBits(_ value: Int64, width: Int) -> UInt64 {
        value.magnitude & ((1 &<< UInt64(truncatingIfNeeded: width)) &- 1)
    }

    /// The number of that token and those raw bits.
    @inline(__always)
    static func value(_ token: Int, rawBits: UInt64) -> Int64 {
        if token < 16 { return Zigzag.decode(UInt64(truncatingIfNeeded: token)) }
        let index = token &- 16
        let width = UInt64(truncatingIfNeeded: index &>> 2 &+ 2)
        let magnitude = (2 | UInt64(truncatingIfNeeded: index &>> 1 & 1)) &<< width | rawBits
        return Int64(bitPattern: index & 1 == 1 ? 0 &- magnitude : magnitude)
    }
}

/// A magnitude on a scale of half octaves, for choosing by it among frequency tables.
enum MagnitudeBucket {
    /// Buckets are below this.
    static let count = 131

    /// The bucket of `magnitude`: 0…3 for themselves, then two for each power of two.
    @inline(__always)
    static func of(_ magnitude: UInt64) -> Int {
        if magnitude < 4 { return Int(truncatingIfNeeded: magnitude) }
        let exponent = 63 &- magnitude.leadingZeroBitCount
        return exponent &* 2
            &+ Int(truncatingIfNeeded: magnitude &>> UInt64(truncatingIfNeeded: exponent &- 1) & 1)
    }
}
