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
        var history = PauseHistory()
        var singles: [SingleCollection] = []
        try snapshot.forEachCollection(of: record.id, endingIn: range) { found in
            let collection = found.collection
            guard range.contains(nanoseconds: collection.endNanoseconds) else { return }
            // Whole milliseconds suffice: ranges and steps begin with one.
            history.ends.append(Int64(collection.endNanoseconds / 1_000_000))
            history.pauses.append(collection.pauseNanoseconds)
            singles.append(
                SingleCollection(
                    endNanoseconds: collection.endNanoseconds,
                    pauseNanoseconds: collection.pauseNanoseconds
                )
            )
        }
        let missed = try snapshot.missed(of: record.id, in: range).filter {
            range.contains($0.position.time)
        }
        history.missed = missed.map { ($0.position.time.milliseconds, $0.missed) }
        var points: [PausePoint]?
        if step != nil {
            let scrapes = try extent(of: record)
            let times = [scrapes?.first, scrapes?.last, history.ends.min(), history.ends.max()].compactMap {
                $0
            }
            let extent = (first: times.min() ?? 0, last: times.max() ?? -1)
            let ends = (
                first: Timestamp(milliseconds: extent.first), last: Timestamp(milliseconds: extent.last)
            )
            points = try QueryWindow(range, ends: ends, extent: extent, grid: step).steps.map {
                history.points(percentiles, in: $0)
            }
        }
        return CollectionsAnswer(
            target: record.name,
            summary: history.summary(percentiles),
            points: points,
            shown: CollectionThinning.thinned(singles, max: shownMax),
            missed: CollectionThinning.largest(
                missed.map { MissedAt(time: $0.position.time, missed: $0.missed) },
                max: shownMax
            ),
            buckets: PauseBucket.buckets(of: history.pauses)
        )
    }
}

/// Which of many collections are shown.
enum CollectionThinning {
    /// Of each stretch of time the shortest and the longest pause, and two more that stand for the rest.
    private static let perStretch = 4

    /// All collections by time where they are few enough, else the extremes of equal stretches of time.
    static func thinned(_ all: [SingleCollection], max limit: Int) -> [SingleCollection] {
        let sorted = all.sorted {
            ($0.endNanoseconds, $0.pauseNanoseconds) < ($1.endNanoseconds, $1.pauseNanoseconds)
        }
        guard sorted.count > limit, let first = sorted.first, let last = sorted.last else { return sorted }
        let stretches = UInt64(max(1, limit / perStretch))
        let length = (last.endNanoseconds - first.endNanoseconds) / stretches + 1
        var shown: [SingleCollection] = []
        var start = 0
        while start < sorted.count {
            let stretch = (sorted[start].endNanoseconds - first.endNanoseconds) / length
            var end = start
            while end < sorted.count, (sorted[end].endNanoseconds - first.endNanoseconds) / length == stretch
            {
                end += 1
            }
            shown += kept(sorted[start..<end])
            start = end
        }
        return shown
    }

    private static func kept(_ stretch: ArraySlice<SingleCollection>) -> [SingleCollection] {
        guard stretch.count > perStretch else { return Array(stretch) }
        var low = stretch.startIndex
        var high = stretch.startIndex
        for index in stretch.indices {
            if stretch[index].pauseNanoseconds < stretch[low].pauseNanoseconds { low = index }
            if stretch[index].pauseNanoseconds > stretch[high].pauseNanoseconds { high = index }
        }
        let third = stretch.count / 3
        let indices: Set<Int> = [low, high, stretch.startIndex + third, stretch.startIndex + 2 * third]
        return indices.sorted().map { stretch[$0] }
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
    static func buckets(of pauses: [UInt64]) -> [PauseBucket] {
        var bounds: [UInt64] = [0, 1]
        var power: UInt64 = 1
        while power <= .max / 10 {
            bounds += [power * 2, power * 5, power * 10]
            power *= 10
        }
        bounds.append(.max)
        var counts = [Int](repeating: 0, count: bounds.count - 1)
        for pause in pauses.sorted() {
            // The last bound is the highest pause there could be, and counts with the bucket below it.
            let index = bounds.partition(above: pause) - 1
            counts[min(index, counts.count - 1)] += 1
        }
        guard let first = counts.firstIndex(where: { $0 > 0 }),
            let last = counts.lastIndex(where: { $0 > 0 })
        else { return [] }
        return (first...last).map {
            PauseBucket(from: bounds[$0], below: bounds[$0 + 1], count: counts[$0])
        }
    }
}

extension [UInt64] {
    /// The index of the first element above `value`, of ascending elements.
    fileprivate func partition(above value: UInt64) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle] <= value { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
