#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The few calls of the operating system that SQLite does not make for us.
enum SystemCall {
    /// The words for `errno`.
    static func words(_ code: Int32) -> String {
        // Glibc's header and Musl's disagree on whether this can be nothing.
        let words: UnsafeMutablePointer<CChar>? = strerror(code)
        return words.map { String(cString: $0) } ?? "error \(code)"
    }

    /// The error for a call on `path` that failed with that `errno`.
    static func error(_ code: Int32, path: String) -> StorageError {
        switch code {
        case ENOENT, ENOTDIR: .notFound(path: path)
        case EACCES, EPERM, EROFS: .permissionDenied(path: path)
        case ENOSPC, EDQUOT: .diskFull(path: path)
        case ELOOP:
            .inputOutput(path: path, detail: "it is a symbolic link; give the path that it points to")
        default: .inputOutput(path: path, detail: words(code))
        }
    }

    /// Removes the file at `path`, if there is one.
    static func remove(_ path: String) { unlink(path) }

    /// The name of this host, as `hostname` prints it.
    static func hostName() -> String {
        var buffer = [UInt8](repeating: 0, count: 256)
        let code = buffer.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return Int32(-1) }
            // One byte less: a name that is cut need not end in zero.
            return gethostname(start.assumingMemoryBound(to: CChar.self), bytes.count - 1)
        }
        guard code == 0 else { return "unknown" }
        return String(decoding: buffer.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// The wall clock in Unix milliseconds.
    static func wallMilliseconds() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) &* 1000 &+ Int64(now.tv_nsec) / 1_000_000
    }

    /// Calls again while a signal interrupts.
    static func retrying<Value: SignedInteger>(_ call: () -> Value) -> Value {
        while true {
            let value = call()
            if value == -1 && errno == EINTR { continue }
            return value
        }
    }

    /// Makes what was done to the entries of the directory durable.
    static func syncDirectory(_ directory: String) throws(StorageError) {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw error(errno, path: directory) }
        defer { close(descriptor) }
        // Some file systems cannot sync a directory, and say EINVAL; they have nothing to sync then.
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw error(errno, path: directory) }
    }

    /// The bytes of a file from `offset` on, fewer than `size` only at its end.
    static func read(
        _ descriptor: Int32,
        _ size: Int,
        at offset: Int,
        path: String
    ) throws(StorageError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: size)
        var done = 0
        while done < size {
            let count = retrying {
                bytes.withUnsafeMutableBytes {
                    pread(descriptor, $0.baseAddress.map { $0 + done }, size - done, off_t(offset + done))
                }
            }
            guard count >= 0 else { throw error(errno, path: path) }
            if count == 0 { break }
            done += count
        }
        bytes.removeLast(size - done)
        return bytes
    }

    /// Writes all of `bytes` at `offset`.
    static func write(
        _ descriptor: Int32,
        _ bytes: [UInt8],
        at offset: Int,
        path: String
    ) throws(StorageError) {
        var done = 0
        while done < bytes.count {
            let count = retrying {
                bytes.withUnsafeBytes {
                    pwrite(
                        descriptor,
                        $0.baseAddress.map { $0 + done },
                        bytes.count - done,
                        off_t(offset + done)
                    )
                }
            }
            guard count > 0 else { throw error(count < 0 ? errno : ENOSPC, path: path) }
            done += count
        }
    }
}
