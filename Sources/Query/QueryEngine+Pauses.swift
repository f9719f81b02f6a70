package import Model
import Storage

extension QueryEngine {
    /// The collections of each target in `range`, and in each step of it.
    ///
    /// - Parameters:
    ///   - targets: Names of targets; all where empty.
    ///   - range: Collections count where they end, missed ones where the scrape was that showed it.
    ///   - percentiles: Which pauses to pick by rank, answered in this order.
    ///   - step: The steps to answer for beside the whole; none where nil.
    /// - Returns: An answer for each target, by name.
    /// - Throws: `QueryError.unknownTarget`, `.tooManySteps`.
    package func pauses(
        targets: [String] = [],
        range: TimeRange = .all,
        percentiles: [DecimalPercentile],
        step: StepGrid? = nil
    ) throws -> [PausesAnswer] {
        try records(targets).map { target in
            var history = try pauseHistory(of: target, in: range)
            let steps = try steps(of: history, target, in: range, step: step)
            let sorted = history.takeSorted(in: steps)
            return PausesAnswer(
                target: target.name,
                summary: history.summary(sorted, percentiles),
                points: steps.map { history.points(sorted, percentiles, in: $0) }
            )
        }
    }

    /// The collections of a target in `range`, and what was missed.
    func pauseHistory(of target: TargetRecord, in range: TimeRange) throws -> PauseHistory {
        let found = try snapshot.pauses(of: target.id, endingIn: range)
        var history = PauseHistory(ends: found.ends, pauses: found.pauses)
        history.missed = try snapshot.missed(of: target.id, in: range).compactMap { record in
            range.contains(record.position.time)
                ? (record.position.time.milliseconds, record.missed) : nil
        }
        return history
    }

    /// The steps of a question, which hold all of `history`; nil where there is no step.
    func steps(
        of history: PauseHistory,
        _ target: TargetRecord,
        in range: TimeRange,
        step: StepGrid?
    ) throws -> StepSpan? {
        guard step != nil else { return nil }
        let scrapes = try extent(of: target)
        // Imported recordings may have ends outside the time of their scrapes.
        let ends = [history.ends.min(), history.ends.max()].map { $0.map { Int64($0 / 1_000_000) } }
        let times = ([scrapes?.first, scrapes?.last] + ends).compactMap { $0 }
        let extent = (first: times.min() ?? 0, last: times.max() ?? -1)
        return try QueryWindow(
            range,
            ends: (Timestamp(milliseconds: extent.first), Timestamp(milliseconds: extent.last)),
            extent: extent,
            grid: step
        ).steps
    }
}

/// The collections of a range, as they are read: in no order.
struct PauseHistory {
    /// When each ended, in Unix nanoseconds.
    var ends: [UInt64] = []
    /// How long each paused, in nanoseconds.
    var pauses: [UInt64] = []
    /// What nobody saw, at the time of the scrape that showed it.
    var missed: [(time: Int64, missed: MissedCollections)] = []

    /// Takes the pauses out, each step's ascending; all as one where there are no steps.
    ///
    /// Steps hold all of them: they are those of a range in which all ended.
    mutating func takeSorted(in span: StepSpan?) -> SortedPauses {
        // A year may have ten million of them: they are sorted where they are, without a copy.
        var pauses: [UInt64] = []
        swap(&pauses, &self.pauses)
        guard let span else {
            let starts = [0, pauses.count]
            return SortedPauses(pauses, starts: starts)
        }
        // Counted, then dealt out: the pauses of step i stand in starts[i]..<starts[i + 1], those of no step at last.
        var starts = [Int](repeating: 0, count: span.count + 2)
        var finder = StepFinder(span)
        var isInOrder = true
        var last = 0
        for end in ends {
            let step = finder.step(of: end)
            starts[step + 1] += 1
            if step < last { isInOrder = false }
            last = step
        }
        for step in 0...span.count { starts[step + 1] += starts[step] }
        // Mostly they come in order, and then they stand where they belong.
        if isInOrder { return SortedPauses(pauses, starts: starts) }
        var dealt = [UInt64](repeating: 0, count: pauses.count)
        var next = starts
        for (index, end) in ends.enumerated() {
            let step = finder.step(of: end)
            dealt[next[step]] = pauses[index]
            next[step] += 1
        }
        return SortedPauses(dealt, starts: starts)
    }

    /// The summary of all.
    func summary(_ sorted: SortedPauses, _ percentiles: [DecimalPercentile]) -> PauseSummary {
        let (count, nanoseconds) = Self.sum(missed[...])
        return PauseSummary(sorted, missed: count, missedNanoseconds: nanoseconds, percentiles: percentiles)
    }

    /// The summary of each step of `span`, of which `sorted` are the pauses.
    func points(
        _ sorted: SortedPauses,
        _ percentiles: [DecimalPercentile],
        in span: StepSpan
    ) -> [PausePoint] {
        let late = missed.sorted { $0.time < $1.time }
        var lateIndex = 0
        return (0..<span.count).map { step in
            let start = span.start(of: step)
            while lateIndex < late.count, late[lateIndex].time < start { lateIndex += 1 }
            let first = lateIndex
            while lateIndex < late.count, span.index(of: late[lateIndex].time) == step { lateIndex += 1 }
            let (count, nanoseconds) = Self.sum(late[first..<lateIndex])
            let summary = PauseSummary(
                sorted.slice(step),
                missed: count,
                missedNanoseconds: nanoseconds,
                percentiles: percentiles
            )
            return PausePoint(start: Timestamp(milliseconds: start), summary: summary.asStep)
        }
    }

    private static func sum(
        _ missed: ArraySlice<(time: Int64, missed: MissedCollections)>
    ) -> (count: UInt128, nanoseconds: UInt128) {
        missed.reduce((count: 0, nanoseconds: 0)) { sum, next in
            (
                sum.count &+ UInt128(next.missed.count),
                sum.nanoseconds &+ UInt128(next.missed.pauseNanoseconds)
            )
        }
    }
}

/// Finds the steps of moments, most of which lie in the step of the one before: a division each would be most of the work.
private struct StepFinder {
    private let span: StepSpan
    private var first: UInt64 = 1
    private var last: UInt64 = 0
    private var found = 0

    init(_ span: StepSpan) { self.span = span }

    /// The index of the step that holds a moment in Unix nanoseconds; the number of steps where none does.
    mutating func step(of end: UInt64) -> Int {
        if first <= end, end <= last { return found }
        // Whole milliseconds suffice: steps begin with one.
        guard let step = span.index(of: Int64(end / 1_000_000)) else { return span.count }
        let start = Int128(span.start(of: step)) * 1_000_000
        first = UInt64(clamping: start)
        last = UInt64(clamping: start + Int128(span.step) * 1_000_000 - 1)
        found = step
        return step
    }
}
