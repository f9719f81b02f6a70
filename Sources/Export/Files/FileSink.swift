package import Storage

/// What an export into a file has written.
package struct FileExportSummary: Hashable, Sendable {
    /// How many scrapes.
    package var scrapes: Int64 = 0
    /// How many documents, two for each scrape with memstats, or raw lines, one for each.
    package var lines: Int64 = 0
    /// How many bytes, before compression.
    package var bytes: Int64 = 0
}

/// Writes the documents of scrapes into a file, one a line, heap then expvar of each scrape; before each its action
/// line for `_bulk`, where that is wanted.
///
/// See cli.md, `export file`.
package struct FileSink {
    /// After so many scrapes the caller hears of the progress.
    static let progressEvery: Int64 = 256

    /// What was written so far.
    package private(set) var summary = FileExportSummary()

    private let vault: Vault
    private let output: OutputFile
    private let context: DocumentContext
    private let isBulk: Bool
    private var maker: DocumentMaker

    /// A sink that writes documents of scrapes in `vault` to `output`; with `isBulk` ready for `_bulk`.
    package init(vault: Vault, context: DocumentContext, output: OutputFile, isBulk: Bool = false) {
        self.vault = vault
        self.output = output
        self.context = context
        self.isBulk = isBulk
        maker = DocumentMaker(context: context)
    }

    /// Writes the scrapes of `target` in `selection`.
    ///
    /// - Throws: `StorageError`, `ExportFileError`, and `CancellationError` where the task is cancelled.
    package mutating func export(
        _ target: TargetRecord,
        selection: ExportSelection = ExportSelection(),
        progress: (FileExportSummary) -> Void = { _ in }
    ) throws {
        let stream = DocumentStream(
            vault: vault,
            target: target,
            selection: selection,
            predecessors: context.includesPauses && !context.isViaPipeline
        )
        while let scrape = try stream.next() {
            try Task.checkCancellation()
            let documents = maker.documents(for: scrape)
            let ids = isBulk ? DocumentID.texts(for: scrape, in: context) : nil
            if let heap = documents.heap {
                try write(heap, .heap, id: ids?.heap, beforeWaiting: stream.rest)
                summary.lines += 1
            }
            try write(documents.expvar, .expvar, id: ids?.expvar, beforeWaiting: stream.rest)
            summary.scrapes += 1
            summary.lines += 1
            summary.bytes = output.bytesIn
            if summary.scrapes % FileSink.progressEvery == 0 { progress(summary) }
        }
        progress(summary)
    }

    private func write(
        _ document: [UInt8],
        _ kind: DocumentKind,
        id: String?,
        beforeWaiting: () -> Void
    ) throws {
        guard let id else {
            return try output.write(document, newline: true, beforeWaiting: beforeWaiting)
        }
        var lines: [UInt8] = []
        BulkRequest.append(
            actionLine: id,
            stream: kind.stream(namespace: context.namespace).utf8,
            to: &lines
        )
        try output.write(lines + document, newline: true, beforeWaiting: beforeWaiting)
    }

    /// Gives the file its name; what was written.
    package func finish() throws -> FileExportSummary {
        try output.finish()
        return summary
    }
}
