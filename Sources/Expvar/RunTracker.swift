package import Model

/// Says for each scrape of a target whether it continues a run or begins one; remembers the last 16 runs.
///
/// See semantics.md, "Run". Feed it a target's successful scrapes in order of position.
package struct RunTracker: Sendable {
    /// Of that many runs the last state is remembered, so that processes that take turns are told apart.
    package static let runsMax = 16

    /// What a scrape does.
    package enum Decision: Hashable, Sendable {
        /// It continues that run.
        case continues(RunID)
        /// A run begins with it; `adopt(_:)` tells the tracker its number.
        case begins
    }

    /// The remembered runs with their last states, the latest last.
    package private(set) var runs: [(id: RunID, state: ProcessState)]

    /// A tracker that remembers these runs, the latest last.
    package init(runs: [(id: RunID, state: ProcessState)] = []) {
        self.runs = runs
    }

    /// Where the scrape with that state belongs; changes nothing.
    package func decide(_ state: ProcessState) -> Decision {
        fatalError("pending")
    }

    /// Notes that the scrape with that state was given to that run.
    package mutating func note(_ state: ProcessState, in run: RunID) {
        fatalError("pending")
    }
}
