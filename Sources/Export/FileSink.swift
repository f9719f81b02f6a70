package import Storage

/// What an export into a file has written.
package struct FileExportSummary: Hashable, Sendable {
    /// How many scrapes.
    package var scrapes: Int64 = 0
    /// How many lines: two for each scrape as documents, one as raw line.
    package var lines: Int64 = 0
    /// How many bytes, before compression.
    package var bytes: Int64 = 0
}

/// Writes the documents of scrapes into a file, one a line, heap then expvar of each scrape.
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
    private var maker: DocumentMaker

    /// A sink that writes documents of scrapes in `vault` to `output`.
    package init(vault: Vault, context: DocumentContext, output: OutputFile) {
        self.vault = vault
        self.output = output
        self.context = context
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
            try output.write(documents.heap, newline: true)
            try output.write(documents.expvar, newline: true)
            summary.scrapes += 1
            summary.lines += 2
            summary.bytes = output.bytesIn
            if summary.scrapes % FileSink.progressEvery == 0 { progress(summary) }
        }
        progress(summary)
    }

    /// Gives the file its name; what was written.
    package func finish() throws -> FileExportSummary {
        try output.finish()
        return summary
    }
}
