package import Model
package import Storage

/// A scrape on its way to the store.
package struct PendingScrape: Hashable, Sendable {
    /// Whose it is.
    package var target: TargetDescription
    /// What came of the GET.
    package var scrape: Scrape
    /// Whether it is the recorder's own, which is not counted.
    var isOwn = false

    /// That scrape of that target.
    package init(target: TargetDescription, scrape: Scrape) {
        self.target = target
        self.scrape = scrape
    }
}

/// What the store says of a scrape that it has kept.
package struct StoredOutcome: Sendable {
    /// Its final time.
    package var time: Timestamp
    /// Why the body counts as failed although it was handed in as a document; nil otherwise.
    package var failure: String?
    /// Where the target's scrape before came from, if scheme, host, port or path are others now.
    package var movedFrom: String?
    /// What of the body could not be read, and why, where the target had no such part before.
    package var unread: (path: String, reason: String)?

    /// That outcome.
    package init(time: Timestamp, failure: String?, movedFrom: String? = nil) {
        self.time = time
        self.failure = failure
        self.movedFrom = movedFrom
    }
}

/// Where scrapes go to; the writer of a database.
package protocol ScrapeSink: Sendable {
    /// Stores scrapes in one transaction; durable when this returns. One outcome for each, in order.
    func store(_ scrapes: [PendingScrape]) async throws -> [StoredOutcome]

    /// Goes on with another store where `error` says that this one is damaged.
    ///
    /// Returns whether it does: then what could not be stored is worth handing in again.
    func replaceDamaged(after error: any Error) async -> Bool

    /// Comes back once what was handed in before is done with; never, where the store hangs.
    func answer() async

    /// Lets go of what room it kept back, for what is stored last.
    func makeRoom() async
}

extension ScrapeSink {
    /// Does not.
    package func replaceDamaged(after error: any Error) async -> Bool { false }

    /// At once.
    package func answer() async {}

    /// Has none.
    package func makeRoom() async {}
}

extension VaultWriter: ScrapeSink {
    /// Comes back once the writer's thread is free.
    package func answer() {}

    /// Appends the scrapes in one transaction.
    package func store(_ scrapes: [PendingScrape]) throws -> [StoredOutcome] {
        try append(scrapes.map { ($0.target, $0.scrape) }).map { stored in
            var outcome = StoredOutcome(
                time: stored.position.time,
                failure: stored.failure,
                movedFrom: stored.movedFrom
            )
            outcome.unread = stored.unread.map { ($0.path, $0.reason) }
            return outcome
        }
    }
}
