import HostFiles
import Model

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A damaged database that was put aside, so that recording could go on with a new one.
package struct PutAside: Hashable, Sendable {
    /// Where it was.
    package var original: String
    /// Where it is now; its WAL is beside it.
    package var path: String
    /// What is wrong with it, in words.
    package var reason: String
}

/// Puts the files of a database aside together: `PATH`, `PATH-wal` and `PATH-shm`, to `PATH.damaged-20260102T030405Z` and its
/// like.
///
/// The lock file stays, for it is held; so do the export's ledger and the key for arguments, which name the database by
/// its UUID, or serve the next one too.
///
/// Three renames are not one. A database without its WAL, or a WAL beside another database, would be believed, so a note
/// (`PATH-aside`) says what is being done before the first rename is, and goes when all are durable: whoever takes the
/// lock next finishes what a crash cut off, before anything else.
enum PutAsideFiles {
    private static let suffixes = ["", "-wal", "-shm"]
    private static let notePrefix = ".damaged-"

    /// Renames what there is; the name of the database now, or nil where there was nothing to put aside.
    ///
    /// The caller holds the lock, and nobody of this process has the database open.
    static func run(_ file: VaultFile) throws(StorageError) -> String? {
        if let finished = try finish(file) { return finished }
        guard suffixes.contains(where: { exists(file.realPath + $0) }) else { return nil }
        let suffix = freeSuffix(file)
        try writeNote(suffix, file)
        try rename(file, suffix)
        return file.path + suffix
    }

    /// Finishes what a crash cut off; the name of the database now, or nil where there was no such thing.
    @discardableResult
    static func finish(_ file: VaultFile) throws(StorageError) -> String? {
        guard let suffix = try readNote(file) else { return nil }
        try rename(file, suffix)
        return file.path + suffix
    }

    private static func rename(_ file: VaultFile, _ suffix: String) throws(StorageError) {
        for sibling in suffixes {
            let path = file.realPath + sibling
            let new = file.realPath + suffix + sibling
            // Nothing is written over, whatever the note says.
            guard exists(path), !exists(new) else { continue }
            guard systemRename(path, new) == 0 else { throw SystemCall.error(errno, path: path) }
        }
        try SystemCall.syncDirectory(file.directory)
        unlink(note(file))
        try SystemCall.syncDirectory(file.directory)
    }

    // MARK: The note

    private static func note(_ file: VaultFile) -> String { file.realPath + "-aside" }

    private static func writeNote(_ suffix: String, _ file: VaultFile) throws(StorageError) {
        let draft = note(file) + "-new"
        unlink(draft)
        let access = FileAccess.of(path: file.realPath) ?? .ownerOnly
        let descriptor: Int32
        do throws(SystemError) {
            descriptor = try access.makeFile(draft)
        } catch {
            throw SystemCall.error(error.code, path: draft)
        }
        let bytes = Array(suffix.utf8)
        let count = SystemCall.retrying {
            bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        }
        let isWritten = count == bytes.count && fsync(descriptor) == 0
        let code = errno
        close(descriptor)
        guard isWritten else {
            unlink(draft)
            throw SystemCall.error(count < 0 ? code : ENOSPC, path: draft)
        }
        guard systemRename(draft, note(file)) == 0 else { throw SystemCall.error(errno, path: draft) }
        try SystemCall.syncDirectory(file.directory)
    }

    /// What the note says; one that says anything else than we write is no note.
    private static func readNote(_ file: VaultFile) throws(StorageError) -> String? {
        let descriptor = SystemCall.retrying { open(note(file), O_RDONLY | O_NOFOLLOW | O_CLOEXEC) }
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw SystemCall.error(errno, path: note(file))
        }
        defer { close(descriptor) }
        let bytes = try SystemCall.read(descriptor, 64, at: 0, path: note(file))
        let suffix = String(decoding: bytes, as: UTF8.self)
        let isOurs =
            suffix.hasPrefix(notePrefix)
            && suffix.utf8.dropFirst(notePrefix.utf8.count).allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || Array("TZ-".utf8).contains($0)
            }
        return isOurs ? suffix : nil
    }

    // MARK: Names

    /// `.damaged-` and the time, with a number where that is taken.
    private static func freeSuffix(_ file: VaultFile) -> String {
        let dated = notePrefix + timeText()
        var suffix = dated
        var number = 1
        while suffixes.contains(where: { exists(file.realPath + suffix + $0) }) {
            number += 1
            suffix = "\(dated)-\(number)"
        }
        return suffix
    }

    /// The time in ISO 8601's basic form, which no file system minds.
    private static func timeText() -> String {
        let now = Timestamp(milliseconds: SystemCall.wallMilliseconds())
        return TimestampText.formatSeconds(now).filter { $0 != "-" && $0 != ":" }
    }

    private static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    private static func systemRename(_ old: String, _ new: String) -> Int32 {
        #if canImport(Glibc)
        Glibc.rename(old, new)
        #else
        Musl.rename(old, new)
        #endif
    }
}
