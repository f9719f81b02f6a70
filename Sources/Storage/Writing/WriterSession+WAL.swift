import Model
import SQLite

/// Commits and checkpoints, and with them the row that ties the WAL to its database (`WALTie`).
extension WriterSession {
    /// Runs `body` in a transaction of a WAL that is tied to its database.
    func commit<Result>(_ body: () throws -> Result) throws -> Result {
        try tieWAL()
        let kept = tie.isOwed ? WALTie(.kept, after: tie.last) : nil
        let result = try connection.transaction {
            let result = try body()
            // The first commit of a generation names what it stands on.
            if let kept { try kept.store(on: connection) }
            return result
        }
        if let kept {
            tie.last = kept
            tie.isOwed = false
        }
        return result
    }

    /// Has the file itself say that there is a WAL, before anything is in that which somebody relies on.
    ///
    /// The WAL says so first: where the file speaks of one, there is one that is not empty, whenever the machine stops.
    private func tieWAL() throws {
        if !tie.isKnown {
            tie.last = try WALTie.read(on: connection)
            tie.isFound = try WALTie.isFound(on: connection)
            // What a kill left is tied already, and gone on with.
            tie.isBased = tie.isFound && hadCommits && tie.last != nil
            tie.isMarked = tie.isBased
            tie.isOwed = tie.isBased
            tie.isKnown = true
        }
        guard tie.isFound else { return }
        if !tie.isBased {
            try store(WALTie(.base, after: tie.last))
            tie.isBased = true
            tie.isMarked = false
        }
        // A reader may stand in the way for a moment; the next commit tries again.
        if !tie.isMarked { tie.isMarked = try connection.checkpoint(.passive) == 0 }
    }

    /// Commits a state that the next commit goes on from.
    private func store(_ next: WALTie) throws {
        try connection.transaction { try next.store(on: connection) }
        tie.last = next
        tie.isOwed = true
    }

    /// Writes the WAL back without cutting it; how many of its pages are left.
    ///
    /// What the file holds afterwards is what the next generation begins on, so that is said before. Where there is no
    /// room to say it the file keeps the state it tells of, which the WAL knows as well. The next generation is begun at
    /// once: whoever copies the database through SQLite has one that does not speak of a WAL.
    @discardableResult
    func writeBack() throws(SQLiteError) -> Int {
        // Without room for it, as said; the checkpoint tells what is wrong else.
        if tie.isBased { try? store(WALTie(.base, after: tie.last)) }
        let left = try connection.checkpoint(.passive)
        // Else the next commit does it.
        if tie.isBased, tie.isOwed { try? commit {} }
        return left
    }

    /// Writes the WAL back and cuts it to nothing, if readers let it within a moment; how many of its pages are left.
    ///
    /// The file says that everything is in it then, until the next commit.
    @discardableResult
    func truncateWAL() throws(SQLiteError) -> Int {
        // Without room for it the file would speak of a WAL that is empty.
        if tie.isBased, (try? store(WALTie(.closed, after: tie.last))) == nil { return try writeBack() }
        return try cutWAL()
    }

    private func cutWAL() throws(SQLiteError) -> Int {
        connection.setBusyTimeout(milliseconds: WriterSession.checkpointWaitMilliseconds)
        defer { connection.setBusyTimeout(milliseconds: WriterSession.busyMilliseconds) }
        let left = try connection.checkpoint(.truncate)
        if left == 0 { tie.isBased = false }
        return left
    }

    /// Says in the file that everything is in it, and makes it so.
    ///
    /// Returns how many pages of the WAL are left, which somebody still reads. The session may go on.
    @discardableResult
    func closeWAL(_ body: () throws -> Void = {}) throws -> Int {
        let last = try tie.isKnown ? tie.last : WALTie.read(on: connection)
        // A database that nobody wrote to stays as it is.
        let closed = last.flatMap { $0.kind == .closed ? nil : WALTie(.closed, after: $0) }
        try connection.transaction {
            try body()
            if let closed { try closed.store(on: connection) }
        }
        if tie.isKnown, let closed {
            tie.last = closed
            tie.isOwed = true
        }
        return try cutWAL()
    }

    func checkpointWhereDue() {
        guard connection.pagesInWAL >= WriterSession.pagesDueMin else { return }
        let (due, walMax) = walLimits(isRoomLow: reserve.freeBytes() < SpaceReserve.freeLow)
        guard connection.pagesInWAL >= due else { return }
        // A checkpoint that fails (a full disk, say) loses nothing: the commit is in the WAL, and the next tries again.
        let left = (try? writeBack()) ?? 0
        // One that was written back whole is begun anew at its front, and grows no further.
        let isTooLarge =
            left > 0 ? connection.pagesInWAL >= walMax : file.bytes(of: "-wal") > Int64(walMax) * 4096
        // It is tried again with the next commit.
        if isTooLarge { _ = try? truncateWAL() }
    }

    /// After how many pages in the WAL it is written back, and how many it may have before it is cut.
    ///
    /// Of a small limit its part for the WAL must hold the commit that goes beyond, too. On a disk that is nearly full
    /// what the file is to grow by is taken early: a WAL that cannot be written back for want of room is no way out.
    private func walLimits(isRoomLow: Bool) -> (due: Int, max: Int) {
        var limits = (due: WriterSession.pagesPerCheckpoint, max: WriterSession.pagesMax)
        if let bytesMax = policy.bytesMax {
            let pages = Int(clamping: WriterSession.walReserve(of: bytesMax) / 4096)
            limits = (min(limits.due, pages / 2), min(limits.max, pages))
        }
        if isRoomLow {
            let due = WriterSession.pagesDueWhereLow
            limits = (min(limits.due, due), min(limits.max, 4 * due))
        }
        return (max(limits.due, WriterSession.pagesDueMin), limits.max)
    }

    /// The least that a checkpoint is worth: 64 KiB.
    private static let pagesDueMin = 16
    /// On a disk that is nearly full: 256 KiB, of which `SpaceReserve` has twice as much.
    private static let pagesDueWhereLow = 64

    /// See `VaultWriter.checkpoint`.
    func checkpoint() throws(StorageError) {
        try StorageError.wrapping(file.path) { _ = try writeBack() }
    }
}

/// What a session knows of the tie between WAL and file.
struct WALTieState {
    /// The state that was last written.
    var last: WALTie?
    /// Whether that was looked at.
    var isKnown = false
    /// Whether the row stands where it is looked for; else nothing is tied.
    var isFound = false
    /// Whether the WAL names the state that it stands on.
    var isBased = false
    /// Whether the file itself says that it has a WAL.
    var isMarked = false
    /// Whether the next commit may begin a generation, and so is to name its base.
    var isOwed = false
}
