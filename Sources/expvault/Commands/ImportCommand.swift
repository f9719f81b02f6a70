import ArgumentParser
import Export
import Model
import Storage

/// `expvault import`: take raw lines in.
struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Store raw lines, as export raw writes them; what is there already is skipped.",
        discussion: """
            EXAMPLES
              expvault import day.ndjson.zst
              zcat *.gz | expvault import -
              expvault import --url api=http://127.0.0.1:6060 \\
                  bodies.ndjson

            A line is {"ts":MS,"target":NAME,"body":"…"}. A bad line is reported with its number and skipped; the exit \
            status is then 65.
            """
    )

    @Argument(
        help: ArgumentHelp(
            "Files of lines; - is standard input, .gz and .zst are expanded.",
            valueName: "file"
        )
    )
    var files: [String]
    @Option(
        name: .customLong("url"),
        help: ArgumentHelp("The URL of a target whose lines have none; may repeat.", valueName: "name=url")
    )
    var urls: [String] = []
    @Flag(help: "Store and show the values of the URLs' queries, which are … else.")
    var keepQuery = false
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let backfillURLs = try parsedURLs()
        let writer = try await VaultWriter.open(path: database.resolvedPath, create: true)
        let summary: BackfillSummary
        do {
            summary = try await importAll(Backfill(writer: writer, urls: backfillURLs, keepsQuery: keepQuery))
            try await writer.finishImport()
        } catch {
            // What was stored stays; the first error is the one to tell.
            try? await writer.close()
            throw error
        }
        try await writer.close()
        StandardStreams.errorLine(text(of: summary))
        if summary.hasLoss { throw ExitCode(ExitStatus.dataError.rawValue) }
    }

    private func importAll(_ backfill: Backfill) async throws -> BackfillSummary {
        var total = BackfillSummary()
        var line = Progress()
        var reporter = FindingReporter()
        let start = ContinuousClock.now
        for file in files {
            total += try await backfill.run(
                path: file,
                report: { finding in
                    line.finish()
                    reporter.report(finding)
                },
                progress: { state in
                    line.update { Self.progressText(state, file: file, since: start) }
                }
            )
        }
        line.finish()
        reporter.finish()
        return total
    }

    private static func progressText(
        _ state: BackfillProgress,
        file: String,
        since start: ContinuousClock.Instant
    ) -> String {
        let seconds = Double((ContinuousClock.now - start) / .milliseconds(1)) / 1000
        let rate = seconds > 0 ? HumanText.bytes(Double(state.bytesRead) / seconds) + "/s" : ""
        guard let total = state.bytesTotal, total > 0 else {
            return
                "\(file)  \(state.summary.lines) lines  \(HumanText.bytes(Double(state.bytesRead)))  \(rate)"
        }
        let share = Double(state.bytesRead) / Double(total)
        return "\(file)  \(Progress.bar(share)) \(Int(share * 100)) %  \(state.summary.lines) lines  \(rate)"
    }

    private func text(of summary: BackfillSummary) -> String {
        var parts = ["\(summary.stored) stored", "\(summary.skipped) there already"]
        if summary.storedAsFailure > 0 { parts.append("\(summary.storedAsFailure) stored as failed scrapes") }
        if summary.conflicts > 0 { parts.append("\(summary.conflicts) in conflict, not stored") }
        if summary.bad > 0 { parts.append("\(summary.bad) bad lines skipped") }
        return "\(summary.lines) lines: " + parts.joined(separator: ", ")
    }

    private func parsedURLs() throws -> [String: String] {
        var result: [String: String] = [:]
        for text in urls {
            guard let equals = text.firstIndex(of: "="), TargetName.isValid(String(text[..<equals])) else {
                throw ValidationError("--url takes NAME=URL, such as api=http://127.0.0.1:6060")
            }
            result[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        return result
    }
}

/// Tells of lines that did not go in as they stand: the first ones each, the rest as a count.
struct FindingReporter {
    /// So many lines are told of one by one.
    static let linesMax = 100
    private var count = 0

    mutating func report(_ finding: BackfillFinding) {
        count += 1
        if count <= FindingReporter.linesMax {
            StandardStreams.errorLine(EscapedText.escape(finding.description))
        }
    }

    func finish() {
        if count > FindingReporter.linesMax {
            StandardStreams.errorLine("and \(count - FindingReporter.linesMax) more lines like these")
        }
    }
}
