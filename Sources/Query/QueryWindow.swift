import Model

/// The range of a question in milliseconds, and its steps.
///
/// Open ends are the ends of Int64, so that arithmetic needs no cases: no scrape lies there.
struct QueryWindow {
    /// The half-open range that counts.
    let since: Int64
    let until: Int64
    /// Its ends as they are answered: an open end is the target's first or last scrape.
    let from: Timestamp
    let to: Timestamp
    /// Its steps, where asked for.
    let steps: StepSpan?

    /// The window of `range` for data that lies in `extent`, both ends of it included.
    ///
    /// - Parameters:
    ///   - range: What was asked for.
    ///   - ends: The answered ends where the range has none: the first and the last scrape.
    ///   - extent: Where all data lies; the steps of an open end reach as far. Wider than `ends` where the
    ///     clock stepped back.
    ///   - grid: The steps, none where nil.
    /// - Throws: `QueryError.tooManySteps`.
    init(
        _ range: TimeRange,
        ends: (first: Timestamp, last: Timestamp),
        extent: (first: Int64, last: Int64),
        grid: StepGrid?
    ) throws(QueryError) {
        since = range.since?.milliseconds ?? .min
        until = range.until?.milliseconds ?? .max
        from = range.since ?? range.until.map { min($0, ends.first) } ?? ends.first
        to = range.until ?? range.since.map { max($0, ends.last) } ?? ends.last
        guard let grid else {
            steps = nil
            return
        }
        // Where only one end is open, data beyond the other end moves nothing: the span is then empty.
        let first = range.since?.milliseconds ?? extent.first
        let last = range.until.map { $0.advanced(byMilliseconds: -1).milliseconds } ?? extent.last
        steps = try StepSpan(grid, holding: first, through: last)
    }

    /// Whether all samples of that time count, and lie in one step where there are steps.
    func isWhole(_ times: ClosedRange<Int64>) -> Bool {
        guard contains(times.lowerBound), contains(times.upperBound) else { return false }
        guard let steps else { return true }
        guard let step = steps.index(of: times.lowerBound) else { return false }
        return steps.index(of: times.upperBound) == step
    }

    /// Whether a sample at `t` counts.
    func contains(_ t: Int64) -> Bool {
        since <= t && t < until
    }
}

/// Adjoining steps, as many as hold a range.
struct StepSpan: Hashable {
    /// Where the first step begins.
    let start: Int64
    /// The length of each, in milliseconds.
    let step: Int64
    /// How many there are; may be 0.
    let count: Int

    /// The steps of `grid` from the one that holds `first` through the one that holds `last`; none where
    /// `last` comes before `first`.
    ///
    /// - Throws: `QueryError.tooManySteps`.
    init(_ grid: StepGrid, holding first: Int64, through last: Int64) throws(QueryError) {
        start = grid.start(of: Timestamp(milliseconds: first)).milliseconds
        step = grid.step
        guard first <= last else {
            count = 0
            return
        }
        let count = (Int128(last) - Int128(start)) / Int128(step) + 1
        guard count <= Int128(StepGrid.countMax) else {
            throw QueryError.tooManySteps(count: Int64(clamping: count))
        }
        self.count = Int(count)
    }

    /// The step that holds `t`; nil outside.
    func index(of t: Int64) -> Int? {
        guard t >= start else { return nil }
        let (distance, overflow) = t.subtractingReportingOverflow(start)
        guard !overflow else { return nil }
        let index = distance / step
        return index < Int64(count) ? Int(index) : nil
    }

    /// Where that step begins.
    func start(of index: Int) -> Int64 {
        start &+ Int64(index) &* step
    }
}
