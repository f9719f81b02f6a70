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
            let history = try pauseHistory(of: target, in: range, step: step)
            return PausesAnswer(
                target: target.name,
                summary: history.summary(percentiles),
                unknownEnds: history.unknownEnds,
                points: history.points(percentiles)
            )
        }
    }

    /// Below so many collections of a chunk a digest is no gain.
    private static let digestsAbove = 1000

    /// The collections of a target in `range`, and what was missed; with at most `shownMax` of them one by one.
    func pauseHistory(
        of target: TargetRecord,
        in range: TimeRange,
        step: StepGrid?,
        shownMax: Int? = nil
    ) throws -> PauseHistory {
        let cursor = try snapshot.pauses(of: target.id, endingIn: range, renewal: VaultSnapshot.ageMax)
        let steps = try steps(of: target, ends: cursor.extent, in: range, step: step)
        let extent = cursor.extent ?? 0...0
        var fold = PauseFold(steps, shownMax.map { CollectionThinning(of: extent, max: $0) })
        if sumsUp, fold.takesDigests { cursor.digestsAbove = shownMax ?? QueryEngine.digestsAbove }
        while let found = try cursor.next() { fold.add(found) }
        let missed = try snapshot.missed(of: target.id, in: range, renewal: VaultSnapshot.ageMax)
        return PauseHistory(
            steps: steps,
            shown: fold.thinning?.shown ?? [],
            pauses: fold.sorted(),
            missed: missed.map { ($0.position.time.milliseconds, $0.missed) },
            unknownEnds: cursor.unknownEndCount
        )
    }

    /// The steps of a question, which hold all collections; nil where there is no step.
    private func steps(
        of target: TargetRecord,
        ends: ClosedRange<UInt64>?,
        in range: TimeRange,
        step: StepGrid?
    ) throws -> StepSpan? {
        guard step != nil else { return nil }
        let scrapes = try extent(of: target)
        // Imported recordings may have ends outside the time of their scrapes.
        let ends = [ends?.lowerBound, ends?.upperBound].map { $0.map { Int64($0 / 1_000_000) } }
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

/// The collections of a range.
struct PauseHistory {
    /// The steps of the question; nil where there are none.
    let steps: StepSpan?
    /// Some of them one by one, where that was asked for.
    let shown: [SingleCollection]
    /// All pauses, by step.
    let pauses: SortedPauses
    /// What nobody saw, at the time of the scrape that showed it.
    let missed: [(time: Int64, missed: MissedCollections)]
    /// How many ended nobody knows when.
    let unknownEnds: Int

    /// The summary of all.
    func summary(_ percentiles: [DecimalPercentile]) -> PauseSummary {
        let (count, nanoseconds) = Self.sum(missed[...])
        return PauseSummary(pauses, missed: count, missedNanoseconds: nanoseconds, percentiles: percentiles)
    }

    /// The summary of each step; nil where there are none.
    func points(_ percentiles: [DecimalPercentile]) -> [PausePoint]? {
        guard let span = steps else { return nil }
        let late = missed.sorted { $0.time < $1.time }
        var lateIndex = 0
        return (0..<span.count).map { step in
            let start = span.start(of: step)
            while lateIndex < late.count, late[lateIndex].time < start { lateIndex += 1 }
            let first = lateIndex
            while lateIndex < late.count, span.index(of: late[lateIndex].time) == step { lateIndex += 1 }
            let (count, nanoseconds) = Self.sum(late[first..<lateIndex])
            let summary = PauseSummary(
                pauses.slice(step),
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
