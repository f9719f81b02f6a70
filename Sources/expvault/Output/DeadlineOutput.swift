import Model
import Storage

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Standard output for rows that come while a snapshot is held: a reader that stops reading is waited for no longer
/// than the statement may take.
final class DeadlineOutput {
    /// So much is collected before it is written: what a pipe with any room at all takes without waiting (PIPE_BUF).
    static let pieceBytes = 4096

    private let tables: SQLTables
    private let isRaw: Bool
    private var bytes: [UInt8] = []

    /// Rows of those tables; to a terminal escaped, unless it is to be raw.
    init(_ tables: SQLTables, isRaw: Bool) {
        self.tables = tables
        self.isRaw = isRaw
    }

    func write(_ text: String) throws { try write(Array(text.utf8)) }

    func write(_ more: [UInt8]) throws {
        bytes += more
        guard bytes.count >= DeadlineOutput.pieceBytes else { return }
        try flush()
    }

    /// Writes what is left.
    func flush() throws {
        // Whole rows, so that no character is cut in two.
        var rest = (Terminal.isOutput && !isRaw ? EscapedText.escapeLines(bytes) : bytes)[...]
        while !rest.isEmpty {
            try wait()
            try StandardStreams.output(Array(rest.prefix(DeadlineOutput.pieceBytes)))
            rest = rest.dropFirst(DeadlineOutput.pieceBytes)
        }
        bytes.removeAll(keepingCapacity: true)
    }

    /// Waits until somebody reads, or throws at the deadline.
    private func wait() throws {
        while true {
            let left = tables.millisecondsLeft
            var waiting = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
            let ready = poll(&waiting, 1, Int32(clamping: left))
            // Errors are the write's to tell.
            if ready > 0 || (ready < 0 && errno != EINTR) { return }
            guard left > 0 else { throw tables.deadlinePassed }
        }
    }
}
