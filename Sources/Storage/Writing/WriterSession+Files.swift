import SQLite

/// What a session does when somebody touches its files.
extension WriterSession {
    /// Whether its files stand where they were opened.
    func look() throws(StorageError) -> StandingFiles.State { try standing.look() }

    /// Makes the lock file anew where somebody removed it; whether it did.
    ///
    /// The database's own lock keeps others out meanwhile, also where one of them has made a lock file by now.
    func restoreLock() -> Bool {
        guard !lock.isInPlace else { return false }
        // The next commit tries again; until then nothing is worse than before.
        return (try? lock.restore(for: file)) != nil
    }

    /// Lets go of a database that stands, after its log was removed: all that is in that goes into the database first.
    ///
    /// - Throws: `StorageError.locked` where a reader holds that up; nothing has changed then.
    func leaveLog() throws(StorageError) -> VaultLock {
        guard try isWrittenBack() else {
            throw .locked(path: file.path, holder: "a reader, and its WAL was removed")
        }
        return leave()
    }

    /// Lets go of a database that no longer stands at its path; where it is now, nil where it is nowhere.
    ///
    /// What was committed is in that file and needs no WAL, or has it beside it.
    ///
    /// - Throws: where that cannot be brought about yet; nothing has changed then.
    func leaveMoved() throws(StorageError) -> (lock: VaultLock, path: String?) {
        guard let path = lock.databasePath else { return (leave(), nil) }
        if try !isWrittenBack(), !standing.moveLog(to: path) {
            throw .locked(path: file.path, holder: "a reader, and it was moved to \(path)")
        }
        return (leave(), path)
    }

    /// Whether all of the WAL is in the database.
    private func isWrittenBack() throws(StorageError) -> Bool {
        try StorageError.wrapping(file.path) { try closeWAL() == 0 }
    }

    private func leave() -> VaultLock {
        connection.leaveWAL()
        connection.close()
        standing.removeLog()
        lock.releaseDatabase()
        return lock
    }
}
