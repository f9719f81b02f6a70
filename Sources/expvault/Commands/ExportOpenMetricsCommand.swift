import ArgumentParser
import Export
import Handover
import Model
import Storage

/// `expvault export openmetrics`: samples as text for Prometheus and its kin.
struct ExportOpenMetricsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "openmetrics",
        abstract: "Write samples as OpenMetrics text with timestamps.",
        discussion: """
            EXAMPLES
              expvault export openmetrics --out recording.om
              promtool tsdb create-blocks-from openmetrics \\
                  recording.om data/
              expvault export openmetrics --out - --since 1d \\
                  --series 'memstats.Heap*' | head

            Also VictoriaMetrics takes it (/api/v1/import/prometheus). Families are named by paths and units, labels are \
            series, target, host and the target's own. docs/handover.md says how the numbers compare.
            """
    )

    @OptionGroup var output: OutputOptions
    @OptionGroup var series: SeriesFilterOptions
    @OptionGroup var range: RangeOptions
    @OptionGroup var targets: TargetOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let vault = try Vault.openReader(path: database.resolvedPath)
        let recorded = try ExportedDatabase(vault)
        let chosen = try TargetChoice.records(recorded.targets, names: targets.names)
        let file = try UnfinishedFiles.create(output, from: database)
        let line = HandoverProgress()
        var export = try OpenMetricsExport(
            vault: vault,
            selectors: series.globs,
            targets: chosen,
            range: range.range(within: recorded.capturedRange),
            progress: { line.update("\($1)  \($0.samples) samples") },
            write: { try file.write($0) }
        )
        let summary = try export.run()
        try file.finish()
        line.finish()
        guard output.out != "-" || Terminal.isError else { return }
        let late =
            summary.leftOut > 0
            ? "; \(summary.leftOut) left out that a clock set back would have doubled" : ""
        StandardStreams.errorLine(
            "\(summary.samples) samples of \(summary.series) series in \(summary.families) families" + late
        )
    }
}

/// `--series`, which may repeat.
struct SeriesFilterOptions: ParsableArguments {
    @Option(
        name: .customLong("series"),
        help: ArgumentHelp("Only these series, by name or glob; may repeat.", valueName: "glob")
    )
    var globs: [String] = []
}

/// A line on a terminal while an export goes over a recording.
final class HandoverProgress {
    private var line = Progress()

    /// Draws the state.
    func update(_ text: String) {
        line.update { EscapedText.escape(text) }
    }

    /// Takes the line away.
    func finish() {
        line.finish()
    }
}
