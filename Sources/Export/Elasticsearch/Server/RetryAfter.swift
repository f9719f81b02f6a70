import Model

/// The header `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
enum RetryAfter {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// The milliseconds to wait from `now` on; nil where the text is neither.
    static func milliseconds(_ text: String, now: Timestamp) -> Int64? {
        if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            // Whatever does not fit is over the longest that is obeyed, anyway.
            guard let seconds = Int64(text), seconds < 1_000_000 else { return RetryPolicy.retryAfterMax }
            // Bounded: on the line above.
            return seconds * 1_000
        }
        guard let date = date(text) else { return nil }
        return max(0, date.milliseconds - now.milliseconds)
    }

    /// The moment of `Sun, 06 Nov 1994 08:49:37 GMT`; nil for the obsolete forms, which no server sends.
    private static func date(_ text: String) -> Timestamp? {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 6, words[0].hasSuffix(","), words[5] == "GMT", words[1].utf8.count == 2,
            let month = months.firstIndex(of: String(words[2])), words[3].utf8.count == 4
        else { return nil }
        let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
        return TimestampText.parse("\(words[3])-\(number)-\(words[1])T\(words[4])Z")
    }
}
