import Model

/// Chooses which of many collections are shown: all where they are few enough, else of each of equal stretches of time
/// the first, the last, the shortest and the longest.
///
/// Whatever order they come in, the choice is the same.
struct CollectionThinning {
    private static let perStretch = 4

    /// What is kept of a stretch.
    private struct Stretch {
        var first: SingleCollection
        var last: SingleCollection
        var shortest: SingleCollection
        var longest: SingleCollection
    }

    private let limit: Int
    /// All of them, as long as they are few enough.
    private var all: [SingleCollection]? = []
    private let start: UInt64
    private let length: UInt64
    private var stretches: [Stretch?]

    /// A choice of at most `limit`, of collections that end in `extent`.
    init(of extent: ClosedRange<UInt64>, max limit: Int) {
        self.limit = limit
        let count = Swift.max(1, limit / Self.perStretch)
        start = extent.lowerBound
        length = (extent.upperBound - extent.lowerBound) / UInt64(count) + 1
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
        guard !ends.isEmpty else { return }
        func single(_ place: Int) -> SingleCollection {
            SingleCollection(
                endNanoseconds: UInt64(bitPattern: ends[place]),
                pauseNanoseconds: UInt64(bitPattern: pauses[place])
            )
        }
        if let known = all {
            all = known.count + ends.count <= limit ? known + ends.indices.map(single) : nil
        }
        var (first, last) = (single(0), single(0))
        var (shortest, longest) = (first, first)
        for place in 1..<Swift.max(1, ends.count) {
            let next = single(place)
            if next.endNanoseconds >= last.endNanoseconds, next.isLater(than: last) { last = next }
            if next.endNanoseconds <= first.endNanoseconds, first.isLater(than: next) { first = next }
            if next.pauseNanoseconds <= shortest.pauseNanoseconds, next.isShorter(than: shortest) {
                shortest = next
            }
            if next.pauseNanoseconds >= longest.pauseNanoseconds, next.isLonger(than: longest) {
                longest = next
            }
        }
        guard var known = stretches[index] else {
            stretches[index] = Stretch(first: first, last: last, shortest: shortest, longest: longest)
            return
        }
        if known.first.isLater(than: first) { known.first = first }
        if last.isLater(than: known.last) { known.last = last }
        if shortest.isShorter(than: known.shortest) { known.shortest = shortest }
        if longest.isLonger(than: known.longest) { known.longest = longest }
        stretches[index] = known
    }

    /// Those that are shown, ascending by their ends.
    var shown: [SingleCollection] {
        if let all { return all.sorted { $1.isLater(than: $0) } }
        return stretches.flatMap { stretch -> [SingleCollection] in
            guard let stretch else { return [] }
            return Set([stretch.first, stretch.shortest, stretch.longest, stretch.last]).sorted {
                $1.isLater(than: $0)
            }
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

extension SingleCollection {
    fileprivate func isLater(than other: SingleCollection) -> Bool {
        (endNanoseconds, pauseNanoseconds) > (other.endNanoseconds, other.pauseNanoseconds)
    }

    /// Of equal ones the earlier counts.
    fileprivate func isShorter(than other: SingleCollection) -> Bool {
        (pauseNanoseconds, endNanoseconds) < (other.pauseNanoseconds, other.endNanoseconds)
    }

    /// Of equal ones the earlier counts.
    fileprivate func isLonger(than other: SingleCollection) -> Bool {
        (pauseNanoseconds, other.endNanoseconds) > (other.pauseNanoseconds, endNanoseconds)
    }
}
