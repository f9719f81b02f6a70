import Model
import SQLite

/// `samples`: every value of every series, `up` and `scrape.duration_seconds` included.
///
/// Rows are read in blocks of scrapes, and of each block one series after the other; so those of one series come in
/// the order of scrapes, and those of several do not.
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

    func plan(for question: VirtualTableQuestion) throws -> VirtualTablePlan {
        let target = Column.target.rawValue
        let series = Column.series.rawValue
        // Without a condition that leaves one series, only targets come one after the other.
        let isOneSeries = question.constraints.contains {
            $0.column == series && $0.operation == .equal && $0.isBinary
        }
        return SQLTablePlanner(
            names: [target: 0.1, series: 0.005],
            integers: [Column.t.rawValue, Column.run.rawValue],
            equalShare: [Column.run.rawValue: 0.1],
            // 200 series of each of 10 targets in 1000 scrapes.
            rows: 2_000_000,
            order: isOneSeries ? [target, series, Column.epoch.rawValue, Column.t.rawValue] : [target],
            idleInOrder: try source.isOrderedByTime() ? [Column.epoch.rawValue] : []
        ).plan(for: question)
    }

    func makeCursor() -> any VirtualTableCursor { SQLSamplesCursor(source) }
}

/// A position in `samples`.
final class SQLSamplesCursor: VirtualTableCursor {
    /// So many series are read from the scrapes at once: 512 × 512 values of a block are 6 MiB at most. A target
    /// with more is read several times.
    static let seriesMax = 512

    private let source: SQLTableSource
    private var names = SQLNameFilter([], column: 0)
    private var times = SQLIntegerFilter()
    private var runs = SQLIntegerFilter()
    private var targets: ArraySlice<TargetRecord> = []

    /// What is left to do for the target at hand.
    private var target: TargetRecord?
    private var targetName: [UInt8] = []
    private var range = TimeRange.all
    private var groups: ArraySlice<[SeriesRecord]> = []
    private var hasUp = false
    private var hasDuration = false

    /// The block at hand, and the place in it.
    private var group: [SeriesRecord] = []
    private var blocks: SeriesBlockCursor?
    private var rows: [SeriesRow] = []
    private var columns: [SeriesColumn] = []
    private var column = SeriesColumn.absent
    private var columnIndex = 0
    private var rowIndex = 0

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

    func filter(_ arguments: [VirtualTableArgument], isOrdered _: Bool) throws {
        names = SQLNameFilter(arguments, column: SQLSamplesTable.Column.series.rawValue)
        times = SQLIntegerFilter(arguments, column: SQLSamplesTable.Column.t.rawValue)
        let filter = SQLNameFilter(arguments, column: SQLSamplesTable.Column.target.rawValue)
        runs = SQLIntegerFilter(arguments, column: SQLSamplesTable.Column.run.rawValue)
        targets = times.isNever || runs.isNever ? [] : try source.targets(filter)[...]
        (blocks, scrapes, pendingDuration, groups) = (nil, nil, nil, [])
        (hasUp, hasDuration) = (false, false)
        (rows, columns, column, columnIndex, rowIndex) = ([], [], .absent, 0, 0)
        try next()
    }

    func next() throws {
        while true {
            if nextInColumn() { return }
            if nextColumn() { continue }
            if try nextBlock() { continue }
            if let group = groups.popFirst() {
                try begin(group)
                continue
            }
            if try nextAdded() { return }
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
            (groups, hasUp, hasDuration) = ([], false, false)
            return
        }
        self.range = range
        let series = try source.series(of: next.id).filter { names.matches($0.name) }
        groups =
            stride(from: 0, to: series.count, by: SQLSamplesCursor.seriesMax)
            .map { Array(series[$0..<min($0 + SQLSamplesCursor.seriesMax, series.count)]) }[...]
        hasUp = names.matches(AddedSeries.up)
        hasDuration = names.matches(AddedSeries.duration)
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

    private func begin(_ group: [SeriesRecord]) throws {
        guard let target else { return }
        self.group = group
        blocks = try source.snapshot.seriesBlocks(
            of: target.id,
            series: group.map(\.id),
            in: range
        )
    }

    /// Goes to the next block; its first column comes next. False where there is none.
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
