import Model
import Storage

/// One sample as the next one of its series looks back at it.
private struct Sample {
    var time: Int64
    var epoch: Int64
    /// How many clock steps lie before it.
    var steps: Int
    var run: RunID
    var value: Number
}

/// A row with what its place in the history says.
private struct Row {
    var time: Int64
    var epoch: Int64
    var steps: Int
    var run: RunID
    var shape: ShapeID
    var position: ScrapePosition
    /// Whether its run begins with it.
    var isRunFirst: Bool

    init(_ row: HistoryRow, steps: Int, span: RunSpan?) {
        time = row.position.time.milliseconds
        epoch = row.position.epoch
        self.steps = steps
        run = row.run
        shape = row.shape
        position = row.position
        isRunFirst = span?.first == row.position
    }

    func sample(_ value: Number) -> Sample {
        Sample(time: time, epoch: epoch, steps: steps, run: run, value: value)
    }
}

/// What the walk remembers of one run.
private struct RunState {
    /// The latest row of the run.
    var last: Row?
    /// By series: the latest sample of the run; nil where none was seen.
    var samples: [Sample?]
    /// Whether every row of the run so far was seen, so that a sample that was not seen is not there.
    var isComplete: Bool
    /// Whether the run's first row after the range was seen, too.
    var isClosed = false

    init(seriesCount: Int, isComplete: Bool) {
        samples = Array(repeating: nil, count: seriesCount)
        self.isComplete = isComplete
    }
}

/// Forms the pairs of counters over a history and adds them up; see docs/semantics.md, "Rate and increase".
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
/// No pair is formed across a clock step (an epoch ends with one), nor between runs more than the gap apart.
///
/// One pass over the rows serves all series. A range is read with the gap added at both ends: pairs between runs
/// then lie inside whole, and so do nearly all others. Of what reaches further, only pairs within one run are
/// left, and those are looked up one by one.
struct CounterWalk<Source: History> {
    private let source: Source
    private let window: QueryWindow
    private let gap: Int64
    /// The rows of times in `[lower, upper)` are all seen.
    private let lower: Int64
    private let upper: Int64
    private var clockSteps: StepPositions
    /// The runs that go on, but for the one at hand: that one is `current`, so that its samples are at hand too.
    private var waiting: [RunID: RunState] = [:]
    private var current: RunState
    private var currentRun: RunID?
    /// The latest row of a run that was passed over, until a row of its own needs it.
    private var rowsOutside: [RunID: (row: Row, columns: [SeriesColumn], index: Int)] = [:]
    private var previous: Row?
    /// By series: the latest sample of any run.
    private var latest: [Sample?]
    /// The epochs in which a run had rows of the stream.
    private var visited: [RunID: Set<Int64>] = [:]
    private var tallies: [CounterTally]

    /// The tallies of all series of `source` in `window`; scrapes of two runs more than `gap` ms apart are a gap.
    static func tallies(_ source: Source, in window: QueryWindow, gap: Int64) throws -> [CounterTally] {
        var walk = CounterWalk(source, window, max(0, gap))
        let range = TimeRange(
            since: walk.lower == .min ? nil : Timestamp(milliseconds: walk.lower),
            until: walk.upper == .max ? nil : Timestamp(milliseconds: walk.upper)
        )
        try source.forEachBlock(Array(0..<source.seriesCount), in: range) { rows, columns in
            try walk.take(rows, columns)
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
        current = RunState(seriesCount: source.seriesCount, isComplete: false)
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

    private mutating func note(_ row: HistoryRow) -> Row {
        if row.isAfterStep { clockSteps.note(row.position) }
        return Row(row, steps: clockSteps.count(through: row.position), span: source.runs[row.run])
    }

    /// Makes the row's run the current one; false where the row adds nothing.
    private mutating func enter(_ row: Row) throws -> Bool {
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
            waiting.removeValue(forKey: run) ?? RunState(seriesCount: source.seriesCount, isComplete: false)
        currentRun = run
    }

    private mutating func leave(_ row: Row) {
        previous = row
        current.last = row
        guard source.runs[row.run]?.last == row.position else { return }
        // The run's last scrape: nothing of it is to come.
        current = RunState(seriesCount: source.seriesCount, isComplete: false)
        currentRun = nil
    }

    // MARK: Samples

    private mutating func take(_ value: Number, of series: Int, at row: Row, after last: Row?) throws {
        let b = row.sample(value)
        if let pair = try pair(to: b, of: series, at: row, after: last) {
            tallies[series].add(pair, in: window)
        }
        current.samples[series] = b
        latest[series] = b
    }

    /// The pair that ends with the sample `b`, where there is one that the range may need.
    private func pair(to b: Sample, of series: Int, at row: Row, after last: Row?) throws -> CounterPair? {
        if let a = current.samples[series] { return pair(a, b) }
        if row.isRunFirst {
            guard let previous else { return nil }
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
        guard let a = latest[series], a.run != b.run else { return nil }
        return birth(of: b, after: a, isReset: true)
    }

    /// The pair of two samples of one run; nil across a clock step.
    private func pair(_ a: Sample, _ b: Sample) -> CounterPair? {
        guard !isGap(a, b) else { return nil }
        let fell = b.value < a.value
        let increase =
            fell ? Increase(fromZeroTo: max(b.value, .integer(0))) : Increase(from: a.value, to: b.value)
        return CounterPair(start: a.time, end: b.time, increase: increase, isReset: fell)
    }

    /// The pair of a counter that counted from 0, at the time of `a` or later; nil where a gap lies between.
    private func birth(of b: Sample, after a: Sample, isReset: Bool) -> CounterPair? {
        guard !isGap(a, b) else { return nil }
        return CounterPair(
            start: a.time,
            end: b.time,
            increase: Increase(fromZeroTo: b.value),
            isReset: isReset
        )
    }

    private func isGap(_ a: Sample, _ b: Sample) -> Bool {
        // Times ascend within an epoch; a file that says otherwise makes no pair either.
        guard a.epoch == b.epoch, a.steps == b.steps, a.time < b.time else { return true }
        let (distance, overflow) = b.time.subtractingReportingOverflow(a.time)
        return overflow || (a.run != b.run && distance > gap)
    }

    private func sample(_ found: HistorySample) -> Sample {
        var steps = clockSteps
        // A step that only this row shows is perhaps not among the noted ones.
        if found.row.isAfterStep { steps.note(found.row.position) }
        let row = Row(found.row, steps: steps.count(through: found.row.position), span: nil)
        return row.sample(found.value)
    }

    // MARK: Plain stretches

    /// The end of the rows from `index` on that follow `row` in its run, epoch and step, without a clock step
    /// between, all in the range.
    private func plainEnd(from row: Row, _ index: Int, _ rows: [HistoryRow]) -> Int {
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
        after row: Row
    ) throws {
        switch column {
        case .absent:
            return
        case .integers(let values):
            let first = values[plain.lowerBound - 1]
            guard Self.neverFalls(values[plain.lowerBound - 1..<plain.upperBound]) else { break }
            let last = values[plain.upperBound - 1]
            let time = rows[plain.upperBound - 1].position.time.milliseconds
            tallies[series].add(
                wholePairsFrom: row.time,
                to: time,
                increase: Int128(last) - Int128(first),
                step: window.steps?.index(of: row.time)
            )
            let sample = Sample(
                time: time,
                epoch: row.epoch,
                steps: row.steps,
                run: row.run,
                value: .integer(last)
            )
            current.samples[series] = sample
            latest[series] = sample
            return
        case .reals, .mixed:
            break
        }
        var before = row
        for index in plain {
            let at = Row(rows[index], steps: row.steps, span: nil)
            if let value = column[index] { try take(value, of: series, at: at, after: before) }
            before = at
        }
    }

    private static func neverFalls(_ values: ArraySlice<Int64>) -> Bool {
        // Without an early exit, so that the comparisons go several at a time.
        var falls = 0
        values.withUnsafeBufferPointer { values in
            for index in 1..<values.count {
                falls &+= values[index] < values[index - 1] ? 1 : 0
            }
        }
        return falls == 0
    }

    // MARK: Ends

    /// Looks up what reaches out of the range, once all rows are seen.
    private mutating func finish() throws {
        if let currentRun, current.last != nil { waiting[currentRun] = current }
        // In a fixed order, so that what is rounded is rounded alike each time.
        for (run, state) in waiting.sorted(by: { $0.key < $1.key }) {
            if let last = state.last { try close(run, state, epoch: last.epoch) }
        }
        guard lower != .min, upper != .max else { return }
        let epochs = Set(
            source.runs.values.flatMap { [$0.first.epoch, $0.last.epoch] } + source.stepPositions.map(\.epoch)
        )
        for (run, span) in source.runs.sorted(by: { $0.key < $1.key }) {
            for epoch in epochs.sorted() where visited[run]?.contains(epoch) != true {
                try takePairsAcrossRange(run, span, epoch: epoch)
            }
        }
    }

    /// Looks up the pairs of a run that begin before the end of the range and end beyond the rows seen.
    private mutating func close(_ run: RunID, _ state: RunState, epoch: Int64) throws {
        guard upper != .max, let span = source.runs[run] else { return }
        var next = ScrapePosition(epoch: epoch, time: Timestamp(milliseconds: upper))
        if state.isClosed, let last = state.last {
            next.time = Timestamp(milliseconds: last.time).advanced(byMilliseconds: 1)
        }
        guard next <= span.last else { return }
        for series in 0..<source.seriesCount {
            var a = state.samples[series].flatMap { $0.epoch == epoch ? $0 : nil }
            if a == nil, !state.isComplete, lower != .min {
                let start = ScrapePosition(epoch: epoch, time: Timestamp(milliseconds: lower))
                a = try source.lastSample(series, in: run, before: start).map(sample)
            }
            guard let a, a.time < window.until,
                let b = try source.firstSample(series, in: run, atOrAfter: next),
                let pair = pair(a, sample(b))
            else { continue }
            tallies[series].add(pair, in: window)
        }
    }

    /// Looks up the pairs of a run that has rows before and after the range in that epoch, and none inside.
    private mutating func takePairsAcrossRange(_ run: RunID, _ span: RunSpan, epoch: Int64) throws {
        let start = ScrapePosition(epoch: epoch, time: Timestamp(milliseconds: lower))
        let end = ScrapePosition(epoch: epoch, time: Timestamp(milliseconds: upper))
        guard span.first < start, end <= span.last else { return }
        for series in 0..<source.seriesCount {
            guard let found = try source.firstSample(series, in: run, atOrAfter: end),
                found.row.position.epoch == epoch
            else { continue }
            let b = sample(found)
            if let a = try source.lastSample(series, in: run, before: start) {
                if let pair = pair(sample(a), b) { tallies[series].add(pair, in: window) }
            } else if let before = try rowBefore(found.row, series),
                try source.isNewInMap(series, at: found.row.shape, after: before.shape),
                let pair = birth(
                    of: b,
                    after: sample(HistorySample(row: before, value: found.value)),
                    isReset: false
                )
            {
                tallies[series].add(pair, in: window)
            }
        }
    }

    /// The row before `row` in its run.
    private func rowBefore(_ row: HistoryRow, _ series: Int) throws -> HistoryRow? {
        var before: HistoryRow?
        let range = TimeRange(since: row.position.time, until: row.position.time.advanced(byMilliseconds: 1))
        try source.forEachBlock([series], in: range) { rows, _ in
            for candidate in rows where candidate.run == row.run && candidate.position < row.position {
                before = candidate
            }
        }
        return before
    }
}
