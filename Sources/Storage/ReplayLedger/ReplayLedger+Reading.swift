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

extension RejectedEntry {
    fileprivate init(_ document: RejectedDocument, destination: String) {
        self.init(
            destination: destination,
            target: document.targetName,
            time: document.time,
            stream: document.stream,
            status: document.status,
            type: document.type,
            reason: document.reason
        )
    }
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
        let path = vaultPath + suffix
        let rows = ReplayLedgerRows(connection: connection, path: path)
        let destinations = try ReplayLedgerFile.wrapping(path) {
            try rows.destinations().filter { $0.database == databaseUUID }
        }
        let labels = Dictionary(uniqueKeysWithValues: destinations.map { ($0.number, $0.label) })
        var after: Int64 = 0
        while true {
            // In pages: nobody who commits shall wait for a reader of a long list.
            var page: [RejectedEntry] = []
            let last = after
            try ReplayLedgerFile.wrapping(path) {
                try rows.rejected(of: nil, after: last, limit: 200) { row in
                    after = row.number
                    guard let label = labels[row.destination] else { return }
                    page.append(RejectedEntry(row.document, destination: label))
                }
            }
            guard after > last else { return }
            for entry in page { try body(entry) }
        }
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
        guard exists(beside: vaultPath) else { return nil }
        let path = vaultPath + suffix
        return try ReplayLedgerFile.reading(path: path) { connection in
            let rows = ReplayLedgerRows(connection: connection, path: path)
            return try rows.destinations()
                .filter {
                    $0.database == databaseUUID && $0.usedMilliseconds >= now.milliseconds &- unusedMax
                }
                .map { try rows.cursors(of: $0).values.min() ?? 0 }
                .min()
        }
    }

    /// Whether there is a ledger beside a database.
    static func exists(beside vaultPath: String) -> Bool { access(vaultPath + suffix, F_OK) == 0 }

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
        let path = vaultPath + suffix
        return try ReplayLedgerFile.wrapping(path) {
            let rows = ReplayLedgerRows(connection: connection, path: path)
            return try connection.transaction {
                let last = try rows.destinations()
                    .filter {
                        $0.database == databaseUUID && $0.label == label && $0.namespace == namespace
                            && $0.mode == mode
                    }
                    .max { $0.usedMilliseconds < $1.usedMilliseconds }
                return try last.map { try rows.cursors(of: $0) }
            }
        }
    }

    static func existing(_ vaultPath: String) throws(StorageError) -> Connection? {
        guard exists(beside: vaultPath) else { return nil }
        return try ReplayLedgerFile.open(path: vaultPath + suffix, role: .writer(create: false))
    }
}
