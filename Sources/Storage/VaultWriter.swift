package import Model

/// Where a target's scrapes are to be stored, and how.
package struct TargetDescription: Hashable, Sendable {
    /// The name; see `TargetName`.
    package var name: String
    /// Where its scrapes come from.
    package var origin: Origin

    /// A target of that name.
    package init(name: String, origin: Origin) {
        self.name = name
        self.origin = origin
    }
}

/// A scrape that was stored: its number and its final place.
package struct StoredScrape: Hashable, Sendable {
    /// Its number in the order of commits.
    package var seq: Int64
    /// Where it stands.
    package var position: ScrapePosition
    /// Why the body counts as failed although it was handed in as a document; nil otherwise.
    package var failure: String?
}

/// What became of one imported scrape.
package enum ImportOutcome: Hashable, Sendable {
    /// It is stored.
    case stored
    /// Stored, but as a failed scrape: the body is no document, for that reason.
    case storedAsFailure(reason: String)
    /// It was there already, with the same body.
    case skipped
    /// Another body stands at that position; the first is kept.
    case conflict
}

/// An imported scrape: a raw line.
package struct ImportedScrape: Hashable, Sendable {
    /// The target's name.
    package var target: String
    /// nil: the target's present epoch.
    package var epoch: Int64?
    /// Its URL is nil where the line had none.
    package var origin: Origin
    /// The scrape; its time is its place in the epoch.
    package var scrape: Scrape

    /// A scrape to import.
    package init(target: String, epoch: Int64? = nil, origin: Origin, scrape: Scrape) {
        self.target = target
        self.epoch = epoch
        self.origin = origin
        self.scrape = scrape
    }
}

/// The one writer of a database: holds the lock, and one thread that owns the connection.
///
/// Calls are carried out in order, on that thread; a commit never holds up the cooperative pool. A call that throws
/// has stored nothing, and the next one may succeed.
package actor VaultWriter {
    /// The path of the database.
    package nonisolated let path: String
    private let thread: WriterThread
    private var session: WriterSession?

    /// The writer's own thread.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// Takes the lock, creates the file if `create`, migrates it if it is older, and opens it for writing.
    ///
    /// - Throws: `StorageError.locked` with the holder's words where somebody else writes.
    package static func open(path: String, create: Bool) async throws -> VaultWriter {
        let writer = VaultWriter(path: path)
        try await writer.begin(create: create)
        return writer
    }

    private init(path: String) {
        self.path = path
        thread = WriterThread()
    }

    private func begin(create: Bool) throws(StorageError) {
        session = try WriterSession(path: path, create: create)
    }

    private func opened() throws(StorageError) -> WriterSession {
        guard let session else { throw .closed(path: path) }
        return session
    }

    /// Stores scrapes of one or several targets in one transaction, durable when this returns.
    ///
    /// A body that is no document is stored as a failed scrape. Positions are made unique, epochs begun and
    /// steps recorded as semantics.md says ("Time and order"). Unknown targets are created; a changed origin is
    /// noted from this scrape on.
    package func append(_ scrapes: [(TargetDescription, Scrape)]) throws -> [StoredScrape] {
        try opened().append(scrapes)
    }

    /// Stores raw lines in one transaction, at the places that they name.
    ///
    /// Fastest with lines that follow what is there, several hundred a call. Lines that take their place in between
    /// leave the runs of their target to be found anew, which `finishImport` does.
    package func insert(_ scrapes: [ImportedScrape]) throws -> [ImportOutcome] {
        try opened().insert(scrapes)
    }

    /// Finds runs anew where `insert` put scrapes in between.
    ///
    /// Also done by `close`, by the next `append` to such a target, and by the next writer after a crash.
    package func finishImport() throws {
        let session = try opened()
        try StorageError.wrapping(path) { try session.refreshStaleRuns() }
    }

    /// Gives a target another name.
    package func renameTarget(_ old: String, to new: String) throws {
        try opened().renameTarget(old, to: new)
    }

    /// Writes the WAL back to the database, waits for nobody.
    package func checkpoint() throws {
        try opened().checkpoint()
    }

    /// Deletes what is too old or too much; see `RetentionPolicy`.
    @discardableResult
    package func prune(_ policy: RetentionPolicy) throws -> PruneSummary {
        try opened().prune(policy)
    }

    /// Seals what is due, merges a few chunks, prunes: a bounded piece of work, for about once a minute.
    ///
    /// Holds up appends by some 100 ms. Where the summary is unfinished, there is more of it.
    @discardableResult
    package func maintain(_ policy: RetentionPolicy = RetentionPolicy()) throws -> PruneSummary {
        try opened().maintain(policy)
    }

    /// Prunes, seals and merges everything, gives all free space back to the file system, and writes the WAL back.
    @discardableResult
    package func compact(_ policy: RetentionPolicy = RetentionPolicy()) throws -> PruneSummary {
        try opened().compact(policy)
    }

    /// Commits, checkpoints, closes and lets go of the lock.
    ///
    /// A second call does nothing.
    package func close() throws {
        guard let session else { return }
        self.session = nil
        try session.close()
    }
}
