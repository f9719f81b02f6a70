import Model
import SQLite

/// Looks up what retention may take, on a thread of its own.
///
/// That reads the newest scrapes and the ledger of exports, and waits for an export that commits: neither the recorder's
/// tasks nor its writer have time for it.
package actor RetentionLookout {
    private let path: String
    private let thread = WriterThread()

    /// The lookout's own thread.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// For the database at `path`.
    package init(path: String) { self.path = path }

    /// The policy of those limits, with what no destination has yet taken protected.
    package func policy(ageMilliseconds: Int64?, bytesMax: Int64?) throws -> RetentionPolicy {
        try RetentionPolicy.lookedUp(path: path, ageMilliseconds: ageMilliseconds, bytesMax: bytesMax)
    }
}

extension RetentionPolicy {
    /// The policy of those limits, with what no destination of the database at `path` has yet taken protected.
    package static func lookedUp(
        path: String,
        ageMilliseconds: Int64?,
        bytesMax: Int64?
    ) throws -> RetentionPolicy {
        var policy = RetentionPolicy(ageMilliseconds: ageMilliseconds, bytesMax: bytesMax)
        guard ageMilliseconds != nil || bytesMax != nil, ReplayLedger.exists(beside: path) else {
            return policy
        }
        let snapshot = try Vault(path: path).snapshot()
        // The newest scrape's time and not ours: a clock that jumped ahead must not end anybody's protection.
        let newest = try snapshot.newestTime()
        policy.protectedAfterSeq = try ReplayLedger.protectedAfterSeq(
            vaultPath: path,
            databaseUUID: snapshot.databaseUUID,
            now: newest ?? Timestamp(milliseconds: SystemCall.wallMilliseconds())
        )
        return policy
    }
}

extension VaultSnapshot {
    /// The latest time of any scrape; nil where there is none.
    func newestTime() throws -> Timestamp? {
        try reading {
            let sealed = try store.connection.integer("SELECT max(t_max) FROM chunks")
            let ofTail = try store.readTails(keepBodies: false).values.lazy.joined()
                .map(\.position.time.milliseconds).max()
            return [sealed, ofTail].compactMap { $0 }.max().map { Timestamp(milliseconds: $0) }
        }
    }
}
