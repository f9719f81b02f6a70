/// Times as people give them: RFC 3339, a date, Unix milliseconds, `now`, or a duration back from now.
package enum TimeText {
    /// The moment that `text` means at `now`; nil where it means none, or one beyond `Timestamp.accepted`.
    package static func parse(_ text: String, now: Timestamp) -> Timestamp? {
        if text == "now" { return now }
        if let milliseconds = Int64(text) { return Timestamp(accepting: milliseconds) }
        // Bounded: a duration is 0 at least, and DurationText.millisecondsMax at most.
        if let back = DurationText.milliseconds(text) { return now.advanced(byMilliseconds: -back) }
        return TimestampText.parse(text)
    }
}
