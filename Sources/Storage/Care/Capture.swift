package import Model

/// What a capture holds.
package struct CaptureSummary: Hashable, Sendable {
    /// Targets, also such without a scrape in the range.
    package var targets = 0
    /// Scrapes of the range, failed ones included.
    package var scrapes: Int64 = 0
    /// Scrapes beside the range, which answers at its ends need.
    package var marginScrapes: Int64 = 0
    /// The size of the file.
    package var bytes: Int64 = 0
}

/// Writes a range of a database into a new one that answers for the range as the whole does.
///
/// Scrapes, runs and all else keep their numbers, places and bytes, the database its UUID and host: a document that is
/// exported of the capture has the `_id` that the whole gives it. The file appears whole under its name, or not at all.
///
/// See docs/capture.md.
package enum Capture {
    /// A snapshot of the source is let go of after so long: it keeps the recorder's WAL from being cut.
    package static let snapshotMax = Duration.seconds(2)

    /// What is being copied: how much of how many bytes of chunks, of which target.
    package typealias Progress = (_ done: Int64, _ total: Int64, _ target: String) -> Void

    /// Captures `range` of the targets of those names (all where empty) from the database at `source`.
    ///
    /// The source is read in short snapshots, without its lock: also while it is recorded.
    ///
    /// - Parameters:
    ///   - source: The database, which is left as it is.
    ///   - destination: Where the capture goes.
    ///   - range: What to capture.
    ///   - targets: Names of targets.
    ///   - replaces: Whether what is there already is replaced.
    ///   - snapshotMax: How long a snapshot is held; a chunk is copied in each all the same.
    ///   - begins: Called once before anything is written, with all paths that are only there until the file is whole:
    ///     for whoever is ended by a signal.
    ///   - progress: Called now and then.
    /// - Returns: What the capture holds.
    /// - Throws: `StorageError`; `.cannotCreate` where the destination exists.
    package static func run(
        from source: String,
        to destination: String,
        range: TimeRange = .all,
        targets: [String] = [],
        replaces: Bool = false,
        snapshotMax: Duration = Capture.snapshotMax,
        begins: ([String]) -> Void = { _ in },
        progress: Progress = { _, _, _ in }
    ) throws -> CaptureSummary {
        try StorageError.wrapping(destination) {
            try VaultFile(path: source).requireOurs()
            let draft = try DatabaseDraft(destination, source: source, replaces: replaces, begins: begins)
            defer { draft.end() }
            let session = try WriterSession(path: draft.path, create: true)
            var work = CaptureWork(source: source, session: session, range: range, snapshotMax: snapshotMax)
            do {
                try work.run(targets, progress)
                try session.close()
            } catch {
                try? session.close()  // the first error is the one to tell
                throw error
            }
            work.summary.bytes = try draft.finish()
            return work.summary
        }
    }
}
