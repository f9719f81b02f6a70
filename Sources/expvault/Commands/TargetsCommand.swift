import ArgumentParser
import Expvar
import JSON
import Model
import Query
import Recorder
import Storage

/// `expvault targets`: what is recorded.
struct TargetsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "targets",
        abstract: "What is recorded: each target with its runs, failures and clock.",
        discussion: """
            EXAMPLES
              expvault targets
              expvault targets --target api --format json
              expvault targets rename api checkout
            """,
        subcommands: [ListTargetsCommand.self, RenameTargetCommand.self],
        defaultSubcommand: ListTargetsCommand.self
    )
}

/// `expvault targets` itself.
struct ListTargetsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the targets.")

    @OptionGroup var targets: TargetOptions
    @OptionGroup var format: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() throws {
        let engine = QueryEngine(try database.snapshot())
        let answers = try engine.targets(targets.names)
        let printer = AnswerPrinter(
            format: format.format,
            isRaw: format.terminal.isRaw,
            keys: [],
            heading: heading,
            emptyNote: "nothing is recorded yet; `expvault record NAME=URL` begins"
        )
        try printer.print(answers.map { AnswerEntry(record: TargetRecordText.record($0)) })
        if format.format == .table {
            for answer in answers {
                let missed = try missedOnTheLastDay(of: answer, engine)
                try StandardStreams.output(TargetRecordText.notes(answer, missed: missed))
                // A hint for a person: the list stands without it.
                if answer.url == nil, let body = try? engine.show(target: answer.target).body {
                    try StandardStreams.output(OwnText.notes(body, of: answer.target))
                }
            }
            if let words = RoomWatch.words(database: database.resolvedPath) {
                try StandardStreams.output(words + "\n")
            }
        }
    }

    /// Collections that left memstats' ring unseen; of one day only, so that a long recording answers as fast.
    private func missedOnTheLastDay(of answer: TargetAnswer, _ engine: QueryEngine) throws -> Number? {
        guard let last = answer.last else { return nil }
        let since = Timestamp(milliseconds: last.milliseconds &- 86_400_000)
        let range = TimeRange(since: since, until: nil)
        return try engine.pauses(targets: [answer.target], range: range, percentiles: []).first?.summary
            .missed
    }

    private func heading(_ name: String) -> String? {
        [
            "labels", "last_failure", "clock_steps", "clock_skew_s", "alternating", "unproven", "unread",
            "series_limited", "runs_forgotten",
        ].contains(name)
            ? nil : name
    }
}

/// `expvault targets rename`.
struct RenameTargetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rename",
        abstract: "Give a target another name; everything recorded stays with it."
    )

    @Argument(help: "The name it has.") var old: String
    @Argument(help: "The name it gets.") var new: String
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard TargetName.isValid(new) else {
            throw ValidationError("a target's name has 1 to 128 bytes, without = and control characters")
        }
    }

    func run() async throws {
        let writer = try await VaultWriter.open(path: database.resolvedPath, create: false)
        do {
            try await writer.renameTarget(old, to: new)
        } catch {
            // The first error is the one to tell.
            try? await writer.close()
            throw error
        }
        try await writer.close()
    }
}

/// How `targets` writes a target.
enum TargetRecordText {
    /// The members of cli.md, in its order.
    static func record(_ answer: TargetAnswer) -> Record {
        Record([
            ("target", .text(answer.target)),
            ("url", .optional(answer.url)),
            ("labels", labels(answer.labels)),
            ("first", .optional(answer.first)),
            ("last", .optional(answer.last)),
            ("scrapes", .integer(Int128(answer.scrapes))),
            ("failures", .integer(Int128(answer.failures))),
            ("last_failure", failure(answer.lastFailure)),
            ("clock_steps", steps(answer.clockSteps)),
            ("clock_skew_s", .optional(answer.clockSkewSeconds, .seconds)),
            ("alternating", flag(answer.isAlternating)),
            ("unproven", .integer(Int128(answer.unproven))),
            ("unread", unread(answer.unread)),
            ("series_limited", flag(answer.isSeriesLimited)),
            ("runs_forgotten", .integer(Int128(answer.runsForgotten))),
            ("runs", runs(answer.runs)),
        ])
    }

    /// What a person should know beside the table, a line each.
    static func notes(_ answer: TargetAnswer, missed: Number?) -> String {
        var notes: [String] = []
        if let missed, missed.double > 0 {
            notes.append(
                "\(Cell.number(missed).human) collections left its ring of 256 unseen on the last day; a shorter interval would see them"
            )
        }
        if let failure = answer.lastFailure {
            notes.append("last failed \(failure.time): \(failure.reason)")
        }
        if let skew = answer.clockSkewSeconds, skew.magnitude >= 2 {
            notes.append(
                "its clock is \(HumanText.nanoseconds(skew.magnitude * 1e9)) \(skew > 0 ? "ahead of" : "behind") ours"
            )
        }
        for step in answer.clockSteps {
            let size = HumanText.nanoseconds(Double(step.milliseconds.magnitude) * 1e6)
            notes.append(
                "our clock stepped \(step.milliseconds < 0 ? "back" : "forth") by \(size) at \(step.after)"
            )
        }
        notes += answer.doubts
        notes += moves(answer.runs)
        if answer.runsForgotten > 0 {
            notes.append(
                "more than \(RunTracker.runsMax) processes answered within a day; \(answer.runsForgotten) of their runs are forgotten, and go on as new ones"
            )
        }
        if let unread = answer.unread {
            let others = unread.paths > 1 ? " and \(unread.paths - 1) more" : ""
            notes.append(
                "\(unread.firstPath)\(others) could not be read in \(unread.scrapes) scrapes: \(unread.reason)"
            )
        }
        if answer.isSeriesLimited {
            notes.append("has more variables than are kept as series; bodies are kept whole")
        }
        return notes.map { "\(Cell.text(answer.target).human): \(Cell.text($0).human)\n" }.joined()
    }

    /// Where the URL changed from one run to the next; of many the newest.
    private static func moves(_ runs: [RunAnswer]) -> [String] {
        zip(runs, runs.dropFirst()).compactMap { before, after in
            guard let old = before.url, let new = after.url, old != new else { return nil }
            return "came from \(old) up to \(before.last), from \(new) since \(after.first)"
        }.suffix(movesMax)
    }

    private static let movesMax = 5

    private static func flag(_ value: Bool) -> Cell {
        .nested(value ? "true" : "false") { $0.boolean(value) }
    }

    private static func labels(_ labels: [String: String]) -> Cell {
        let sorted = labels.sorted { $0.key < $1.key }
        return .nested(sorted.map { "\($0.key)=\($0.value)" }.joined(separator: " ")) { json in
            json.beginObject()
            for (name, value) in sorted {
                json.key(name)
                json.string(value)
            }
            json.endObject()
        }
    }

    private static func failure(_ failure: FailureAnswer?) -> Cell {
        guard let failure else { return .missing }
        return .nested("\(failure.time) \(failure.reason)") { json in
            json.beginObject()
            json.key("t")
            json.string(failure.time.description)
            json.key("reason")
            json.string(failure.reason)
            json.endObject()
        }
    }

    private static func unread(_ unread: UnreadAnswer?) -> Cell {
        guard let unread else { return .missing }
        return .nested("\(unread.scrapes) \(unread.firstPath): \(unread.reason)") { json in
            json.beginObject()
            Record([
                ("scrapes", .integer(Int128(unread.scrapes))),
                ("paths", .integer(Int128(unread.paths))),
                ("first_path", .text(unread.firstPath)),
                ("reason", .text(unread.reason)),
            ]).writeMembers(to: &json)
            json.endObject()
        }
    }

    private static func steps(_ steps: [ClockStepAnswer]) -> Cell {
        .nested(String(steps.count)) { json in
            json.beginArray()
            for step in steps {
                json.beginObject()
                json.key("before")
                json.string(step.before.description)
                json.key("after")
                json.string(step.after.description)
                json.key("step_ms")
                json.integer(step.milliseconds)
                json.endObject()
            }
            json.endArray()
        }
    }

    private static func runs(_ runs: [RunAnswer]) -> Cell {
        .nested(String(runs.count)) { json in
            json.beginArray()
            for run in runs {
                json.beginObject()
                Record([
                    ("started", .optional(run.startedNanoseconds.map(time))),
                    ("first", .time(run.first)),
                    ("last", .time(run.last)),
                    ("scrapes", .integer(Int128(run.scrapes))),
                    ("url", .optional(run.url)),
                ]).writeMembers(to: &json)
                json.key("cmdline")
                json.beginArray()
                for argument in run.commandLine { json.string(argument) }
                json.endArray()
                json.endObject()
            }
            json.endArray()
        }
    }

    private static func time(_ nanoseconds: UInt64) -> Timestamp {
        Timestamp(milliseconds: Int64(nanoseconds / 1_000_000))
    }
}
