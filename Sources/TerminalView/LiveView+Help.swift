import Model

/// The page that says what the keys do and what the columns mean.
extension LiveView {
    var helpLines: [[Span]] {
        let minutes = DurationText.format(milliseconds: LiveReader.recentMilliseconds)
        let window = DurationText.format(milliseconds: self.window)
        let lines: [(String, String)] = [
            ("Up Down PgUp PgDn", "move (also j k b Space); Home End: first and last"),
            ("Enter", "one target, or one series"),
            ("Esc", "back"),
            ("/", "find a series: a part of its name, or a glob with *"),
            ("< >", "sort by another column (also the left and right arrow, Tab)"),
            ("n s h a g p l f t", "sort by name, state, heap, allocation, GC, p99, last, failed, restarts"),
            ("r", "sort the other way round"),
            ("+ -", "a longer or a shorter window"),
            ("Ctrl-L", "draw everything anew"),
            ("q", "quit (also Ctrl-C); Ctrl-Z suspends"),
            ("", ""),
            ("STATE", "up; down: the last scrape failed; late: there was none for three times the usual"),
            ("HEAP", "memstats.HeapAlloc, the newest; bars: the greatest of each step"),
            ("ALLOC/S", "memstats.TotalAlloc a second, in the last \(minutes) recorded"),
            ("GC/S", "memstats.NumGC a second, in the last \(minutes) recorded"),
            (
                "P99",
                "exact 99th percentile of the pauses of the last \(window); bars: the longest of each step"
            ),
            ("LAST", "how long ago the last scrape was sent"),
            ("FAILED, RESTARTS", "in the last \(window)"),
            ("bars", "the last \(window) in steps; a blank: nothing is known"),
            ("", ""),
            ("", "The numbers are those of `expvault values`, `rate` and `pauses` for the same range."),
        ]
        return lines.map { key, meaning in
            let padded = key + String(repeating: " ", count: max(1, 19 - key.count))
            return [Span(key.isEmpty ? "" : padded, .heading), Span(meaning)]
        }
    }
}
