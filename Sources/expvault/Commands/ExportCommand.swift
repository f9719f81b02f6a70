import ArgumentParser
import Export
import Model
import Query
import Storage

/// `expvault export`: replay what is recorded to somewhere else.
struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Replay scrapes as documents, raw lines, OpenMetrics or a plain database.",
        subcommands: [
            ExportElasticsearchCommand.self, ExportFileCommand.self, ExportRawCommand.self,
            ExportOpenMetricsCommand.self, ExportSQLiteCommand.self, ExportRejectedCommand.self,
        ]
    )
}

/// `expvault export file`: the documents, one a line.
struct ExportFileCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "file",
        abstract: "Write the documents of Elastic's Golang integration, one a line.",
        discussion: """
            EXAMPLES
              expvault export file --since 1m --out - | head -2 | jq .
              expvault export file --out documents.ndjson.zst \\
                  --namespace edge
              expvault export file --out bulk.ndjson --bulk

            Heap and expvar document of each scrape, in order for each target. An --out that ends in .gz or .zst is \
            compressed; the file gets its name once it is whole. One that exists is left alone (exit 73) unless there is \
            --force. With --bulk each document follows its action line (data stream and _id), as POST \
            /_bulk?pipeline=_none takes it; docs/elasticsearch.md, "By hand".
            """
    )

    @OptionGroup var output: OutputOptions
    @Flag(help: "Before each document its action line, ready for Elasticsearch's _bulk.")
    var bulk = false
    @Option(help: "The data streams' namespace.")
    var namespace = "default"
    @Flag(inversion: .prefixedNo, help: "Add what collections ran: golang.heap.gc.pause.*.")
    var pauses = true
    @Flag(help: "Keep the body in event.original.")
    var preserveOriginalEvent = false
    @OptionGroup var range: RangeOptions
    @OptionGroup var targets: TargetOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        try StreamNamespace.check(namespace)
        let vault = try Vault.openReader(path: database.resolvedPath)
        let recorded = try ExportedDatabase(vault)
        let context = DocumentContext(
            namespace: namespace,
            agentID: recorded.recorder.id,
            agentName: recorded.recorder.host,
            agentVersion: ProductVersion.text,
            preservesOriginal: preserveOriginalEvent,
            includesPauses: pauses
        )
        let file = try UnfinishedFiles.create(output, from: database)
        var sink = FileSink(vault: vault, context: context, output: file, isBulk: bulk)
        var progress = ExportProgress(unit: "documents")
        for target in try TargetChoice.records(recorded.targets, names: targets.names) {
            let range = range.range(within: recorded.capturedRange)
            let selection = ExportSelection(range: range, upToSeq: recorded.lastSeq)
            try sink.export(target, selection: selection) { progress.update($0, target: target.name) }
        }
        progress.finish(try sink.finish(), path: output.out)
    }
}

/// `expvault export raw`: the scrapes themselves, one a line.
struct ExportRawCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "raw",
        abstract: "Write scrapes with their bodies, one a line; import takes them back.",
        discussion: """
            EXAMPLES
              expvault export raw --out day.ndjson.zst \\
                  --since yesterday --until today
              expvault export raw --out - --target api | jq -r .body
            """
    )

    @OptionGroup var output: OutputOptions
    @Flag(help: "Also failed scrapes, with the reason and what was kept of the body.")
    var failures = false
    @OptionGroup var range: RangeOptions
    @OptionGroup var targets: TargetOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let vault = try Vault.openReader(path: database.resolvedPath)
        let recorded = try ExportedDatabase(vault)
        let file = try UnfinishedFiles.create(output, from: database)
        var sink = RawSink(vault: vault, recorder: recorded.recorder, output: file, failures: failures)
        var progress = ExportProgress(unit: "lines")
        for target in try TargetChoice.records(recorded.targets, names: targets.names) {
            let range = range.range(within: recorded.capturedRange)
            let selection = ExportSelection(range: range, upToSeq: recorded.lastSeq)
            try sink.export(target, selection: selection) { progress.update($0, target: target.name) }
        }
        progress.finish(try sink.finish(), path: output.out)
    }
}

/// The targets that `--target` names.
enum TargetChoice {
    /// The records of those names, all where there are none, ascending by name.
    static func records(_ all: [TargetRecord], names: [String]) throws -> [TargetRecord] {
        for name in names where !all.contains(where: { $0.name == name }) {
            throw QueryError.unknownTarget(name, known: [])
        }
        return names.isEmpty ? all : all.filter { names.contains($0.name) }
    }
}

/// How far an export into a file is.
struct ExportProgress {
    /// What the lines are.
    let unit: String
    private var line = Progress()
    private let start = ContinuousClock.now

    init(unit: String) {
        self.unit = unit
    }

    /// Draws the state on a terminal.
    mutating func update(_ summary: FileExportSummary, target: String) {
        let seconds = Double((ContinuousClock.now - start) / .milliseconds(1)) / 1000
        let unit = unit
        line.update {
            let rate = seconds > 0 ? HumanText.bytes(Double(summary.bytes) / seconds) + "/s" : ""
            return "\(EscapedText.escape(target))  \(summary.lines) \(unit)  "
                + "\(HumanText.bytes(Double(summary.bytes)))  \(rate)"
        }
    }

    /// Says what was written, unless it went to standard output beside other programs.
    mutating func finish(_ summary: FileExportSummary, path: String) {
        line.finish()
        guard path != "-" || Terminal.isError else { return }
        StandardStreams.errorLine(
            "\(summary.scrapes) scrapes, \(summary.lines) \(unit), \(HumanText.bytes(Double(summary.bytes)))"
        )
    }
}
