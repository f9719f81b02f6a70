import SQLite

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Finds out which of a database's files SQLite could not open, and why: it says no more than that one could not be.
enum OpenFailure {
    /// The error for what SQLite says of the database at `path`, by a look at the files.
    static func error(for error: SQLiteError, path: String) -> StorageError {
        if error.code == readOnlyMoved { return .departed(path: path) }
        if let found = look(at: path, mayBeMissing: false) { return found }
        for suffix in ["-wal", "-shm", "-journal"] {
            if let found = look(at: path + suffix, mayBeMissing: true) { return found }
        }
        // Only for words: the path was opened before.
        let directory = (try? VaultFile(path: path))?.directory ?? "."
        if access(directory, W_OK | X_OK) != 0, errno == EACCES || errno == EROFS {
            return .permissionDenied(path: directory)
        }
        switch error.systemCode {
        case ENOSPC, EDQUOT: return .diskFull(path: path)
        case EACCES, EPERM, EROFS: return .permissionDenied(path: path)
        case 0: break
        case let code: return .inputOutput(path: path, detail: SystemCall.words(code))
        }
        guard error.primary == .cannotOpen else { return .permissionDenied(path: path) }
        return .inputOutput(path: path, detail: error.description)
    }

    /// What hinders the use of one file; nil where nothing does.
    private static func look(at path: String, mayBeMissing: Bool) -> StorageError? {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            return errno == ENOENT && mayBeMissing ? nil : SystemCall.error(errno, path: path)
        }
        switch status.st_mode & S_IFMT {
        case S_IFLNK: return SystemCall.error(ELOOP, path: path)
        case S_IFDIR: return .inputOutput(path: path, detail: SystemCall.words(EISDIR))
        default: break
        }
        guard access(path, R_OK | W_OK) != 0 else { return nil }
        return errno == EACCES ? .permissionDenied(path: path) : nil
    }

    /// SQLITE_READONLY_DBMOVED.
    private static let readOnlyMoved: Int32 = 8 | (4 << 8)
}
