import ArgumentParser
import Export
import Handover
import Model
import Storage

/// `expvault export sqlite`: a plain database.
struct ExportSQLiteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sqlite",
        abstract: "Write a plain SQLite database that any tool reads.",
        discussion: """
            EXAMPLES
              expvault export sqlite --out recording.sqlite
              sqlite3 recording.sqlite "SELECT series, max(value)
                  FROM samples_named GROUP BY series"
              expvault export sqlite --out heap.sqlite --since 7d \\
                  --series 'memstats.Heap*'

            Tables targets, runs, scrapes, series, samples, gc_pauses and the view samples_named; t is in Unix milliseconds. \
            docs/handover.md has statements for rates and percentiles.
            """
    )

    @Option(help: ArgumentHelp("The database to write.", valueName: "file"))
    var out: String
    @OptionGroup var overwriting: OverwritingOptions
    @OptionGroup var series: SeriesFilterOptions
    @OptionGroup var range: RangeOptions
    @OptionGroup var targets: TargetOptions
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        if out == "-" { throw ValidationError("a database cannot be a stream: --out needs a file") }
    }

    func run() async throws {
        let vault = try Vault.openReader(path: database.resolvedPath)
        let recorded = try ExportedDatabase(vault)
        let chosen = try TargetChoice.records(recorded.targets, names: targets.names)
        let line = HandoverProgress()
        let summary = try PlainDatabase.write(
            vault,
            source: database.resolvedPath,
            to: out,
            selectors: series.globs,
            targets: chosen,
            range: range.range(within: recorded.capturedRange),
            replaces: overwriting.force,
            begins: UnfinishedFiles.removeWhenEnded,
            progress: { line.update("\($1)  \($0.samples) samples") }
        )
        line.finish()
        StandardStreams.errorLine(
            EscapedText.escape(
                "\(out): \(summary.samples) samples of \(summary.series) series, \(summary.scrapes) scrapes, "
                    + "\(summary.collections) collections, \(HumanText.bytes(Double(summary.bytes)))"
            )
        )
    }
}
