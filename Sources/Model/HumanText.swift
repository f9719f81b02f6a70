/// Quantities as people read them: three significant digits and a unit.
package enum HumanText {
    /// `value` in its unit: `1.21 MiB`, `180 µs`, `12.3`; `perSecond` adds `/s` (and turns ns/s to a share).
    package static func quantity(_ value: Double, unit: Unit?, perSecond: Bool = false) -> String {
        guard value.isFinite else { return "–" }
        switch unit {
        case .bytes: return bytes(value) + (perSecond ? "/s" : "")
        case .nanoseconds: return nanoseconds(value) + (perSecond ? "/s" : "")
        case .seconds: return nanoseconds(value * 1e9) + (perSecond ? "/s" : "")
        case nil: return plain(value) + (perSecond ? "/s" : "")
        }
    }

    /// A size: `0 B`, `812 B`, `1.21 MiB`.
    package static func bytes(_ value: Double) -> String {
        scaled(value, base: 1024, units: ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"])
    }

    /// A length of time given in nanoseconds: `85 ns`, `180 µs`, `1.5 s`, `3 m 20 s`, `2 d 4 h`.
    package static func nanoseconds(_ value: Double) -> String {
        let seconds = value.magnitude / 1e9
        guard seconds >= 60 else {
            return scaled(value, base: 1000, units: ["ns", "µs", "ms", "s"])
        }
        let sign = value < 0 ? "-" : ""
        // Beyond some 290 years the text no longer matters; the clamp keeps the conversion from trapping.
        let whole = Int64(min(seconds, 9e15).rounded())
        for (name, size, lower, lowerSize) in [
            ("d", 86400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1),
        ]
        where whole >= Int64(size) {
            let rest = whole % Int64(size) / Int64(lowerSize)
            return sign + "\(whole / Int64(size)) \(name)" + (rest > 0 ? " \(rest) \(lower)" : "")
        }
        return "\(sign)\(whole) s"
    }

    /// A number without a unit: whole ones in full, others with three significant digits.
    package static func plain(_ value: Double) -> String {
        if value == value.rounded(), value.magnitude < 1e15 { return String(Int64(value)) }
        let magnitude = value.magnitude
        if magnitude >= 1e15 || magnitude < 1e-4 { return scientific(value) }
        return significant(value)
    }

    /// A number too large or small for plain digits, with three significant ones: `4.12e-05`.
    private static func scientific(_ value: Double) -> String {
        let text = value.description
        guard let exponent = text.lastIndex(of: "e"), let mantissa = Double(text[..<exponent]) else {
            return text
        }
        return fixed(mantissa, decimals: 2) + text[exponent...]
    }

    /// An exact integer in its unit; without a unit every digit is shown.
    package static func quantity(_ value: Int128, unit: Unit?) -> String {
        unit == nil ? String(value) : quantity(Double(value), unit: unit)
    }

    private static func scaled(_ value: Double, base: Double, units: [String]) -> String {
        var rest = value
        var index = 0
        // 999.5 would round to four digits, so it moves on to the next unit already.
        while rest.magnitude >= base - 0.5 * (base / 1000), index < units.count - 1 {
            rest /= base
            index += 1
        }
        let text = index == 0 && rest == rest.rounded() ? String(Int64(rest)) : significant(rest)
        return text + " " + units[index]
    }

    /// Three significant digits, or all whole digits: `1.21`, `12.3`, `123`, `1023`, `0.0123`.
    private static func significant(_ value: Double) -> String {
        var magnitude = value.magnitude
        guard magnitude > 0 else { return "0" }
        var decimals = 2
        while magnitude >= 10, decimals > 0 {
            magnitude /= 10
            decimals -= 1
        }
        while magnitude < 0.9995, decimals < 8 {
            magnitude *= 10
            decimals += 1
        }
        return fixed(value, decimals: decimals)
    }

    /// A decimal with that many places, trailing zeros dropped.
    package static func fixed(_ value: Double, decimals: Int) -> String {
        var scale: Int64 = 1
        for _ in 0..<decimals { scale *= 10 }
        let product = (value.magnitude * Double(scale)).rounded()
        guard product < 9e18 else { return value.description }
        let whole = Int64(product)
        var text = String(whole / scale)
        if decimals > 0, whole % scale != 0 {
            var fraction = String(whole % scale)
            fraction = String(repeating: "0", count: decimals - fraction.count) + fraction
            while fraction.hasSuffix("0") { fraction.removeLast() }
            text += "." + fraction
        }
        return (value < 0 && whole != 0 ? "-" : "") + text
    }
}
