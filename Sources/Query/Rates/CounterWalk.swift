import Model
import Storage

/// Forms the pairs of counters over a history and adds them up; see docs/semantics.md, "Rate".
///
/// What makes a pair, for a sample b of a series:
/// - its run had the series before, last at a: the pair (a, b), increase b − a. Where it fell: max(b, 0), a reset.
/// - b stands in the first scrape of its run, and a is the target's scrape before: increase b, a reset.
/// - no scrape of the run had the series before, and it sits in a map which the scrape a before b in the run
///   had: increase b, no reset.
/// - no scrape of the run had it before, and another run had it last at a: a run begins between the scrapes that
///   have it: increase b, a reset.
/// - else b is where the series starts: no pair.
///
/// No pair is formed across a clock step (an epoch ends with one), nor between runs more than the gap apart, nor from any
/// other run to one that begins unwatched: the target's URL is another, or its process lived beside the one before.
///
/// One pass over the rows serves all series. A range is read with the gap added at both ends: pairs between runs
/// then lie inside whole, and so do nearly all others. Of what reaches further, only pairs within one run are
/// left, and those are looked up one by one.
struct CounterWalk<Source: History> {
    let source: Source
    let window: QueryWindow
    let gap: Int64
    /// The rows of times in `[lower, upper)` are all seen.
    let lower: Int64
    let upper: Int64
    var clockSteps: StepPositions
    /// The runs that go on, but for the one at hand: that one is `current`, so that its samples are at hand too.
    var waiting: [RunID: CounterRun] = [:]
    var current: CounterRun
    var currentRun: RunID?
    /// The latest row of a run that was passed over, until a row of its own needs it.
    var rowsOutside: [RunID: (row: CounterRow, columns: [SeriesColumn], index: Int)] = [:]
    private var previous: CounterRow?
    /// By series: the latest sample of any run.
    private var latest: [CounterSample?]
    /// The epochs in which a run had rows of the stream.
    var visited: [RunID: Set<Int64>] = [:]
    var tallies: [CounterTally]

    /// The tallies of all series of `source` in `window`; scrapes of two runs more than `gap` ms apart are a gap.
    static func tallies(_ source: Source, in window: QueryWindow, gap: Int64) throws -> [CounterTally] {
        var walk = CounterWalk(source, window, max(0, gap))
        let range = TimeRange(
            since: walk.lower == .min ? nil : Timestamp(milliseconds: walk.lower),
            until: walk.upper == .max ? nil : Timestamp(milliseconds: walk.upper)
        )
        try source.forEachStretch(Array(0..<source.seriesCount), in: range, isWhole: window.isWhole) {
            stretch in
            switch stretch {
            case .rows(let rows, let columns): try walk.take(rows, columns)
            case .summary(let summary): try walk.take(summary)
            }
        }
        try walk.finish()
        return walk.tallies
    }

    private init(_ source: Source, _ window: QueryWindow, _ gap: Int64) {
        self.source = source
        self.window = window
        self.gap = gap
        let (lower, isBelow) = window.since.subtractingReportingOverflow(gap)
        self.lower = isBelow || window.since == .min ? .min : lower
        let (upper, isAbove) = window.until.addingReportingOverflow(gap)
        self.upper = isAbove || window.until == .max ? .max : upper
        clockSteps = StepPositions(source.stepPositions)
        current = CounterRun(seriesCount: source.seriesCount, isComplete: false)
        latest = Array(repeating: nil, count: source.seriesCount)
        tallies = Array(repeating: CounterTally(window), count: source.seriesCount)
    }

    // MARK: Rows

    private mutating func take(_ rows: [HistoryRow], _ columns: [SeriesColumn]) throws {
        var index = 0
        while index < rows.count {
            let row = note(rows[index])
            guard try row.time >= lower && enter(row) else {
                rowsOutside[row.run] = (row, columns, index)
                previous = row
                index += 1
                continue
            }
            for (series, column) in columns.enumerated() {
                if let value = column[index] { try take(value, of: series, at: row, after: current.last) }
            }
            leave(row)
            // Rows that add nothing but pairs of one run, within one step, need no look at each of them.
            let plain = index + 1..<plainEnd(from: row, index + 1, rows)
            index = plain.upperBound
            guard !plain.isEmpty else { continue }
            for (series, column) in columns.enumerated() {
                try take(column, plain, of: rows, series: series, after: row)
            }
            leave(note(rows[plain.upperBound - 1]))
        }
    }

    /// Takes a stretch that lies in the range and in one step: its first row as any other, then what follows at once.
    private mutating func take(_ summary: SeriesSummary) throws {
        let first = HistoryRow(summary.first, summary.run, isAfterStep: summary.isAfterStep)
        let last = HistoryRow(summary.last, summary.run, isAfterStep: false)
        let row = note(first)
        // A step that a failed scrape was the first to see shows in no row: then each row is looked at.
        guard clockSteps.count(through: last.position) == row.steps, row.time >= lower, try enter(row) else {
            return try takeRows(of: summary)
        }
        var known: [SeriesSummary.Knowledge] = []
        for series in 0..<source.seriesCount {
            known.append(try summary.knowledge(of: series))
            let value: Number?
            switch known[series] {
            case .absent: value = nil
            case .statistics(let statistics): value = statistics.first
            case .unknown: value = try summary.block(series).column[0]
            }
            if let value { try take(value, of: series, at: row, after: current.last) }
        }
        leave(row)
        guard summary.count > 1 else { return }
        let end = note(last)
        let step = window.steps?.index(of: row.time)
        for series in 0..<source.seriesCount {
            switch known[series] {
            case .absent:
                continue
            case .statistics(let found):
                guard found.neverFalls, let increase = Self.increase(found) else { break }
                tallies[series].add(wholePairsFrom: row.time, to: end.time, increase: increase, step: step)
                current.samples[series] = end.sample(found.last)
                latest[series] = end.sample(found.last)
                continue
            case .unknown:
                break
            }
            let (rows, column) = try summary.block(series)
            try take(column, 1..<rows.count, of: rows.map(HistoryRow.init), series: series, after: row)
        }
        leave(end)
    }

    private mutating func takeRows(of summary: SeriesSummary) throws {
        var rows: [HistoryRow] = []
        var columns: [SeriesColumn] = []
        for series in 0..<source.seriesCount {
            let block = try summary.block(series)
            if rows.isEmpty { rows = block.rows.map(HistoryRow.init) }
            columns.append(block.column)
        }
        try take(rows, columns)
    }

    private mutating func note(_ row: HistoryRow) -> CounterRow {
        if row.isAfterStep { clockSteps.note(row.position) }
        return CounterRow(row, steps: clockSteps.count(through: row.position), span: source.runs[row.run])
    }

    /// Makes the row's run the current one; false where the row adds nothing.
    private mutating func enter(_ row: CounterRow) throws -> Bool {
        switchRun(to: row.run)
        if row.time >= upper {
            // Of the rows after the range only the first of a run matters, where the one before lies inside.
            guard !current.isClosed, let last = current.last, last.epoch == row.epoch,
                last.time < window.until
            else { return false }
            current.isClosed = true
        }
        if let last = current.last, last.epoch != row.epoch {
            try close(row.run, current, epoch: last.epoch)
            // Between the epochs may be rows that lie outside the range in either.
            current.isClosed = false
            if lower != .min || upper != .max { current.isComplete = false }
        }
        if let before = rowsOutside.removeValue(forKey: row.run) {
            // It is the one directly before: a snapshot leaves none out between.
            current.last = before.row
            current.isComplete = before.row.isRunFirst
            current.samples = before.columns.map { $0[before.index].map(before.row.sample) }
        } else if current.last == nil {
            // In an earlier epoch the run may have had rows after the range.
            let beganInEpoch = source.runs[row.run]?.first.epoch == row.epoch
            current.isComplete = row.isRunFirst || (lower == .min && (upper == .max || beganInEpoch))
        }
        visited[row.run, default: []].insert(row.epoch)
        return true
    }

    private mutating func switchRun(to run: RunID) {
        guard run != currentRun else { return }
        // A run that has not had a row yet has nothing to keep.
        if let currentRun, current.last != nil { waiting[currentRun] = current }
        current =
            waiting.removeValue(forKey: run) ?? CounterRun(seriesCount: source.seriesCount, isComplete: false)
        currentRun = run
    }

    private mutating func leave(_ row: CounterRow) {
        previous = row
        current.last = row
        guard source.runs[row.run]?.last == row.position else { return }
        // The run's last scrape: nothing of it is to come.
        current = CounterRun(seriesCount: source.seriesCount, isComplete: false)
        currentRun = nil
    }

    // MARK: Samples

    private mutating func take(
        _ value: Number,
        of series: Int,
        at row: CounterRow,
        after last: CounterRow?
    ) throws {
        let b = row.sample(value)
        if let pair = try pair(to: b, of: series, at: row, after: last) {
            tallies[series].add(pair, in: window)
        }
        current.samples[series] = b
        latest[series] = b
    }

    /// The pair that ends with the sample `b`, where there is one that the range may need.
    private func pair(
        to b: CounterSample,
        of series: Int,
        at row: CounterRow,
        after last: CounterRow?
    ) throws -> CounterPair? {
        if let a = current.samples[series] { return pair(a, b) }
        if row.isRunFirst {
            guard let previous, !isUnwatched(b.run) else { return nil }
            return birth(of: b, after: previous.sample(b.value), isReset: true)
        }
        if !current.isComplete {
            guard b.time >= window.since else { return nil }
            if let a = try source.lastSample(series, in: row.run, before: row.position) {
                return pair(sample(a), b)
            }
        }
        if let last, try source.isNewInMap(series, at: row.shape, after: last.shape) {
            return birth(of: b, after: last.sample(b.value), isReset: false)
        }
        guard let a = latest[series], a.run != b.run, !isUnwatched(b.run) else { return nil }
        return birth(of: b, after: a, isReset: true)
    }

    /// Whether a run's series start with it, whatever the target had before.
    private func isUnwatched(_ run: RunID) -> Bool { source.runs[run]?.beginsUnwatched ?? false }

    /// The pair of two samples of one run; nil across a clock step.
    func pair(_ a: CounterSample, _ b: CounterSample) -> CounterPair? {
        guard !isGap(a, b) else { return nil }
        let fell = b.value < a.value
        let increase =
            fell ? Increase(fromZeroTo: max(b.value, .integer(0))) : Increase(from: a.value, to: b.value)
        return CounterPair(start: a.time, end: b.time, increase: increase, isReset: fell)
    }

    /// The pair of a counter that counted from 0, at the time of `a` or later; nil where a gap lies between.
    func birth(of b: CounterSample, after a: CounterSample, isReset: Bool) -> CounterPair? {
        guard !isGap(a, b) else { return nil }
        return CounterPair(
            start: a.time,
            end: b.time,
            increase: Increase(fromZeroTo: b.value),
            isReset: isReset
        )
    }

    private func isGap(_ a: CounterSample, _ b: CounterSample) -> Bool {
        // Times ascend within an epoch; a file that says otherwise makes no pair either.
        guard a.epoch == b.epoch, a.steps == b.steps, a.time < b.time else { return true }
        let (distance, overflow) = b.time.subtractingReportingOverflow(a.time)
        return overflow || (a.run != b.run && distance > gap)
    }

    func sample(_ found: HistorySample) -> CounterSample {
        var steps = clockSteps
        // A step that only this row shows is perhaps not among the noted ones.
        if found.row.isAfterStep { steps.note(found.row.position) }
        let row = CounterRow(found.row, steps: steps.count(through: found.row.position), span: nil)
        return row.sample(found.value)
    }

    // MARK: Plain stretches

    /// The end of the rows from `index` on that follow `row` in its run, epoch and step, without a clock step
    /// between, all in the range.
    private func plainEnd(from row: CounterRow, _ index: Int, _ rows: [HistoryRow]) -> Int {
        guard row.time >= window.since, currentRun == row.run else { return index }
        var limit = window.until
        if let span = window.steps {
            guard let step = span.index(of: row.time) else { return index }
            limit = min(limit, span.start(of: step) &+ span.step)
        }
        var end = index
        var time = row.time
        while end < rows.count {
            let next = rows[end]
            guard next.run == row.run, !next.isAfterStep, next.position.epoch == row.epoch,
                next.position.time.milliseconds < limit, next.position.time.milliseconds > time
            else { break }
            time = next.position.time.milliseconds
            end += 1
        }
        // A step that a failed scrape was the first to see shows in no row.
        while end > index, clockSteps.count(through: rows[end - 1].position) != row.steps { end -= 1 }
        return end
    }

    /// Takes the samples of one series in the rows of a plain stretch, which `row` comes directly before.
    private mutating func take(
        _ column: SeriesColumn,
        _ plain: Range<Int>,
        of rows: [HistoryRow],
        series: Int,
        after row: CounterRow
    ) throws {
        switch column {
        case .absent:
            return
        case .integers(let values):
            let first = values[plain.lowerBound - 1]
            guard Self.neverFalls(values[plain.lowerBound - 1..<plain.upperBound]) else { break }
            let last = values[plain.upperBound - 1]
            return takeRise(
                from: .integer(first),
                to: .integer(last),
                plain,
                of: rows,
                series: series,
                after: row
            )
        case .reals(let values):
            guard Self.neverFalls(values[plain.lowerBound - 1..<plain.upperBound]) else { break }
            let (first, last) = (values[plain.lowerBound - 1], values[plain.upperBound - 1])
            return takeRise(from: .real(first), to: .real(last), plain, of: rows, series: series, after: row)
        case .mixed:
            break
        }
        var before = row
        for index in plain {
            let at = CounterRow(rows[index], steps: row.steps, span: nil)
            if let value = column[index] { try take(value, of: series, at: at, after: before) }
            before = at
        }
    }

    /// Takes samples that do not fall, by the one before them and the last.
    private mutating func takeRise(
        from first: Number,
        to last: Number,
        _ plain: Range<Int>,
        of rows: [HistoryRow],
        series: Int,
        after row: CounterRow
    ) {
        let time = rows[plain.upperBound - 1].position.time.milliseconds
        tallies[series].add(
            wholePairsFrom: row.time,
            to: time,
            increase: Increase(from: first, to: last),
            step: window.steps?.index(of: row.time)
        )
        let sample = CounterSample(
            time: time,
            epoch: row.epoch,
            steps: row.steps,
            run: row.run,
            value: last
        )
        current.samples[series] = sample
        latest[series] = sample
    }

    /// The increase over samples that do not fall, of which that is known; nil where between two integers there may
    /// be one that is none.
    private static func increase(_ known: ChunkColumnStatistics) -> Increase? {
        let increase = Increase(from: known.first, to: known.last)
        guard case .whole = increase, known.min != known.max else { return increase }
        return known.sum != nil && known.sumExponent >= 0 ? increase : nil
    }

    private static func neverFalls<Value: Comparable>(_ values: ArraySlice<Value>) -> Bool {
        // Without an early exit, so that the comparisons go several at a time.
        var falls = 0
        values.withUnsafeBufferPointer { values in
            for index in 1..<values.count {
                falls &+= values[index] < values[index - 1] ? 1 : 0
            }
        }
        return falls == 0
    }
}
