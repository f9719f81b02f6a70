import ArgumentParser
import Model
import Storage

/// `--db`, which every command takes.
struct DatabaseOptions: ParsableArguments {
    @Option(
        name: .customLong("db"),
        help: ArgumentHelp(
            "The database file (default: $EXPVAULT_DB, else ./expvault.db).",
            valueName: "path"
        )
    )
    var path: String?

    /// The path that was given, else the environment's, else the default.
    var resolvedPath: String {
        if let path { return path }
        let environment = Terminal.variable("EXPVAULT_DB")
        return environment.isEmpty ? "./expvault.db" : environment
    }

    /// Opens the database for reading and takes a snapshot of it.
    func snapshot() throws -> VaultSnapshot {
        let snapshot = try Vault.openReader(path: resolvedPath).snapshot()
        if snapshot.lacksWAL { WithoutWALText.warn(resolvedPath) }
        return snapshot
    }

    /// Says of a database that a command writes to what reading it would say.
    func warnWithoutWAL(_ writer: VaultWriter) async {
        if await writer.lacksWAL { WithoutWALText.warn(resolvedPath) }
    }
}

/// `--target`, which may repeat.
struct TargetOptions: ParsableArguments {
    @Option(
        name: .customLong("target"),
        help: ArgumentHelp("Only this target; may repeat.", valueName: "name")
    )
    var names: [String] = []

    /// The chosen names; nil for all targets.
    var selection: [String]? { names.isEmpty ? nil : names }
}

/// `--since` and `--until`: the half-open range of an answer.
struct RangeOptions: ParsableArguments {
    // Unconditional, for `-1h` is a time and no option.
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "From this time on: '2026-01-02 03:04', 2026-01-02, 03:04, yesterday, 15m, 1h30m, 7d ago; UTC.",
            valueName: "time"
        )
    )
    var since: TimeArgument?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Before this time; written like --since.", valueName: "time")
    )
    var until: TimeArgument?

    /// The range that was asked for.
    var range: TimeRange { TimeRange(since: since?.timestamp, until: until?.timestamp) }

    /// The range that was asked for; where an end was not, a capture has its own.
    func range(in snapshot: VaultSnapshot) -> TimeRange { range(within: snapshot.capturedRange) }

    /// The same where the capture's own range is known; it is open for any other database.
    func range(within whole: TimeRange) -> TimeRange {
        TimeRange(since: since?.timestamp ?? whole.since, until: until?.timestamp ?? whole.until)
    }

    func validate() throws {
        if let since, let until, since.timestamp > until.timestamp {
            throw ValidationError("--since (\(since.timestamp)) lies after --until (\(until.timestamp))")
        }
    }
}

/// `--format`: how an answer is written.
enum OutputFormat: String, CaseIterable, ExpressibleByArgument {
    case table
    case json
    case csv
}

/// `--format`, which every list takes.
struct FormatOptions: ParsableArguments {
    @Option(help: "table for people, json or csv for programs.")
    var format = OutputFormat.table
    @OptionGroup var terminal: RawOptions
}

/// `--raw`, which every command takes that may write what came from outside to a terminal.
struct RawOptions: ParsableArguments {
    @Flag(
        name: .customLong("raw"),
        help: "Control characters as they are on a terminal too; a pipe or file always gets the bytes."
    )
    var isRaw = false
}

/// `--step`: an answer for each step of the range.
struct StepOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Also an answer for each step of that length (90s, 15m, 6h), aligned to whole multiples since 1970.",
            valueName: "duration"
        )
    )
    var step: DurationArgument?

    /// The grid that was asked for.
    var grid: StepGrid? { step.map { StepGrid(stepMilliseconds: $0.milliseconds) } }
}
