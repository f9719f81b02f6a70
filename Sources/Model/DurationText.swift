/// Durations as people write them: `250ms`, `90s`, `15m`, `1h30m`, `7d`, `2w`.
package enum DurationText {
    /// What a duration must look like, for error messages.
    package static let rule =
        "a duration is a number with ms, s, m, h, d or w, as in 90s, 1.5h or 1h30m, and no longer than 36600d"

    /// The longest duration that is taken, in milliseconds: a hundred years.
    ///
    /// 3.2 × 10¹⁸ ns, a third of what Int64 holds: what was read may be multiplied by 10⁶ and added to a clock.
    package static let millisecondsMax: Int64 = 36_600 * 86_400_000

    /// The duration in milliseconds; nil where `text` is none, is finer than a millisecond, or longer than
    /// `millisecondsMax`.
    ///
    /// A fraction is allowed where it comes out in whole milliseconds (`1.5s`), and so are parts in units that get
    /// smaller (`1h30m`); a sign, a space and a bare number are not.
    package static func milliseconds(_ text: String) -> Int64? {
        var rest = Array(text.utf8)[...]
        var sum: Int64 = 0
        var unitsLeft = units[...]
        while true {
            let number = rest.prefix { !isLetter($0) }
            rest = rest.dropFirst(number.count)
            let name = rest.prefix(while: isLetter)
            rest = rest.dropFirst(name.count)
            guard let place = unitsLeft.firstIndex(where: { $0.0.utf8.elementsEqual(name) }),
                let value = DecimalText.multiply(number, by: unitsLeft[place].1), value <= millisecondsMax
            else { return nil }
            // Bounded: both are at most millisecondsMax, a third of Int64's range.
            sum += value
            guard sum <= millisecondsMax else { return nil }
            guard !rest.isEmpty else { return sum }
            unitsLeft = unitsLeft[(place + 1)...]
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
    }

    /// The duration in the largest unit that needs no fraction: `90s`, `1h`, `0s`.
    package static func format(milliseconds: Int64) -> String {
        if milliseconds == 0 { return "0s" }
        // Weeks are read, and not written: who asked for 7d reads 7d.
        for (unit, factor) in units.dropFirst() where milliseconds % factor == 0 {
            return "\(milliseconds / factor)\(unit)"
        }
        return "\(milliseconds)ms"
    }

    // Descending: for `format`, and for parts that get smaller.
    private static let units: [(String, Int64)] = [
        ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]
}

/// Numbers such as `12` and `1.5` times a unit, exact.
enum DecimalText {
    /// `text` × `factor`; nil where `text` is no plain decimal, or the product no whole Int64.
    static func multiply(_ text: some Sequence<UInt8>, by factor: Int64) -> Int64? {
        // The number is mantissa / scale.
        // Bounded throughout: `digitsMax` digits at most, so that mantissa × factor stays within Int128.
        var mantissa: Int128 = 0
        var scale: Int128 = 1
        var digits = 0
        var hasPoint = false
        var endsWithDigit = false
        for byte in text {
            if byte == UInt8(ascii: "."), !hasPoint, endsWithDigit {
                hasPoint = true
                endsWithDigit = false
                continue
            }
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte), digits < digitsMax else {
                return nil
            }
            digits += 1
            endsWithDigit = true
            mantissa = mantissa * 10 + Int128(byte - UInt8(ascii: "0"))
            if hasPoint { scale *= 10 }
        }
        // 10²⁵ × 2⁴³ < 2¹²⁷
        let product = mantissa * Int128(factor)
        guard endsWithDigit, product % scale == 0 else { return nil }
        return Int64(exactly: product / scale)
    }

    private static let digitsMax = 25
}
