package import Model

/// Says for each scrape of a target whether it continues a run or begins one; remembers the last 16 runs.
///
/// See semantics.md, "How a restart is recognised". Feed it a target's successful scrapes in order of position.
package struct RunTracker: Sendable {
    /// Of that many runs the last state is remembered, so that processes that take turns are told apart.
    package static let runsMax = 16

    /// What a scrape does.
    package enum Decision: Hashable, Sendable {
        /// It continues that run.
        case continues(RunID)
        /// A run begins with it; `note(_:in:)` tells the tracker its number.
        case begins
    }

    /// The remembered runs with their last states, the latest last.
    ///
    /// Where a run's last scrape lacked memstats, the state has the memstats of the last that had it.
    package private(set) var runs: [(id: RunID, state: ProcessState)]
    private var seen = SeenCollections()

    /// So many of the last scrapes are needed to make a tracker anew that counts as the one before it.
    package static let recentMax = SeenCollections.processesMax

    /// A tracker that remembers these runs, the latest last; of more than 16 the latest.
    ///
    /// `recent` are the states of the target's last `recentMax` scrapes, whatever their runs, the latest last.
    package init(runs: [(id: RunID, state: ProcessState)] = [], recent: [ProcessState] = []) {
        self.runs = Array(runs.suffix(Self.runsMax))
        for (_, state) in self.runs { seen.note(state) }
        for state in recent { seen.note(state) }
    }

    /// What the tracker remembers of that run: the baseline for the collections of its next scrape.
    package func state(of run: RunID) -> ProcessState? {
        runs.last { $0.id == run }?.state
    }

    /// The number of the newest collection in the state's ring that a scrape of the target showed before.
    package func newestKnown(in state: ProcessState) -> UInt64? {
        seen.newest(in: state)
    }

    /// How a run begins with the scrape with that state, where one does.
    package func beginning(with state: ProcessState) -> RunBeginning {
        guard let latest = runs.last?.state else { return .fresh }
        if Self.differ(latest.endpoint, state.endpoint) { return .elsewhere }
        if newestKnown(in: state) != nil { return .again }
        return state.livedBeside(latest) ? .beside : .fresh
    }

    /// Where the scrape with that state belongs; changes nothing.
    package func decide(_ state: ProcessState) -> Decision {
        guard let latest = runs.last else { return .begins }
        // Processes that take turns: a run goes on where the rings share a collection with it.
        let shared = runs.last { run in
            Self.sharesCollection(run.state, state) && !Self.beginsRun(run.state, state)
        }
        if let shared { return .continues(shared.id) }
        if Self.beginsRun(latest.state, state) { return .begins }
        // Rings that do not overlap contradict nothing; but what was collected before the other's newest collection was
        // collected by somebody else.
        let isOther = state.livedBeside(latest.state, above: latest.state.collectionCount ?? 0)
        return isOther ? .begins : .continues(latest.id)
    }

    /// Notes that the scrape with that state was given to that run.
    package mutating func note(_ state: ProcessState, in run: RunID) {
        var state = state
        if let index = runs.lastIndex(where: { $0.id == run }) {
            let before = runs.remove(at: index).state
            if !state.hasMemStats { state.takeMemStats(of: before) }
            if state.endpoint == nil { state.endpoint = before.endpoint }
        }
        seen.note(state)
        runs.append((run, state))
        if runs.count > Self.runsMax { runs.removeFirst() }
    }

    /// Whether a new run begins between two scrapes, of which `b` is the later one.
    static func beginsRun(_ a: ProcessState, _ b: ProcessState) -> Bool {
        falls(a.collectionCount, b.collectionCount)
            || falls(a.totalAllocatedBytes, b.totalAllocatedBytes)
            || falls(a.mallocs, b.mallocs)
            || falls(a.frees, b.frees)
            || falls(a.pauseTotalNanoseconds, b.pauseTotalNanoseconds)
            || changes(a.commandLine, b.commandLine)
            || differ(a.endpoint, b.endpoint)
            || contradicts(a, b)
    }

    private static func falls(_ a: UInt64?, _ b: UInt64?) -> Bool {
        guard let a, let b else { return false }
        return b < a
    }

    private static func differ(_ a: String?, _ b: String?) -> Bool {
        guard let a, let b else { return false }
        return !a.utf8.elementsEqual(b.utf8)
    }

    private static func changes(_ a: [String]?, _ b: [String]?) -> Bool {
        guard let a, let b else { return false }
        return !a.elementsEqual(b) { $0.utf8.elementsEqual($1.utf8) }
    }

    /// Whether a pause or an end of a collection that both still hold differs.
    private static func contradicts(_ a: ProcessState, _ b: ProcessState) -> Bool {
        guard let common = commonCollections(a, b) else { return false }
        return differ(a.pauseRing, b.pauseRing, common) || differ(a.endRing, b.endRing, common)
    }

    private static func differ(_ a: [UInt64]?, _ b: [UInt64]?, _ common: ClosedRange<UInt64>) -> Bool {
        guard let a, let b, a.count == PauseRing.slots, b.count == PauseRing.slots else { return false }
        return firstSlot(common) { a[$0] != b[$0] } != nil
    }

    /// Whether both hold a collection with the same number, pause and end.
    private static func sharesCollection(_ a: ProcessState, _ b: ProcessState) -> Bool {
        guard let common = commonCollections(a, b), let ours = a.rings, let theirs = b.rings else {
            return false
        }
        return firstSlot(common) { ours.pauses[$0] == theirs.pauses[$0] && ours.ends[$0] == theirs.ends[$0] }
            != nil
    }

    /// The numbers of the collections that both still hold, at most 256.
    private static func commonCollections(_ a: ProcessState, _ b: ProcessState) -> ClosedRange<UInt64>? {
        guard let a = a.heldCollections, let b = b.heldCollections, a.overlaps(b) else { return nil }
        return a.clamped(to: b)
    }

    /// The first slot of those collections that is as wanted.
    @inline(__always)
    private static func firstSlot(_ numbers: ClosedRange<UInt64>, where isWanted: (Int) -> Bool) -> Int? {
        var slot = PauseRing.slot(of: numbers.lowerBound)
        for _ in 0...(numbers.upperBound - numbers.lowerBound) {
            if isWanted(slot) { return slot }
            slot = (slot + 1) % PauseRing.slots
        }
        return nil
    }
}

extension ProcessState {
    /// Takes everything that comes from memstats out of another state, where this one has none.
    fileprivate mutating func takeMemStats(of other: ProcessState) {
        let arguments = commandLine
        let place = endpoint
        self = other
        commandLine = arguments
        endpoint = place
    }
}
