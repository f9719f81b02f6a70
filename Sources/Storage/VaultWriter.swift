package import Model

/// Where a target's scrapes are to be stored, and how.
package struct TargetDescription: Hashable, Sendable {
    /// The name; see `TargetName`.
    package var name: String
    package var origin: Origin

    package init(name: String, origin: Origin) {
        self.name = name
        self.origin = origin
    }
}

/// A scrape that was stored: its number and its final place.
package struct StoredScrape: Hashable, Sendable {
    package var seq: Int64
    package var position: ScrapePosition
    /// Why the body counts as failed although it was handed in as a document; nil otherwise.
    package var failure: String?
}

/// What became of one imported scrape.
package enum ImportOutcome: Hashable, Sendable {
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
    package var target: String
    /// nil: the target's present epoch.
    package var epoch: Int64?
    /// nil where the line had none.
    package var origin: Origin
    package var scrape: Scrape
}

/// The one writer of a database: holds the lock, and one thread that owns the connection.
///
/// Calls are carried out in order, on that thread; a commit never holds up the cooperative pool.
package actor VaultWriter {
    /// Takes the lock, creates the file if `create`, migrates it if it is older, and opens it for writing.
    ///
    /// - Throws: `StorageError.locked` with the holder's words where somebody else writes.
    package static func open(path: String, create: Bool) async throws -> VaultWriter {
        fatalError("pending")
    }

    init() {}

    /// Stores scrapes of one or several targets in one transaction, durable when this returns.
    ///
    /// A body that is no document is stored as a failed scrape. Positions are made unique, epochs begun and
    /// steps recorded as semantics.md says ("Time and order"). Unknown targets are created; a changed origin is
    /// noted from this scrape on.
    package func append(_ scrapes: [(TargetDescription, Scrape)]) throws -> [StoredScrape] {
        fatalError("pending")
    }

    /// Stores raw lines in one transaction, at the places that they name.
    package func insert(_ scrapes: [ImportedScrape]) throws -> [ImportOutcome] {
        fatalError("pending")
    }

    /// Gives a target another name.
    package func renameTarget(_ old: String, to new: String) throws {
        fatalError("pending")
    }

    /// Writes the WAL back to the database, waits for nobody.
    package func checkpoint() throws {
        fatalError("pending")
    }

    /// Commits, checkpoints, closes and lets go of the lock.
    package func close() throws {
        fatalError("pending")
    }
}
