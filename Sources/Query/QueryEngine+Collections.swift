package import Model
import Storage

/// The collections of one target one by one, beside what `pauses` says of them.
package struct CollectionsAnswer: Hashable, Sendable {
    /// The target's name.
    package var target: String
    /// The collections of the whole range, as `pauses` answers.
    package var summary: PauseSummary
    /// Every step of the range in order; nil where no step was asked for.
    package var points: [PausePoint]?
    /// Single collections, ascending by their ends; the extremes of each stretch of time where there are too many.
    package var shown: [SingleCollection]
    /// What nobody saw, ascending by the time of the scrape that showed it; the largest where there are too many.
    package var missed: [MissedAt]
    /// How many of the pauses lie in each bucket; without empty buckets at either end.
    package var buckets: [PauseBucket]
}

/// One collection, as it is drawn: when it ended and how long it paused.
package struct SingleCollection: Hashable, Sendable {
    /// When it ended, in Unix nanoseconds.
    package var endNanoseconds: UInt64
    /// How long it stopped the world, in nanoseconds.
    package var pauseNanoseconds: UInt64
}

/// Collections that had left the ring, and the scrape that showed it.
package struct MissedAt: Hashable, Sendable {
    /// The time of that scrape.
    package var time: Timestamp
    /// How many, and what they paused.
    package var missed: MissedCollections
}

/// The pauses from `from` up to, not including, `below`.
package struct PauseBucket: Hashable, Sendable {
    /// The least pause that counts, in nanoseconds.
    package var from: UInt64
    /// The least pause that no longer counts, in nanoseconds.
    package var below: UInt64
    /// How many there are.
    package var count: Int
}

extension QueryEngine {
    /// The collections of a target in `range`: summed up, in steps, in buckets, and one by one.
    ///
    /// One reading of the recording for all four, where `pauses` beside a list would be two.
    ///
    /// - Parameters:
    ///   - target: The name of a target.
    ///   - range: Collections count where they end, missed ones where the scrape was that showed it.
    ///   - percentiles: Which pauses to pick by rank, answered in this order.
    ///   - step: The steps to answer for beside the whole; none where nil.
    ///   - shownMax: How many single collections are shown at most, and how many entries of missed ones.
    /// - Returns: The answer, with totals of 0 where there is none in the range.
    /// - Throws: `QueryError.unknownTarget`, `.tooManySteps`.
    package func collections(
        target: String,
        range: TimeRange = .all,
        percentiles: [DecimalPercentile],
        step: StepGrid? = nil,
        shownMax: Int
    ) throws -> CollectionsAnswer {
        guard let record = try records([target]).first else {
            throw QueryError.unknownTarget(target, known: [])
        }
        var history = try pauseHistory(of: record, in: range)
        let steps = try steps(of: history, record, in: range, step: step)
        let shown = CollectionThinning.thinned(history, max: shownMax)
        let sorted = history.takeSorted(in: steps)
        return CollectionsAnswer(
            target: record.name,
            summary: history.summary(sorted, percentiles),
            points: steps.map { history.points(sorted, percentiles, in: $0) },
            shown: shown,
            missed: CollectionThinning.largest(
                history.missed.map { MissedAt(time: Timestamp(milliseconds: $0.time), missed: $0.missed) },
                max: shownMax
            ),
            buckets: PauseBucket.buckets(of: sorted)
        )
    }
}

/// Which of many collections are shown.
enum CollectionThinning {
    /// Of each stretch of time the shortest and the longest pause, and two more that stand for the rest.
    private static let perStretch = 4

    /// All collections by time where they are few enough, else the extremes of equal stretches of time.
    static func thinned(_ history: PauseHistory, max limit: Int) -> [SingleCollection] {
        var (ends, pauses) = (history.ends, history.pauses)
        // Mostly they come in order: one process at a time.
        if zip(ends, ends.dropFirst()).contains(where: { $0 >= $1 }) {
            let order = ends.indices.sorted { (ends[$0], pauses[$0]) < (ends[$1], pauses[$1]) }
            (ends, pauses) = (order.map { ends[$0] }, order.map { pauses[$0] })
        }
        func single(_ index: Int) -> SingleCollection {
            SingleCollection(endNanoseconds: ends[index], pauseNanoseconds: pauses[index])
        }
        guard ends.count > limit, let first = ends.first, let last = ends.last else {
            return ends.indices.map(single)
        }
        let stretches = UInt64(max(1, limit / perStretch))
        let length = (last - first) / stretches + 1
        var shown: [SingleCollection] = []
        var start = 0
        while start < ends.count {
            // Where the stretch ends, as a distance: its end may lie beyond the last time there is.
            let (next, overflow) = ((ends[start] - first) / length + 1).multipliedReportingOverflow(
                by: length
            )
            var end = start + 1
            while end < ends.count, overflow || ends[end] - first < next { end += 1 }
            shown += kept(pauses[start..<end]).map(single)
            start = end
        }
        return shown
    }

    /// The indices of those that are shown of a stretch.
    private static func kept(_ stretch: ArraySlice<UInt64>) -> [Int] {
        guard stretch.count > perStretch else { return Array(stretch.indices) }
        var low = stretch.startIndex
        var high = stretch.startIndex
        for index in stretch.indices {
            if stretch[index] < stretch[low] { low = index }
            if stretch[index] > stretch[high] { high = index }
        }
        let third = stretch.count / 3
        let indices: Set<Int> = [low, high, stretch.startIndex + third, stretch.startIndex + 2 * third]
        return indices.sorted()
    }

    /// The entries with the most missed collections, by time.
    static func largest(_ all: [MissedAt], max limit: Int) -> [MissedAt] {
        let kept =
            all.count <= limit
            ? all : Array(all.sorted { $0.missed.count > $1.missed.count }.prefix(limit))
        return kept.sorted { $0.time < $1.time }
    }
}

extension PauseBucket {
    /// The pauses in buckets whose bounds are 1, 2 and 5 times powers of ten.
    static func buckets(of pauses: SortedPauses) -> [PauseBucket] {
        var bounds: [UInt64] = [0, 1]
        var power: UInt64 = 1
        while power <= .max / 10 {
            bounds += [power * 2, power * 5, power * 10]
            power *= 10
        }
        bounds.append(.max)
        var counts = [Int](repeating: 0, count: bounds.count - 1)
        var start = 0
        for index in counts.indices {
            // The last bound is the highest pause there could be, and counts with the bucket below it.
            let end = index == counts.count - 1 ? pauses.count : pauses.count(below: bounds[index + 1])
            counts[index] = end - start
            start = end
        }
        guard let first = counts.firstIndex(where: { $0 > 0 }),
            let last = counts.lastIndex(where: { $0 > 0 })
        else { return [] }
        return (first...last).map {
            PauseBucket(from: bounds[$0], below: bounds[$0 + 1], count: counts[$0])
        }
    }
}
