package import Model

/// Says for each scrape of a target whether it continues a run or begins one; remembers the last 1 000 runs for a day.
///
/// See semantics.md, "How a restart is recognised". Feed it a target's successful scrapes in order of position.
package struct RunTracker: Sendable {
    /// Of that many runs the last state is remembered, so that processes that take turns are told apart.
    package static let runsMax = 1000
    /// So long after its last scrape a run is remembered, in milliseconds.
    package static let ageMaxMilliseconds: Int64 = 24 * 60 * 60 * 1000
    /// So long after its last scrape a run goes on for its arguments alone, in milliseconds.
    package static let turnMaxMilliseconds: Int64 = 5 * 60 * 1000

    /// What a scrape does.
    package enum Decision: Hashable, Sendable {
        /// It continues that run.
        case continues(RunID)
        /// A run begins with it; `note(_:in:at:)` tells the tracker its number.
        case begins
    }

    private var index = RunIndex()
    private var seen = SeenCollections()
    /// The state of the latest run with its whole rings, where it is at hand.
    private var latestState: ProcessState?
    /// Whether a run went on although another was seen in between.
    private var hasReturned = false

    /// A tracker that remembers these runs, the latest last; of more than 1 000 the latest.
    ///
    /// `recent` are the states of the target's last scrapes, whatever their runs, the latest last: where runs mix processes,
    /// they tell which collections were shown. `hasReturned` says whether any of the runs interleave.
    package init(
        runs: [(id: RunID, memory: RunMemory)] = [],
        recent: [ProcessState] = [],
        hasReturned: Bool = false
    ) {
        for (id, memory) in runs {
            index.note(id, memory)
            seen.note(memory)
        }
        forget()
        for state in recent { seen.note(state) }
        self.hasReturned = hasReturned
    }

    /// The remembered runs with what is remembered of them, the latest last.
    package var runs: [(id: RunID, memory: RunMemory)] { index.all }

    /// What the tracker remembers of that run: the baseline for the collections of its next scrape.
    package func memory(of run: RunID) -> RunMemory? { index.memory(of: run) }

    /// The number of the newest collection in the state's ring that a scrape of the target showed before.
    package func newestKnown(in state: ProcessState) -> UInt64? { seen.newest(in: state) }

    /// How a run begins with the scrape with that state, where one does.
    package func beginning(with state: ProcessState) -> RunBeginning {
        guard let latest = index.latest?.memory else { return .fresh }
        if latest.isElsewhere(than: state) { return .elsewhere }
        if newestKnown(in: state) != nil { return .again }
        return state.livedBeside(latest) ? .beside : .fresh
    }

    /// Where the scrape with that state at `position` belongs, and whether anything proves it; changes nothing.
    ///
    /// Only where processes take turns it takes a proof: else there is one run only that a scrape can continue.
    package func judge(
        _ state: ProcessState,
        at position: ScrapePosition
    ) -> (decision: Decision, isProven: Bool) {
        guard let latest = index.latest else { return (.begins, true) }
        let isLeft = latest.memory.isLeft(by: state) || latestState.map { $0.contradicts(state) } ?? false
        if !isLeft, latest.memory.sharesCollection(with: state) { return (.continues(latest.id), true) }
        if let run = shared(state, at: position) ?? ofArguments(state, latest.memory, at: position) {
            return (.continues(run), true)
        }
        // Rings that do not overlap contradict nothing; but what was collected before the other's newest collection was
        // collected by somebody else.
        if isLeft || state.livedBeside(latest.memory, above: latest.memory.collectionCount ?? 0) {
            return (.begins, !mayContinue(state, at: position))
        }
        return (.continues(latest.id), !hasReturned)
    }

    /// Notes that the scrape with that state at `position` was given to that run.
    package mutating func note(_ state: ProcessState, in run: RunID, at position: ScrapePosition) {
        let latest = index.latest
        if var memory = index.memory(of: run) {
            if latest?.id != run { hasReturned = true }
            memory.note(state, at: position)
            index.note(run, memory)
            if state.hasMemStats || latest?.id != run { latestState = state.hasMemStats ? state : nil }
        } else {
            var memory = RunMemory(state, at: position)
            // Processes behind one URL nearly always have the same arguments: once in memory is enough.
            if let latest, RunMemory.areSame(latest.memory.commandLine, memory.commandLine) {
                memory.commandLine = latest.memory.commandLine
            }
            index.note(run, memory)
            latestState = state.hasMemStats ? state : nil
        }
        seen.note(state)
        forget()
    }

    // MARK: Processes that take turns

    /// The run that shares its newest collection with the scrape, where nothing speaks against it.
    private func shared(_ state: ProcessState, at position: ScrapePosition) -> RunID? {
        guard index.count > 1 else { return nil }
        return index.newest(sharing: state) { Self.isRemembered($0, at: position) && !$0.isLeft(by: state) }
    }

    /// The run with the scrape's arguments, where the latest run has others: replicas that have not collected yet.
    private func ofArguments(
        _ state: ProcessState,
        _ latest: RunMemory,
        at position: ScrapePosition
    ) -> RunID? {
        guard index.count > 1, latest.hasOtherArguments(than: state) else { return nil }
        return index.newest { memory in
            memory.commandLine != nil && !memory.isLeft(by: state)
                && !state.livedBeside(memory, above: memory.collectionCount ?? 0)
        } until: { memory in
            Self.isOlder(memory, than: Self.turnMaxMilliseconds, at: position)
        }
    }

    /// Whether the scrape may be of a process that was met before, whose ring turned over since: nobody knows.
    private func mayContinue(_ state: ProcessState, at position: ScrapePosition) -> Bool {
        let found = index.newest { memory in
            Self.isRemembered(memory, at: position) && !memory.isLeft(by: state)
                && !state.livedBeside(memory, above: memory.collectionCount ?? 0)
        }
        return found != nil
    }

    private mutating func forget() {
        guard let position = index.latest?.memory.position else { return }
        index.forget(beyond: Self.runsMax) { !Self.isRemembered($0, at: position) }
    }

    private static func isRemembered(_ memory: RunMemory, at position: ScrapePosition) -> Bool {
        !isOlder(memory, than: ageMaxMilliseconds, at: position)
    }

    /// Whether the run was seen longer ago than that; between epochs nobody knows, so there it was not.
    private static func isOlder(
        _ memory: RunMemory,
        than milliseconds: Int64,
        at position: ScrapePosition
    ) -> Bool {
        guard memory.position.epoch == position.epoch else { return false }
        return position.time.milliseconds &- memory.position.time.milliseconds > milliseconds
    }
}

extension ProcessState {
    /// Whether a pause or an end of a collection that both still hold differs.
    fileprivate func contradicts(_ next: ProcessState) -> Bool {
        guard let ours = heldCollections, let theirs = next.heldCollections, ours.overlaps(theirs) else {
            return false
        }
        let common = ours.clamped(to: theirs)
        return Self.differ(pauseRing, next.pauseRing, common) || Self.differ(endRing, next.endRing, common)
    }

    private static func differ(_ a: [UInt64]?, _ b: [UInt64]?, _ common: ClosedRange<UInt64>) -> Bool {
        guard let a, let b, a.count == PauseRing.slots, b.count == PauseRing.slots else { return false }
        var slot = PauseRing.slot(of: common.lowerBound)
        for _ in 0...(common.upperBound - common.lowerBound) {
            if a[slot] != b[slot] { return true }
            slot = (slot + 1) % PauseRing.slots
        }
        return false
    }
}
