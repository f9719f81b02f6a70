package import Model

/// How a run begins, as far as its first scrape and what came before it tell.
package enum RunBeginning: Hashable, Sendable {
    /// Nothing came before, or the process before it ended: it counted from 0.
    case fresh
    /// The target's scheme, host, port or path is another: what its process counted before, nobody knows.
    case elsewhere
    /// Its process lived side by side with that of the run before (replicas behind one URL): likewise.
    case beside
    /// Its process was met before, and lost the run that it had then: likewise.
    case again

    /// How the beginning is kept with the run's first scrape: as missed collections of which there are none.
    ///
    /// Nothing is ever missed where a run begins in this way, and nobody else writes a count of 0; so there is room for
    /// it in every format. nil for one that is `fresh` and proven. `isProven`: no run that is remembered can be the same
    /// process's.
    package func mark(isProven: Bool) -> MissedCollections? {
        switch self {
        case .fresh: isProven ? nil : Self.unproven
        case .elsewhere: MissedCollections(count: 0, pauseNanoseconds: 0)
        case .beside: MissedCollections(count: 0, pauseNanoseconds: isProven ? 1 : 4)
        case .again: MissedCollections(count: 0, pauseNanoseconds: 2)
        }
    }

    /// What a scrape is kept with that may be another process's than its run's, and missed nothing.
    package static let unproven = MissedCollections(count: 0, pauseNanoseconds: 3)

    /// Whether a run's first scrape with that mark says that no run before can be the same process's.
    package static func isProven(mark: MissedCollections?) -> Bool {
        guard let mark, mark.count == 0 else { return mark == nil }
        return mark.pauseNanoseconds <= 1
    }

    /// The beginning that a run's first scrape was kept with.
    package init(mark: MissedCollections?) {
        guard let mark, mark.count == 0 else {
            self = .fresh
            return
        }
        switch mark.pauseNanoseconds {
        case 0: self = .elsewhere
        case 1, 4: self = .beside
        case 3: self = .fresh
        default: self = .again
        }
    }
}
