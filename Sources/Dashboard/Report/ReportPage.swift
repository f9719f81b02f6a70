import JSON
package import Model
import Query
package import Storage

/// What a report says of itself.
struct ReportHead {
    var host: String
    var database: String
    var uuid: String
    var range: TimeRange
    var targets: [String]
    var made: Timestamp

    /// The targets in words; some, where there are many.
    var names: String {
        let rest = targets.count - ReportLimits.namedMax
        return targets.prefix(ReportLimits.namedMax).joined(separator: ", ")
            + (rest > 0 ? " and \(rest) more" : "")
    }

    /// By name, in order.
    var facts: [(String, String)] {
        [
            ("host", host), ("database", database), ("database_uuid", uuid),
            ("since", range.since?.description ?? ""), ("until", range.until?.description ?? ""),
            ("made", made.description), ("version", ProductVersion.text),
        ]
    }
}

/// The page as one file that needs neither server nor network: to attach to an incident.
///
/// See docs/dashboard.md, "A report in one file".
package enum ReportPage {
    /// Makes the report of a range.
    ///
    /// - Parameters:
    ///   - vault: The database; it is read in short snapshots.
    ///   - range: What to report; an open end is that of the targets' scrapes.
    ///   - names: The targets; all where empty.
    ///   - made: The wall clock.
    ///   - limits: So many bytes of answers for charts, and of numbers.
    ///   - progress: Called before each target, with how many are done, and of how many.
    /// - Returns: The file.
    /// - Throws: `QueryError.unknownTarget`, `StorageError`; `ReportError` where there is nothing to report.
    package static func make(
        from vault: Vault,
        range: TimeRange,
        targets names: [String],
        made: Timestamp,
        limits: (answers: Int, numbers: Int) = (
            ReportLimits.answerBytesMax, ReportLimits.numbersBytesMax
        ),
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws -> [UInt8] {
        let (all, host, uuid, lastSeq) = try overview(of: vault, names)
        let range = try closed(range, all)
        let points =
            all.count <= 8 ? ReportLimits.points : max(60, ReportLimits.points * 8 / all.count)
        var cuts = ReportCuts()
        var answers = ReportAnswers(range, host: host, lastSeq: lastSeq, made: made, bytesMax: limits.answers)
        var tables = HTMLText()
        var figures: [ReportFigures.Part] = []
        var numbersLeft = limits.numbers
        for (index, target) in all.enumerated() {
            progress(index, all.count)
            let charted = answers.hasRoom ? points : nil
            let found = try ReportTarget(target, in: range, points: charted, from: vault)
            answers.add(found, &cuts)
            let figure = ReportFigures.Part(found)
            var table = HTMLText()
            ReportTables.write(found, to: &table)
            let size = table.text.utf8.count + figure.count
            guard size <= numbersLeft else {
                cuts.leaveOutNumbers(of: target.target)
                continue
            }
            numbersLeft -= size
            cuts.listed(found.series.count, of: found.seriesCount, seriesOf: target.target)
            tables.page(table.text[...])
            figures.append(figure)
        }
        let head = ReportHead(
            host: host,
            database: vault.path,
            uuid: uuid,
            range: range,
            targets: all.map(\.target),
            made: made
        )
        return page(
            head,
            cuts,
            tables,
            figures: ReportFigures.json(figures, head, cuts),
            answers: answers.finished()
        )
    }

    /// The targets, and what the file says of itself; the snapshot is not kept while each target is gone over.
    private static func overview(
        of vault: Vault,
        _ names: [String]
    ) throws -> (targets: [TargetAnswer], host: String, uuid: String, lastSeq: Int64) {
        let snapshot = try vault.snapshot()
        let targets = try QueryEngine(snapshot).targets(names).filter { $0.first != nil }
        return (targets, snapshot.recordingHost, snapshot.databaseUUID, snapshot.lastSeq)
    }

    private static func closed(_ range: TimeRange, _ targets: [TargetAnswer]) throws -> TimeRange {
        guard let first = targets.compactMap(\.first).min(), let last = targets.compactMap(\.last).max()
        else {
            throw ReportError.nothingRecorded
        }
        let closed = TimeRange(
            since: range.since ?? min(first, range.until?.advanced(byMilliseconds: -1) ?? first),
            until: range.until ?? max(last, range.since ?? last).advanced(byMilliseconds: 1)
        )
        guard let since = closed.since.flatMap({ Timestamp(accepting: $0.milliseconds) }),
            let until = closed.until.flatMap({ Timestamp(accepting: $0.milliseconds) }), since < until
        else { throw ReportError.noRange }
        return closed
    }

    private static func page(
        _ head: ReportHead,
        _ cuts: ReportCuts,
        _ tables: HTMLText,
        figures: [UInt8],
        answers: [UInt8]
    ) -> [UInt8] {
        let script = "\n" + ReportScript.text
        let style = "\n" + Asset.text("/style.css")
        precondition(!script.contains("</script") && !script.contains("<!--"), "BUG: the script ends itself")
        var html = HTMLText()
        html.markup("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
        // Nothing is loaded from anywhere, and no script runs but the one that was put in here.
        html.page(
            """
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src '\(hash(script))'; \
            style-src '\(hash(style))'; img-src data:; base-uri 'none'; form-action 'none'">

            """
        )
        html.markup("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
        html.markup(
            "<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n"
        )
        html.element("title", "expvault report: \(head.names)")
        html.verbatim("style", style)
        html.markup("</head>\n<body class=\"report\">\n")
        write(head, cuts, to: &html)
        html.page(pageBody)
        html.markup("<section id=\"numbers\"><div class=\"head\"><h2>The numbers</h2>")
        html.markup("<button type=\"button\" id=\"save\">Save them as JSON</button></div>\n")
        html.markup("<p class=\"note\">Exact, as <code>expvault rate</code>, <code>values</code> and ")
        html.markup("<code>pauses</code> print them for this range; times in UTC.</p>\n")
        html.page(tables.text[...])
        html.markup("</section>\n")
        html.json(figures, id: "figures")
        html.json(answers, id: "answers")
        html.verbatim("script", script)
        html.markup("</body>\n</html>\n")
        return Array(html.text.utf8)
    }

    private static func write(_ head: ReportHead, _ cuts: ReportCuts, to html: inout HTMLText) {
        html.markup("<section id=\"report\">")
        html.element("h1", "Report: \(head.names)")
        html.markup("<dl>")
        for (name, value) in [
            ("range", "\(head.facts[3].1) – \(head.facts[4].1)"), ("recorded on", head.host),
            ("database", "\(head.database) (\(head.uuid))"), ("made", "\(head.made)"),
            ("by", "expvault \(ProductVersion.text)"),
        ] {
            html.element("dt", name)
            html.element("dd", value)
        }
        html.markup("</dl>\n")
        for sentence in cuts.sentences {
            html.markup("<p class=\"note cut\">")
            html.add(sentence)
            html.markup("</p>\n")
        }
        html.markup(
            "<noscript><p class=\"note\">The charts are drawn by a script in this file, which is "
        )
        html.markup("switched off here; all numbers stand below.</p></noscript></section>\n")
    }

    /// The page's body, without what it says where scripts are off.
    private static let pageBody: Substring = {
        let page = Asset.text("/")
        guard let start = page.range(after: "<body>"), let end = page.range(before: "<noscript>") else {
            preconditionFailure("BUG: the page has no body")
        }
        return page[start..<end]
    }()

    private static func hash(_ text: String) -> String {
        "sha256-" + base64(SHA256.digest(Array(text.utf8)))
    }

    /// RFC 4648, section 4.
    private static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for place in 0..<4 {
                text.append(
                    place <= group.count
                        ? alphabet[Int(bits >> UInt32(18 - 6 * place) & 63)] : UInt8(ascii: "=")
                )
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// Why there is no report.
package enum ReportError: Error, Hashable, Sendable, CustomStringConvertible {
    /// No target has a scrape.
    case nothingRecorded
    /// The range is empty, or leaves the years 0 to 9999.
    case noRange

    /// One sentence.
    package var description: String {
        switch self {
        case .nothingRecorded: "nothing is recorded that could be reported"
        case .noRange: "the range is empty, or leaves the years 0 to 9999; see --since and --until"
        }
    }
}

extension String {
    /// Where the text after `mark` begins.
    fileprivate func range(after mark: String) -> String.Index? {
        index(of: mark).map { utf8.index($0, offsetBy: mark.utf8.count) }
    }

    /// Where `mark` begins.
    fileprivate func range(before mark: String) -> String.Index? { index(of: mark) }

    private func index(of mark: String) -> String.Index? {
        firstRange(of: mark)?.lowerBound
    }
}
