import Model

/// The values of numbers, from their spelling.
enum NumberText {
    /// The value of a JSON number; nil where it lies beyond the range of double, or the text is no number.
    ///
    /// An integer is a spelling without fraction and exponent; `-0` is the integer 0, since equal numbers are to be
    /// equal values, and `-0.0` is a double. Doubles are the nearest to the exact decimal, ties to even.
    static func value(_ text: ArraySlice<UInt8>) -> Number? {
        guard let first = text.first else { return nil }
        let isNegative = first == UInt8(ascii: "-")
        var i = text.startIndex + (isNegative ? 1 : 0)
        guard i < text.endIndex else { return nil }
        var magnitude: UInt64 = 0
        while i < text.endIndex, case let digit = text[i] &- UInt8(ascii: "0"), digit <= 9 {
            let (tens, overflow) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(UInt64(digit))
            if overflow || carry { return real(text) }
            magnitude = sum
            i += 1
        }
        guard i == text.endIndex else { return real(text) }
        guard isNegative else { return Number(magnitude) }
        if magnitude > 1 << 63 { return real(text) }
        return .integer(Int64(truncatingIfNeeded: 0 &- magnitude))
    }

    /// The value of an unsigned integer up to UInt64.max; nil for any other spelling.
    @inline(__always)
    static func unsigned(_ text: [UInt8], _ start: Int, _ end: Int) -> UInt64? {
        guard 0 <= start, start < end, end <= text.count else { return nil }
        var value: UInt64 = 0
        // 19 digits always fit: 10¹⁹ − 1 < 2⁶⁴.
        let safeEnd = min(end, start + 19)
        var i = start
        while i < safeEnd {
            let digit = text[i] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            value = value &* 10 &+ UInt64(digit)
            i += 1
        }
        while i < end {
            let digit = text[i] &- UInt8(ascii: "0")
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(UInt64(digit))
            guard digit <= 9, !overflow, !carry else { return nil }
            value = sum
            i += 1
        }
        return value
    }

    /// Powers of ten that a double holds exactly: 5²² < 2⁵³.
    private static let powers: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
        1e18, 1e19,
        1e20, 1e21, 1e22,
    ]

    private static func real(_ text: ArraySlice<UInt8>) -> Number? {
        if let quick = quickReal(text) { return .real(quick) }
        // The standard library rounds correctly, whatever the length.
        guard let value = Double(String(decoding: text, as: UTF8.self)), value.isFinite else { return nil }
        return .real(value)
    }

    /// The nearest double where one rounding finds it; nil for everything else.
    ///
    /// Digits below 2⁵³ and a power of ten up to 10²² are both exact, so their product or quotient is rounded once
    /// (Clinger, How to Read Floating Point Numbers Accurately, 1990).
    private static func quickReal(_ text: ArraySlice<UInt8>) -> Double? {
        guard text.count <= 24 else { return nil }
        var i = text.startIndex
        let isNegative = text[i] == UInt8(ascii: "-")
        if isNegative { i += 1 }
        var digits: UInt64 = 0
        var exponent = 0
        var isFraction = false
        while i < text.endIndex {
            let byte = text[i]
            if byte == UInt8(ascii: ".") {
                guard !isFraction else { return nil }
                isFraction = true
            } else if case let digit = byte &- UInt8(ascii: "0"), digit <= 9 {
                digits = digits &* 10 &+ UInt64(digit)
                // Left as soon as it is too large, so it cannot wrap.
                guard digits < 1 << 53 else { return nil }
                if isFraction { exponent -= 1 }
            } else {
                break
            }
            i += 1
        }
        if i < text.endIndex {
            guard text[i] | 0x20 == UInt8(ascii: "e"),
                let stated = Int(String(decoding: text[(i + 1)...], as: UTF8.self))
            else { return nil }
            let (sum, overflow) = exponent.addingReportingOverflow(stated)
            guard !overflow else { return nil }
            exponent = sum
        }
        guard (-22...22).contains(exponent) else { return nil }
        let value = exponent < 0 ? Double(digits) / powers[-exponent] : Double(digits) * powers[exponent]
        return isNegative ? -value : value
    }
}
