import TestBasics
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// `expvault top` on a real terminal, over a database that a real service is recorded into.
@Suite(.serialized) struct TopTests {
    /// A service that is being recorded, and a target that does not answer.
    private final class Recording: Sendable {
        let directory: TemporaryDirectory
        let database: String
        let service: GoService
        let recorder: ChildProcess

        init() async throws {
            directory = try TemporaryDirectory()
            database = directory.file("top.db")
            service = try await GoService.start("-seed", "7", "-load", "300")
            recorder = try Expvault.start(
                [
                    "record", "--db", database, "--interval", "200ms", "--log-level", "debug",
                    "api=\(service.url)",
                    "gone=http://127.0.0.1:9",
                ]
            )
            for _ in 0..<3 { _ = await recorder.waitForError("stored target=api") }
            _ = await recorder.waitForError("stored target=gone")
        }

        func top(
            _ more: String...,
            columns: Int,
            rows: Int,
            environment: [String: String] = [:]
        ) throws
            -> PseudoTerminal
        {
            try PseudoTerminal(
                Expvault.binary,
                ["top", "--db", database, "--window", "1m", "--interval", "200ms"] + more,
                columns: columns,
                rows: rows,
                environment: environment
            )
        }

        func stop() async throws {
            recorder.signal(SIGTERM)
            _ = try await recorder.wait()
            try await service.stop()
        }
    }

    @Test("it shows the targets, one of them, and a series, at three sizes, and gives the terminal back")
    func sizes() async throws {
        let recording = try await Recording()
        for (columns, rows) in [(80, 24), (40, 10), (200, 60)] {
            let terminal = try recording.top(columns: columns, rows: rows)
            let before = terminal.settings
            // The heap of the service is there once it was read.
            #expect(
                try await terminal.wait { $0.lines.contains { $0.contains("> api") && $0.contains("iB") } }
            )
            #expect(
                try await terminal.wait { $0.lines.contains { $0.contains("gone") && $0.contains("down") } }
            )
            #expect(terminal.screen.isAlternate && !terminal.screen.isCursorShown)
            #expect(!terminal.isOrdinary)
            #expect(terminal.screen.lines[2].contains("TARGET▲"), "\(terminal.screen.lines)")
            terminal.type("h")
            #expect(try await terminal.wait(for: "HEAP▼"))
            terminal.type("\r")
            #expect(try await terminal.wait(for: "Allocation"))
            #expect(try await terminal.wait(for: "▇"))
            terminal.type("\u{1B}")
            #expect(try await terminal.wait(for: "HEAP▼"))
            terminal.type("/requests_to")
            #expect(try await terminal.wait(for: "requests_total"))
            terminal.type("\r")
            #expect(try await terminal.wait(for: "Rate"))
            #expect(try await terminal.wait(for: "counter"))
            terminal.type("\u{1B}")
            #expect(try await terminal.wait(for: "/requests_to"))
            terminal.type("\u{1B}")
            #expect(try await terminal.wait(for: "HEAP▼"))
            terminal.type("q")
            #expect(try await terminal.end() == 0)
            #expect(terminal.settings == before)
            #expect(
                !terminal.screen.isAlternate && terminal.screen.isCursorShown && terminal.screen.isWrapping
            )
            #expect(terminal.screen.unknown.isEmpty, "\(terminal.screen.unknown)")
        }
        try await recording.stop()
    }

    @Test(
        "a signal that can be caught leaves the terminal as it was, and ends the program by that signal",
        arguments: [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGABRT]
    )
    func signals(_ number: Int32) async throws {
        let recording = try await Recording()
        let terminal = try recording.top(columns: 80, rows: 24)
        let before = terminal.settings
        #expect(try await terminal.wait(for: "api"))
        #expect(!terminal.isOrdinary)
        // Ctrl-C and Ctrl-\ come from the terminal itself.
        if number == SIGINT {
            terminal.type("\u{03}")
        } else if number == SIGQUIT {
            terminal.type("\u{1C}")
        } else {
            terminal.signal(number)
        }
        #expect(try await terminal.end() == 128 + number)
        #expect(terminal.settings == before)
        #expect(!terminal.screen.isAlternate && terminal.screen.isCursorShown && terminal.screen.isWrapping)
        try await recording.stop()
    }

    @Test("another size is drawn anew, a stop gives the terminal back, and going on takes it again")
    func resizeAndStop() async throws {
        let recording = try await Recording()
        let terminal = try recording.top(columns: 80, rows: 24)
        #expect(try await terminal.wait(for: "api"))
        terminal.resize(columns: 60, rows: 12)
        #expect(
            try await terminal.wait {
                $0.lines[0].hasPrefix("expvault top") && $0.lines[11].hasPrefix("Enter")
            }
        )
        terminal.signal(SIGSTOP)
        #expect(try await terminal.isStopped())
        terminal.signal(SIGCONT)
        terminal.type("?")
        #expect(try await terminal.wait(for: "keys and columns"))
        terminal.type("q")
        #expect(try await terminal.end() == 0)
        #expect(terminal.isOrdinary)
        try await recording.stop()
    }

    /// Under a shell, since nobody is stopped by the terminal without one.
    ///
    /// It is one that leaves the terminal's settings as it finds them: what is seen of them is what `top` left.
    ///
    ///     top                      shell, terminal
    ///     draws
    ///                              Ctrl-Z
    ///     gives the terminal back
    ///     stopped                  prompt; another size; "bg"
    ///     wants the terminal, and is stopped for it
    ///                              "fg"
    ///     draws anew, at that size
    ///                              SIGTSTP from elsewhere
    ///     gives the terminal back
    ///                              "fg"
    ///     draws anew               q
    @Test(
        "Ctrl-Z and SIGTSTP give the terminal back as it was; going on takes it and draws at the size it has then"
    )
    func jobControl() async throws {
        let recording = try await Recording()
        let shell = try PseudoTerminal(
            "/bin/sh",
            ["-i"],
            columns: 80,
            rows: 24,
            environment: ["PS1": "ready> ", "ENV": ""]
        )
        func isPrompt(_ screen: TerminalEmulator) -> Bool {
            !screen.isAlternate && screen.isCursorShown && screen.isWrapping
                && screen.lines.last { !$0.isEmpty }?.hasPrefix("ready>") == true
        }
        #expect(try await shell.wait(until: isPrompt))
        let before = shell.settings
        let words = "top --db \(recording.database) --window 1m --interval 200ms"
        shell.type("sh -c 'echo pid=$$.; exec \(Expvault.binary) \(words)'\n")
        // The full stop is its last character: without it the line may be half of one.
        func told(_ screen: TerminalEmulator) -> Substring? {
            screen.lines.compactMap { $0.wholeMatch(of: /pid=(\d+)\.\s*/)?.1 }.last
        }
        #expect(try await shell.wait { told($0) != nil })
        let pid = try #require(told(shell.screen).flatMap { pid_t($0) })
        #expect(try await shell.wait { $0.isAlternate && $0.lines.contains { $0.contains("api") } })
        #expect(!shell.isOrdinary)

        shell.type("\u{1A}")
        #expect(try await shell.wait(until: isPrompt), "\(shell.screen.lines)")
        #expect(shell.settings == before)
        shell.resize(columns: 60, rows: 12)
        shell.type("bg; echo to''ld\n")
        // Told to go on it ran, and is stopped again only for having wanted the terminal.
        #expect(try await shell.wait { $0.lines.contains { $0.hasPrefix("told") } })
        #expect(await Waiting.until { Self.state(of: pid) == "T" })
        #expect(try await shell.wait(until: isPrompt))
        #expect(shell.settings == before, "in the background it keeps its hands off")
        #expect(!shell.screen.isAlternate)
        func isDrawn(_ screen: TerminalEmulator) -> Bool {
            screen.isAlternate && !screen.isCursorShown && screen.lines[0].hasPrefix("expvault top")
                && screen.lines[11].hasPrefix("Enter") && screen.lines.contains { $0.contains("> api") }
        }
        shell.type("fg\n")
        #expect(try await shell.wait(until: isDrawn), "\(shell.screen.lines)")
        #expect(!shell.isOrdinary)

        kill(pid, SIGTSTP)
        #expect(try await shell.wait(until: isPrompt), "\(shell.screen.lines)")
        #expect(shell.settings == before)
        shell.type("fg\n")
        #expect(try await shell.wait(until: isDrawn))
        // Stopped without being asked it can give nothing back; it draws anew all the same.
        kill(pid, SIGSTOP)
        #expect(try await shell.wait { $0.lines.contains { $0.contains("ready>") } })
        shell.type("fg\n")
        #expect(try await shell.wait(until: isDrawn))
        shell.type("q")
        #expect(try await shell.wait(until: isPrompt))
        #expect(shell.settings == before)
        #expect(shell.screen.unknown.isEmpty, "\(shell.screen.unknown)")
        shell.type("exit\n")
        #expect(try await shell.end() == 0)
        try await recording.stop()
    }

    /// The letter that proc(5) has for what a process does: T where it is stopped.
    private static func state(of process: pid_t) -> Character? {
        let text = String(
            decoding: TemporaryDirectory.contents(of: "/proc/\(process)/stat") ?? [],
            as: UTF8.self
        )
        return text.lastIndex(of: ")").flatMap { text[$0...].dropFirst(2).first }
    }

    @Test("a terminal that goes away ends it: by SIGHUP, or where that is ignored by the failing terminal")
    func hangUp() async throws {
        let recording = try await Recording()
        let words = "top --db \(recording.database) --interval 200ms"
        for (trap, status) in [("", 128 + SIGHUP), ("trap '' HUP; ", 74)] {
            let terminal = try PseudoTerminal(
                "/bin/sh",
                ["-c", "\(trap)exec \(Expvault.binary) \(words)"],
                columns: 80,
                rows: 24
            )
            #expect(try await terminal.wait(for: "api"))
            terminal.hangUp()
            #expect(try await terminal.end() == status, "\(trap)")
        }
        try await recording.stop()
    }

    @Test("without colour none is sent, and a locale without Unicode gets ASCII alone")
    func plain() async throws {
        let recording = try await Recording()
        let plain = try recording.top(columns: 80, rows: 24, environment: ["NO_COLOR": "1", "LC_ALL": "C"])
        #expect(try await plain.wait { $0.lines.contains { $0.contains("> api") && $0.contains("iB") } })
        #expect(!plain.screen.hasColour)
        #expect(plain.screen.lines.allSatisfy { $0.utf8.allSatisfy { $0 < 0x80 } })
        plain.type("q")
        #expect(try await plain.end() == 0)
        let coloured = try recording.top(columns: 80, rows: 24)
        #expect(try await coloured.wait { $0.hasColour })
        coloured.type("q")
        #expect(try await coloured.end() == 0)
        try await recording.stop()
    }

    @Test("a database that goes away is told of, and another one in its place is read")
    func replaced() async throws {
        let recording = try await Recording()
        let terminal = try recording.top(columns: 100, rows: 24)
        #expect(try await terminal.wait(for: "api"))
        try await recording.stop()
        for suffix in ["", "-wal", "-shm"] { unlink(recording.database + suffix) }
        #expect(try await terminal.wait(for: "trying again"))
        let lines = CommandLineTests.lines([CommandLineTests.body(requests: 1)], target: "other")
        let file = try recording.directory.write(lines.utf8, to: "lines.ndjson")
        _ = try await Expvault.output("import", "--db", recording.database, file)
        #expect(try await terminal.wait(for: "other"))
        #expect(
            try await terminal.wait {
                !$0.lines.contains { $0.contains("api") || $0.contains("trying again") }
            }
        )
        terminal.type("q")
        #expect(try await terminal.end() == 0)
    }

    @Test("where it cannot draw, one line says what to use instead")
    func noTerminal() async throws {
        let directory = try TemporaryDirectory()
        let none = try await Expvault.run("top", "--db", directory.file("none.db"))
        #expect(none.status == 64)
        #expect(none.error.contains("expvault targets"))
        #expect(none.error.split(separator: "\n").count == 1, "\(none.error)")
        let dumb = try PseudoTerminal(
            Expvault.binary,
            ["top", "--db", directory.file("none.db")],
            columns: 120,
            rows: 24,
            environment: ["TERM": "dumb"]
        )
        #expect(try await dumb.end() == 64)
        #expect(dumb.screen.lines[0].contains("TERM=dumb"), "\(dumb.screen.lines)")
        let missing = try PseudoTerminal(
            Expvault.binary,
            ["top", "--db", directory.file("none.db")],
            columns: 120,
            rows: 24
        )
        #expect(try await missing.end() == 66)
        #expect(!missing.screen.isAlternate)
    }
}
