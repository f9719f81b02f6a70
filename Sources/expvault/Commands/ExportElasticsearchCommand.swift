import ArgumentParser
import Export
import JSON
import Model
import Storage
import UnixSignals

/// `expvault export elasticsearch`: replay to a cluster, each document once.
struct ExportElasticsearchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "elasticsearch",
        abstract: "Replay what is recorded to Elasticsearch or OpenSearch, each document once.",
        discussion: """
            EXAMPLES
              URL=https://es.example:9200
              expvault export elasticsearch --url $URL \\
                  --setup --dry-run
              expvault export elasticsearch --url $URL --setup
              expvault export elasticsearch --url $URL \\
                  --api-key-file key
              expvault export elasticsearch --url $URL --dry-run
              expvault export elasticsearch --url $URL \\
                  --follow --rate-limit 64KiB

            Goes on where it was, also after a crash.

            EXIT STATUS
              0   everything is there, but for what the mapping
                  does not take, which is told
              1   something was refused (expvault export rejected),
                  or with --strict left out
              69  the server could not be reached in time, or was
                  away when a signal ended it
              77  the key or its privileges
            """
    )

    @OptionGroup(title: "Server") var server: ElasticsearchServerOptions
    @OptionGroup(title: "What and how") var sending: ElasticsearchSendingOptions
    @Flag(help: "Prepare the cluster for our documents (how their fields are mapped), and end.")
    var setup = false
    @Flag(
        help: ArgumentHelp(
            "Count what would be sent, show the first document of each stream; ask no server, send nothing. With --setup: say what that would change."
        )
    )
    var dryRun = false
    @OptionGroup var range: RangeOptions
    @OptionGroup var targets: TargetOptions
    @OptionGroup var format: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let replay = try ElasticsearchReplay(try replayConfiguration())
        if setup {
            for sentence in try await replay.setUp(isDry: dryRun) {
                try StandardStreams.output(EscapedText.escape(sentence) + "\n")
            }
        } else if dryRun {
            try print(try await replay.preview())
        } else {
            try await send(replay)
        }
    }

    private func replayConfiguration() throws -> ReplayConfiguration {
        var configuration = ReplayConfiguration(vaultPath: database.resolvedPath, url: try server.address())
        configuration.client.authentication = try server.authentication()
        configuration.client.tls = server.tls
        try server.applyProxy(to: &configuration.client)
        configuration.version = ProductVersion.text
        configuration.targets = Set(targets.names)
        let snapshot = try database.snapshot()
        configuration.range = range.range(in: snapshot)
        try sending.apply(to: &configuration)
        // Unknown names are said now and not taken for nothing to send.
        _ = try TargetChoice.records(try snapshot.targets(), names: targets.names)
        return configuration
    }

    private func send(_ replay: ElasticsearchReplay) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        let line = ReplayProgressLine()
        let report = try await withThrowingTaskGroup(of: ReplayReport?.self) { group in
            group.addTask { try await replay.run({ line.update($0) }, news: { line.say($0) }) }
            group.addTask {
                for await _ in signals {
                    replay.cancel()
                    break
                }
                return nil
            }
            var report: ReplayReport?
            while report == nil, let result = try await group.next() { report = result }
            group.cancelAll()
            return report
        }
        line.finish()
        guard let report else { throw CancellationError() }
        try ReplayReportText.print(report, format: format.format)
        if report.exitStatus != 0 { throw ExitCode(report.exitStatus) }
    }

    private func print(_ preview: ReplayPreview) throws {
        // Exports know a cluster by the UUID that it answers with; here only the URL is there to go by.
        StandardStreams.errorLine(
            preview.isDestinationKnown
                ? "no server was asked: left out is what an export to this very URL got an answer for"
                : "no server was asked, and no export has gone to this very URL: everything recorded is counted, "
                    + "also what the same server may have taken under another"
        )
        if format.format == .json {
            var json = JSONWriter()
            json.beginObject()
            Record([
                ("scrapes", .integer(Int128(preview.scrapes))),
                ("documents", .integer(Int128(preview.documents))),
                ("bytes", .integer(Int128(preview.bytes))),
            ]).writeMembers(to: &json)
            json.key("destination_known")
            json.boolean(preview.isDestinationKnown)
            json.key("first")
            json.beginObject()
            for (stream, document) in preview.first.sorted(by: { $0.key < $1.key }) {
                json.key(stream)
                json.raw(document)
            }
            json.endObject()
            json.endObject()
            json.endLine()
            return try StandardStreams.output(json.bytes)
        }
        try StandardStreams.output(
            "\(preview.scrapes) scrapes, \(preview.documents) documents, "
                + "\(HumanText.bytes(Double(preview.bytes))) before compression\n"
        )
        for (stream, document) in preview.first.sorted(by: { $0.key < $1.key }) {
            try StandardStreams.output(
                "\(stream)\n" + EscapedText.escape(String(decoding: document, as: UTF8.self)) + "\n"
            )
        }
    }
}

/// `expvault export rejected`: what destinations refused.
struct ExportRejectedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rejected",
        abstract: "List the documents that a destination refused, with its reasons.",
        discussion: """
            EXAMPLES
              expvault export rejected
              expvault export elasticsearch --retry-rejected \\
                  --url https://es.example:9200
            """
    )

    @OptionGroup var format: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() throws {
        var entries: [AnswerEntry] = []
        try ElasticsearchReplay.forEachRejected(vaultPath: database.resolvedPath) { entry in
            entries.append(
                AnswerEntry(
                    record: Record([
                        ("destination", .text(entry.destination)),
                        ("target", .text(entry.target)),
                        ("t", .time(entry.time)),
                        ("stream", .text(entry.stream)),
                        ("status", .integer(Int128(entry.status))),
                        ("type", .text(entry.type)),
                        ("reason", .text(entry.reason)),
                    ])
                )
            )
        }
        try AnswerPrinter(
            format: format.format,
            isRaw: format.terminal.isRaw,
            keys: [],
            emptyNote: "nothing was refused"
        ).print(entries)
    }
}
