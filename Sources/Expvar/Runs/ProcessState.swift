import Model

/// What one scrape says of the life of the process: enough to see restarts and collections.
///
/// A field that the document lacks is nil, and takes no part in comparisons.
package struct ProcessState: Hashable, Sendable {
    /// memstats.NumGC.
    package var collectionCount: UInt64?
    /// memstats.TotalAlloc, bytes.
    package var totalAllocatedBytes: UInt64?
    /// memstats.Mallocs.
    package var mallocs: UInt64?
    /// memstats.Frees.
    package var frees: UInt64?
    /// memstats.PauseTotalNs.
    package var pauseTotalNanoseconds: UInt64?
    /// memstats.PauseNs, all slots of the ring (256 of them), else nil.
    package var pauseRing: [UInt64]?
    /// memstats.PauseEnd, likewise.
    package var endRing: [UInt64]?
    /// cmdline: the arguments, decoded; nil where absent or no array of strings.
    package var commandLine: [String]?
    /// Whether the document has a memstats that is an object.
    package var hasMemStats: Bool
    /// Where it was asked for (`Origin.endpoint`); nil where nobody knows.
    package var endpoint: String?

    /// The state that `document`, scanned from `body` and of that shape, shows.
    ///
    /// `previous` is that of the scan before the document's last one, where it is known: what did not change is taken
    /// from there, which spares reading 512 slots of rings.
    package init(shape: Shape, document: ScannedDocument, body: [UInt8], previous: ProcessState? = nil) {
        let leaves = document.leaves
        func value(_ index: Int?) -> UInt64? {
            guard let index, index < leaves.count else { return nil }
            return Self.unsigned(leaves[index], body)
        }
        let memStats = shape.memStats
        let changed = previous == nil ? nil : document.changedLeaves
        hasMemStats = memStats != nil
        collectionCount = value(memStats?.collectionCount)
        totalAllocatedBytes = value(memStats?.totalAllocatedBytes)
        mallocs = value(memStats?.mallocs)
        frees = value(memStats?.frees)
        pauseTotalNanoseconds = value(memStats?.pauseTotalNanoseconds)
        pauseRing = Self.ring(memStats?.pauseRing, leaves, body, previous?.pauseRing, changed)
        endRing = Self.ring(memStats?.endRing, leaves, body, previous?.endRing, changed)
        if let previous, let changed, Self.members(of: shape.commandLine, changed).isEmpty {
            commandLine = previous.commandLine
        } else {
            commandLine = Self.arguments(shape.commandLine, leaves, body)
        }
    }

    /// A state with those fields; without any of memstats, it counts as one that lacks memstats.
    package init(
        collectionCount: UInt64? = nil,
        totalAllocatedBytes: UInt64? = nil,
        mallocs: UInt64? = nil,
        frees: UInt64? = nil,
        pauseTotalNanoseconds: UInt64? = nil,
        pauseRing: [UInt64]? = nil,
        endRing: [UInt64]? = nil,
        commandLine: [String]? = nil,
    ) {
        self.collectionCount = collectionCount
        self.totalAllocatedBytes = totalAllocatedBytes
        self.mallocs = mallocs
        self.frees = frees
        self.pauseTotalNanoseconds = pauseTotalNanoseconds
        self.pauseRing = pauseRing
        self.endRing = endRing
        self.commandLine = commandLine
        let counters = [collectionCount, totalAllocatedBytes, mallocs, frees, pauseTotalNanoseconds]
        hasMemStats = pauseRing != nil || endRing != nil || counters.contains { $0 != nil }
    }

    private static func unsigned(_ leaf: Leaf, _ body: [UInt8]) -> UInt64? {
        let start = Int(leaf.offset)
        return NumberText.unsigned(body, start, start + Int(leaf.length))
    }

    /// A ring, if it is one: exactly 256 unsigned integers.
    ///
    /// `previous` is the one that `changed` leaves changed.
    private static func ring(
        _ range: Range<Int>?,
        _ leaves: [Leaf],
        _ body: [UInt8],
        _ previous: [UInt64]?,
        _ changed: [Int32]?
    ) -> [UInt64]? {
        guard let range, range.count == PauseRing.slots, range.upperBound <= leaves.count else { return nil }
        if var ring = previous, let changed, ring.count == range.count {
            for leaf in members(of: range, changed) {
                guard let value = unsigned(leaves[Int(leaf)], body) else { return nil }
                ring[Int(leaf) - range.lowerBound] = value
            }
            return ring
        }
        var ring: [UInt64] = []
        ring.reserveCapacity(PauseRing.slots)
        for index in range {
            guard let value = unsigned(leaves[index], body) else { return nil }
            ring.append(value)
        }
        return ring
    }

    /// Those of `changed`, which ascends, that lie in `range`.
    private static func members(of range: Range<Int>?, _ changed: [Int32]) -> ArraySlice<Int32> {
        guard let range else { return [] }
        let start = changed.firstIndex { $0 >= range.lowerBound } ?? changed.endIndex
        return changed[start...].prefix { $0 < range.upperBound }
    }

    private static func arguments(_ range: Range<Int>?, _ leaves: [Leaf], _ body: [UInt8]) -> [String]? {
        guard let range, range.upperBound <= leaves.count else { return nil }
        return leaves[range].map { leaf in
            JSONText.decoded(leaf.spelling(in: body).dropFirst().dropLast())
        }
    }
}

extension ProcessState {
    /// The end of the process's first collection in Unix nanoseconds, while the ring holds it: close to its start.
    ///
    /// nil where the end is no Unix time, or the ring is none of 256 slots.
    package var firstCollectionEndNanoseconds: UInt64? {
        guard let held = heldCollections, held.lowerBound == 1, let rings else { return nil }
        let end = rings.ends[PauseRing.slot(of: 1)]
        return PauseRing.isUnixTime(end) ? end : nil
    }

    /// Whether it holds a collection with a number above `n` that ended before `other`'s newest one.
    ///
    /// Then both processes lived at that time.
    func livedBeside(_ other: RunMemory, above n: UInt64 = 0) -> Bool {
        guard let newest = other.newestEnd, let held = heldCollections, let rings, n < held.upperBound else {
            return false
        }
        // Ends ascend with the numbers, so the first one tells.
        let end = rings.ends[PauseRing.slot(of: max(held.lowerBound, n + 1))]
        return PauseRing.isUnixTime(end) && end < newest
    }

    /// Both rings, where there are as many slots as there should be.
    var rings: (pauses: [UInt64], ends: [UInt64])? {
        guard let pauseRing, let endRing, pauseRing.count == PauseRing.slots, endRing.count == PauseRing.slots
        else { return nil }
        return (pauseRing, endRing)
    }

    /// The collections that the ring still holds: numbers from 1 on, at most 256; nil without a count, or at zero.
    var heldCollections: ClosedRange<UInt64>? {
        guard let last = collectionCount, last > 0 else { return nil }
        let slots = UInt64(PauseRing.slots)
        return (last > slots ? last - slots + 1 : 1)...last
    }
}
