import ArgumentParser
import Query

/// `expvault show`: a body, byte for byte.
struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Print the newest body of a target, byte for byte as it was served.",
        discussion: """
            EXAMPLES
              expvault show --target api | jq .memstats.HeapAlloc
              expvault show --target api --at '2026-01-02 03:04'
              expvault show --target api --failures
                  what the target said when it was no document
            """
    )

    @Option(help: ArgumentHelp("The target.", valueName: "name"))
    var target: String
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The newest scrape at or before this time.", valueName: "time")
    )
    var at: TimeArgument?
    @Flag(help: "Also failed scrapes, with what was kept of their bodies.")
    var failures = false
    @OptionGroup var terminal: RawOptions
    @OptionGroup var database: DatabaseOptions

    func run() throws {
        let answer = try QueryEngine(database.snapshot()).show(
            target: target,
            at: at?.timestamp,
            failures: failures
        )
        if let failure = answer.failure {
            StandardStreams.errorLine("\(answer.time) failed: \(Cell.text(failure).human)")
        }
        try StandardStreams.foreign(answer.body, raw: terminal.isRaw)
    }
}
