import Model

/// A sum of integers and doubles without rounding, and its mean rounded once.
///
/// Integers go to one 128-bit sum. Doubles go to a fixed-point number whose lowest bit is worth 2⁻¹⁰⁷⁴, in
/// digits of 32 bits kept in 64, so that carries wait (the "small superaccumulator" of R. M. Neal, Fast exact
/// summation using small and large superaccumulators, 2015). Only the digits that were touched are held.
struct ExactSum: Hashable {
    /// Carries are settled before more than that many additions: each adds less than 2³² to a digit.
    private static let additionsMax = 1 << 30
    /// The bit that is worth 2⁰.
    private static let unitBit = 1074

    private var whole: Int128 = 0
    /// Digits of the fixed-point number, the first worth 2^(32 × lowest − 1074).
    private var digits: [Int64] = []
    private var lowest = 0
    private var additions = 0

    /// Whether nothing was added but integers that add up to 0.
    var isEmpty: Bool { whole == 0 && digits.isEmpty }

    mutating func add(_ value: Int128) {
        whole &+= value
    }

    /// Adds `value` times 2 to the power of `exponent`, which is that of a double's lowest bit or 0.
    mutating func add(_ value: Int128, exponent: Int) {
        guard exponent != 0 else { return add(value) }
        precondition((-Self.unitBit...1023).contains(exponent), "BUG: an exponent that no double has")
        let bit = exponent + Self.unitBit
        let magnitude = value.magnitude
        add(UInt64(truncatingIfNeeded: magnitude), bit: bit, isNegative: value < 0)
        add(UInt64(truncatingIfNeeded: magnitude >> 64), bit: bit + 64, isNegative: value < 0)
    }

    /// Adds another sum.
    mutating func add(_ other: ExactSum) {
        whole &+= other.whole
        guard let last = other.digits.indices.last else { return }
        if additions + other.additions + 1 >= Self.additionsMax { settleCarries() }
        makeRoom(other.lowest, other.lowest + last)
        for (place, digit) in other.digits.enumerated() { digits[other.lowest - lowest + place] += digit }
        additions += other.additions + 1
    }

    /// Adds a finite double.
    mutating func add(_ value: Double) {
        guard value != 0 else { return }
        let bits = value.significandBitPattern
        let exponent = Int(value.exponentBitPattern)
        // Subnormals have the exponent of the smallest normals, and no leading one.
        let significand = exponent == 0 ? bits : bits | (1 << 52)
        add(significand, bit: max(exponent, 1) - 1, isNegative: value.sign == .minus)
    }

    private mutating func add(_ magnitude: UInt64, bit: Int, isNegative: Bool) {
        let index = bit >> 5
        makeRoom(index, index + 2)
        let wide = UInt128(magnitude) << UInt128(bit & 31)
        for place in 0..<3 {
            let digit = Int64(truncatingIfNeeded: (wide >> UInt128(32 * place)) & 0xffff_ffff)
            digits[index - lowest + place] += isNegative ? -digit : digit
        }
        additions += 1
        if additions >= Self.additionsMax { settleCarries() }
    }

    private mutating func makeRoom(_ first: Int, _ last: Int) {
        if digits.isEmpty { lowest = first }
        if first < lowest {
            digits.insert(contentsOf: repeatElement(0, count: lowest - first), at: 0)
            lowest = first
        }
        if last >= lowest + digits.count {
            digits.append(contentsOf: repeatElement(0, count: last + 1 - lowest - digits.count))
        }
    }

    /// Makes every digit but the topmost 0...2³²−1; the topmost bears the sign.
    private mutating func settleCarries() {
        additions = 0
        guard var top = digits.popLast() else { return }
        var carry: Int64 = 0
        for index in digits.indices {
            let value = digits[index] + carry
            digits[index] = value & 0xffff_ffff
            carry = value >> 32
        }
        top += carry
        while top > 0x7fff_ffff || top < -0x8000_0000 {
            digits.append(top & 0xffff_ffff)
            top >>= 32
        }
        digits.append(top)
    }

    /// The exact sum over `count`, rounded once, ties to even.
    ///
    /// For `count` above 0.
    func mean(of count: Int) -> Double {
        precondition(count > 0, "BUG: no mean of nothing")
        let divisor = UInt64(count)
        guard !digits.isEmpty else { return Self.quotient(whole, by: divisor) }
        var sum = self
        sum.add(UInt64(truncatingIfNeeded: whole.magnitude), bit: Self.unitBit, isNegative: whole < 0)
        sum.add(
            UInt64(truncatingIfNeeded: whole.magnitude >> 64),
            bit: Self.unitBit + 64,
            isNegative: whole < 0
        )
        sum.settleCarries()
        let isNegative = (sum.digits.last ?? 0) < 0
        if isNegative {
            for index in sum.digits.indices { sum.digits[index].negate() }
            sum.settleCarries()
        }
        // Four more digits below: a divisor below 2⁶⁴ then leaves at least 64 bits of a quotient that is not 0.
        var quotient = [UInt32](repeating: 0, count: sum.digits.count + 4)
        var rest: UInt64 = 0
        for index in quotient.indices.reversed() {
            let digit = index < 4 ? 0 : UInt64(sum.digits[index - 4])
            if divisor <= 0xffff_ffff {
                let value = rest << 32 | digit
                quotient[index] = UInt32(value / divisor)
                rest = value % divisor
            } else {
                let value = UInt128(rest) << 32 | UInt128(digit)
                quotient[index] = UInt32(value / UInt128(divisor))
                rest = UInt64(value % UInt128(divisor))
            }
        }
        let lowestBit = 32 * (sum.lowest - 4) - Self.unitBit
        let magnitude = Self.rounded(quotient, lowestBit: lowestBit, hasRest: rest != 0)
        return isNegative ? -magnitude : magnitude
    }

    /// `value / divisor`, rounded once.
    static func quotient(_ value: Int128, by divisor: UInt64) -> Double {
        guard value != 0 else { return 0 }
        let magnitude = value.magnitude
        // Shifted so that the quotient has at least 64 bits but the shifted value still fits 128.
        let length = 128 - magnitude.leadingZeroBitCount
        let shift = max(0, min(128 - length, 64 + (64 - divisor.leadingZeroBitCount) - length))
        let (quotient, rest) = (magnitude << UInt128(shift)).quotientAndRemainder(
            dividingBy: UInt128(divisor)
        )
        let digits = (0..<4).map { UInt32(truncatingIfNeeded: quotient >> UInt128(32 * $0)) }
        let rounded = rounded(digits, lowestBit: -shift, hasRest: rest != 0)
        return value < 0 ? -rounded : rounded
    }

    /// The double nearest to the number with these digits, lowest first, the lowest bit worth 2^lowestBit; ties
    /// to even, `hasRest` breaks them.
    private static func rounded(_ digits: [UInt32], lowestBit: Int, hasRest: Bool) -> Double {
        guard let top = digits.lastIndex(where: { $0 != 0 }) else { return 0 }
        // The 64 bits from the topmost one down, and whether any below is set.
        var window: UInt128 = 0
        for place in 0..<3 where top - place >= 0 {
            window |= UInt128(digits[top - place]) << UInt128(32 * (2 - place))
        }
        let shift = 64 - window.leadingZeroBitCount
        var isInexact = hasRest || digits[..<max(0, top - 2)].contains { $0 != 0 }
        if window & ((1 << UInt128(shift)) - 1) != 0 { isInexact = true }
        let significand = UInt64(truncatingIfNeeded: window >> UInt128(shift))
        var exponent = lowestBit + 32 * (top - 2) + shift

        // 53 bits stay, fewer where the result is subnormal: its lowest bit is never below 2⁻¹⁰⁷⁴.
        let drop = max(11, -unitBit - exponent)
        guard drop <= 64 else { return 0 }
        var kept = drop == 64 ? 0 : significand >> UInt64(drop)
        let half: UInt64 = 1 << UInt64(drop - 1)
        let dropped = drop == 64 ? significand : significand & ((1 << UInt64(drop)) - 1)
        if dropped > half || (dropped == half && (isInexact || kept & 1 == 1)) { kept += 1 }
        exponent += drop
        return Double(sign: .plus, exponent: exponent, significand: Double(kept))
    }
}
