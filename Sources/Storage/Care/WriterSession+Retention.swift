import Model
import SQLite

/// Dropping old scrapes, a bounded batch at a time, so that recording never waits long.
extension WriterSession {
    /// A target with more shapes than this makes them up; then those that nothing has any more are looked for, which
    /// takes a look at each of its scrapes.
    private static let unusedShapesMax: Int64 = 1000
    /// One call of `prune` makes no more batches than this.
    private static let batchesPerCall = 8
    /// Free pages that one call gives back: 1024 pages are 4 MiB.
    private static let pagesPerCall = 1024

    /// See `VaultWriter.prune`.
    func prune(_ policy: RetentionPolicy) throws(StorageError) -> PruneSummary {
        var summary = PruneSummary()
        summary.isUnfinished = true
        for _ in 0..<WriterSession.batchesPerCall where summary.isUnfinished {
            summary.isUnfinished = try pruneBatch(policy, &summary)
        }
        do throws(StorageError) {
            try giveBack(policy, hasDeleted: summary.deleted > 0)
        } catch {
            // What was deleted is: its pages are used again by what comes next, also on a full disk.
            guard case .diskFull = error, summary.deleted > 0 else { throw error }
        }
        summary.bytes = size()
        return summary
    }

    /// Gives some free space back: what is beyond a limit of size, and no more of it, since the next commits would only
    /// take it again; without one what was deleted.
    private func giveBack(_ policy: RetentionPolicy, hasDeleted: Bool) throws(StorageError) {
        var pages = hasDeleted && policy.ageMilliseconds != nil ? WriterSession.pagesPerCall : 0
        if let bytesMax = policy.bytesMax { pages = max(pages, try pagesBeyond(bytesMax)) }
        if pages > 0, try freePages() > 0 {
            if reserve.freeBytes() < SpaceReserve.freeMin {
                pages = min(pages, WriterSession.pagesPerCallWhereLow)
            }
            // Each page that is given back may have to be moved, by the WAL.
            let most = policy.bytesMax.map {
                max(16, Int(clamping: WriterSession.largestCommit(of: $0) / 8192))
            }
            try returnSpace(pages: min(pages, most ?? WriterSession.pagesPerCall, WriterSession.pagesPerCall))
        }
        if hasDeleted { try trimShapes(beyond: WriterSession.unusedShapesMax) }
        if let bytesMax = policy.bytesMax { try keepWAL(below: WriterSession.walReserve(of: bytesMax)) }
    }

    /// Cuts the WAL where it is larger; readers are waited for a moment, no more.
    private func keepWAL(below bytes: Int64) throws(StorageError) {
        guard file.bytes(of: "-wal") > bytes else { return }
        _ = try StorageError.wrapping(file.path) { try truncateWAL() }
    }

    /// See `VaultWriter.maintain`.
    func maintain(_ policy: RetentionPolicy) throws(StorageError) -> PruneSummary {
        let isSealUnfinished = try sealDue()
        try trimTail(to: TailWriter.freeSlotsMax)
        let isMergeUnfinished = try mergeStep(.idle)
        var summary = try prune(policy)
        let earlier = takeDropped()
        summary.deleted += earlier.deleted
        summary.deletedProtected += earlier.deletedProtected
        summary.isUnfinished = summary.isUnfinished || isSealUnfinished || isMergeUnfinished
        try tellUnsealable()
        return summary
    }

    /// See `VaultWriter.compact`.
    func compact(_ policy: RetentionPolicy) throws(StorageError) -> PruneSummary {
        var summary = PruneSummary()
        let isLow = reserve.freeBytes() < SpaceReserve.freeMin
        let hadReserve = file.bytes(of: SpaceReserve.suffix) > 0
        if isLow { summary = try compactWhereLow(policy) }
        do throws(StorageError) {
            try compactAll(policy, &summary)
        } catch {
            // What was dropped made room; the rest can be done when there is more.
            guard isLow, case .diskFull = error, summary.deleted > 0 else { throw error }
        }
        if hadReserve { reserve.keep() }
        summary.bytes = size()
        try tellUnsealable()
        return summary
    }

    private func compactAll(
        _ policy: RetentionPolicy,
        _ summary: inout PruneSummary
    ) throws(StorageError) {
        while true {
            let part = try prune(policy)
            summary.deleted += part.deleted
            summary.deletedProtected += part.deletedProtected
            guard part.isUnfinished else { break }
        }
        try sealAll()
        try trimTail(to: 0)
        while try mergeStep(.compact) {}
        try trimShapes(beyond: 0)
        while try freePages() > 0 {
            let before = try freePages()
            try returnSpace(pages: WriterSession.pagesPerCall)
            guard try freePages() < before else { break }
        }
        _ = try StorageError.wrapping(file.path) { try truncateWAL() }
    }

    func freePages() throws(StorageError) -> Int64 {
        try StorageError.wrapping(file.path) { try connection.integer("PRAGMA freelist_count") ?? 0 }
    }

    func returnSpace(pages: Int) throws(StorageError) {
        try transaction { try connection.execute("PRAGMA incremental_vacuum(\(pages))") }
        try checkpoint()
    }

    /// The bytes that file and WAL take.
    func size() -> Int64 {
        file.bytes(of: "") + file.bytes(of: "-wal")
    }

    /// Deletes slots of the tail that hold nothing, but for so many.
    private func trimTail(to countMax: Int) throws(StorageError) {
        guard try StorageError.wrapping(file.path, { try tail.freeSlots() }) > countMax else { return }
        try transaction { try tail.trimSlots(to: countMax) }
    }

    /// Deletes one batch.
    ///
    /// Returns whether there may be more to delete.
    private func pruneBatch(
        _ policy: RetentionPolicy,
        _ summary: inout PruneSummary
    ) throws(StorageError) -> Bool {
        try loadTargets()
        // Slots that hold nothing are the first to go.
        if let bytesMax = policy.bytesMax, try StorageError.wrapping(file.path, { try exceeds(bytesMax) }) {
            try trimTail(to: 0)
        }
        let victims = try StorageError.wrapping(file.path) { try findVictims(policy) }
        guard !victims.isEmpty else { return false }
        let limit = policy.protectedAfterSeq ?? .max
        try transaction {
            var meta = try MetaValues(connection: connection, path: file.path)
            meta.seqFloor = max(meta.seqFloor, nextSeq - 1)
            try meta.store(on: connection)
            for (target, gone) in Dictionary(grouping: victims, by: \.target) { try delete(gone, of: target) }
            try tail.rewrite(
                without: Set(victims.compactMap { if case .row(let row) = $0.unit { row.seq } else { nil } })
            )
            try storeMark()
        }
        // What is remembered of runs may be gone.
        forgetAllButTails()
        for victim in victims {
            summary.deleted += victim.count
            switch victim.unit {
            case .row(let row): summary.deletedProtected += row.seq > limit ? 1 : 0
            case .chunk(let chunk):
                // How many of a chunk that was exported in part were not is not worth a look into it.
                if chunk.seqs.lowerBound > limit {
                    summary.deletedProtected += victim.count
                } else if chunk.seqs.upperBound > limit {
                    summary.deletedProtected += min(victim.count, chunk.seqs.upperBound - limit)
                }
            }
        }
        return true
    }

}
