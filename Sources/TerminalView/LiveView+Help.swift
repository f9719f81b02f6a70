import Model

/// The page that says what the keys do and what the columns mean.
extension LiveView {
    var helpLines: [[Span]] {
        let minutes = DurationText.format(milliseconds: LiveReader.recentMilliseconds)
        let window = DurationText.format(milliseconds: self.window)
        let lines: [(String, String)] = [
            ("Up Down PgUp PgDn", "move (also j k b Space); Home and End"),
            ("Enter", "one target, or one series"),
            ("Esc", "back"),
            ("/", "find a series: a part of its name, or a glob with *"),
            ("< >", "sort by another column (also left, right, Tab)"),
            ("n s h a g p l f t", "by name state heap allocation GC p99 last failed restarts"),
            ("r", "sort the other way round"),
            ("+ -", "a longer or a shorter window"),
            ("Ctrl-L", "draw everything anew"),
            ("q", "quit (also Ctrl-C); Ctrl-Z suspends"),
            ("", ""),
            ("STATE", "up; down: the last scrape failed; late: none for 3 × usual"),
            ("HEAP", "HeapAlloc, the newest; bars: the greatest of each step"),
            ("ALLOC/S", "TotalAlloc a second, in the last \(minutes) recorded"),
            ("GC/S", "collections a second, in the last \(minutes) recorded"),
            ("P99", "of all pauses in the last \(window), exact; bars: the longest"),
            ("LAST", "how long ago the last scrape was sent"),
            ("FAILED, RESTARTS", "in the last \(window), on a wide screen"),
            ("bars", "the last \(window) in steps; a blank: nothing is known"),
            ("", ""),
            ("", "The same numbers as `expvault values`, `rate` and `pauses` give."),
        ]
        return lines.map { key, meaning in
            let padded = key + String(repeating: " ", count: max(1, 19 - key.count))
            return [Span(key.isEmpty ? "" : padded, .heading), Span(meaning)]
        }
    }
}
