package import Logging
package import Storage

/// Has a recorder's database looked after: what is too old or too much goes, and the log says how much that was.
package actor RetentionKeeper {
    private let writer: VaultWriter
    private let database: String
    private let lookout: RetentionLookout
    private let logger: Logger
    private let now: @Sendable () -> Int64
    private var sum = DroppedSum()

    /// For the database that `writer` writes; `now` is a clock in nanoseconds that never goes back.
    package init(writer: VaultWriter, database: String, logger: Logger, now: @escaping @Sendable () -> Int64)
    {
        self.writer = writer
        self.database = database
        self.logger = logger
        self.now = now
        lookout = RetentionLookout(path: database)
    }

    /// Has the size kept from the first commit on.
    package func begin(_ settings: RecorderConfiguration) async throws {
        // A ledger that cannot be read is told of by `maintain`.
        let policy = try? await lookout.policy(
            ageMilliseconds: settings.retainMilliseconds,
            bytesMax: settings.maxSizeBytes
        )
        try await writer.limit(policy ?? RetentionKeeper.cautious(settings))
    }

    /// What the file needs between two commits: a bounded piece of it, for about once a minute.
    package func maintain(_ settings: RecorderConfiguration) async throws {
        do {
            let policy = try await lookout.policy(
                ageMilliseconds: settings.retainMilliseconds,
                bytesMax: settings.maxSizeBytes
            )
            tell(try await writer.maintain(policy))
        } catch StorageError.damaged(let path, let detail) where path == database + ReplayLedger.suffix {
            tell(try await writer.maintain(RetentionKeeper.cautious(settings)))
            throw StorageError.damaged(path: path, detail: detail)
        }
    }

    /// Says what was dropped since it was last said.
    package func end() async {
        // With what the last commits dropped, of which no maintenance has told yet.
        let dropped = await writer.takeDropped()
        if let words = sum.note(dropped, at: now()) ?? sum.rest() { say(words) }
    }

    /// What was exported nobody knows then: everything counts as not exported, and the disk is still kept free.
    private static func cautious(_ settings: RecorderConfiguration) -> RetentionPolicy {
        RetentionPolicy(
            ageMilliseconds: settings.retainMilliseconds,
            bytesMax: settings.maxSizeBytes,
            protectedAfterSeq: 0
        )
    }

    private func tell(_ summary: PruneSummary) {
        if let words = sum.note(summary, at: now()) { say(words) }
    }

    private func say(_ words: (text: String, isLoss: Bool)) {
        logger.log(level: words.isLoss ? .warning : .info, "\(words.text)")
    }
}

/// Sums up what retention dropped: the first time it is said at once, then once an hour.
struct DroppedSum {
    /// From one line to the next, in nanoseconds.
    static let interval: Int64 = 3_600_000_000_000

    private var deleted: Int64 = 0
    private var deletedProtected: Int64 = 0
    private var lastSaid: Int64?

    /// Takes what was dropped now; what to say, where it is time.
    mutating func note(_ summary: PruneSummary, at now: Int64) -> (text: String, isLoss: Bool)? {
        deleted += summary.deleted
        deletedProtected += summary.deletedProtected
        guard deleted > 0, lastSaid.map({ now &- $0 >= DroppedSum.interval }) ?? true else { return nil }
        lastSaid = now
        return rest()
    }

    /// What was not said yet.
    mutating func rest() -> (text: String, isLoss: Bool)? {
        guard deleted > 0 else { return nil }
        defer { (deleted, deletedProtected) = (0, 0) }
        let count = deleted == 1 ? "1 scrape" : "\(deleted) scrapes"
        let protected = deletedProtected > 0 ? ", \(deletedProtected) of them not exported yet" : ""
        return ("retention dropped the oldest: \(count)\(protected)", deletedProtected > 0)
    }
}
