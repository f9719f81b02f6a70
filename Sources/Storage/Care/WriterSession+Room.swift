import Model
import SQLite

/// Keeping within a limit of size as the file grows, and going on where the disk is full.
extension WriterSession {
    /// So much at least is deleted at once on a full disk.
    private static let roomMin: Int64 = 256 << 10
    /// Pages that one call gives back where there is next to no room: each may have to be moved, by the WAL.
    static let pagesPerCallWhereLow = 16

    /// Of a size limit this much is not for the file: the WAL's part, and, while it grows, half as much again for what a
    /// commit that seals makes it grow by before anything else can go.
    func room(of bytesMax: Int64) -> Int64 {
        let wal = WriterSession.walReserve(of: bytesMax)
        return policy.bytesMax == nil ? wal : wal + WriterSession.largestCommit(of: bytesMax)
    }

    /// No commit that seals or merges writes more than this, where there is a limit of size.
    static func largestCommit(of bytesMax: Int64) -> Int64 { walReserve(of: bytesMax) / 2 }

    /// From now on the file is kept so, with each commit.
    ///
    /// `keepsReserve`: with room for the way out of a full disk beside it.
    func limit(_ policy: RetentionPolicy, keepsReserve: Bool) {
        self.policy = policy
        if keepsReserve { reserve.keep() }
    }

    /// Deletes the oldest where the last commit made the file larger than its part of the limit.
    func keepSize() {
        guard let bytesMax = policy.bytesMax else { return }
        do {
            guard try pagesBeyond(bytesMax) > 0 else { return }
            note(try prune(policy))
        } catch {
            // The scrapes are stored. What stands in the way is met again by `maintain`, which tells.
        }
    }

    /// How many pages the file has beyond what a limit leaves beside the WAL.
    func pagesBeyond(_ bytesMax: Int64) throws(StorageError) -> Int {
        let pages = try StorageError.wrapping(file.path) {
            try connection.integer("PRAGMA page_count") ?? 0
        }
        return Int(clamping: max(0, pages - (bytesMax - room(of: bytesMax)) / 4096))
    }

    private func note(_ part: PruneSummary) {
        dropped.deleted += part.deleted
        dropped.deletedProtected += part.deletedProtected
    }

    /// What was dropped since this was last asked for.
    func takeDropped() -> PruneSummary {
        defer { dropped = PruneSummary() }
        return dropped
    }

    /// Lets the oldest go on a full disk, where there is a limit of size; whether any went.
    func makeRoom() throws(StorageError) -> Bool {
        guard policy.bytesMax != nil else { return false }
        for attempt in 0...1 {
            // What the WAL takes can be written over then; where that is not to be had, the reserve is.
            _ = try? writeBack()
            do throws(StorageError) {
                let part = try prune(try policyMakingRoom())
                note(part)
                if part.deleted > 0 { return true }
            } catch {
                guard case .diskFull = error, attempt == 0 else { throw error }
            }
            guard attempt == 0, reserve.release() else { return false }
        }
        return false
    }

    /// A limit below what is used.
    private func policyMakingRoom() throws(StorageError) -> RetentionPolicy {
        let used = try StorageError.wrapping(file.path) { try usedBytes() }
        let left = max(0, used - max(used / 16, WriterSession.roomMin))
        var policy = policy
        policy.ageMilliseconds = nil
        // Such that this much is left beside `room(of:)`: three tenths, or what it is at most.
        let roomMax = room(of: .max)
        policy.bytesMax = left / 7 * 3 >= roomMax ? left + roomMax : left / 7 * 10
        return policy
    }

    /// Makes the file small on a disk with next to no room, step by step: what a step gives back is what the next one
    /// has to work with.
    func compactWhereLow(_ policy: RetentionPolicy) throws(StorageError) -> PruneSummary {
        reserve.release()
        var summary = PruneSummary()
        // Where even this finds no room, deleting may make some.
        _ = try? writeBack()
        while true {
            let part = try prune(policy)
            summary.deleted += part.deleted
            summary.deletedProtected += part.deletedProtected
            while true {
                let before = try freePages()
                guard before > 0 else { break }
                try returnSpace(pages: WriterSession.pagesPerCallWhereLow)
                _ = try StorageError.wrapping(file.path) { try truncateWAL() }
                guard try freePages() < before else { break }
            }
            guard part.isUnfinished else { break }
        }
        return summary
    }
}
