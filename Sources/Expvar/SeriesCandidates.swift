/// The leaves of a document that may be series, where there may be more than are kept.
///
/// Which are kept must not depend on the order in which they come: those of memstats first, then by the bytes of their
/// paths. What is held meanwhile is no more than twice what is kept.
struct SeriesCandidates {
    /// So many bytes of paths are compared at most; what comes after them is no series, whatever its path.
    ///
    /// Two million numbers of an ordinary document; a hostile one has millions of paths that differ at their ends only.
    private static let comparedBytesMax = 64 * 1024 * 1024

    private struct Candidate {
        var isMemStats: Bool
        var path: [UInt8]
        var leaf: Int
        var map: Int?

        static func < (a: Candidate, b: Candidate) -> Bool {
            a.isMemStats == b.isMemStats ? a.path.lexicographicallyPrecedes(b.path) : a.isMemStats
        }
    }

    private var candidates: [Candidate] = []
    private var bytes = 0
    /// The first that is not kept, once there is one: what does not come before it is not kept either.
    private var bound: Candidate?
    private var comparedBytes = 0
    private var isExhausted = false

    /// Adds a leaf with the path of its keys.
    mutating func add(_ path: [UInt8], isMemStats: Bool, leaf: Int, map: Int?) {
        guard comparedBytes <= Self.comparedBytesMax else {
            isExhausted = true
            return
        }
        let candidate = Candidate(isMemStats: isMemStats, path: path, leaf: leaf, map: map)
        if let bound {
            comparedBytes += min(path.count, bound.path.count)
            guard candidate < bound else { return }
        }
        candidates.append(candidate)
        bytes += path.count
        if candidates.count > 2 * Shape.seriesMax || bytes > 2 * Shape.nameBytesMax { keepFirst() }
    }

    /// Keeps as many as may be.
    private mutating func keepFirst() {
        candidates.sort(by: <)
        // Some log2(n) comparisons for each.
        comparedBytes += bytes * (Int.bitWidth - candidates.count.leadingZeroBitCount)
        bytes = 0
        var count = 0
        while count < min(candidates.count, Shape.seriesMax),
            bytes + candidates[count].path.count <= Shape.nameBytesMax
        {
            bytes += candidates[count].path.count
            count += 1
        }
        guard count < candidates.count else { return }
        bound = candidates[count]
        candidates.removeLast(candidates.count - count)
    }

    /// The series in the order of their leaves, and whether there were more.
    consuming func finish() -> (all: [ShapeSeries], isLimited: Bool) {
        if candidates.count > Shape.seriesMax || bytes > Shape.nameBytesMax { keepFirst() }
        // Nothing was sorted where all are kept.
        if bound != nil { candidates.sort { $0.leaf < $1.leaf } }
        let all = candidates.map {
            ShapeSeries(
                name: SeriesNaming.name(ofPath: String(decoding: $0.path, as: UTF8.self)),
                leaf: $0.leaf,
                map: $0.map
            )
        }
        return (all, bound != nil || isExhausted)
    }
}
