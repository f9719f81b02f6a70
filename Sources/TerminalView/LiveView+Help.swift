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
        return lines.flatMap { key, meaning in
            let padded = key + String(repeating: " ", count: max(1, LiveView.meaningColumn - key.count))
            return wrapped(meaning).enumerated().map { row, words in
                let head = words.isEmpty ? "" : row == 0 ? padded : indent
                return [Span(head, .heading), Span(words)]
            }
        }
    }

    /// Where the meanings stand.
    private static let meaningColumn = 19
    private var indent: String { String(repeating: " ", count: LiveView.meaningColumn) }

    /// The words in lines that fit behind the keys.
    private func wrapped(_ words: String) -> [String] {
        var lines = [""]
        for word in words.split(separator: " ") {
            let line = lines[lines.count - 1]
            if line.isEmpty {
                lines[lines.count - 1] = String(word)
            } else if LiveView.meaningColumn + line.count + 1 + word.count <= columns {
                lines[lines.count - 1] += " " + word
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }
}
