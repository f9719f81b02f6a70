import ArgumentParser
import Model
import Storage

/// `expvault capture`: a range as a database of its own.
struct CaptureCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "capture",
        abstract: "Write a range into a small database of its own, to keep or to hand on.",
        discussion: """
            EXAMPLES
              expvault capture --since 2h --out incident.db
                  the last two hours, also while recording
              expvault capture --target api --out api.db \\
                  --since '2026-01-02 03:00' --until '2026-01-02 04:00'
              expvault serve --db incident.db
                  every command reads it, and answers for its range

            The same scrapes byte for byte, failed ones too, with runs, URLs, labels and clock steps. An existing file is \
            left alone (exit 73) unless there is --force. Read docs/capture.md before handing it on: it holds whatever the \
            targets served.
            """
    )

    @Option(help: ArgumentHelp("The database to write.", valueName: "file"))
    var out: String
    @OptionGroup var overwriting: OverwritingOptions
    @OptionGroup var range: RangeOptions
    @OptionGroup var targets: TargetOptions
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        if out == "-" { throw ValidationError("a capture is a database: --out needs a file") }
    }

    func run() throws {
        var line = Progress()
        let summary = try Capture.run(
            from: database.resolvedPath,
            to: out,
            range: range.range,
            targets: targets.names,
            replaces: overwriting.force,
            begins: UnfinishedFiles.removeWhenEnded
        ) { done, total, target in
            line.update {
                let share = total > 0 ? Double(done) / Double(total) : 1
                let size = HumanText.bytes(Double(done)) + " of " + HumanText.bytes(Double(total))
                return "\(Progress.bar(share)) \(EscapedText.escape(target))  \(size)"
            }
        }
        line.finish()
        let margin =
            summary.marginScrapes > 0
            ? "; \(summary.marginScrapes) more scrapes beside the range, for answers at its ends" : ""
        StandardStreams.errorLine(
            EscapedText.escape(
                "\(out): \(summary.scrapes) scrapes of \(summary.targets) targets, "
                    + HumanText.bytes(Double(summary.bytes)) + margin
            )
        )
    }
}
