import Model

/// The collections that the processes of a target showed last, whatever runs their scrapes were given to.
///
/// Where processes take turns and cannot be told apart, runs mix them; but one collection is one, and is counted once.
/// See docs/semantics.md, "Garbage collections".
struct SeenCollections: Sendable {
    /// Of that many processes the newest ring is kept; one whose ring turned over between two scrapes counts again.
    static let processesMax = 16

    /// Their states with memstats, the latest last.
    private var processes: [ProcessState] = []

    /// The number of the newest collection in the state's ring that was shown before; nil where none was.
    func newest(in state: ProcessState) -> UInt64? {
        processes.lazy.compactMap { Self.newestCommon($0, state) }.max()
    }

    /// Notes what a scrape with that state showed.
    mutating func note(_ state: ProcessState) {
        guard state.heldCollections != nil, state.rings != nil else { return }
        var kept = state
        processes.removeAll { known in
            guard Self.newestCommon(known, state) != nil else { return false }
            // A scrape may be answered with what was cached: the newer of the two shows more.
            if (known.collectionCount ?? 0) > (kept.collectionCount ?? 0) { kept = known }
            return true
        }
        processes.append(kept)
        if processes.count > Self.processesMax { processes.removeFirst() }
    }

    /// The newest collection that both hold; nil where they hold none in common, or what they say of it differs.
    ///
    /// Of one process everything that two rings have in common is alike, so one look tells.
    private static func newestCommon(_ a: ProcessState, _ b: ProcessState) -> UInt64? {
        guard let held = a.heldCollections, let others = b.heldCollections, held.overlaps(others),
            let ours = a.rings, let theirs = b.rings
        else { return nil }
        let newest = min(held.upperBound, others.upperBound)
        let slot = PauseRing.slot(of: newest)
        return ours.pauses[slot] == theirs.pauses[slot] && ours.ends[slot] == theirs.ends[slot] ? newest : nil
    }
}
