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
            var history = PauseHistory()
            try snapshot.forEachCollection(of: target.id, endingIn: range) { record in
                guard range.contains(nanoseconds: record.collection.endNanoseconds) else { return }
                // Whole milliseconds suffice: ranges and steps begin with one.
                history.ends.append(Int64(record.collection.endNanoseconds / 1_000_000))
                history.pauses.append(record.collection.pauseNanoseconds)
            }
            history.missed = try snapshot.missed(of: target.id, in: range).compactMap { record in
                range.contains(record.position.time)
                    ? (record.position.time.milliseconds, record.missed) : nil
            }
            guard step != nil else {
                return PausesAnswer(target: target.name, summary: history.summary(percentiles), points: nil)
            }
            let scrapes = try extent(of: target)
            // Imported recordings may have ends outside the time of their scrapes.
            let times = [scrapes?.first, scrapes?.last, history.ends.min(), history.ends.max()].compactMap {
                $0
            }
            let extent = (first: times.min() ?? 0, last: times.max() ?? -1)
            let ends = (
                first: Timestamp(milliseconds: extent.first), last: Timestamp(milliseconds: extent.last)
            )
            let window = try QueryWindow(range, ends: ends, extent: extent, grid: step)
            let points = window.steps.map { history.points(percentiles, in: $0) }
            return PausesAnswer(target: target.name, summary: history.summary(percentiles), points: points)
        }
    }
}

/// The collections of a range, as they are read: in no order.
struct PauseHistory {
    /// When each ended, in whole milliseconds.
    var ends: [Int64] = []
    /// How long each paused, in nanoseconds.
    var pauses: [UInt64] = []
    /// What nobody saw, at the time of the scrape that showed it.
    var missed: [(time: Int64, missed: MissedCollections)] = []

    /// The summary of all.
    func summary(_ percentiles: [DecimalPercentile]) -> PauseSummary {
        let (count, nanoseconds) = Self.sum(missed[...])
        return PauseSummary(
            sorted: pauses.sorted()[...],
            missed: count,
            missedNanoseconds: nanoseconds,
            percentiles: percentiles
        )
    }

    /// The summary of each step of `span`.
    func points(_ percentiles: [DecimalPercentile], in span: StepSpan) -> [PausePoint] {
        // Counted, then dealt out: the pauses of step i stand in starts[i]..<starts[i + 1].
        let steps = ends.map { span.index(of: $0) }
        var starts = [Int](repeating: 0, count: span.count + 1)
        for case let step? in steps { starts[step + 1] += 1 }
        for step in 0..<span.count { starts[step + 1] += starts[step] }
        var dealt = [UInt64](repeating: 0, count: starts[span.count])
        var next = starts
        for (index, step) in steps.enumerated() {
            guard let step else { continue }
            dealt[next[step]] = pauses[index]
            next[step] += 1
        }
        let late = missed.sorted { $0.time < $1.time }
        var lateIndex = 0
        return (0..<span.count).map { step in
            let start = span.start(of: step)
            while lateIndex < late.count, late[lateIndex].time < start { lateIndex += 1 }
            let first = lateIndex
            while lateIndex < late.count, span.index(of: late[lateIndex].time) == step { lateIndex += 1 }
            let (count, nanoseconds) = Self.sum(late[first..<lateIndex])
            dealt[starts[step]..<starts[step + 1]].sort()
            let summary = PauseSummary(
                sorted: dealt[starts[step]..<starts[step + 1]],
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
