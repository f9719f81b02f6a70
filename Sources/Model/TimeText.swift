/// Times as people give them: RFC 3339 and what is shorter, `now`, `yesterday`, Unix time, or a duration back from now.
package enum TimeText {
    /// What a time must look like, for error messages.
    package static let rule =
        "a time is written as in 2026-01-02T03:04:05Z, '2026-01-02 03:04', 2026-01-02, 03:04 (all of them UTC), now, "
        + "today, yesterday, or 15m, 1h30m, 7d ago, or in Unix seconds"

    /// Unix time below this is in seconds, as `date +%s` gives it, else in milliseconds.
    ///
    /// As seconds it is the year 5138, as milliseconds March of 1973, before which nothing was recorded.
    package static let secondsMax: Int64 = 100_000_000_000

    /// The moment that `text` means at `now`; nil where it means none, or one beyond `Timestamp.accepted`.
    ///
    /// A time without a zone is UTC, as all that is printed.
    package static func parse(_ text: String, now: Timestamp) -> Timestamp? {
        switch text {
        case "now": return now
        case "today": return midnight(of: now, daysBack: 0)
        case "yesterday": return midnight(of: now, daysBack: 1)
        default: break
        }
        if let number = Int64(text) {
            guard number.magnitude < secondsMax.magnitude else { return Timestamp(accepting: number) }
            // Bounded: below 10¹⁴.
            return Timestamp(accepting: number * 1000)
        }
        // Bounded: a duration is 0 at least, and DurationText.millisecondsMax at most.
        if let back = DurationText.milliseconds(text.hasPrefix("-") ? String(text.dropFirst()) : text) {
            return now.advanced(byMilliseconds: -back)
        }
        return TimestampText.parse(text) ?? completed(text, now: now).flatMap(TimestampText.parse)
    }

    private static func midnight(of now: Timestamp, daysBack: Int64) -> Timestamp {
        let day = StepGrid(stepMilliseconds: millisecondsPerDay)
        // Bounded: a day or none.
        return day.start(of: now).advanced(byMilliseconds: -daysBack * millisecondsPerDay)
    }

    /// What RFC 3339 asks for and people leave out: the day, the seconds, the zone.
    private static func completed(_ text: String, now: Timestamp) -> String? {
        let bytes = Array(text.utf8)
        // `2026-01-02`, and one that parts it from the time.
        guard bytes.count > 11, bytes[4] == UInt8(ascii: "-") else {
            guard bytes.count >= 5, bytes[2] == UInt8(ascii: ":") else { return nil }
            return completed("\(TimestampText.format(now).prefix(10))T\(text)", now: now)
        }
        let time = bytes[11...].prefix { !zoneBegins.contains($0) }
        let zone = bytes[(11 + time.count)...]
        return String(decoding: bytes[..<11], as: UTF8.self) + String(decoding: time, as: UTF8.self)
            + (time.count == 5 ? ":00" : "") + (zone.isEmpty ? "Z" : String(decoding: zone, as: UTF8.self))
    }

    private static let zoneBegins = Array("Zz+-".utf8)
    private static let millisecondsPerDay: Int64 = 86_400_000
}
