import Model
import Storage

/// Chooses which of many collections are shown: all where they are few enough, else of each of equal stretches of time
/// the first, the last, the shortest and the longest.
///
/// Whatever order they come in, the choice is the same.
struct CollectionThinning {
    private static let perStretch = 4

    private let limit: Int
    /// All of them, as long as they are few enough.
    private var all: [SingleCollection]? = []
    private let start: UInt64
    private let length: UInt64
    /// Whether each stretch is of whole hours since 1970.
    let isHourly: Bool
    private var stretches: [PauseExtremes?]

    /// A choice of at most `limit`, of collections that end in `extent`.
    init(of extent: ClosedRange<UInt64>, max limit: Int) {
        self.limit = limit
        let count = Swift.max(1, limit / Self.perStretch)
        let hour = PauseDigest.hourNanoseconds
        let length = (extent.upperBound - extent.lowerBound) / UInt64(count) + 1
        isHourly = length >= hour
        if isHourly {
            // Whole hours, from a whole one on: those can be told from digests.
            start = extent.lowerBound / hour * hour
            self.length = ((extent.upperBound - start) / UInt64(count) / hour + 1) * hour
        } else {
            start = extent.lowerBound
            self.length = length
        }
        stretches = Array(repeating: nil, count: count)
    }

    /// The number of the stretch that holds `end`, and its first and last nanosecond; those outside count with the
    /// outermost.
    func stretch(of end: UInt64) -> (index: Int, bounds: ClosedRange<UInt64>) {
        let last = UInt64(stretches.count - 1)
        let index = end < start ? 0 : min((end - start) / length, last)
        let (offset, overflow) = index.multipliedReportingOverflow(by: length)
        let (low, isBeyond) = start.addingReportingOverflow(offset)
        let lower = index == 0 || overflow || isBeyond ? 0 : low
        let (high, isOver) = low.addingReportingOverflow(length - 1)
        return (Int(index), lower...(index == last || isOver ? .max : Swift.max(high, lower)))
    }

    /// Adds collections that end in that stretch; ends and pauses are bit patterns.
    mutating func add(_ ends: UnsafeBufferPointer<Int64>, _ pauses: UnsafeBufferPointer<Int64>, to index: Int)
    {
        if let known = all {
            let found = zip(ends, pauses).map { end, pause in
                SingleCollection(
                    endNanoseconds: UInt64(bitPattern: end),
                    pauseNanoseconds: UInt64(bitPattern: pause)
                )
            }
            all = known.count + found.count <= limit ? known + found : nil
        }
        if let found = PauseExtremes(ends, pauses) { add(found, to: index) }
    }

    /// Adds collections of a chunk that has more than may be shown, by hours.
    mutating func add(_ digest: PauseDigest) {
        all = nil
        for (hour, extremes) in digest.hours {
            add(extremes, to: stretch(of: hour * PauseDigest.hourNanoseconds).index)
        }
    }

    private mutating func add(_ found: PauseExtremes, to index: Int) {
        if stretches[index] == nil { stretches[index] = found } else { stretches[index]?.add(found) }
    }

    /// Those that are shown, ascending by their ends.
    var shown: [SingleCollection] {
        func isBefore(_ a: SingleCollection, _ b: SingleCollection) -> Bool {
            (a.endNanoseconds, a.pauseNanoseconds) < (b.endNanoseconds, b.pauseNanoseconds)
        }
        if let all { return all.sorted(by: isBefore) }
        return stretches.flatMap { found -> [SingleCollection] in
            guard let found else { return [] }
            return Set([found.first, found.shortest, found.longest, found.last])
                .map { SingleCollection(endNanoseconds: $0.end, pauseNanoseconds: $0.pause) }
                .sorted(by: isBefore)
        }
    }

    /// The entries with the most missed collections, by time.
    static func largest(_ all: [MissedAt], max limit: Int) -> [MissedAt] {
        let kept =
            all.count <= limit
            ? all : Array(all.sorted { $0.missed.count > $1.missed.count }.prefix(limit))
        return kept.sorted { $0.time < $1.time }
    }
}
