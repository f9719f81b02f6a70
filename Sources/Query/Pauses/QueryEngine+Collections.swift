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
        let history = try pauseHistory(of: record, in: range, step: step, shownMax: shownMax)
        return CollectionsAnswer(
            target: record.name,
            summary: history.summary(percentiles),
            points: history.points(percentiles),
            shown: history.shown,
            missed: CollectionThinning.largest(
                history.missed.map { MissedAt(time: Timestamp(milliseconds: $0.time), missed: $0.missed) },
                max: shownMax
            ),
            buckets: PauseBucket.buckets(of: history.pauses)
        )
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
