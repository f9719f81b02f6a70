import TerminalView

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What brings the terminal back after a crash; lives as long as the process.
///
/// Memory of its own, since Swift 6.3 reserves 57 bytes for a global `termios()`: it leaves out the three between `c_cc`
/// and `c_ispeed`, and an assignment writes all 60 (found by the address sanitizer).
///
/// Unsafe: written before its handler is installed, only read after.
nonisolated(unsafe) private var crashSettings: UnsafeMutablePointer<termios>?
/// The bytes for it, which live as long as the process.
///
/// Unsafe: as above.
nonisolated(unsafe) private var crashBytes: UnsafeMutableBufferPointer<UInt8>?

/// The terminal of standard input and output, taken over for a while and given back as it was.
final class TerminalScreen {
    /// The terminal went away.
    struct Gone: Error {}

    /// So long a terminal that takes no bytes is waited for when it is given back, in milliseconds.
    private static let leaveMilliseconds: Int32 = 500
    /// Written at once, so that a slow line does not hold a signal up for long.
    private static let pieceBytes = 1024

    /// Signals of a crash: whatever state the program is in, the terminal is given back first.
    static let crashes: [Int32] = [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS]

    /// Standard input's settings before.
    private let settings: termios
    private(set) var isEntered = false

    /// Looks at the terminal; changes nothing.
    init() throws {
        var settings = termios()
        guard tcgetattr(STDIN_FILENO, &settings) == 0 else { throw StreamError(errorNumber: errno) }
        self.settings = settings
    }

    /// Columns and lines; 80 and 24 where the terminal does not say.
    var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return (80, 24)
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Takes the terminal over: keys one by one and unseen; Ctrl-C, Ctrl-Z and Ctrl-\ stay signals.
    func enter(_ signals: SignalPipe) throws {
        guardAgainstCrash()
        var raw = settings
        raw.c_lflag &= ~tcflag_t(ICANON | ECHO | IEXTEN)
        withUnsafeMutableBytes(of: &raw.c_cc) { keys in
            keys[Int(VMIN)] = 1
            keys[Int(VTIME)] = 0
        }
        tcsetattr(STDIN_FILENO, TCSANOW, &raw)
        isEntered = true
        try write(FrameWriter.entry, signals)
    }

    /// Gives the terminal back.
    func leave() {
        guard isEntered else { return }
        isEntered = false
        // One that stands still (Ctrl-S, a dead line) is not waited for: its settings matter more than its picture.
        var output = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
        if poll(&output, 1, TerminalScreen.leaveMilliseconds) == 1, output.revents & Int16(POLLOUT) != 0 {
            _ = Self.writeOnce(FrameWriter.exit[...])
        }
        var before = settings
        tcsetattr(STDIN_FILENO, TCSANOW, &before)
    }

    /// Writes all bytes; gives up where a signal that ends the program comes meanwhile.
    func write(_ bytes: [UInt8], _ signals: SignalPipe) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            var waiting = [
                pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0),
                pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            _ = poll(&waiting, 2, -1)
            if signals.isEnding { return }
            if waiting[0].revents & Int16(POLLERR | POLLHUP | POLLNVAL) != 0 { throw Gone() }
            guard waiting[0].revents & Int16(POLLOUT) != 0 else { continue }
            let count = Self.writeOnce(rest.prefix(TerminalScreen.pieceBytes))
            if count < 0, errno != EINTR, errno != EAGAIN { throw Gone() }
            if count > 0 { rest = rest.dropFirst(count) }
        }
    }

    /// The bytes of keys that are there.
    func read() throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = bytes.withUnsafeMutableBytes { buffer in
            #if canImport(Glibc)
            Glibc.read(STDIN_FILENO, buffer.baseAddress, buffer.count)
            #elseif canImport(Musl)
            Musl.read(STDIN_FILENO, buffer.baseAddress, buffer.count)
            #endif
        }
        if count < 0, errno == EINTR || errno == EAGAIN { return [] }
        guard count > 0 else { throw Gone() }
        return Array(bytes[..<count])
    }

    private static func writeOnce(_ bytes: ArraySlice<UInt8>) -> Int {
        bytes.withUnsafeBytes { buffer in
            #if canImport(Glibc)
            Glibc.write(STDOUT_FILENO, buffer.baseAddress, buffer.count)
            #elseif canImport(Musl)
            Musl.write(STDOUT_FILENO, buffer.baseAddress, buffer.count)
            #endif
        }
    }

    /// A trap of the runtime, too, leaves a terminal that one can type on.
    private func guardAgainstCrash() {
        guard crashBytes == nil else { return }
        let bytes = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: FrameWriter.exit.count)
        _ = bytes.initialize(from: FrameWriter.exit)
        let before = UnsafeMutablePointer<termios>.allocate(capacity: 1)
        before.initialize(to: settings)
        crashSettings = before
        crashBytes = bytes
        for number in TerminalScreen.crashes {
            signal(number) { number in
                // Only what POSIX calls async-signal-safe.
                if let bytes = crashBytes {
                    #if canImport(Glibc)
                    _ = Glibc.write(STDOUT_FILENO, bytes.baseAddress, bytes.count)
                    #elseif canImport(Musl)
                    _ = Musl.write(STDOUT_FILENO, bytes.baseAddress, bytes.count)
                    #endif
                    if let before = crashSettings { tcsetattr(STDIN_FILENO, TCSANOW, before) }
                }
                signal(number, SIG_DFL)
                raise(number)
            }
        }
    }
}
