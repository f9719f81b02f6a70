package import Model
import Query

/// The picture: a title, a line of words, what the page shows, a line of keys.
extension LiveView {
    /// Lines above the page's own: the title, and what there is or what went wrong.
    private static let headRows = 2
    /// Below that many lines the keys give way.
    private static let footRowsMin = 8

    private var footRows: Int { rows >= LiveView.footRowsMin ? 1 : 0 }

    /// The lines that a page has for itself.
    var bodyRows: Int { max(0, rows - LiveView.headRows - footRows) }

    /// The lines that a list has below its headings.
    var listRows: Int { max(0, bodyRows - 1) }

    /// The picture of this moment.
    package mutating func frame(now: Timestamp) -> Frame {
        var frame = Frame(columns: columns, rows: rows)
        drawTitle(now, &frame)
        if page == .targets { follow(now) }
        switch page {
        case .targets: drawTargets(now, LiveView.headRows, &frame)
        case .search: drawSearch(LiveView.headRows, &frame)
        case .target, .series, .help: drawPage(now, &frame)
        }
        if footRows > 0 { drawKeys(&frame) }
        return frame
    }

    private func drawTitle(_ now: Timestamp, _ frame: inout Frame) {
        // The seconds of RFC 3339: "2026-01-02T03:04:05.678Z".
        let clock = String(now.description.dropFirst(11).prefix(8)) + "Z"
        let right = "last \(DurationText.format(milliseconds: window)) · \(clock)"
        let width = min(columns, right.count + 2)
        frame.write(
            [Span("expvault top", .heading), Span("  "), Span(title, .plain)],
            row: 0
        )
        if columns > 40 {
            frame.write(" " + right, row: 0, column: columns - width + 1, style: .faint)
        }
        if let problem {
            frame.write("trying again: " + problem, row: 1, column: 0, style: .bad)
        } else {
            frame.write(words(now), row: 1)
        }
    }

    private var title: String {
        switch page {
        case .targets: database
        case .target(let name): name
        case .search(let target): target.map { "series of \($0)" } ?? "series"
        case .series(let key): key.target
        case .help: "keys and columns"
        }
    }

    private func words(_ now: Timestamp) -> [Span] {
        switch page {
        case .targets: return summary(now)
        case .search: return prompt
        case .target(let name):
            let reading = targets.first { $0.target.target == name }
            return [Span(reading?.target.url ?? "", .faint)]
        case .series(let key): return [Span(key.series, .heading)]
        case .help: return []
        }
    }

    private func summary(_ now: Timestamp) -> [Span] {
        guard isReady else { return [Span("reading …", .faint)] }
        guard !targets.isEmpty else {
            return [Span("nothing is recorded yet; `expvault record NAME=URL` begins", .fair)]
        }
        var spans = [Span("\(targets.count) target\(targets.count == 1 ? "" : "s")")]
        let states = Dictionary(grouping: targets, by: { $0.state(now) })
        for state in [TargetState.up, .down, .late, .new] {
            guard let count = states[state]?.count else { continue }
            spans += [Span(spans.count == 1 ? ": " : ", "), Span("\(count) \(state.word)", state.style)]
        }
        return spans
    }

    private var prompt: [Span] {
        let found = search.matches.count
        let note = search.isReady ? "  \(found) of \(search.names.keys.count)" : "  reading …"
        return [
            Span("/", .heading), Span(search.query), Span(" ", .selected), Span(note, .faint),
            Span(search.names.isCut ? ", there are more" : "", .fair),
        ]
    }

    private func drawKeys(_ frame: inout Frame) {
        let keys: [(String, String)] =
            switch page {
            case .targets:
                [
                    ("Enter", "target"), ("/", "series"), ("< >", "sort"), ("r", "reverse"),
                    ("+ -", "window"),
                    ("?", "help"), ("q", "quit"),
                ]
            case .target:
                [("Esc", "back"), ("/", "its series"), ("+ -", "window"), ("?", "help"), ("q", "quit")]
            case .search:
                [("type", "a part of a name, or a glob with *"), ("Enter", "series"), ("Esc", "back")]
            case .series: [("Esc", "back"), ("+ -", "window"), ("?", "help"), ("q", "quit")]
            case .help: [("Esc", "back"), ("q", "quit")]
            }
        var column = 0
        for (key, meaning) in keys {
            let width = key.count + 1 + meaning.count
            guard column + width <= columns else { break }
            frame.write([Span(key, .heading), Span(" " + meaning, .faint)], row: rows - 1, column: column)
            column += width + 2
        }
    }

    private mutating func drawPage(_ now: Timestamp, _ frame: inout Frame) {
        let lines = pageLines(now)
        // A page that became shorter is not left scrolled beyond its end.
        scroll.choose(scroll.offset, count: lines.count, rows: bodyRows)
        let seen = scroll.seen(count: lines.count, rows: bodyRows)
        for (row, line) in lines[seen].enumerated() {
            frame.write(line, row: LiveView.headRows + row)
        }
        if seen.upperBound < lines.count, bodyRows > 1 {
            frame.write(
                " \(lines.count - seen.upperBound) more, Down ",
                row: LiveView.headRows + bodyRows - 1,
                column: max(0, columns - 18),
                width: 18,
                style: .selected,
                alignment: .right
            )
        }
    }

    /// The lines of a page that is no list.
    func pageLines(_ now: Timestamp) -> [[Span]] {
        switch page {
        case .target(let name): targetLines(name, now)
        case .series(let key): seriesLines(key)
        case .help: helpLines
        case .targets, .search: []
        }
    }
}
