import Compression
package import Model
import SQLite

/// What exports remember: how far each destination was answered for, and what it refused.
///
/// A second SQLite file, `PATH-export`, since the database itself has one writer, the recorder. Layout, version 1:
///
///     destination  one row for each database, cluster, namespace and mode; `foreign_high`, `doubt_high`, last use
///     cursor       (destination, target) → seq: everything up to it was answered for
///     write_index  (destination, stream) → the oldest index that a document in doubt can be in
///     rejected     documents that were refused, whole, zstd-compressed
///
/// Several exports (to several destinations) and the recorder's retention use the file at once. So it keeps SQLite's
/// rollback journal, which, unlike the WAL of SQLite before 3.51.3, has no trouble with several writers
/// (https://sqlite.org/wal.html, "The WAL-Reset Bug"). One export for each destination: a lock file beside it.
///
/// The file may be deleted: then exports begin at the beginning, and look up what is there already.
package actor ReplayLedger {
    /// What follows the database's path.
    package static let suffix = "-export"
    /// A destination that was not used for so long protects nothing from retention: 90 days.
    package static let unusedMax: Int64 = 90 * 86_400_000
    /// How long another export's commit is waited for.
    static let busyMilliseconds: Int32 = 10_000
    /// "expx" in ASCII.
    static let applicationID: Int64 = 0x6578_7078
    static let version: Int64 = 1
    /// A document larger than this cannot be; a damaged row shall not eat the memory.
    private static let documentBytesMax = 64 << 20

    private let thread: WriterThread
    private let path: String
    private let databaseUUID: String
    private var connection: Connection?
    private var lock: VaultLock?
    private var destination: Int64?
    private var compressor: ZstdCompressor?

    /// The ledger's own thread.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// The ledger beside the database at `vaultPath`; made, 0600, where there is none.
    package static func open(
        vaultPath: String,
        databaseUUID: String
    ) async throws(StorageError) -> ReplayLedger {
        let ledger = ReplayLedger(path: vaultPath + suffix, databaseUUID: databaseUUID)
        try await ledger.begin()
        return ledger
    }

    private init(path: String, databaseUUID: String) {
        thread = WriterThread()
        self.path = path
        self.databaseUUID = databaseUUID
    }

    private func begin() throws(StorageError) {
        connection = try ReplayLedgerFile.open(path: path, role: .writer(create: true))
    }

    private func opened() throws(StorageError) -> Connection {
        guard let connection else { throw .closed(path: path) }
        return connection
    }

    private func wrapping<Result>(_ body: (Connection) throws -> Result) throws(StorageError) -> Result {
        let connection = try opened()
        return try StorageError.wrapping(path) { try body(connection) }
    }

    // MARK: A destination

    /// Takes the destination for this export, and tells how far it got.
    ///
    /// `label` is what to call it in words: its URL without a user. Each of `targets`, those that the database has, gets
    /// a cursor, so that retention knows of it. `lastSeq` is the newest scrape: where the destination is new to the
    /// ledger, everything up to it (`foreignHigh`) may be there already, from an export that the ledger knows nothing of.
    ///
    /// - Throws: `StorageError.locked` where another export is at work on it, with words for who.
    package func claim(
        _ destination: ReplayDestination,
        label: String,
        targets: [TargetID],
        lastSeq: Int64,
        now: Timestamp
    ) throws(StorageError) -> (position: ReplayPosition, foreignHigh: Int64) {
        let key = ReplayLedgerFile.key(destination, databaseUUID: databaseUUID)
        lock = try VaultLock(file: VaultFile(path: "\(path)-\(key)"))
        return try wrapping { connection in
            try connection.transaction {
                try connection.statement(
                    """
                    INSERT INTO destination (database, cluster, namespace, mode, label, foreign_high, used_ms)
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                    ON CONFLICT DO UPDATE SET label = excluded.label, used_ms = excluded.used_ms
                    """
                )
                .bind(1, databaseUUID).bind(2, destination.clusterUUID).bind(3, destination.namespace)
                .bind(4, destination.mode).bind(5, label).bind(6, lastSeq).bind(7, now.milliseconds).run()
                let row = try connection.statement(
                    """
                    SELECT number, foreign_high, doubt_high FROM destination
                    WHERE database = ?1 AND cluster = ?2 AND namespace = ?3 AND mode = ?4
                    """
                )
                .bind(1, databaseUUID).bind(2, destination.clusterUUID).bind(3, destination.namespace)
                .bind(4, destination.mode)
                defer { row.reset() }
                guard try row.step() else {
                    throw StorageError.damaged(path: path, detail: "a destination vanished")
                }
                let number = row.integer(0)
                let foreignHigh = row.integer(1)
                let doubtHigh = row.optionalInteger(2)
                self.destination = number
                for target in targets {
                    try connection.statement(
                        "INSERT INTO cursor (destination, target, seq) VALUES (?1, ?2, 0) ON CONFLICT DO NOTHING"
                    )
                    .bind(1, number).bind(2, target.value).run()
                }
                var position = ReplayPosition(cursors: try cursors(of: number, connection))
                if let doubtHigh {
                    position.doubt = ReplayDoubt(
                        high: doubtHigh,
                        indices: try writeIndices(of: number, connection)
                    )
                }
                return (position, foreignHigh)
            }
        }
    }

    private func cursors(of destination: Int64, _ connection: Connection) throws -> [TargetID: Int64] {
        let rows = try connection.statement("SELECT target, seq FROM cursor WHERE destination = ?1")
            .bind(1, destination)
        defer { rows.reset() }
        var cursors: [TargetID: Int64] = [:]
        while try rows.step() { cursors[TargetID(rows.integer(0))] = rows.integer(1) }
        return cursors
    }

    private func writeIndices(of destination: Int64, _ connection: Connection) throws -> [String: WriteIndex]
    {
        let rows = try connection.statement(
            "SELECT stream, state, name FROM write_index WHERE destination = ?1"
        )
        .bind(1, destination)
        defer { rows.reset() }
        var indices: [String: WriteIndex] = [:]
        while try rows.step() {
            indices[rows.text(0)] = WriteIndex(state: rows.integer(1), name: rows.text(2))
        }
        return indices
    }

    /// Makes one step durable, all of it or nothing.
    package func commit(_ commit: ReplayCommit, now: Timestamp) throws(StorageError) {
        guard let destination else {
            preconditionFailure("BUG: a destination is claimed before anything is committed")
        }
        try wrapping { connection in
            try connection.transaction {
                // The rejected go first: a cursor must never be past a document that is nowhere.
                for document in commit.rejected { try keep(document, destination, connection) }
                for id in commit.released {
                    try connection.statement("DELETE FROM rejected WHERE destination = ?1 AND id = ?2")
                        .bind(1, destination).bind(2, id).run()
                }
                for (target, seq) in commit.cursors {
                    try connection.statement(
                        """
                        INSERT INTO cursor (destination, target, seq) VALUES (?1, ?2, ?3)
                        ON CONFLICT DO UPDATE SET seq = max(seq, excluded.seq)
                        """
                    )
                    .bind(1, destination).bind(2, target.value).bind(3, seq).run()
                }
                for (stream, index) in commit.doubt?.indices ?? [:] {
                    try connection.statement(
                        """
                        INSERT INTO write_index (destination, stream, state, name) VALUES (?1, ?2, ?3, ?4)
                        ON CONFLICT DO UPDATE SET state = excluded.state, name = excluded.name
                        """
                    )
                    .bind(1, destination).bind(2, stream).bind(3, index.state).bind(4, index.name).run()
                }
                try connection.statement(
                    """
                    UPDATE destination SET used_ms = ?2, doubt_high = coalesce(?3, doubt_high) WHERE number = ?1
                    """
                )
                .bind(1, destination).bind(2, now.milliseconds).bind(3, commit.doubt?.high).run()
            }
        }
    }

    private func keep(_ document: RejectedDocument, _ destination: Int64, _ connection: Connection) throws {
        let compressor = try self.compressor ?? ZstdCompressor(level: 3)
        self.compressor = compressor
        try connection.statement(
            """
            INSERT INTO rejected
              (destination, id, target, target_name, seq, t, stream, status, type, reason, document)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
            ON CONFLICT DO UPDATE SET status = excluded.status, type = excluded.type, reason = excluded.reason,
              document = excluded.document
            """
        )
        .bind(1, destination).bind(2, document.id).bind(3, document.target.value).bind(4, document.targetName)
        .bind(5, document.seq).bind(6, document.time.milliseconds).bind(7, document.stream)
        .bind(8, Int64(document.status)).bind(9, document.type).bind(10, document.reason)
        .bind(11, compressor.compress(document.document)).run()
    }

    /// Lets go of the destination and the file.
    package func close() {
        connection?.close()
        connection = nil
        lock?.release()
        lock = nil
    }

    // MARK: The quarantine

    /// How many documents the claimed destination has refused.
    package func rejectedCount() throws(StorageError) -> Int {
        guard let destination else { return 0 }
        return try wrapping { connection in
            Int(
                try connection.integer("SELECT count(*) FROM rejected WHERE destination = \(destination)")
                    ?? 0
            )
        }
    }

    /// The next refused documents of the claimed destination after number `after`, at most `limit`, in the order in
    /// which they were refused; and the number of the last.
    package func rejected(
        after: Int64,
        limit: Int
    ) throws(StorageError) -> (documents: [RejectedDocument], last: Int64) {
        guard let destination else { return ([], after) }
        return try wrapping { connection in
            let rows = try connection.statement(
                """
                SELECT number, id, target, target_name, seq, t, stream, status, type, reason, document FROM rejected
                WHERE destination = ?1 AND number > ?2 ORDER BY number LIMIT ?3
                """
            )
            .bind(1, destination).bind(2, after).bind(3, Int64(limit))
            defer { rows.reset() }
            let decompressor = try ZstdDecompressor()
            var documents: [RejectedDocument] = []
            var last = after
            while try rows.step() {
                last = rows.integer(0)
                documents.append(
                    RejectedDocument(
                        id: rows.text(1),
                        target: TargetID(rows.integer(2)),
                        targetName: rows.text(3),
                        seq: rows.integer(4),
                        time: Timestamp(milliseconds: rows.integer(5)),
                        stream: rows.text(6),
                        status: Int(rows.integer(7)),
                        type: rows.text(8),
                        reason: rows.text(9),
                        document: try decompressor.decompress(
                            rows.bytes(10),
                            bytesMax: ReplayLedger.documentBytesMax
                        )
                    )
                )
            }
            return (documents, last)
        }
    }
}

extension WriteIndex {
    fileprivate init(state: Int64, name: String) {
        switch state {
        case 1: self = .absent
        case 2: self = .named(name)
        default: self = .unknown
        }
    }

    fileprivate var state: Int64 {
        switch self {
        case .unknown: 0
        case .absent: 1
        case .named: 2
        }
    }

    fileprivate var name: String {
        if case .named(let name) = self { name } else { "" }
    }
}
