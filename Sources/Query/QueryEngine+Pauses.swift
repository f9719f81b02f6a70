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
            let history = try pauseHistory(of: target, in: range)
            let sorted = PauseSort.sorted(history.pauses)
            return PausesAnswer(
                target: target.name,
                summary: history.summary(sorted: sorted, percentiles),
                points: try points(of: history, target, in: range, step: step, percentiles)
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

    /// The summaries of the steps; nil where there is no step.
    func points(
        of history: PauseHistory,
        _ target: TargetRecord,
        in range: TimeRange,
        step: StepGrid?,
        _ percentiles: [DecimalPercentile]
    ) throws -> [PausePoint]? {
        guard step != nil else { return nil }
        let scrapes = try extent(of: target)
        // Imported recordings may have ends outside the time of their scrapes.
        let ends = [history.ends.min(), history.ends.max()].map { $0.map { Int64($0 / 1_000_000) } }
        let times = ([scrapes?.first, scrapes?.last] + ends).compactMap { $0 }
        let extent = (first: times.min() ?? 0, last: times.max() ?? -1)
        let window = try QueryWindow(
            range,
            ends: (Timestamp(milliseconds: extent.first), Timestamp(milliseconds: extent.last)),
            extent: extent,
            grid: step
        )
        return window.steps.map { history.points(percentiles, in: $0) }
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

    /// The summary of all, of which `sorted` are the pauses.
    func summary(sorted: [UInt64], _ percentiles: [DecimalPercentile]) -> PauseSummary {
        let (count, nanoseconds) = Self.sum(missed[...])
        return PauseSummary(
            sorted: sorted[...],
            missed: count,
            missedNanoseconds: nanoseconds,
            percentiles: percentiles
        )
    }

    /// The summary of each step of `span`.
    func points(_ percentiles: [DecimalPercentile], in span: StepSpan) -> [PausePoint] {
        // Counted, then dealt out: the pauses of step i stand in starts[i]..<starts[i + 1].
        let steps = steps(of: span)
        var starts = [Int](repeating: 0, count: span.count + 1)
        for step in steps where step >= 0 { starts[Int(step) + 1] += 1 }
        for step in 0..<span.count { starts[step + 1] += starts[step] }
        var dealt = [UInt64](repeating: 0, count: starts[span.count])
        var scratch = dealt
        var next = starts
        for (index, step) in steps.enumerated() where step >= 0 {
            dealt[next[Int(step)]] = pauses[index]
            next[Int(step)] += 1
        }
        let late = missed.sorted { $0.time < $1.time }
        var lateIndex = 0
        return (0..<span.count).map { step in
            let start = span.start(of: step)
            while lateIndex < late.count, late[lateIndex].time < start { lateIndex += 1 }
            let first = lateIndex
            while lateIndex < late.count, span.index(of: late[lateIndex].time) == step { lateIndex += 1 }
            let (count, nanoseconds) = Self.sum(late[first..<lateIndex])
            PauseSort.sort(&dealt, in: starts[step]..<starts[step + 1], scratch: &scratch)
            let summary = PauseSummary(
                sorted: dealt[starts[step]..<starts[step + 1]],
                missed: count,
                missedNanoseconds: nanoseconds,
                percentiles: percentiles
            )
            return PausePoint(start: Timestamp(milliseconds: start), summary: summary.asStep)
        }
    }

    /// For each collection the index of its step, -1 outside.
    private func steps(of span: StepSpan) -> [Int32] {
        // Neighbours mostly lie in one step: a division each would be most of the work.
        var known: (first: UInt64, last: UInt64, step: Int32) = (1, 0, -1)
        return ends.map { end in
            if known.first <= end, end <= known.last { return known.step }
            // Whole milliseconds suffice: steps begin with one.
            guard let step = span.index(of: Int64(end / 1_000_000)) else { return -1 }
            let start = Int128(span.start(of: step)) * 1_000_000
            known.first = UInt64(clamping: start)
            known.last = UInt64(clamping: start + Int128(span.step) * 1_000_000 - 1)
            // At most `StepGrid.countMax` of them.
            known.step = Int32(step)
            return known.step
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
