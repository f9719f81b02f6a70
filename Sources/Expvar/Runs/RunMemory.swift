package import Model

/// What is remembered of a run: as much of its last scrape as tells whether another one goes on with it.
package struct RunMemory: Hashable, Sendable {
    /// So many of its newest collections are kept: of one process the newest alone tells, since it is the last that leaves
    /// the ring.
    package static let collectionsMax = 4

    /// Where its last scrape stands.
    package var position: ScrapePosition
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
    /// The newest collections that the rings show, ascending by number; none where one of the rings is missing.
    package var newest: [Collection] = []
    /// cmdline.
    package var commandLine: [String]?
    /// Where it was asked for.
    package var endpoint: String?
    /// Whether any of its scrapes had memstats.
    package var hasMemStats: Bool

    /// A memory with nothing but its place.
    package init(position: ScrapePosition, hasMemStats: Bool) {
        self.position = position
        self.hasMemStats = hasMemStats
    }

    /// What a run's first scrape shows.
    package init(_ state: ProcessState, at position: ScrapePosition) {
        self.init(position: position, hasMemStats: false)
        note(state, at: position)
    }

    /// Notes the run's next scrape; where that lacks memstats, the last that had it stands in.
    package mutating func note(_ state: ProcessState, at position: ScrapePosition) {
        self.position = position
        if !Self.areSame(commandLine, state.commandLine) { commandLine = state.commandLine }
        if let place = state.endpoint, endpoint != place { endpoint = place }
        guard state.hasMemStats || !hasMemStats else { return }
        hasMemStats = state.hasMemStats
        totalAllocatedBytes = state.totalAllocatedBytes
        mallocs = state.mallocs
        frees = state.frees
        pauseTotalNanoseconds = state.pauseTotalNanoseconds
        collectionCount = state.collectionCount
        let collections = state.newestCollections(Self.collectionsMax)
        if collections != newest { newest = collections }
    }

    /// The end of the newest collection in Unix nanoseconds; nil where there is none, or it is no Unix time.
    var newestEnd: UInt64? {
        newest.last.flatMap { PauseRing.isUnixTime($0.endNanoseconds) ? $0.endNanoseconds : nil }
    }

    /// Whether both name the same arguments, byte for byte; two that lack them do.
    static func areSame(_ a: [String]?, _ b: [String]?) -> Bool {
        guard let a, let b else { return a == nil && b == nil }
        return a.elementsEqual(b) { $0.utf8.elementsEqual($1.utf8) }
    }
}

extension RunMemory {
    /// Whether a new run begins between the scrape that is remembered and a later one.
    func isLeft(by next: ProcessState) -> Bool {
        Self.falls(collectionCount, next.collectionCount)
            || Self.falls(totalAllocatedBytes, next.totalAllocatedBytes)
            || Self.falls(mallocs, next.mallocs)
            || Self.falls(frees, next.frees)
            || Self.falls(pauseTotalNanoseconds, next.pauseTotalNanoseconds)
            || hasOtherArguments(than: next)
            || isElsewhere(than: next)
            || isContradicted(by: next)
    }

    /// Whether both have arguments, and other ones.
    func hasOtherArguments(than next: ProcessState) -> Bool {
        commandLine != nil && next.commandLine != nil && !Self.areSame(commandLine, next.commandLine)
    }

    /// Whether both were asked for at known places, and at different ones.
    func isElsewhere(than next: ProcessState) -> Bool {
        guard let here = endpoint, let there = next.endpoint else { return false }
        return !here.utf8.elementsEqual(there.utf8)
    }

    /// Whether the ring of a scrape holds a collection that is remembered here, with the same pause and end.
    func sharesCollection(with next: ProcessState) -> Bool {
        newest.contains { next.collection($0.n) == $0 }
    }

    private func isContradicted(by next: ProcessState) -> Bool {
        newest.contains { known in next.collection(known.n).map { $0 != known } ?? false }
    }

    private static func falls(_ a: UInt64?, _ b: UInt64?) -> Bool {
        guard let a, let b else { return false }
        return b < a
    }
}

extension ProcessState {
    /// The newest collections that the rings show, at most so many, ascending by number.
    package func newestCollections(_ count: Int) -> [Collection] {
        guard count > 0, let held = heldCollections, let rings else { return [] }
        let first = max(held.lowerBound, held.upperBound - min(held.upperBound, UInt64(count)) + 1)
        var collections: [Collection] = []
        // Not `map`: its count would trap for a range up to UInt64.max.
        for back in 0...(held.upperBound - first) {
            let slot = PauseRing.slot(of: first + back)
            collections.append(
                Collection(
                    n: first + back,
                    endNanoseconds: rings.ends[slot],
                    pauseNanoseconds: rings.pauses[slot]
                )
            )
        }
        return collections
    }

    /// The collection with that number, where both rings still hold it.
    func collection(_ n: UInt64) -> Collection? {
        guard let held = heldCollections, held.contains(n), let rings else { return nil }
        let slot = PauseRing.slot(of: n)
        return Collection(n: n, endNanoseconds: rings.ends[slot], pauseNanoseconds: rings.pauses[slot])
    }

    /// The newest collection for which `find` gives something, and what it gives.
    ///
    /// The newest first: of a process that was met before as many are asked for as it collected since.
    func firstCollection<Found>(where find: (Collection) -> Found?) -> Found? {
        guard let held = heldCollections, let rings else { return nil }
        for back in 0...(held.upperBound - held.lowerBound) {
            let n = held.upperBound - back
            let slot = PauseRing.slot(of: n)
            let collection = Collection(
                n: n,
                endNanoseconds: rings.ends[slot],
                pauseNanoseconds: rings.pauses[slot]
            )
            if let found = find(collection) { return found }
        }
        return nil
    }
}
