import ArgumentParser
import Query
import Storage
import TerminalView

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// `expvault top`: a live view on a terminal.
struct TopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "A live view on the terminal of what is being recorded.",
        discussion: """
            EXAMPLES
              expvault top
                  a line for each target; ? says what the keys do
              expvault top --target api --window 1h
                  one target, the last hour
              ssh -t HOST expvault top --db edge.db

            Enter shows one target, / finds a series, q quits. Without colour where NO_COLOR is set; with ASCII alone where \
            the locale says so. See docs/top.md.
            """
    )

    /// Anything shorter would be noise, anything longer is a question for the page.
    private static let windowMilliseconds: ClosedRange<Int64> = 10_000...(366 * 86_400_000)
    private static let intervalMilliseconds: ClosedRange<Int64> = 100...3_600_000

    @Option(help: ArgumentHelp("How often the database is looked at (default: 2s).", valueName: "duration"))
    var interval: DurationArgument?
    @Option(help: ArgumentHelp("How far back bars and pauses go (default: 15m).", valueName: "duration"))
    var window: DurationArgument?
    @Flag(help: "Draw with ASCII characters alone.")
    var ascii = false
    @OptionGroup var targets: TargetOptions
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        if let interval, !Self.intervalMilliseconds.contains(interval.milliseconds) {
            throw ValidationError("--interval takes 100ms to 1h")
        }
        if let window, !Self.windowMilliseconds.contains(window.milliseconds) {
            throw ValidationError("--window takes 10s to 366d")
        }
    }

    func run() throws {
        try requireTerminal()
        let path = database.resolvedPath
        let vault = try Vault.openReader(path: path)
        // A mistyped name is better told of before the screen is taken over.
        _ = try QueryEngine(vault.snapshot()).targets(targets.names)
        let screen = try TerminalScreen()
        let signals = try SignalPipe()
        let readings = try ReadingThread(vault, reader: LiveReader(targets: targets.names))
        var loop = LiveLoop(
            screen: screen,
            signals: signals,
            readings: readings,
            view: LiveView(database: path, window: window?.milliseconds ?? 900_000),
            writer: FrameWriter(
                hasColour: Terminal.isStyled,
                isASCII: ascii || !Terminal.takesUnicode
            ),
            interval: .milliseconds(interval?.milliseconds ?? 2000)
        )
        switch try loop.run() {
        case .quit: return
        case .signal(let number): SignalPipe.end(by: number)
        case .gone: throw ExitCode(ExitStatus.inputOutput.rawValue)
        }
    }

    private func requireTerminal() throws {
        guard isatty(STDIN_FILENO) == 1, Terminal.isOutput else {
            throw ValidationError(
                "top draws on a terminal, and there is none; use `expvault targets`, or `ssh -t` for one from afar."
            )
        }
        let kind = Terminal.variable("TERM")
        guard !kind.isEmpty, kind != "dumb" else {
            throw ValidationError(
                "top cannot draw on this terminal (TERM=\(kind)); use `expvault targets`, or `expvault serve`."
            )
        }
    }
}
