import Expvar

extension ProcessState {
    /// This state, with what it lacks taken from an older one: "where memstats is missing or null, the last that
    /// had it stands in" (semantics.md, "Run").
    func completed(from older: ProcessState) -> ProcessState {
        var state = self
        state.collectionCount = collectionCount ?? older.collectionCount
        state.totalAllocatedBytes = totalAllocatedBytes ?? older.totalAllocatedBytes
        state.mallocs = mallocs ?? older.mallocs
        state.frees = frees ?? older.frees
        state.pauseTotalNanoseconds = pauseTotalNanoseconds ?? older.pauseTotalNanoseconds
        state.pauseRing = pauseRing ?? older.pauseRing
        state.endRing = endRing ?? older.endRing
        state.commandLine = commandLine ?? older.commandLine
        return state
    }

    /// Whether nothing is lacking.
    var isComplete: Bool {
        collectionCount != nil && totalAllocatedBytes != nil && mallocs != nil && frees != nil
            && pauseTotalNanoseconds != nil && pauseRing != nil && endRing != nil && commandLine != nil
    }

    /// The end of the process's first collection, while the ring holds it: slot 0 until collection 257 takes it.
    var firstCollectionEnd: UInt64? {
        guard let collectionCount, (1...UInt64(PauseRing.slots)).contains(collectionCount) else { return nil }
        return endRing?.first
    }
}
