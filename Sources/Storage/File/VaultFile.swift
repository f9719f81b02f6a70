import HostFiles
import SQLite

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The database's file from outside: where it is, what its first bytes say, how it comes to be.
///
/// A database is made whole under another name and then renamed, so that the file at the path is always one of ours
/// from its first byte to its last, whenever the machine stops.
struct VaultFile {
    /// "expv" in ASCII, in the file's header at byte 68; https://sqlite.org/fileformat.html.
    static let applicationID: Int64 = 0x6578_7076

    /// What every SQLite file begins with.
    static let magic = Array("SQLite format 3\0".utf8)

    /// The path as the caller gave it, for messages.
    let path: String
    /// The same without symbolic links in its directories, as SQLite wants it.
    let realPath: String
    /// The directory that holds it.
    let directory: String

    /// The path, with the directory's symbolic links resolved.
    ///
    /// Nothing is opened.
    init(path: String) throws(StorageError) {
        let parts = VaultFile.split(path)
        guard !parts.name.isEmpty else { throw .notFound(path: path) }
        guard let resolved = realpath(parts.directory, nil) else { throw SystemCall.error(errno, path: path) }
        defer { free(resolved) }
        self.path = path
        directory = String(cString: resolved)
        realPath = (directory == "/" ? "" : directory) + "/" + parts.name
    }

    private static func split(_ path: String) -> (directory: String, name: String) {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
        let name = String(path[path.utf8.index(after: slash)...])
        return (slash == path.startIndex ? "/" : String(path[..<slash]), name)
    }

    /// Makes the directories that lead to `path`, 0700, where they are not there.
    static func makeDirectories(for path: String) throws(StorageError) {
        let directory = split(path).directory
        guard access(directory, F_OK) != 0 else { return }
        try makeDirectories(for: directory)
        guard mkdir(directory, 0o700) == 0 else {
            if errno == EEXIST { return }
            throw errno == EACCES
                ? .permissionDenied(path: directory)
                : .cannotCreate(path: path, detail: SystemCall.words(errno))
        }
        // Whatever the umask: one of 777 would keep us out ourselves.
        chmod(directory, 0o700)
    }

    /// What the file is, by its header.
    enum Content: Equatable {
        /// There is none.
        case missing
        /// A file without a byte.
        case empty
        /// A database of ours, of that version.
        case ours(version: Int64)
        /// A database of ours whose first bytes are not what they were.
        case damaged(String)
        /// Anything else.
        case foreign
    }

    /// A descriptor of it, for reading; it goes back to `OpenFiles.release`.
    func openForLook() throws(StorageError) -> Int32 {
        let descriptor =
            OpenFiles.waiting(for: realPath)
            ?? SystemCall.retrying { open(realPath, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK) }
        guard descriptor >= 0 else { throw SystemCall.error(errno, path: path) }
        return descriptor
    }

    /// Looks at the header, without SQLite, so that nothing of a foreign file is touched.
    func inspect() throws(StorageError) -> Content {
        let descriptor: Int32
        do {
            descriptor = try openForLook()
        } catch .notFound {
            return .missing
        }
        // A plain close would drop the locks of a writer or reader in this process.
        defer { OpenFiles.release(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw SystemCall.error(errno, path: path) }
        guard status.st_mode & S_IFMT == S_IFREG else { return .foreign }
        guard status.st_size > 0 else { return .empty }
        var header = [UInt8](repeating: 0, count: 100)
        let count = SystemCall.retrying {
            header.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, 100, 0) }
        }
        guard count >= 0 else { throw SystemCall.error(errno, path: path) }
        let word = { (offset: Int) in header[offset..<offset + 4].reduce(Int64(0)) { $0 << 8 | Int64($1) } }
        guard count == 100 else {
            let isOurs = header.starts(with: VaultFile.magic) && word(68) == VaultFile.applicationID
            return isOurs ? .damaged("it is cut off after \(count) bytes") : .foreign
        }
        // What is ours but for a bit or two is ours, and damaged: nobody else's file comes that near.
        let changed = zip(header, VaultFile.magic).count { $0 != $1 }
        let changedBits = (word(68) ^ VaultFile.applicationID).nonzeroBitCount
        guard changed <= 2, changedBits <= 2, changed == 0 || changedBits == 0 else { return .foreign }
        guard changed == 0, changedBits == 0 else {
            return .damaged("its first bytes are not what they were")
        }
        // Pages of 4096 bytes, nothing reserved, the fractions that SQLite knows alone; a journal that is one of its two.
        guard header[16..<18] == [0x10, 0], (1...2).contains(header[18]), (1...2).contains(header[19]),
            header[20..<24] == [0, 64, 32, 32]
        else { return .damaged("its header says what no file of ours does") }
        return .ours(version: word(60))
    }

    /// Throws where the file is no database that this version can use.
    func requireOurs() throws(StorageError) {
        switch try inspect() {
        case .missing:
            try requireNoOrphan("its WAL is there, and the file itself is not")
            throw .notFound(path: path)
        case .empty:
            try requireNoOrphan("its WAL is there, and the file itself is empty")
            throw .notOurs(path: path)
        case .foreign: throw .notOurs(path: path)
        case .damaged(let detail): throw .damaged(path: path, detail: detail)
        case .ours(let version): try Migrations.requireKnown(version, path: path)
        }
    }

    /// Throws where there is a WAL with something in it, and no file that it belongs to: SQLite would play it back into
    /// whatever comes to stand there.
    func requireNoOrphan(_ detail: String) throws(StorageError) {
        guard try WALScan(path: realPath + "-wal").frameCount == 0 else {
            throw .damaged(path: path, detail: detail)
        }
    }

    /// Makes the database; the caller holds the lock, and there is no file at the path, or an empty one.
    ///
    /// It belongs to whom that one did, or else the lock, where root makes it.
    func create() throws(StorageError) {
        let draft = realPath + "-new"
        // What a creation left that was cut off; nobody else is at it, for the lock is ours.
        for suffix in ["", "-journal", "-wal", "-shm"] { unlink(draft + suffix) }
        let access =
            FileAccess.of(path: realPath) ?? FileAccess.of(path: realPath + "-lock") ?? .ownerOnly
        do throws(SystemError) {
            close(try access.makeFile(draft))
        } catch {
            throw cannotCreate(error.code)
        }
        do {
            let connection = try Connection(path: draft, role: .writer(create: false), busyMilliseconds: 0)
            defer { connection.close() }
            try Schema.create(on: connection)
        } catch {
            // What hinders it is seen of the draft, while it is there: there is no database yet that could be missing.
            let told = StorageError(error, path: draft)
            unlink(draft)
            switch told {
            case .diskFull: throw .diskFull(path: path)
            case .permissionDenied: throw .permissionDenied(path: path)
            case .inputOutput(_, let detail): throw .inputOutput(path: path, detail: detail)
            default: throw told
            }
        }
        guard rename(draft, realPath) == 0 else {
            let code = errno
            // A file that is mounted there keeps its place, and gets the content.
            guard code == EBUSY else { throw cannotCreate(code) }
            defer { unlink(draft) }
            return try fill(from: draft)
        }
        try SystemCall.syncDirectory(directory)
    }

    /// Copies the draft into the empty file that is there, its first page last: until that is there, it is no database.
    private func fill(from draft: String) throws(StorageError) {
        let source = SystemCall.retrying { open(draft, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) }
        guard source >= 0 else { throw cannotCreate(errno) }
        defer { close(source) }
        let bytes = try SystemCall.read(source, VaultFile.bytesOfNewMax, at: 0, path: draft)
        let target = SystemCall.retrying { open(realPath, O_RDWR | O_NOFOLLOW | O_CLOEXEC) }
        guard target >= 0 else { throw cannotCreate(errno) }
        defer { OpenFiles.release(target) }
        // It may be mounted elsewhere too, where the lock file is another.
        var status = stat()
        guard flock(target, LOCK_EX | LOCK_NB) == 0, fstat(target, &status) == 0, status.st_size == 0 else {
            throw .locked(path: path, holder: "somebody who is just making it")
        }
        defer { flock(target, LOCK_UN) }
        let page = min(4096, bytes.count)
        for (offset, part) in [(page, bytes[page...]), (0, bytes[..<page])] {
            try SystemCall.write(target, Array(part), at: offset, path: path)
            guard fsync(target) == 0 else { throw SystemCall.error(errno, path: path) }
            if offset > 0, ftruncate(target, off_t(bytes.count)) != 0 { throw cannotCreate(errno) }
        }
    }

    /// A new database has some twenty pages.
    private static let bytesOfNewMax = 16 << 20

    private func cannotCreate(_ code: Int32) -> StorageError {
        switch code {
        case EACCES, EPERM: .permissionDenied(path: path)
        case ENOSPC, EDQUOT: .diskFull(path: path)
        default: .cannotCreate(path: path, detail: SystemCall.words(code))
        }
    }

    /// The bytes of the file, or of the one beside it whose name ends so; 0 where there is none.
    func bytes(of suffix: String) -> Int64 {
        var status = stat()
        return stat(realPath + suffix, &status) == 0 ? Int64(status.st_size) : 0
    }

    /// Whether there is a WAL with something in it.
    var hasWAL: Bool { bytes(of: "-wal") > 0 }

    /// How a reader opens it: as it is, or as a file that nobody can change.
    ///
    /// A reader of a WAL database makes `-shm` where it is not there. On read-only media that fails, and is not
    /// needed where there is no WAL either: then the main file is all there is; https://sqlite.org/wal.html#readonly.
    func readerRole() -> Connection.Role {
        let isWritable = access(directory, W_OK) == 0
        return hasWAL || isWritable ? .reader : .immutableReader
    }
}
