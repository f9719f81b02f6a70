#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The lock of the one writer: an exclusive `flock` on the file `PATH-lock` beside the database.
///
/// The file's content says in words who holds it, for the one who comes second. It stays when the lock is let go:
/// a lock file that is removed lets two hold "the" lock. The kernel lets go when the process ends, however it ends.
final class VaultLock {
    private var descriptor: Int32

    /// Takes the lock.
    ///
    /// - Throws: `StorageError.locked` where another holds it.
    init(file: VaultFile) throws(StorageError) {
        let path = file.realPath + "-lock"
        descriptor = SystemCall.retrying { open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600) }
        guard descriptor >= 0 else {
            let code = errno
            if code == EROFS { throw .permissionDenied(path: file.path) }
            throw SystemCall.error(code, path: path)
        }
        guard SystemCall.retrying({ flock(descriptor, LOCK_EX | LOCK_NB) }) == 0 else {
            let code = errno
            let holder = VaultLock.holder(descriptor)
            close(descriptor)
            descriptor = -1
            guard code == EWOULDBLOCK else { throw SystemCall.error(code, path: path) }
            throw .locked(path: file.path, holder: holder)
        }
        write(VaultLock.words())
    }

    /// Whether somebody holds it; false where that cannot be told.
    ///
    /// The kernel's list of locks is looked at, since trying to take it would keep a writer out that comes just then.
    static func isHeld(for file: VaultFile) -> Bool {
        var status = stat()
        guard stat(file.realPath + "-lock", &status) == 0 else { return false }
        let descriptor = open("/proc/locks", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        // `1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF`; the device's numbers are not the same on every file system.
        let inode = Array(":\(status.st_ino) ".utf8)
        var text: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while text.count < 1 << 22 {
            let count = SystemCall.retrying { read(descriptor, &part, part.count) }
            guard count > 0 else { break }
            text += part[..<count]
        }
        return text.split(separator: UInt8(ascii: "\n")).contains { line in
            let words = line.split(separator: 0x20)
            return words.count > 5 && words[1].elementsEqual("FLOCK".utf8)
                && (words[5] + [0x20]).reversed().starts(with: inode.reversed())
        }
    }

    deinit { release() }

    /// Lets go.
    func release() {
        guard descriptor >= 0 else { return }
        ftruncate(descriptor, 0)
        close(descriptor)
        descriptor = -1
    }

    private func write(_ words: String) {
        // Only words for a person: where they cannot be written, the lock holds all the same.
        ftruncate(descriptor, 0)
        let bytes = Array(words.utf8)
        _ = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    }

    private static func holder(_ descriptor: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 512)
        let count = buffer.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
        let words = String(
            decoding: buffer.prefix(max(0, count)).filter { $0 >= 0x20 && $0 != 0x7f },
            as: UTF8.self
        )
        return words.isEmpty ? "it does not say who" : words
    }

    /// The command in one word, the process, and since when: `record, pid 123, since 2026-01-02T03:04:05Z`.
    private static func words() -> String {
        let arguments = CommandLine.arguments
        // The first word after the program is the command; further words may hold what is nobody's business.
        let command = arguments.dropFirst().first { !$0.hasPrefix("-") } ?? programName(arguments.first ?? "")
        var now = time(nil)
        var parts = tm()
        gmtime_r(&now, &parts)
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let date = "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
        let clock = "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
        return "\(command.prefix(64)), pid \(getpid()), since \(date)T\(clock)Z"
    }

    private static func programName(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? "unknown"
    }
}
