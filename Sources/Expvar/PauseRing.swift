package import Model

/// The collections that one scrape was the first to see.
package struct NewCollections: Hashable, Sendable {
    /// Those the ring still held, ascending by number.
    package var seen: [Collection]
    /// Those that the ring had lost, nil where none.
    package var missed: MissedCollections?
}

/// What came before a scrape, as far as its collections go.
package enum CollectionBaseline: Hashable, Sendable {
    /// The scrape before it in its run.
    case scrape(ProcessState)
    /// The run begins here, and the target was watched: all from n = 1 on are ours.
    case runBegin
    /// The target's first scrape, or a run's first after a gap: what the ring holds is kept, nothing is missed.
    case unknown
}

/// Reads the pause rings of memstats.
package enum PauseRing {
    /// The ring's slots.
    package static let slots = 256

    /// The collections in `state` that come after `baseline`. Empty where memstats lacks what is needed.
    package static func newCollections(in state: ProcessState, after baseline: CollectionBaseline) -> NewCollections {
        fatalError("pending")
    }
}
