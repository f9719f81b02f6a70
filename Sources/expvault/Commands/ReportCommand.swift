import ArgumentParser
import Dashboard
import Export
import Model
import Storage

/// `expvault report`: a range as a page in one file.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Write the page of a range as one self-contained HTML file, to attach to an incident.",
        discussion: """
            EXAMPLES
              expvault report --since 2h --out incident.html
              expvault report --target api --out api.html \\
                  --since '2026-01-02 03:00' --until '2026-01-02 04:00'
              expvault report --since 1h --out - | gzip > r.html.gz

            The charts of `expvault serve`, what changed most, and the exact numbers as tables and as JSON. Opens in any \
            browser without a network; without a script the numbers are still there. An existing file is left alone (exit \
            73) unless there is --force.
            """
    )

    @OptionGroup var output: OutputOptions
    @OptionGroup var range: RangeOptions
    @OptionGroup var targets: TargetOptions
    @OptionGroup var database: DatabaseOptions

    func run() throws {
        let vault = try Vault.openReader(path: database.resolvedPath)
        let asked = range.range(in: try vault.snapshot())
        // Before the work, so that a place that cannot be written is told of at once.
        let file = try UnfinishedFiles.create(output, from: database)
        var line = Progress()
        let page = try ReportPage.make(
            from: vault,
            range: asked,
            targets: targets.names,
            made: TimeArgument.now
        ) { done, total in
            line.update {
                "\(Progress.bar(Double(done) / Double(max(1, total)))) \(done) of \(total) targets"
            }
        }
        line.finish()
        try file.write(page)
        try file.finish()
        guard output.out != "-" || Terminal.isError else { return }
        StandardStreams.errorLine(EscapedText.escape("\(output.out): \(HumanText.bytes(Double(page.count)))"))
    }
}
