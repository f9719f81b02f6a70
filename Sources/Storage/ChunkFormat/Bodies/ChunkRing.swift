import Expvar

// The rings of pauses, `PauseNs` and `PauseEnd`, as a stream of collections.
//
// Writer and reader keep both rings of each run, all zeros before the run's first document in the chunk. A document
// with NumGC = N sets the slots of the collections N - c + 1 … N, oldest first: slot (n + 255) % 256 for collection n,
// in arithmetic modulo 2^64, so that there is always a slot. c (`ChunkStream.ringCount`) is the smallest number after
// which both rings are those of the document: what NumGC grew by since the run's document before, mostly; all that the
// rings hold at a run's first document in the chunk; and 256 whenever somebody wrote rings that no runtime writes, which
// are then kept all the same. Ends and pauses of the slots set are the two streams.

/// Both rings of one run.
struct ChunkRing {
    private(set) var ends = [UInt64](repeating: 0, count: PauseRing.slots)
    private(set) var pauses = [UInt64](repeating: 0, count: PauseRing.slots)

    /// The slot of collection `n`.
    @inline(__always)
    static func slot(_ n: UInt64) -> Int { Int(truncatingIfNeeded: (n &+ 255) & 255) }

    /// How many of the newest slots must be set to come from these rings to those.
    func changed(to other: (ends: [UInt64], pauses: [UInt64]), collectionCount n: UInt64) -> Int {
        // From the oldest slot on, which is the one that collection n - 255 has.
        for count in stride(from: PauseRing.slots, to: 0, by: -1) {
            let slot = Self.slot(n &- UInt64(count - 1))
            if ends[slot] != other.ends[slot] || pauses[slot] != other.pauses[slot] { return count }
        }
        return 0
    }

    /// Sets the slot of collection `n`.
    @inline(__always)
    mutating func set(_ n: UInt64, end: UInt64, pause: UInt64) {
        ends[Self.slot(n)] = end
        pauses[Self.slot(n)] = pause
    }
}
