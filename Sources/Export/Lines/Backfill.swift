package import Storage

/// What an import has done.
package struct BackfillSummary: Hashable, Sendable {
    /// How many lines were read, blank ones not counted.
    package var lines: Int64 = 0
    /// How many scrapes were stored as they were handed in.
    package var stored: Int64 = 0
    /// How many were stored as failed scrapes, since their body is no document.
    package var storedAsFailure: Int64 = 0
    /// How many were there already.
    package var skipped: Int64 = 0
    /// How many stand where another body was stored before.
    package var conflicts: Int64 = 0
    /// How many lines could not be read.
    package var bad: Int64 = 0

    /// A summary of nothing.
    package init() {}

    /// Whether the exit status is 65: something that was handed in is not there now.
    package var hasLoss: Bool { conflicts > 0 || bad > 0 }

    /// Adds what another file's import has done.
    package static func += (a: inout BackfillSummary, b: BackfillSummary) {
        a.lines += b.lines
        a.stored += b.stored
        a.storedAsFailure += b.storedAsFailure
        a.skipped += b.skipped
        a.conflicts += b.conflicts
        a.bad += b.bad
    }
}

/// What the user hears of one line.
package struct BackfillFinding: Hashable, Sendable, CustomStringConvertible {
    /// What can be said of a line.
    package enum Kind: Hashable, Sendable {
        /// It is no raw line, for that reason; it was skipped.
        case bad(reason: String)
        /// Another body of that target stands at its time; that one was kept.
        case conflict(target: String)
        /// It was stored as a failed scrape, for that reason.
        case storedAsFailure(reason: String)
    }

    /// The file's path as it was given.
    package var path: String
    /// The line's number, from 1.
    package var line: Int64
    /// What is to be said of it.
    package var kind: Kind

    /// One line for the user; what came out of the file is not yet escaped for a terminal.
    package var description: String {
        switch kind {
        case .bad(let reason): "\(path):\(line): \(reason)"
        case .conflict(let target): "\(path):\(line): another scrape of \(target) is stored at that time"
        case .storedAsFailure(let reason): "\(path):\(line): stored as a failed scrape: \(reason)"
        }
    }
}

/// How far an import of one file is.
package struct BackfillProgress: Hashable, Sendable {
    /// How much of the file was read, before it was expanded.
    package var bytesRead: Int64
    /// The file's size, where it has one.
    package var bytesTotal: Int64?
    /// What was done so far.
    package var summary: BackfillSummary
}

/// Stores the scrapes of raw lines, a batch in each transaction.
///
/// While the writer stores one batch on its thread, the next is read and parsed. What was stored before an error or a
/// cancellation stays.
package struct Backfill: Sendable {
    private let writer: VaultWriter
    private let urls: [String: String]
    private let keepsQuery: Bool

    /// An import into the database of `writer`; `urls` supplies the URLs that lines lack, by target.
    ///
    /// The values of URLs' queries are hidden unless it `keepsQuery`.
    package init(writer: VaultWriter, urls: [String: String] = [:], keepsQuery: Bool = false) {
        self.writer = writer
        self.urls = urls
        self.keepsQuery = keepsQuery
    }

    /// Imports one file; `-` is standard input.
    ///
    /// `report` hears of each line that did not go in as it stands, `progress` of each batch; both are called in order.
    /// - Throws: `ExportFileError`, `StorageError`, `CancellationError`; a file that is damaged halfway throws once the
    ///   lines before the damage are stored.
    package func run(
        path: String,
        report: (BackfillFinding) -> Void,
        progress: (BackfillProgress) -> Void = { _ in }
    ) async throws -> BackfillSummary {
        let source = try RawLineSource(path: path, reader: RawLineReader(urls: urls, keepsQuery: keepsQuery))
        var summary = BackfillSummary()
        var batch = try await source.nextBatch()
        while let current = batch {
            try Task.checkCancellation()
            async let next = source.nextBatch()
            let outcomes = try await writer.insert(current.scrapes)
            precondition(outcomes.count == current.scrapes.count, "BUG: an import lacks outcomes")
            summary.lines += Int64(current.scrapes.count + current.bad.count)
            summary.bad += Int64(current.bad.count)
            for finding in findings(of: current, outcomes, path, &summary) { report(finding) }
            progress(
                BackfillProgress(
                    bytesRead: current.bytesRead,
                    bytesTotal: current.bytesTotal,
                    summary: summary
                )
            )
            if let failure = current.failure { throw failure }
            batch = try await next
        }
        return summary
    }

    /// What is to be said of a batch, ascending by line.
    private func findings(
        of batch: RawLineSource.Batch,
        _ outcomes: [ImportOutcome],
        _ path: String,
        _ summary: inout BackfillSummary
    ) -> [BackfillFinding] {
        var findings = batch.bad.map {
            BackfillFinding(path: path, line: $0.line, kind: .bad(reason: $0.reason))
        }
        for (index, outcome) in outcomes.enumerated() {
            switch outcome {
            case .stored: summary.stored += 1
            case .skipped: summary.skipped += 1
            case .storedAsFailure(let reason):
                summary.storedAsFailure += 1
                findings.append(
                    BackfillFinding(
                        path: path,
                        line: batch.lines[index],
                        kind: .storedAsFailure(reason: reason)
                    )
                )
            case .conflict:
                summary.conflicts += 1
                let target = batch.scrapes[index].target
                findings.append(
                    BackfillFinding(path: path, line: batch.lines[index], kind: .conflict(target: target))
                )
            }
        }
        return findings.sorted { $0.line < $1.line }
    }
}
