#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Where the handler puts the numbers of signals.
///
/// Unsafe: written once before the handler is installed, and then only
/// read; a handler may not take a lock.
nonisolated(unsafe) private var signalPipeEntry: Int32 = -1

/// Signals as bytes of a pipe, so that one `poll` waits for them beside keys ("self-pipe").
///
/// The handlers stay for the rest of the process: there is one of these.
final class SignalPipe {
    /// Signals that end the program: all that can be caught and whose default is to end it, crashes aside.
    static let ending: [Int32] = [
        SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU, SIGXFSZ,
    ]

    /// The descriptor to poll.
    let descriptor: Int32
    /// Signals that were read from the pipe and not yet looked at.
    private var waiting: [Int32] = []

    /// Installs the handlers.
    init() throws {
        let ends = try SignalPipe.pipe()
        // Neither an empty pipe nor a full one may hold anybody up.
        for end in [ends.exit, ends.entry] { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
        descriptor = ends.exit
        signalPipeEntry = ends.entry
        let handled = SignalPipe.ending + [SIGTSTP, SIGCONT, SIGWINCH]
        for number in handled { SignalPipe.handle(number) }
        // Threads of Swift's pool have most signals blocked, and whoever started us may have: `raise` would wait.
        var unblocked = sigset_t()
        sigemptyset(&unblocked)
        for number in handled + TerminalScreen.crashes { sigaddset(&unblocked, number) }
        pthread_sigmask(SIG_UNBLOCK, &unblocked, nil)
    }

    /// A pipe that programs which we might start do not get.
    static func pipe() throws -> (exit: Int32, entry: Int32) {
        var ends: [Int32] = [-1, -1]
        #if canImport(Glibc)
        let code = Glibc.pipe(&ends)
        #elseif canImport(Musl)
        let code = Musl.pipe(&ends)
        #endif
        guard code == 0 else { throw StreamError(errorNumber: errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    /// The next signal that came; nil where there is none.
    func next() -> Int32? {
        drain()
        return waiting.isEmpty ? nil : waiting.removeFirst()
    }

    /// Whether a signal that ends the program came; it stays to be got by `next`.
    var isEnding: Bool {
        drain()
        return waiting.contains(where: SignalPipe.ending.contains)
    }

    /// Stops the process as the terminal's Ctrl-Z would have, and comes back once it is told to go on.
    func stop() {
        signal(SIGTSTP, SIG_DFL)
        // In a process group without a shell the kernel does not stop us, and it goes on at once.
        raise(SIGTSTP)
        SignalPipe.handle(SIGTSTP)
    }

    /// Ends the process by the signal, as if nobody had caught it: whoever waits for us sees why we ended.
    static func end(by number: Int32) -> Never {
        signal(number, SIG_DFL)
        raise(number)
        exit(128 + number)
    }

    private func drain() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while true {
            let count = read(descriptor, &bytes, bytes.count)
            guard count > 0 else { return }
            waiting += bytes[..<count].map(Int32.init)
        }
    }

    /// Without SA_RESTART, so that a write to a terminal that stands still comes back.
    private static func handle(_ number: Int32) {
        var action = sigaction()
        let handler: @convention(c) (Int32) -> Void = { number in
            // Only what POSIX calls async-signal-safe.
            let before = errno
            var byte = UInt8(truncatingIfNeeded: number)
            _ = write(signalPipeEntry, &byte, 1)
            errno = before
        }
        #if canImport(Glibc)
        action.__sigaction_handler.sa_handler = handler
        #elseif canImport(Musl)
        action.__sa_handler.sa_handler = handler
        #endif
        sigemptyset(&action.sa_mask)
        var before = sigaction()
        sigaction(number, &action, &before)
        #if canImport(Glibc)
        let old = before.__sigaction_handler.sa_handler
        #elseif canImport(Musl)
        let old = before.__sa_handler.sa_handler
        #endif
        // What was to be ignored (nohup) stays so.
        if let old, unsafeBitCast(old, to: Int.self) == 1 { sigaction(number, &before, nil) }
    }
}
