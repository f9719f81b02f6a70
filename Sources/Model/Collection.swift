/// One garbage collection of one run.
package struct Collection: Hashable, Sendable {
    /// Its number within the run: the first is 1.
    package var n: UInt64
    /// When it ended, in Unix nanoseconds by the target's clock.
    package var endNanoseconds: UInt64
    /// How long it stopped the world, in nanoseconds.
    package var pauseNanoseconds: UInt64

    /// The collection number `n` of a run.
    package init(n: UInt64, endNanoseconds: UInt64, pauseNanoseconds: UInt64) {
        self.n = n
        self.endNanoseconds = endNanoseconds
        self.pauseNanoseconds = pauseNanoseconds
    }
}

/// Collections between two scrapes of a run that had left the ring before anyone saw them.
package struct MissedCollections: Hashable, Sendable {
    /// How many.
    package var count: UInt64
    /// What they paused together, in nanoseconds: the growth of PauseTotalNs less the pauses seen.
    package var pauseNanoseconds: UInt64

    /// That many missed collections with that pause in all.
    package init(count: UInt64, pauseNanoseconds: UInt64) {
        self.count = count
        self.pauseNanoseconds = pauseNanoseconds
    }
}
