import HostFiles
import Model
import SQLite

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The lock of the one writer: an exclusive `flock` on the file `PATH-lock` beside the database, and one on the database
/// itself.
///
/// The first one's content says in words who holds it, for the one who comes second; it is there before the database is,
/// and stays when the lock is let go: a lock file that is removed lets two hold "the" lock. The second holds where the
/// first cannot: the same file under another name (a hard link, a mount), or a lock file that somebody removed. Neither
/// is SQLite's own, which are `fcntl` locks. The kernel lets go of both when the process ends, however it ends.
final class VaultLock {
    private let path: String
    private let access: FileAccess
    private var descriptor: Int32
    private var database: Int32 = -1
    private var hasReserve = false

    /// So often a lock file is opened anew that was removed in the moment before it was locked.
    private static let attemptsMax = 100
    /// A lock of which nobody says that he holds it is a reader's look at the WAL, or a writer that has just come.
    private static let silenceMax = 100
    private static let silent = "it does not say who"
    private static let silenceMicroseconds: UInt32 = 10_000

    /// Takes the lock of the database at `file`; a lock file that is made belongs to whom the file at `owner` belongs to
    /// (the database, where nil).
    ///
    /// - Throws: `StorageError.locked` where another holds it.
    init(file: VaultFile, owner: String? = nil) throws(StorageError) {
        path = file.realPath + "-lock"
        access = FileAccess.of(path: owner ?? file.realPath) ?? .ownerOnly
        descriptor = try VaultLock.take(path, access, for: file.path)
        write(VaultLock.words())
    }

    private static func take(
        _ path: String,
        _ access: FileAccess,
        for shown: String
    ) throws(StorageError) -> Int32 {
        var silences = 0
        for _ in 0..<attemptsMax + silenceMax {
            let descriptor = try open(path, access, for: shown)
            guard SystemCall.retrying({ flock(descriptor, LOCK_EX | LOCK_NB) }) == 0 else {
                let code = errno
                let holder = VaultLock.holder(descriptor)
                close(descriptor)
                guard code == EWOULDBLOCK else { throw SystemCall.error(code, path: path) }
                if let holder { throw .locked(path: shown, holder: holder) }
                silences += 1
                guard silences < silenceMax else {
                    throw .locked(path: shown, holder: silent)
                }
                usleep(silenceMicroseconds)
                continue
            }
            if FileIdentity.of(path: path) == FileIdentity.of(descriptor: descriptor) { return descriptor }
            close(descriptor)
        }
        throw .inputOutput(path: path, detail: "somebody removes it again and again")
    }

    private static func open(
        _ path: String,
        _ access: FileAccess,
        for shown: String
    ) throws(StorageError) -> Int32 {
        do throws(SystemError) {
            return try access.makeFile(path)
        } catch {
            if error.code == EROFS { throw .permissionDenied(path: shown) }
            guard error.code == EEXIST else { throw SystemCall.error(error.code, path: path) }
        }
        let descriptor = SystemCall.retrying { openFile(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK) }
        guard descriptor >= 0 else {
            let code = errno
            // Gone again: then it is made after all, at the next look.
            if code == ENOENT { return try open(path, access, for: shown) }
            if code == EROFS { throw .permissionDenied(path: shown) }
            throw SystemCall.error(code, path: path)
        }
        var status = stat()
        // Words are written into it: whoever may write to the directory must not choose the file.
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_nlink <= 1 else {
            close(descriptor)
            throw .inputOutput(path: path, detail: "it is no lock file of ours; remove it")
        }
        // What root's commands left of old.
        if status.st_uid == 0 { access.apply(to: descriptor) }
        return descriptor
    }

    // MARK: The database's own file

    /// Locks the database's file itself, which is there by now.
    ///
    /// - Throws: `StorageError.locked` where another has it, by whatever name.
    func holdDatabase(_ file: VaultFile) throws(StorageError) {
        releaseDatabase()
        // For writing, so that overlayfs brings the file up first: by then it has the identity that it keeps.
        let descriptor = SystemCall.retrying {
            openFile(file.realPath, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        }
        guard descriptor >= 0 else { throw SystemCall.error(errno, path: file.path) }
        guard SystemCall.retrying({ flock(descriptor, LOCK_EX | LOCK_NB) }) == 0 else {
            let code = errno
            let holder = LockHolder.words(of: descriptor)
            OpenFiles.release(descriptor)
            // Some network file systems have no such lock, or SQLite's would be in its way: then the lock file is all.
            guard code == EWOULDBLOCK else { return }
            throw .locked(path: file.path, holder: holder)
        }
        database = descriptor
    }

    /// Lets go of the database's file; nobody of this process has it open for writing any more.
    func releaseDatabase() {
        guard database >= 0 else { return }
        flock(database, LOCK_UN)
        // A plain close would drop SQLite's locks of the readers in this process.
        OpenFiles.release(database)
        database = -1
    }

    /// Which file it is that is locked; nil where the database's is not.
    var databaseIdentity: FileIdentity? { database < 0 ? nil : FileIdentity.of(descriptor: database) }

    /// Where the file is now that is locked: its path, or nil where it has none any more.
    var databasePath: String? {
        var status = stat()
        guard database >= 0, fstat(database, &status) == 0, status.st_nlink > 0 else { return nil }
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/fd/\(database)", &buffer, buffer.count)
        guard count > 0 else { return nil }
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    // MARK: The lock file

    /// Whether the lock file is still the one that is locked.
    var isInPlace: Bool {
        descriptor >= 0 && FileIdentity.of(path: path) == FileIdentity.of(descriptor: descriptor)
    }

    /// Makes and locks another lock file in the place of one that was removed.
    ///
    /// - Throws: `StorageError.locked` where somebody has done so before; the database's own lock is kept all the same.
    func restore(for file: VaultFile) throws(StorageError) {
        let new = try VaultLock.take(path, access, for: file.path)
        close(descriptor)
        descriptor = new
        write(VaultLock.words())
        if hasReserve { reserve() }
    }

    /// Takes room on the disk that is let go of when there is none left, so that the last words can be stored.
    ///
    /// It is the lock file's own, so it needs no name and goes with the lock. Where it cannot be had there is none.
    func reserve() {
        hasReserve = true
        _ = posix_fallocate(descriptor, 0, off_t(VaultLock.reserveBytes))
    }

    /// Lets go of that room.
    func releaseReserve() {
        guard descriptor >= 0, hasReserve else { return }
        hasReserve = false
        ftruncate(descriptor, off_t(VaultLock.wordsBytesMax))
    }

    /// Thirty pages of WAL: a commit of scrapes without bodies, or of one for each of hundreds of targets.
    static let reserveBytes = 128 << 10
    private static let wordsBytesMax = 512

    /// Whether somebody holds it; false where that cannot be told.
    ///
    /// The kernel's list of locks is looked at, since trying to take it would keep a writer out that comes just then.
    static func isHeld(for file: VaultFile) -> Bool {
        LockHolder.isLocked(file.realPath + "-lock")
    }

    /// Runs `body` while no writer comes, unless there is one.
    ///
    /// For a question that cannot be answered beside a writer that the kernel's list does not show (another container's).
    static func whileNobodyWrites(
        _ file: VaultFile,
        _ body: () throws(StorageError) -> Void
    ) throws(StorageError) {
        let descriptor = openFile(file.realPath + "-lock", O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        // Without a lock file nobody has ever written; one that may not be opened tells nothing.
        guard descriptor >= 0 else { return try body() }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK else { return }
        try body()
    }

    /// What the one who holds it says of himself.
    static func words(of file: VaultFile) -> String {
        let descriptor = openFile(file.realPath + "-lock", O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return silent }
        defer { close(descriptor) }
        return holder(descriptor) ?? silent
    }

    deinit { release() }

    /// Lets go.
    func release() {
        releaseDatabase()
        guard descriptor >= 0 else { return }
        ftruncate(descriptor, 0)
        close(descriptor)
        descriptor = -1
    }

    // MARK: Words

    private func write(_ words: String) {
        // Only words for a person: where they cannot be written, the lock holds all the same.
        ftruncate(descriptor, 0)
        let bytes = Array(words.utf8)
        _ = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    }

    /// What the holder says of himself; nil for nothing.
    private static func holder(_ descriptor: Int32) -> String? {
        var buffer = [UInt8](repeating: 0, count: wordsBytesMax)
        let count = buffer.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
        let words = String(
            decoding: buffer.prefix(max(0, count)).filter { $0 >= 0x20 && $0 != 0x7f },
            as: UTF8.self
        )
        return words.isEmpty ? nil : words
    }

    /// The command in one word, the process, and since when: `record, pid 123, since 2026-01-02T03:04:05Z`.
    private static func words() -> String {
        let arguments = CommandLine.arguments
        // The first word after the program is the command; further words may hold what is nobody's business.
        let command = arguments.dropFirst().first { !$0.hasPrefix("-") } ?? programName(arguments.first ?? "")
        let now = Timestamp(milliseconds: SystemCall.wallMilliseconds())
        return "\(command.prefix(64)), pid \(getpid()), since \(TimestampText.formatSeconds(now))"
    }

    private static func programName(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? "unknown"
    }
}

// The type above has a method of that name.
private func openFile(_ path: String, _ flags: Int32) -> Int32 { open(path, flags) }
