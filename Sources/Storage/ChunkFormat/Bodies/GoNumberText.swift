/// How Go spells a float64 in a body of /debug/vars.
enum GoNumberFormat: UInt8, Sendable, CaseIterable {
    /// `strconv.AppendFloat(dst, v, 'g', -1, 64)`: what expvar.Float writes.
    case shortestGeneral = 0
    /// What encoding/json writes, and so memstats and every expvar.Func.
    case json = 1
}

/// Spells doubles as Go does, from the shortest digits that read back as the same double.
///
/// Source: Go's strconv/ftoa.go (for shortest digits exponents below -4 and from 6 on are written as such, with at
/// least two digits) and encoding/json/encode.go (`floatEncoder`: values below 1e-6 and from 1e21 on, and `e-09` is
/// cleaned to `e-9`). Swift's own shortest digits are the same digits (the closest of the shortest);
/// whoever stores a spelling compares all the same.
enum GoNumberText {
    /// Appends the spelling of `value`, which must be finite.
    static func append(_ value: Double, _ format: GoNumberFormat, to bytes: inout [UInt8]) {
        if value == 0 {
            if value.sign == .minus { bytes.append(UInt8(ascii: "-")) }
            bytes.append(UInt8(ascii: "0"))
            return
        }
        var description = value.magnitude.description
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        description.withUTF8 { text in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { digits in
                let (count, point) = parse(text, into: digits)
                let exponent = point - 1
                let isScientific =
                    switch format {
                    case .shortestGeneral: exponent < -4 || exponent >= 6
                    case .json: value.magnitude < 1e-6 || value.magnitude >= 1e21
                    }
                let digits = UnsafeBufferPointer(rebasing: digits[..<count])
                if isScientific {
                    scientific(digits, exponent, format, to: &bytes)
                } else {
                    plain(digits, point, to: &bytes)
                }
            }
        }
    }

    /// Whether `value` is spelled as an integer.
    static func isInteger(_ value: Double, _ format: GoNumberFormat) -> Bool {
        value.magnitude < (format == .json ? 1e21 : 1e6) && value.rounded(.towardZero) == value
    }

    /// The significant digits of Swift's description, and how many of them stand before the point.
    private static func parse(
        _ text: UnsafeBufferPointer<UInt8>,
        into digits: UnsafeMutableBufferPointer<UInt8>
    ) -> (count: Int, point: Int) {
        var count = 0
        var point: Int?
        var leading = 0
        var exponent = 0
        var i = 0
        while i < text.count {
            let byte = text[i]
            if byte == UInt8(ascii: ".") {
                point = count
            } else if byte == UInt8(ascii: "e") {
                var isNegative = false
                for byte in text[(i + 1)...] {
                    if byte == UInt8(ascii: "-") { isNegative = true }
                    if byte &- UInt8(ascii: "0") <= 9 {
                        exponent = exponent * 10 + Int(byte &- UInt8(ascii: "0"))
                    }
                }
                if isNegative { exponent = -exponent }
                break
            } else if count == 0, byte == UInt8(ascii: "0") {
                // Zeros before the first other digit: those after the point move it.
                if point != nil { leading += 1 }
            } else if count < digits.count {
                digits[count] = byte
                count += 1
            }
            i += 1
        }
        let before = (point ?? count) - leading
        while count > 0, digits[count - 1] == UInt8(ascii: "0") { count -= 1 }
        return (count, before + exponent)
    }

    private static func scientific(
        _ digits: UnsafeBufferPointer<UInt8>,
        _ exponent: Int,
        _ format: GoNumberFormat,
        to bytes: inout [UInt8]
    ) {
        bytes.append(digits[0])
        if digits.count > 1 {
            bytes.append(UInt8(ascii: "."))
            bytes.append(contentsOf: digits[1...])
        }
        bytes.append(UInt8(ascii: "e"))
        bytes.append(exponent < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
        let magnitude = exponent.magnitude
        // At least two digits, but for json's cleaning of negative ones.
        if magnitude < 10, format == .shortestGeneral || exponent > 0 { bytes.append(UInt8(ascii: "0")) }
        DecimalText.append(UInt64(magnitude), to: &bytes)
    }

    private static func plain(_ digits: UnsafeBufferPointer<UInt8>, _ point: Int, to bytes: inout [UInt8]) {
        if point <= 0 {
            bytes.append(UInt8(ascii: "0"))
            bytes.append(UInt8(ascii: "."))
            for _ in 0..<(-point) { bytes.append(UInt8(ascii: "0")) }
            bytes.append(contentsOf: digits)
        } else if point >= digits.count {
            bytes.append(contentsOf: digits)
            for _ in digits.count..<point { bytes.append(UInt8(ascii: "0")) }
        } else {
            bytes.append(contentsOf: digits[..<point])
            bytes.append(UInt8(ascii: "."))
            bytes.append(contentsOf: digits[point...])
        }
    }
}

/// Integers as decimal text, and back where the text is the one that would be written.
enum DecimalText {
    /// Appends `value`.
    @inline(__always)
    static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        withUnsafeTemporaryAllocation(byteCount: 24, alignment: 8) { digits in
            let count = write(value, at: digits.baseAddress.unsafelyUnwrapped)
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: digits[..<count]))
        }
    }

    /// Writes `value` at `target`, where there is room for 24 bytes, and says how many it took (2^64 has 20 digits).
    @inline(__always)
    static func write(_ value: UInt64, at target: UnsafeMutableRawPointer) -> Int {
        if value < 10 {
            target.storeBytes(of: UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value), as: UInt8.self)
            return 1
        }
        let count = digitCount(value)
        var position = count
        var rest = value
        // Two digits a division.
        pairs.withUnsafeBufferPointer { pairs in
            while rest >= 100 {
                let quotient = rest / 100
                position &-= 2
                target.storeBytes(
                    of: pairs[Int(truncatingIfNeeded: rest &- quotient &* 100)],
                    toByteOffset: position,
                    as: UInt16.self
                )
                rest = quotient
            }
            if rest >= 10 {
                target.storeBytes(of: pairs[Int(truncatingIfNeeded: rest)], as: UInt16.self)
            } else {
                target.storeBytes(of: UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest), as: UInt8.self)
            }
        }
        return count
    }

    @inline(__always)
    private static func digitCount(_ value: UInt64) -> Int {
        // 1233 / 4096 is log10(2), a bit more: so the guess is right or one too high.
        let guess = ((64 &- value.leadingZeroBitCount) &* 1233) &>> 12
        return powers.withUnsafeBufferPointer { value < $0[guess] ? guess : guess &+ 1 }
    }

    /// 10^0 to 10^19.
    private static let powers: [UInt64] = {
        var powers: [UInt64] = [1]
        for _ in 0..<19 { powers.append(powers[powers.count - 1] * 10) }
        return powers
    }()

    /// "00" to "99", the first digit in the lower byte on this machine, whichever that is.
    private static let pairs: [UInt16] = (0..<100).map { number in
        let tens = UInt16(UInt8(ascii: "0")) + UInt16(number / 10)
        let ones = UInt16(UInt8(ascii: "0")) + UInt16(number % 10)
        return UInt16(littleEndian: ones << 8 | tens)
    }

    /// Appends `value`.
    @inline(__always)
    static func append(_ value: Int64, to bytes: inout [UInt8]) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        append(value.magnitude, to: &bytes)
    }

    /// An integer as 64 bits; whether it is one above Int64.max.
    struct Parsed {
        var bits: Int64
        var isAboveSigned: Bool
    }

    /// The integer that `bytes[start..<end]` spell, if `append` would spell it so; nil for all else (`-0`, `01`).
    @inline(__always)
    static func parse(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int) -> Parsed? {
        var i = start
        guard i < end else { return nil }
        let isNegative = bytes[i] == UInt8(ascii: "-")
        if isNegative { i &+= 1 }
        let count = end &- i
        guard count > 0, count <= 20 else { return nil }
        if bytes[i] == UInt8(ascii: "0") {
            return count == 1 && !isNegative ? Parsed(bits: 0, isAboveSigned: false) : nil
        }
        var value: UInt64 = 0
        // 19 digits fit; the 20th is checked.
        let checkedFrom = count == 20 ? end &- 1 : end
        while i < checkedFrom {
            let digit = bytes[i] &- UInt8(ascii: "0")
            if digit > 9 { return nil }
            value = value &* 10 &+ UInt64(digit)
            i &+= 1
        }
        if count == 20 {
            let digit = bytes[i] &- UInt8(ascii: "0")
            if digit > 9 { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            if overflow || carry { return nil }
            value = sum
        }
        if isNegative {
            guard value <= UInt64(1) << 63 else { return nil }
            return Parsed(bits: Int64(bitPattern: 0 &- value), isAboveSigned: false)
        }
        return Parsed(bits: Int64(bitPattern: value), isAboveSigned: value > UInt64(Int64.max))
    }
}
