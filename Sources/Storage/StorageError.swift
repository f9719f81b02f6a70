import Codec
import Compression
import HostFiles
import SQLite

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What can go wrong with a database.
///
/// `description` is one sentence: what is wrong, and what would mend it.
package enum StorageError: Error, Sendable {
    /// There is no such file.
    case notFound(path: String)
    /// The file is something else than a database of ours.
    case notOurs(path: String)
    /// A newer expvault made it.
    case newer(path: String, version: Int64)
    /// An expvault made it whose format this one does not read any more.
    case older(path: String, version: Int64)
    /// What is in the file contradicts a checksum or itself.
    case damaged(path: String, detail: String)
    /// Somebody else writes it; the holder in words.
    case locked(path: String, holder: String)
    /// The operating system lets us not.
    case permissionDenied(path: String)
    /// The file could not be made.
    case cannotCreate(path: String, detail: String)
    /// No space is left; what was being stored was not stored.
    case diskFull(path: String)
    /// The operating system could not read or write.
    case inputOutput(path: String, detail: String)
    /// What is being written no longer stands at the path.
    case departed(path: String)
    /// No target has that name.
    case unknownTarget(String)
    /// A target has that name already.
    case targetExists(String)
    /// A name that no target may have; see `TargetName`.
    case invalidTargetName(String)
    /// Scrapes of that target were put in between others, and which runs they belong to is still to be found.
    case unsettled(path: String, target: String)
    /// The writer was closed before.
    case closed(path: String)
    /// The WAL beside the file is another database's, or belongs to another state of this one.
    case foreignWAL(path: String)
    /// Scrapes of a target could not be sealed by this program, and stay as they were.
    case notSealed(path: String, target: String)
}

extension StorageError {
    /// What is said of a file whose WAL was in use and is not there.
    package static let withoutWAL =
        "it was copied or moved without its WAL while it was in use: what was in that is not here; see docs/backup.md"
}

extension StorageError: CustomStringConvertible {
    /// One sentence: what is wrong, what would mend it.
    package var description: String {
        switch self {
        case .notFound(let path):
            "there is no database at \(path); name another with --db, or record one"
        case .notOurs(let path):
            "\(path) is no expvault database; it was left as it is"
        case .newer(let path, let version):
            "\(path) was made by a newer expvault (format \(version)); it takes that version to read it"
        case .older(let path, let version):
            "\(path) has format \(version), which this expvault does not read any more; carry it over: `export raw --failures` with the expvault that made it, and `import` with this one"
        case .damaged(let path, let detail):
            "\(path) is damaged: \(detail); `expvault check` lists all that is wrong"
        case .locked(let path, let holder):
            "\(path) is being written by somebody else (\(holder)); wait for them, or stop them"
        case .permissionDenied(let path):
            "no permission to use \(path); run as the user it belongs to, or give this one access"
        case .cannotCreate(let path, let detail):
            "\(path) could not be created: \(detail)"
        case .diskFull(let path):
            "no space is left to write \(path); `expvault compact --db \(path) --retain 7d` makes room on a full disk too, once nobody records, and `record --max-size` lets the oldest go by itself"
        case .inputOutput(let path, let detail):
            "\(path) could not be read or written: \(detail)"
        case .departed(let path):
            "\(path) was moved, removed or replaced while it was written; what stands there now lacks what was written last"
        case .unknownTarget(let name):
            "no target is named \(name)"
        case .targetExists(let name):
            "a target is named \(name) already"
        case .invalidTargetName(let name):
            "\"\(name)\" cannot name a target: a name has 1 to 128 bytes, without = and control characters"
        case .unsettled(let path, let target):
            "\(path): an import put scrapes of \(target) in between others and has not come to its end; wait for it, or run `expvault compact`"
        case .closed(let path):
            "\(path) has been closed"
        case .foreignWAL(let path):
            "\(path)-wal does not belong to \(path) as it is (was an older copy put there?), and nothing was changed: move \(path)-wal and \(path)-shm away to go on with the file, or put the file back that they belong to; see docs/backup.md"
        case .notSealed(let path, let target):
            "the scrapes of target \(target) in \(path) cannot be compressed, since they would not read back the same; nothing is lost, they stay as they are; please report this"
        }
    }
}

extension StorageError {
    /// Runs `body`; what the modules below throw becomes a `StorageError` about the file at `path`.
    static func wrapping<Result>(_ path: String, _ body: () throws -> Result) throws(StorageError) -> Result {
        do {
            return try body()
        } catch let error as StorageError {
            throw error
        } catch let error as SQLiteError {
            throw StorageError(error, path: path)
        } catch let error as SystemError {
            throw SystemCall.error(error.code, path: error.path)
        } catch let error as OutputError {
            throw StorageError(error)
        } catch {
            throw StorageError(decoding: error, path: path) ?? .inputOutput(path: path, detail: "\(error)")
        }
    }

    /// What went wrong in decoding `what` from the file at `path`; nil for an error that no decoder throws.
    ///
    /// Bytes that are no encoding of ours are damage. Where only memory was wanting they may be sound.
    init?(decoding error: any Error, _ what: String? = nil, path: String) {
        let detail = (what.map { "\($0): " } ?? "") + "\(error)"
        switch error {
        case CompressionError.unavailable, ChunkError.unavailable:
            self = .inputOutput(path: path, detail: detail)
        case is CompressionError, is CodecError, is ChunkError:
            self = .damaged(path: path, detail: detail)
        default: return nil
        }
    }

    private init(_ error: OutputError) {
        self =
            switch error {
            case .cannotCreate(let path, let detail): .cannotCreate(path: path, detail: detail)
            case .permissionDenied(let path): .permissionDenied(path: path)
            case .inputOutput(let error): SystemCall.error(error.code, path: error.path)
            }
    }

    init(_ error: SQLiteError, path: String) {
        switch error.primary {
        case .full: self = .diskFull(path: path)
        case .corrupt, .notADatabase: self = .damaged(path: path, detail: error.message)
        case .permission, .readOnly, .cannotOpen: self = OpenFailure.error(for: error, path: path)
        case .busy: self = .locked(path: path, holder: "another program that uses SQLite")
        case .constraint: self = .damaged(path: path, detail: error.message)
        case .inputOutput where error.code == StorageError.noSharedMemory: self = .diskFull(path: path)
        case .inputOutput where error.code == StorageError.corruptFileSystem:
            self = .damaged(path: path, detail: error.message)
        default: self = .inputOutput(path: path, detail: error.description)
        }
    }

    /// SQLITE_IOERR_SHMSIZE: the 32 KiB beside a WAL could not be had, for want of room.
    private static let noSharedMemory: Int32 = 10 | (19 << 8)
    /// SQLITE_IOERR_CORRUPTFS: reading failed because the file system itself is broken.
    private static let corruptFileSystem: Int32 = 10 | (33 << 8)
}
