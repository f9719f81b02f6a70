import HostFiles

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The files of a database that is being written: whether those that are open are those that stand at its path.
///
/// Whoever removes, moves or replaces a file takes it from under SQLite, which goes on with what it has open: commits succeed,
/// and nobody will ever find them. A WAL or its index without a name is as bad, since readers make new ones.
struct StandingFiles {
    /// What became of them.
    enum State: Hashable, Sendable {
        /// They are where they were.
        case inPlace
        /// The database is, and its WAL or the WAL's index is another, or none.
        case logRemoved
        /// At the database's path is another file, or none.
        case departed
    }

    private let file: VaultFile
    private let database: FileIdentity?
    private var log: FileIdentity?
    private var index: FileIdentity?

    /// The database that is open, as `lock` has it; its log is noted once it is there.
    init(file: VaultFile, lock: VaultLock) {
        self.file = file
        database = lock.databaseIdentity ?? FileIdentity.of(path: file.realPath)
    }

    /// Notes which log it is.
    mutating func noteLog() throws(StorageError) {
        log = try StandingFiles.identity(file.realPath + "-wal")
        index = try StandingFiles.identity(file.realPath + "-shm")
        // A reader of this process may still have those that were removed; it lets go in seconds.
        guard log != nil, index != nil else {
            throw .inputOutput(path: file.path, detail: "its WAL was removed while it was open")
        }
    }

    /// What became of them; some microseconds.
    func look() throws(StorageError) -> State {
        guard try StandingFiles.identity(file.realPath) == database else { return .departed }
        guard try StandingFiles.identity(file.realPath + "-wal") == log,
            try StandingFiles.identity(file.realPath + "-shm") == index
        else { return .logRemoved }
        return .inPlace
    }

    /// Removes the log that was noted, where it still stands: it belongs to nothing that does.
    func removeLog() {
        for (suffix, identity) in [("-wal", log), ("-shm", index)] where identity != nil {
            let path = file.realPath + suffix
            if FileIdentity.of(path: path) == identity { unlink(path) }
        }
    }

    /// Moves the WAL to a database that was moved without it; whether it did.
    func moveLog(to database: String) -> Bool {
        let path = file.realPath + "-wal"
        guard log != nil, FileIdentity.of(path: path) == log, FileIdentity.of(path: database + "-wal") == nil
        else { return false }
        return rename(path, database + "-wal") == 0
    }

    private static func identity(_ path: String) throws(StorageError) -> FileIdentity? {
        if let identity = FileIdentity.of(path: path) { return identity }
        let code = errno
        guard code == ENOENT || code == ENOTDIR else { throw SystemCall.error(code, path: path) }
        return nil
    }
}
