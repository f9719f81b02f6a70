import Export
import JSON
import Logging
import Model
import Synchronization

/// How far a replay is, on a terminal; and its news, wherever standard error goes.
final class ReplayProgressLine: Sendable {
    private let line = Mutex(Progress())
    private let logger = Logger(label: "expvault") { _ in StandardErrorLog(logLevel: .info) }

    /// Draws the state.
    func update(_ progress: ReplayProgress) {
        line.withLock { line in
            line.update { ReplayProgressLine.text(progress) }
        }
    }

    /// Writes what is new as a line of its own.
    func say(_ news: ReplayNews) {
        line.withLock { $0.finish() }
        switch news {
        case .waiting(let since, let reason, let pending):
            let left = pending.map { "; up to \($0) documents are not sent yet" } ?? ""
            logger.warning("waiting since \(TimestampText.format(since)): \(reason)\(left)")
        case .lookUp(let milliseconds):
            let wait = HumanText.nanoseconds(Double(milliseconds) * 1e6)
            logger.notice("waiting for \(wait): \(Standstill.lookUpWords)")
        case .goingOn(let milliseconds):
            let wait = HumanText.nanoseconds(Double(milliseconds) * 1e6)
            logger.notice("going on after \(wait)")
        }
    }

    /// Takes the line away.
    func finish() {
        line.withLock { $0.finish() }
    }

    private static func text(_ progress: ReplayProgress) -> String {
        let summary = progress.summary
        var parts = ["\(summary.sent + summary.thereBefore) documents"]
        if let reason = progress.waitReason {
            let wait = progress.waitMilliseconds.map { HumanText.nanoseconds(Double($0) * 1e6) } ?? "a moment"
            parts.append("again in \(wait): \(EscapedText.escape(reason))")
        } else {
            parts.append("\(HumanText.plain(progress.documentsPerSecond.rounded()))/s")
            if let left = progress.secondsLeft { parts.append("\(HumanText.nanoseconds(left * 1e9)) left") }
        }
        if summary.refused > 0 { parts.append("\(summary.refused) refused") }
        return parts.joined(separator: "  ")
    }
}

/// What a replay came to.
enum ReplayReportText {
    /// Prints the summary to standard output, the complaint and the notes to standard error.
    static func print(_ report: ReplayReport, format: OutputFormat) throws {
        for note in report.notes { StandardStreams.errorLine(EscapedText.escape(note)) }
        let record = Record([
            ("destination", .text(report.destination)),
            ("server", .text(report.server)),
            ("read", .integer(Int128(report.summary.read))),
            ("sent", .integer(Int128(report.summary.sent))),
            ("there_before", .integer(Int128(report.summary.thereBefore))),
            ("refused", .integer(Int128(report.summary.refused))),
            ("unanswered", .integer(Int128(report.summary.unanswered))),
            ("left_out", .integer(Int128(report.summary.leftOut))),
            ("cut", .integer(Int128(report.summary.cut))),
            ("without_memstats", .integer(Int128(report.summary.withoutMemstats))),
            ("pending", report.pending.map { .integer(Int128($0)) } ?? .missing),
            ("possibly_twice", .integer(Int128(report.summary.possiblyTwice))),
            ("resent", .integer(Int128(report.summary.resent))),
            ("requests", .integer(Int128(report.summary.requests))),
            ("bytes", .integer(Int128(report.summary.bytes), .bytes)),
            ("bytes_on_wire", .integer(Int128(report.summary.bytesOnWire), .bytes)),
        ])
        switch format {
        case .json:
            var json = JSONWriter()
            json.beginObject()
            record.writeMembers(to: &json)
            write("left_out_paths", report.summary.leftOutPaths, to: &json)
            write("cut_paths", report.summary.cutPaths, to: &json)
            json.endObject()
            json.endLine()
            try StandardStreams.output(json.bytes)
        case .csv, .table:
            let printer = AnswerPrinter(
                format: format,
                keys: [],
                heading: { $0.replacingUnderscores },
                emptyNote: ""
            )
            try printer.print([AnswerEntry(record: record)])
        }
        tell(report.summary.leftOutPaths, what: "left out")
        tell(report.summary.cutPaths, what: "cut")
        if let complaint = report.complaint {
            let left = report.leftWords.map { "; " + $0 } ?? ""
            StandardStreams.errorLine("expvault: " + EscapedText.escape(complaint + left))
        } else if let left = report.leftWords {
            StandardStreams.errorLine("ended before its time: " + left)
        }
    }

    /// A line for each path that documents went without, or are cut in.
    private static func tell(_ paths: LeftOutPaths, what: String) {
        for entry in paths.entries {
            StandardStreams.errorLine(
                EscapedText.escape(
                    "\(what) \(entry.path) of \(entry.documents) documents, first of \(entry.target) at "
                        + "\(TimestampText.format(entry.time)): \(entry.reason)"
                )
            )
        }
        if paths.othersCount > 0 {
            StandardStreams.errorLine("\(what) other variables, \(paths.othersCount) times")
        }
    }

    private static func write(_ key: String, _ paths: LeftOutPaths, to json: inout JSONWriter) {
        json.key(key)
        json.beginArray()
        for entry in paths.entries {
            json.beginObject()
            Record([
                ("path", .text(entry.path)),
                ("documents", .integer(Int128(entry.documents))),
                ("target", .text(entry.target)),
                ("t", .time(entry.time)),
                ("reason", .text(entry.reason)),
            ]).writeMembers(to: &json)
            json.endObject()
        }
        json.endArray()
    }
}
