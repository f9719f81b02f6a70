import ArgumentParser
import Model
import Recorder

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The command line: see `Commands` for each verb.
@main
struct Expvault: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "expvault",
        abstract:
            "The flight recorder for Go services: records /debug/vars, answers on the spot, exports later.",
        discussion: """
            EXAMPLES
              expvault record api=http://127.0.0.1:6060
                  scrape every 10 s until Ctrl-C
              expvault rate memstats.Mallocs --since 1h
                  allocations a second, true across restarts
              expvault pauses --step 5m
                  exact GC pause percentiles
              expvault top
                  all targets, live on the terminal
              expvault sql 'SELECT * FROM targets'
                  any other question
              expvault export file --out documents.ndjson.zst
                  what Elastic's Golang integration would have sent

            The database is --db PATH, else $EXPVAULT_DB, else ./expvault.db. More: expvault help times, help series, help \
            exit-status.
            """,
        version: ProductVersion.text,
        subcommands: [
            RecordCommand.self, DiscoverCommand.self, TargetsCommand.self, SeriesCommand.self,
            RateCommand.self, ValuesCommand.self,
            PausesCommand.self, ShowCommand.self, SQLCommand.self, ExportCommand.self, ImportCommand.self,
            CheckCommand.self, CompactCommand.self, ServeCommand.self, TopCommand.self,
            CaptureCommand.self, ReportCommand.self,
        ]
    )

    /// Parses, runs, and turns whatever is thrown into one line and an exit status.
    static func main() async {
        // A closed pipe is an error of the write, said (or not) by `ExitStatus`, and no sudden death.
        signal(SIGPIPE, SIG_IGN)
        LargeBlocks.shareOneArena()
        do {
            if let topic = HelpTopic(arguments: CommandLine.arguments) {
                return try StandardStreams.output(topic.text)
            }
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            ExitStatus.leave(after: error)
        }
    }
}
