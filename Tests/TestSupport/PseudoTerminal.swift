import Glibc
import TestBasics

/// A program that a test runs on a terminal of its own, and what is to be seen there.
package final class PseudoTerminal: @unchecked Sendable {
    // @unchecked: used by one test at a time; nothing of it is shared between threads.

    /// No terminal could be made, or no program started on it.
    package struct Failed: Error {
        package var step: String
        package var errorNumber: Int32
    }

    /// What was drawn.
    package private(set) var screen: TerminalEmulator
    /// All bytes that the program wrote to the terminal so far.
    package private(set) var written: [UInt8] = []
    private var master: Int32
    /// Held open, so that the terminal's settings outlive the program.
    private let slave: Int32
    private let pid: pid_t
    private var status: Int32?

    /// Starts a program on a terminal of that size, as the leader of a session of its own.
    package init(
        _ program: String,
        _ arguments: [String],
        columns: Int,
        rows: Int,
        environment: [String: String] = [:]
    ) throws {
        screen = TerminalEmulator(columns: columns, rows: rows)
        // What posix_openpt, unlockpt and ptsname do (ioctl_tty(2)); Swift does not see those, nor the numbers.
        master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var number: UInt32 = 0
        var lock: Int32 = 0
        guard master >= 0, ioctl(master, 0x4004_5431, &lock) == 0, ioctl(master, 0x8004_5430, &number) == 0
        else {
            throw Failed(step: "open", errorNumber: errno)
        }
        let path = "/dev/pts/\(number)"
        slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard slave >= 0 else { throw Failed(step: "open \(path)", errorNumber: errno) }
        var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(master, UInt(TIOCSWINSZ), &size)
        _ = fcntl(master, F_SETFL, O_NONBLOCK)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // The first terminal that the leader of a session opens becomes its controlling one.
        posix_spawn_file_actions_addopen(&actions, 0, path, O_RDWR, 0)
        posix_spawn_file_actions_adddup2(&actions, 0, 1)
        posix_spawn_file_actions_adddup2(&actions, 0, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // POSIX_SPAWN_SETSID of glibc, which Swift does not see.
        posix_spawnattr_setflags(&attributes, 0x80)
        // env(1) sets the variables and becomes the program.
        let settings = ["TERM": "xterm-256color"].merging(environment) { $1 }.map { "\($0.key)=\($0.value)" }
        let command =
            ["/usr/bin/env", "-u", "NO_COLOR", "-u", "LC_ALL", "-u", "LANG"] + settings + [program]
            + arguments
        var child = pid_t()
        let pointers = command.map { strdup($0) }
        defer { for pointer in pointers { free(pointer) } }
        let code = posix_spawn(&child, command[0], &actions, &attributes, pointers + [nil], environ)
        guard code == 0 else { throw Failed(step: "spawn", errorNumber: code) }
        pid = child
    }

    deinit {
        if status == nil {
            kill(pid, SIGKILL)
            var status: Int32 = 0
            waitpid(pid, &status, 0)
        }
        if master >= 0 { close(master) }
        close(slave)
    }

    /// The terminal's settings as bytes: equal where they are the same.
    package var settings: [UInt8] {
        var settings = termios()
        tcgetattr(slave, &settings)
        return withUnsafeBytes(of: settings) { Array($0) }
    }

    /// Whether keys are shown and come line by line, as a shell wants it.
    package var isOrdinary: Bool {
        var settings = termios()
        tcgetattr(slave, &settings)
        return settings.c_lflag & tcflag_t(ICANON | ECHO) == tcflag_t(ICANON | ECHO)
    }

    /// Presses keys.
    package func type(_ keys: String) {
        let bytes = Array(keys.utf8)
        _ = write(master, bytes, bytes.count)
    }

    /// Sends a signal to the program.
    package func signal(_ number: Int32) { kill(pid, number) }

    /// Takes the terminal away, as a window that is closed or a line that drops.
    package func hangUp() {
        readAll()
        close(master)
        master = -1
    }

    /// Gives the terminal another size, as a window that is dragged.
    package func resize(columns: Int, rows: Int) {
        readAll()
        screen = TerminalEmulator(columns: columns, rows: rows)
        var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(master, UInt(TIOCSWINSZ), &size)
    }

    /// Waits until `isThere` holds of the screen; false where it never did.
    package func wait(
        until isThere: (TerminalEmulator) -> Bool
    ) async throws -> Bool {
        await Waiting.until {
            readAll()
            return isThere(screen)
        }
    }

    /// Waits until a line of the screen holds `text`.
    package func wait(for text: String) async throws -> Bool {
        try await wait { screen in screen.lines.contains { $0.contains(text) } }
    }

    /// Waits for the program's end: its exit status, 128 + a signal's number where that ended it.
    package func end() async throws -> Int32? {
        _ = await Waiting.until {
            readAll()
            var code: Int32 = 0
            guard waitpid(pid, &code, WNOHANG) == pid else { return false }
            status = code & 0x7F == 0 ? code >> 8 & 0xFF : 128 + (code & 0x7F)
            readAll()
            return true
        }
        return status
    }

    /// Waits until the program is stopped, as Ctrl-Z does it.
    package func isStopped() async throws -> Bool {
        var code: Int32 = 0
        let isTold = await Waiting.until {
            readAll()
            return waitpid(pid, &code, WNOHANG | WUNTRACED) == pid
        }
        return isTold && code & 0xFF == 0x7F
    }

    private func readAll() {
        guard master >= 0 else { return }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(master, &bytes, bytes.count)
            guard count > 0 else { return }
            screen.take(bytes[..<count])
            written += bytes[..<count]
        }
    }
}
