import Model
import SQLite

/// `samples`: every value of every series, `up` and `scrape.duration_seconds` included.
///
/// There are two ways to scan it. By block: blocks of scrapes are read, and of each block one series after the other, so
/// that rows of several series come in no order. By series: one series after the other, each in the order of scrapes;
/// for that as many series are read at once as may be held, so that a long history is read more than once.
final class SQLSamplesTable: VirtualTable {
    enum Column: Int, CaseIterable {
        case target, series, t, value, valueText, epoch, run, seq
    }

    let name = "samples"
    let primaryKey = ["series", "seq"]
    let columns = [
        VirtualTableColumn("target", "TEXT"), VirtualTableColumn("series", "TEXT"),
        VirtualTableColumn("t", "INTEGER"), VirtualTableColumn("value", ""),
        VirtualTableColumn("value_text", "TEXT", isHidden: true),
        VirtualTableColumn("epoch", "INTEGER", isHidden: true),
        VirtualTableColumn("run", "INTEGER", isHidden: true),
        VirtualTableColumn("seq", "INTEGER", isHidden: true),
    ]
    private let source: SQLTableSource

    init(_ source: SQLTableSource) { self.source = source }

    /// The ways to scan it.
    enum Scan: Int {
        case byBlock, bySeries
    }

    func plan(for question: VirtualTableQuestion) throws -> VirtualTablePlan {
        let target = Column.target.rawValue
        let series = Column.series.rawValue
        var planner = SQLTablePlanner(
            names: [target: 0.1, series: 0.005],
            integers: [Column.t.rawValue, Column.run.rawValue],
            equalShare: [Column.run.rawValue: 0.1],
            // 200 series of each of 10 targets in 1000 scrapes.
            rows: 2_000_000,
            order: [target],
            idleInOrder: try source.isOrderedByTime() ? [Column.epoch.rawValue] : []
        )
        var plan = planner.plan(for: question)
        if !plan.isOrdered {
            planner.order = [target, series, Column.epoch.rawValue, Column.t.rawValue]
            plan = planner.plan(for: question)
            if plan.isOrdered { plan.scan = Scan.bySeries.rawValue }
        }
        return plan
    }

    func makeCursor() -> any VirtualTableCursor { SQLSamplesCursor(source) }
}

/// A position in `samples`.
final class SQLSamplesCursor: VirtualTableCursor {
    /// So many series are read from the scrapes at once; a target with more is read several times.
    ///
    /// 512 × 512 values of a block are 6 MiB at most.
    static let seriesMax = 512
    /// A scan by series holds so many values at once: 16 MiB, or 48 MiB where a series is not always there.
    static let valuesMax: Int64 = 1 << 21
    /// Beyond so many scrapes of a target it holds nothing, and reads them once for each series.
    static let heldScrapesMax: Int64 = 1 << 19

    private let source: SQLTableSource
    private var names = SQLNameFilter([], column: 0)
    private var times = SQLIntegerFilter()
    private var runs = SQLIntegerFilter()
    private var targets: ArraySlice<TargetRecord> = []

    /// What is left to do for the target at hand.
    private var target: TargetRecord?
    private var targetName: [UInt8] = []
    private var range = TimeRange.all
    private var isBySeries = false
    private var segments: ArraySlice<Segment> = []
    private var hasUp = false
    private var hasDuration = false

    /// Series that are read at once.
    private enum Segment {
        case served([SeriesRecord])
        case added(up: Bool, duration: Bool)
    }

    /// The block at hand, and the place in it.
    private var group: [SeriesRecord] = []
    private var blocks: SeriesBlockCursor?
    private var rows: [SeriesRow] = []
    private var columns: [SeriesColumn] = []
    private var column = SeriesColumn.absent
    private var columnIndex = 0
    private var rowIndex = 0
    /// All blocks of the group, in a scan by series.
    private var held: [SeriesBlock] = []
    private var heldIndex = 0

    /// The scrapes of the added series, and the value that is to come after the one at hand.
    private var scrapes: ScrapeCursor?
    private var pendingDuration: (Sample)?

    /// The row at the position.
    private struct Sample {
        var seq: Int64
        var position: ScrapePosition
        var run: RunID?
        var value: Number
        var series: [UInt8]
    }
    private var sample: Sample?
    private var seriesName: [UInt8] = []

    init(_ source: SQLTableSource) { self.source = source }

    var isAtEnd: Bool { sample == nil }

    func filter(_ arguments: [VirtualTableArgument], scan: Int) throws {
        isBySeries = scan == SQLSamplesTable.Scan.bySeries.rawValue
        names = SQLNameFilter(arguments, column: SQLSamplesTable.Column.series.rawValue)
        times = SQLIntegerFilter(arguments, column: SQLSamplesTable.Column.t.rawValue)
        let filter = SQLNameFilter(arguments, column: SQLSamplesTable.Column.target.rawValue)
        runs = SQLIntegerFilter(arguments, column: SQLSamplesTable.Column.run.rawValue)
        targets = times.isNever || runs.isNever ? [] : try source.targets(filter)[...]
        (blocks, scrapes, pendingDuration, segments, held) = (nil, nil, nil, [], [])
        (hasUp, hasDuration) = (false, false)
        (rows, columns, column, columnIndex, rowIndex) = ([], [], .absent, 0, 0)
        try next()
    }

    func next() throws {
        while true {
            if nextInColumn() { return }
            if nextColumn() { continue }
            if try nextBlock() { continue }
            if try nextAdded() { return }
            if let segment = segments.popFirst() {
                try begin(segment)
                continue
            }
            guard let next = targets.popFirst() else {
                sample = nil
                return
            }
            try begin(next)
        }
    }

    func put(column index: Int, into result: SQLResult) throws {
        guard let sample, let column = SQLSamplesTable.Column(rawValue: index) else { return result.null() }
        switch column {
        case .target: result.text(utf8: targetName)
        case .series: result.text(utf8: sample.series)
        case .t: result.integer(sample.position.time.milliseconds)
        case .value: result.number(sample.value)
        case .valueText: result.text(SQLTableText.text(of: sample.value))
        case .epoch: result.integer(sample.position.epoch)
        case .run: result.integer(sample.run?.value)
        case .seq: result.integer(sample.seq)
        }
    }

    // MARK: The series that the target serves

    private func begin(_ next: TargetRecord) throws {
        target = next
        targetName = Array(next.name.utf8)
        guard let range = try range(of: next) else {
            segments = []
            return
        }
        self.range = range
        var series = try source.series(of: next.id).filter { names.matches($0.name) }
        for name in names.exactNames where names.matches(name) {
            guard !series.contains(where: { $0.name.utf8.elementsEqual(name.utf8) }),
                name != AddedSeries.up, name != AddedSeries.duration,
                let found = try source.snapshot.unlistedSeries(named: name, of: next)
            else { continue }
            series.append(found)
            series.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        }
        let hasUp = names.matches(AddedSeries.up)
        let hasDuration = names.matches(AddedSeries.duration)
        guard isBySeries else {
            segments = cut(series, max: SQLSamplesCursor.seriesMax)[...]
            if hasUp || hasDuration { segments.append(.added(up: hasUp, duration: hasDuration)) }
            return
        }
        // "scrape.duration_seconds" comes before "up", and served series before, between and after them.
        let isBefore = { (record: SeriesRecord, name: String) in
            record.name.utf8.lexicographicallyPrecedes(name.utf8)
        }
        let duration = series.firstIndex { !isBefore($0, AddedSeries.duration) } ?? series.count
        let up = series.firstIndex { !isBefore($0, AddedSeries.up) } ?? series.count
        let count = seriesAtOnce(of: next)
        segments = cut(Array(series[..<duration]), max: count)[...]
        if hasDuration { segments.append(.added(up: false, duration: true)) }
        segments += cut(Array(series[duration..<up]), max: count)
        if hasUp { segments.append(.added(up: true, duration: false)) }
        segments += cut(Array(series[up...]), max: count)
    }

    private func cut(_ series: [SeriesRecord], max count: Int) -> [Segment] {
        stride(from: 0, to: series.count, by: count)
            .map { .served(Array(series[$0..<min($0 + count, series.count)])) }
    }

    /// How many series a scan by series reads at once.
    private func seriesAtOnce(of target: TargetRecord) -> Int {
        guard target.scrapeCount <= SQLSamplesCursor.heldScrapesMax else { return 1 }
        let count = SQLSamplesCursor.valuesMax / max(1, target.scrapeCount)
        return Int(min(max(1, count), Int64(SQLSamplesCursor.seriesMax)))
    }

    /// The times of a target's rows that can fulfil the conditions; nil where none can.
    private func range(of target: TargetRecord) throws -> TimeRange? {
        guard runs != SQLIntegerFilter() else { return times.timeRange }
        let asked = try source.runs(of: target.id).filter { runs.contains($0.id.value) }
        guard let first = asked.map(\.first).min(), let last = asked.map(\.last).max() else { return nil }
        // Within an epoch order is by time, so what lies between the ends has a time between theirs.
        guard first.epoch == last.epoch else { return times.timeRange }
        let lifetime = SQLIntegerFilter(
            [
                VirtualTableArgument(
                    column: 0,
                    operation: .greaterOrEqual,
                    values: [.integer(first.time.milliseconds)]
                ),
                VirtualTableArgument(
                    column: 0,
                    operation: .lessOrEqual,
                    values: [.integer(last.time.milliseconds)]
                ),
            ],
            column: 0
        )
        let both = times.intersection(lifetime)
        return both.isNever ? nil : both.timeRange
    }

    private func begin(_ segment: Segment) throws {
        switch segment {
        case .added(let up, let duration): (hasUp, hasDuration) = (up, duration)
        case .served(let group): try begin(group)
        }
    }

    private func begin(_ group: [SeriesRecord]) throws {
        guard let target else { return }
        self.group = group
        let blocks = try source.snapshot.seriesBlocks(of: target.id, series: group.map(\.id), in: range)
        // One series comes in order as it is.
        guard isBySeries && group.count > 1 else {
            self.blocks = blocks
            return
        }
        while let block = try blocks.next() {
            try source.checkDeadline()
            held.append(block)
        }
        (columnIndex, heldIndex) = (0, -1)
    }

    /// Goes to the next block, whose first column comes next; false where there is none.
    private func nextBlock() throws -> Bool {
        guard let blocks else { return false }
        try source.checkDeadline()
        guard let block = try blocks.next() else {
            self.blocks = nil
            (rows, columns, column) = ([], [], .absent)
            return false
        }
        (rows, columns, columnIndex) = (block.rows, block.columns, -1)
        return true
    }

    private func nextColumn() -> Bool {
        guard held.isEmpty else { return nextHeldColumn() }
        columnIndex += 1
        while columnIndex < columns.count {
            if case .absent = columns[columnIndex] {
                columnIndex += 1
                continue
            }
            column = columns[columnIndex]
            seriesName = Array(group[columnIndex].name.utf8)
            rowIndex = -1
            return true
        }
        column = .absent
        return false
    }

    private func nextHeldColumn() -> Bool {
        heldIndex += 1
        while columnIndex < group.count {
            while heldIndex < held.count {
                column = held[heldIndex].columns[columnIndex]
                if case .absent = column {
                    heldIndex += 1
                    continue
                }
                rows = held[heldIndex].rows
                seriesName = Array(group[columnIndex].name.utf8)
                rowIndex = -1
                return true
            }
            columnIndex += 1
            heldIndex = 0
        }
        (held, rows, columns, column) = ([], [], [], .absent)
        return false
    }

    private func nextInColumn() -> Bool {
        if case .absent = column { return false }
        rowIndex += 1
        while rowIndex < rows.count {
            // Blocks reach beyond the range, for those who need neighbours.
            let row = rows[rowIndex]
            if times.contains(row.position.time.milliseconds), runs.contains(row.run.value),
                let value = column[rowIndex]
            {
                sample = Sample(
                    seq: row.seq,
                    position: row.position,
                    run: row.run,
                    value: value,
                    series: seriesName
                )
                return true
            }
            rowIndex += 1
        }
        column = .absent
        return false
    }

    // MARK: The series that the recorder adds

    private static let upName = Array(AddedSeries.up.utf8)
    private static let durationName = Array(AddedSeries.duration.utf8)

    private func nextAdded() throws -> Bool {
        if let duration = pendingDuration {
            sample = duration
            pendingDuration = nil
            return true
        }
        guard let target, hasUp || hasDuration else { return false }
        let scrapes =
            try self.scrapes
            ?? source.snapshot.scrapes(of: target.id, in: range, failures: true)
        self.scrapes = scrapes
        while let scrape = try scrapes.next() {
            // A failed scrape has no run, and a condition on the run does not hold for it.
            guard scrape.run.map({ runs.contains($0.value) }) ?? (runs == SQLIntegerFilter()) else {
                continue
            }
            var found = Sample(
                seq: scrape.seq,
                position: scrape.position,
                run: scrape.run,
                value: .integer(scrape.failure == nil ? 1 : 0),
                series: SQLSamplesCursor.upName
            )
            if hasUp { sample = found }
            if hasDuration, let nanoseconds = scrape.durationNanoseconds {
                found.value = .real(Double(nanoseconds) / 1e9)
                found.series = SQLSamplesCursor.durationName
                if hasUp { pendingDuration = found } else { sample = found }
                return true
            }
            if hasUp { return true }
            try source.checkDeadline()
        }
        self.scrapes = nil
        (hasUp, hasDuration) = (false, false)
        return false
    }
}
