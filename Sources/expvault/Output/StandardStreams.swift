import Model

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Standard output or standard error could not be written: a full disk behind a redirection, a closed pipe.
struct StreamError: Error {
    /// The reason as the system gives it.
    var errorNumber: Int32

    /// Whether the reader went away, as `| head` does; nothing is wrong then.
    var isClosedPipe: Bool { errorNumber == EPIPE }
}

/// Whole writes to the standard streams.
enum StandardStreams {
    /// Writes all bytes to standard output.
    static func output(_ bytes: [UInt8]) throws {
        try writeAll(bytes, to: STDOUT_FILENO)
    }

    /// Writes a text to standard output.
    static func output(_ text: String) throws {
        try output(Array(text.utf8))
    }

    /// Writes what came from outside: to a terminal escaped, unless it is to be `raw`; elsewhere byte for byte.
    static func foreign(_ bytes: [UInt8], raw: Bool) throws {
        try output(Terminal.isOutput && !raw ? EscapedText.escapeLines(bytes) : bytes)
    }

    /// Writes one line to standard error in one call, so that lines of several writers never mix.
    static func errorLine(_ text: String) {
        // Nobody is left to be told where standard error itself fails.
        try? writeAll(Array((text + "\n").utf8), to: STDERR_FILENO)
    }

    /// Writes to standard error without a line's end (progress on a terminal).
    static func error(_ text: String) {
        // There is nobody left to tell.
        try? writeAll(Array(text.utf8), to: STDERR_FILENO)
    }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) throws {
        var offset = 0
        while offset < bytes.count {
            let written = bytes.withUnsafeBytes { buffer -> Int in
                let rest = UnsafeRawBufferPointer(rebasing: buffer[offset...])
                return write(descriptor, rest.baseAddress, rest.count)
            }
            if written < 0 {
                if errno == EINTR { continue }
                if errno == EAGAIN {
                    var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = poll(&waiting, 1, -1)
                    continue
                }
                throw StreamError(errorNumber: errno)
            }
            offset += written
        }
    }
}
