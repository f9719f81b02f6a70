package import Model

/// The collections that one scrape was the first to see.
package struct NewCollections: Hashable, Sendable {
    /// Those the ring still held, ascending by number.
    package var seen: [Collection]
    /// Those that the ring had lost, nil where none.
    package var missed: MissedCollections?

    /// New collections, of which these were seen.
    package init(seen: [Collection] = [], missed: MissedCollections? = nil) {
        self.seen = seen
        self.missed = missed
    }
}

/// What came before a scrape, as far as its collections go.
package enum CollectionBaseline: Hashable, Sendable {
    /// The scrape before it in its run (where that lacked memstats, the last before it that had it).
    case scrape(ProcessState)
    /// The same, as `RunTracker` remembers it.
    case run(RunMemory)
    /// The run begins here, and the target was watched: all from n = 1 on are ours.
    case runBegin
    /// The target's first scrape, or a run's first after a gap: what the ring holds is kept, nothing is missed.
    case unknown

    /// The number of the last collection before; 0 where that is not known.
    fileprivate var count: UInt64 {
        switch self {
        case .scrape(let before): before.collectionCount ?? 0
        case .run(let before): before.collectionCount ?? 0
        case .runBegin, .unknown: 0
        }
    }
}

/// Reads the pause rings of memstats.
///
/// `PauseNs[i]` and `PauseEnd[i]` hold the collection n, 1 ≤ n ≤ NumGC, with `i = (n + 255) % 256` (Go's
/// runtime/mstats.go), so a ring holds the last 256 collections.
package enum PauseRing {
    /// The ring's slots.
    package static let slots = 256

    /// The slot of the collection n; n is at least 1.
    @inline(__always)
    static func slot(of n: UInt64) -> Int {
        Int(truncatingIfNeeded: (n &+ 255) % UInt64(slots))
    }

    /// Whether the end of a collection that a scrape was the first to show is not known: it is no Unix time.
    ///
    /// Where the scrape's own time is from before 2001, the host's clock was never set, and the target may run by it.
    @inline(__always)
    package static func isUnknown(end nanoseconds: UInt64, shownAt time: Timestamp) -> Bool {
        nanoseconds < unixTimeMin && time.milliseconds >= Int64(unixTimeMin / 1_000_000)
    }

    /// The first nanosecond of 2001: what is earlier is no Unix time.
    package static let unixTimeMin: UInt64 = 978_307_200_000_000_000

    /// Whether an end is a time since 1970: Go before 1.5 wrote the time since boot, and nothing older than 2001 is one.
    static func isUnixTime(_ nanoseconds: UInt64) -> Bool {
        nanoseconds >= unixTimeMin
    }

    /// The collections in `state` that come after `baseline`, and after the one with the number `newestKnown`.
    ///
    /// Empty where memstats lacks what is needed.
    /// Missed ones have a pause in all of what PauseTotalNs grew by less the pauses seen, never below 0, and 0 where
    /// PauseTotalNs is not known. No number is looked at twice and none outside the ring, however large NumGC is.
    ///
    /// `newestKnown` is a collection of the ring that another scrape of this process showed, which `baseline` need not
    /// know of: those up to it were counted there, as seen or as missed.
    package static func newCollections(
        in state: ProcessState,
        after baseline: CollectionBaseline,
        newestKnown: UInt64? = nil
    ) -> NewCollections {
        guard let held = state.heldCollections, let rings = state.rings else { return NewCollections() }
        if let newestKnown, newestKnown > baseline.count {
            guard newestKnown < held.upperBound else { return NewCollections() }
            return NewCollections(
                seen: collections(max(held.lowerBound, newestKnown + 1)...held.upperBound, rings)
            )
        }
        let known: (count: UInt64, pauseTotal: UInt64?)?
        switch baseline {
        case .runBegin: known = (0, 0)
        case .unknown: known = nil
        case .scrape(let before): known = before.collectionCount.map { ($0, before.pauseTotalNanoseconds) }
        case .run(let before): known = before.collectionCount.map { ($0, before.pauseTotalNanoseconds) }
        }
        guard let known else { return NewCollections(seen: collections(held, rings)) }
        // Within a run NumGC never falls; where it does, the caller's runs are wrong, and nothing is new.
        guard known.count < held.upperBound else { return NewCollections() }

        let seen = collections(max(held.lowerBound, known.count + 1)...held.upperBound, rings)
        let missedCount = held.lowerBound - min(held.lowerBound, known.count + 1)
        guard missedCount > 0 else { return NewCollections(seen: seen) }
        var pause: UInt64 = 0
        if let before = known.pauseTotal, let after = state.pauseTotalNanoseconds {
            pause = seen.reduce(after.subtractingDownToZero(before)) { rest, collection in
                rest.subtractingDownToZero(collection.pauseNanoseconds)
            }
        }
        return NewCollections(
            seen: seen,
            missed: MissedCollections(count: missedCount, pauseNanoseconds: pause),
        )
    }

    private static func collections(
        _ numbers: ClosedRange<UInt64>,
        _ rings: (pauses: [UInt64], ends: [UInt64]),
    ) -> [Collection] {
        // Not `numbers.map`: its count would trap for a range up to UInt64.max.
        var collections: [Collection] = []
        for back in 0...(numbers.upperBound - numbers.lowerBound) {
            let n = numbers.lowerBound + back
            let slot = slot(of: n)
            collections.append(
                Collection(n: n, endNanoseconds: rings.ends[slot], pauseNanoseconds: rings.pauses[slot]),
            )
        }
        return collections
    }
}

extension UInt64 {
    /// The difference, 0 where `other` is more.
    fileprivate func subtractingDownToZero(_ other: UInt64) -> UInt64 {
        self - Swift.min(self, other)
    }
}
