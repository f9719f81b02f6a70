import Export
import JSON
import Model
import Synchronization

/// How far a replay is, on a terminal.
final class ReplayProgressLine: Sendable {
    private let line = Mutex(Progress())

    /// Draws the state.
    func update(_ progress: ReplayProgress) {
        line.withLock { line in
            line.update { ReplayProgressLine.text(progress) }
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
        if let complaint = report.complaint {
            StandardStreams.errorLine("expvault: " + EscapedText.escape(complaint))
        }
    }
}
