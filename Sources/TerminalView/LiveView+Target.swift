import Model
import Query

/// The page of one target.
extension LiveView {
    /// Failures and restarts that are listed, newest first.
    private static let eventsMax = 20

    func targetLines(_ name: String, _ now: Timestamp) -> [[Span]] {
        guard let reading = targets.first(where: { $0.target.target == name }) else {
            return [[Span("there is no such target any more", .fair)]]
        }
        let events = restartLines(reading) + failureLines(reading)
        let panels = self.panels(reading)
        // As high as they fit, with the line of state, the time axis and the newest events.
        let room = bodyRows - 2 - min(events.count, 6) - panels.count
        let height = max(1, min(6, room / panels.count))
        if bodyRows < 12 { return [stateLine(reading, now)] + panels.map { shortLine($0) } + events }
        let width = Chart.width(columns)
        var lines = [stateLine(reading, now)]
        for panel in panels {
            lines.append(panel.words)
            lines += Chart.lines(panel.course, unit: panel.unit, perSecond: panel.perSecond, width, height)
        }
        lines.append(axis(reading, width))
        return lines + events
    }

    /// What is drawn and said of one subject.
    private struct Panel {
        var words: [Span]
        var course: Course
        var unit: Unit?
        var perSecond = false
    }

    private func panels(_ reading: TargetReading) -> [Panel] {
        let gauges = reading.gauges
        let seconds = DurationText.format(milliseconds: window)
        let pauses = reading.pauses
        let percentiles = zip(LiveReader.percentiles, pauses?.percentiles ?? []).map { name, pause in
            "p\(name) \(LiveText.number(pause.map { Double($0) }, .nanoseconds))"
        }
        let fraction = gauges["GCCPUFraction"].map { LiveText.number($0.double * 100, nil) }
        let missed = pauses.flatMap { $0.missed.double > 0 ? LiveText.number($0.missed, nil) : nil }
        return [
            Panel(
                words: words(
                    "Heap",
                    LiveText.number(reading.heap, .bytes),
                    [
                        Fact("in use \(LiveText.number(gauges["HeapInuse"], .bytes))"),
                        Fact("next GC at \(LiveText.number(gauges["NextGC"], .bytes))"),
                        Fact("system \(LiveText.number(gauges["HeapSys"], .bytes))"),
                    ]
                ),
                course: reading.heapCourse,
                unit: .bytes
            ),
            Panel(
                words: words(
                    "Allocation",
                    LiveText.number(reading.allocation.recent, .bytes, perSecond: true),
                    [
                        Fact(
                            "\(LiveText.number(reading.allocation.mean, .bytes, perSecond: true)) over \(seconds)"
                        ),
                        Fact("\(LiveText.number(gauges["HeapObjects"], nil)) objects live"),
                    ]
                ),
                course: reading.allocation.course,
                unit: .bytes,
                perSecond: true
            ),
            Panel(
                words: words(
                    "GC",
                    LiveText.number(reading.collections.recent, nil, perSecond: true),
                    [
                        Fact(
                            "\(LiveText.number(reading.collections.mean, nil, perSecond: true)) over \(seconds)"
                        ),
                        Fact("\(fraction ?? LiveText.nothing) % of the CPU"),
                    ]
                ),
                course: reading.collections.course,
                unit: nil,
                perSecond: true
            ),
            Panel(
                words: words(
                    "Pauses",
                    "max \(LiveText.number(pauses?.maxNanoseconds.map { Double($0) }, .nanoseconds))",
                    zip(percentiles, [2, 3, 0]).map { Fact($0, rank: $1) }
                        + (missed.map { [Fact("\($0) missed", rank: 1)] } ?? [])
                        + [Fact("\(pauses?.count ?? 0) seen", rank: 4)]
                ),
                course: reading.pauseCourse,
                unit: .nanoseconds
            ),
        ]
    }

    /// A few words of a line: those of the highest rank go first where the line is too long.
    private struct Fact {
        var text: String
        var rank: Int?

        /// Without a rank, what stands further behind goes first.
        init(_ text: String, rank: Int? = nil) {
            self.text = text
            self.rank = rank
        }
    }

    /// As many of the facts as there is room for, whole.
    private func line(_ facts: [Fact], room: Int) -> String {
        var kept = facts.indices.sorted { (facts[$0].rank ?? $0, $0) < (facts[$1].rank ?? $1, $1) }
        while true {
            let line = kept.sorted().map { facts[$0].text }.joined(separator: " · ")
            if kept.count <= 1 || DisplayText.width(line) <= room { return line }
            kept.removeLast()
        }
    }

    private func words(_ name: String, _ value: String, _ more: [Fact]) -> [Span] {
        let padded = name + String(repeating: " ", count: max(1, 12 - name.count))
        let used = DisplayText.width(padded) + DisplayText.width(value) + 3
        return [
            Span(padded, .heading), Span(value), Span("   " + line(more, room: columns - used), .faint),
        ]
    }

    /// A panel in one line, where there is no room for more.
    private func shortLine(_ panel: Panel) -> [Span] {
        let words = Array(panel.words.prefix(2))
        let used = words.reduce(0) { $0 + DisplayText.width($1.text) }
        let column = max(24, used + 2)
        let bars = panel.course.bars(columns: max(0, columns - column))
        let blank = String(repeating: " ", count: column - used)
        return words + [Span(blank), Span(Sparkline.text(bars, columns: bars.count), .chart)]
    }

    private func stateLine(_ reading: TargetReading, _ now: Timestamp) -> [Span] {
        let state = reading.state(now)
        var facts: [Fact] = []
        if let age = reading.age(now) { facts.append(Fact("last \(LiveText.age(age)) ago", rank: 0)) }
        if let scrapes = reading.scrapes {
            if let usual = scrapes.usualMilliseconds {
                facts.append(Fact("every \(HumanText.nanoseconds(Double(usual) * 1e6))", rank: 3))
            }
            facts.append(Fact("\(scrapes.succeeded) scrapes, \(scrapes.failed) failed", rank: 1))
        }
        if let run = reading.target.runs.last {
            let age = max(0, now.milliseconds &- run.first.milliseconds)
            facts.append(Fact("this run \(LiveText.age(age))", rank: 2))
        }
        if reading.target.isAlternating { facts.append(Fact("several processes take turns", rank: 4)) }
        let room = columns - DisplayText.width(state.word) - 2
        return [Span(state.word, state.style), Span("  " + line(facts, room: room))]
    }

    /// Below the charts: from when to when, and where the process began anew or scrapes failed.
    private func axis(_ reading: TargetReading, _ width: Int) -> [Span] {
        let count = reading.heapCourse.bars(columns: width).count
        var marks = [Character](repeating: " ", count: count)
        for failure in reading.scrapes?.failures ?? [] {
            if let column = reading.heapCourse.column(of: failure.time, among: count) { marks[column] = "x" }
        }
        for restart in reading.restarts {
            if let column = reading.heapCourse.column(of: restart, among: count) { marks[column] = "▲" }
        }
        var words = "x failed"
        if !reading.restarts.isEmpty { words = "▲ restart" } else if !marks.contains("x") { words = "now" }
        // Where the charts begin, unless a mark stands there.
        let start = Array("\(DurationText.format(milliseconds: window)) ago")
        var head = Span("")
        if start.count + 8 < count, marks.prefix(start.count + 1).allSatisfy({ $0 == " " }) {
            head = Span(String(start), .faint)
            marks.removeFirst(start.count)
        }
        return [
            Span(String(repeating: " ", count: Chart.indent)), head, Span(String(marks), .bad),
            Span(" " + words, .faint),
        ]
    }

    private func restartLines(_ reading: TargetReading) -> [[Span]] {
        let restarts = reading.restarts
        guard !restarts.isEmpty else { return [] }
        let times = restarts.suffix(LiveView.eventsMax).reversed().map { LiveText.time($0) }
        let count = "\(restarts.count) in the last \(DurationText.format(milliseconds: window)), at "
        return [[Span("Restarts    ", .heading), Span(count + times.joined(separator: ", "))]]
    }

    private func failureLines(_ reading: TargetReading) -> [[Span]] {
        guard let scrapes = reading.scrapes, scrapes.failed > 0 else {
            guard let failure = reading.target.lastFailure else { return [] }
            let line = "\(LiveText.time(failure.time))  \(failure.reason)"
            return [[Span("Failed last ", .heading), Span(line, .faint)]]
        }
        var lines = [[Span("Failures    ", .heading), Span(reasons(scrapes))]]
        for failure in scrapes.failures.suffix(LiveView.eventsMax).reversed() {
            lines.append([Span("  \(LiveText.time(failure.time))  ", .faint), Span(failure.reason)])
        }
        return lines
    }

    private func reasons(_ scrapes: ScrapesAnswer) -> String {
        scrapes.reasons.prefix(3).map { "\($0.count) × \($0.reason)" }.joined(separator: ", ")
    }
}

/// Charts of several lines with what their ends mean.
enum Chart {
    /// Blanks before the bars.
    static let indent = 2
    /// Columns behind the bars, for the greatest and the least value: " 1023 MiB/s".
    static let scaleWidth = 12

    /// The columns for the bars on a screen of that many.
    static func width(_ columns: Int) -> Int { max(1, columns - indent - scaleWidth) }

    /// The lines of a chart that is `height` lines high.
    static func lines(
        _ course: Course,
        unit: Unit?,
        perSecond: Bool,
        _ width: Int,
        _ height: Int,
        isFromLeast: Bool = false
    ) -> [[Span]] {
        let bars = course.bars(columns: width)
        let present = bars.compactMap { $0 }
        let base = (isFromLeast ? present.min() : nil) ?? Sparkline.floor(of: bars)
        let greatest = present.max()
        return Sparkline.rows(bars, count: height, base: base).enumerated().map { row, text in
            var scale = ""
            if row == 0, greatest != nil { scale = LiveText.number(greatest, unit, perSecond: perSecond) }
            if row == height - 1, height > 1, greatest != nil {
                scale = LiveText.number(base, unit, perSecond: perSecond)
            }
            return [
                Span(String(repeating: " ", count: indent)), Span(text, .chart), Span(" " + scale, .faint),
            ]
        }
    }
}
