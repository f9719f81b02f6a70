package import Model
import SQLite

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A refused document as `export rejected` lists it.
package struct RejectedEntry: Hashable, Sendable {
    /// What the destination is called: its URL when it was last used.
    package var destination: String
    package var target: String
    package var time: Timestamp
    package var stream: String
    package var status: Int
    package var type: String
    package var reason: String
}

extension ReplayLedger {
    /// Calls `body` for each document that some destination of this database has refused, oldest first.
    ///
    /// Without a ledger there is none.
    package static func forEachRejected(
        vaultPath: String,
        databaseUUID: String,
        _ body: (RejectedEntry) throws -> Void
    ) throws {
        guard let connection = try existing(vaultPath) else { return }
        defer { connection.close() }
        var after: Int64 = 0
        while true {
            // In pages: nobody who commits shall wait for a reader of a long list.
            let page = try StorageError.wrapping(vaultPath + suffix) {
                try entries(connection, databaseUUID: databaseUUID, after: after)
            }
            guard let last = page.last else { return }
            for (_, entry) in page { try body(entry) }
            after = last.number
        }
    }

    private static func entries(
        _ connection: Connection,
        databaseUUID: String,
        after: Int64
    ) throws -> [(number: Int64, entry: RejectedEntry)] {
        let rows = try connection.statement(
            """
            SELECT r.number, d.label, r.target_name, r.t, r.stream, r.status, r.type, r.reason
            FROM rejected r JOIN destination d ON d.number = r.destination
            WHERE d.database = ?1 AND r.number > ?2 ORDER BY r.number LIMIT 500
            """
        )
        .bind(1, databaseUUID).bind(2, after)
        defer { rows.reset() }
        var page: [(Int64, RejectedEntry)] = []
        while try rows.step() {
            page.append(
                (
                    rows.integer(0),
                    RejectedEntry(
                        destination: rows.text(1),
                        target: rows.text(2),
                        time: Timestamp(milliseconds: rows.integer(3)),
                        stream: rows.text(4),
                        status: Int(rows.integer(5)),
                        type: rows.text(6),
                        reason: rows.text(7)
                    )
                )
            )
        }
        return page
    }

    /// The `seq` up to which everything is exported to every destination in use; nil where there is none.
    ///
    /// For retention: scrapes above it go last (`RetentionPolicy.protectedAfterSeq`). In use is what was used within
    /// 90 days; a clock that jumped ahead must not let go of anything, so a caller passes the time of the newest
    /// scrape.
    package static func protectedAfterSeq(
        vaultPath: String,
        databaseUUID: String,
        now: Timestamp
    ) throws(StorageError) -> Int64? {
        guard let connection = try existing(vaultPath) else { return nil }
        defer { connection.close() }
        return try StorageError.wrapping(vaultPath + suffix) {
            let row = try connection.statement(
                """
                SELECT min(coalesce((SELECT min(c.seq) FROM cursor c WHERE c.destination = d.number), 0))
                FROM destination d WHERE d.database = ?1 AND d.used_ms >= ?2
                """
            )
            .bind(1, databaseUUID).bind(2, now.milliseconds &- unusedMax)
            defer { row.reset() }
            return try row.step() ? row.optionalInteger(0) : nil
        }
    }

    /// The cursors of the destination that was last used under that label; nil where there is none.
    ///
    /// For a preview, which asks no server for its UUID.
    package static func cursors(
        vaultPath: String,
        databaseUUID: String,
        label: String,
        namespace: String,
        mode: String
    ) throws(StorageError) -> [TargetID: Int64]? {
        guard let connection = try existing(vaultPath) else { return nil }
        defer { connection.close() }
        return try StorageError.wrapping(vaultPath + suffix) {
            let row = try connection.statement(
                """
                SELECT number FROM destination WHERE database = ?1 AND label = ?2 AND namespace = ?3 AND mode = ?4
                ORDER BY used_ms DESC LIMIT 1
                """
            )
            .bind(1, databaseUUID).bind(2, label).bind(3, namespace).bind(4, mode)
            defer { row.reset() }
            guard try row.step() else { return nil }
            let rows = try connection.statement("SELECT target, seq FROM cursor WHERE destination = ?1")
                .bind(1, row.integer(0))
            defer { rows.reset() }
            var cursors: [TargetID: Int64] = [:]
            while try rows.step() { cursors[TargetID(rows.integer(0))] = rows.integer(1) }
            return cursors
        }
    }

    private static func existing(_ vaultPath: String) throws(StorageError) -> Connection? {
        guard access(vaultPath + suffix, F_OK) == 0 else { return nil }
        return try ReplayLedgerFile.open(path: vaultPath + suffix, role: .writer(create: false))
    }
}
