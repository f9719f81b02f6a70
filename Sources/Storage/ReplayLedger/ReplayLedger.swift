import Compression
package import Model
import SQLite

/// What exports remember: how far each destination was answered for, and what it refused.
///
/// A second SQLite file, `PATH-export`, since the database itself has one writer, the recorder. Layout, version 3:
///
///     destination  one row for each database, cluster, namespace and mode; `doubt_high`, last use, and how many cursors,
///                  indices and refused documents it has
///     cursor       (destination, target) → seq: everything up to it was answered for
///     write_index  (destination, stream) → the index that it was last seen to write to, and how far the database had
///                  come then (`IndexSighting`)
///     rejected     documents that were refused, whole, zstd-compressed
///
/// Several exports (to several destinations) and the recorder's retention use the file at once. So it keeps SQLite's
/// rollback journal, which, unlike the WAL of SQLite before 3.51.3, has no trouble with several writers
/// (https://sqlite.org/wal.html, "The WAL-Reset Bug"). One export for each destination: a lock file beside it.
///
/// Every row has a checksum. An export does not begin with a damaged ledger: by a wrong cursor it would leave documents out.
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
    static let version: Int64 = 3
    /// A document larger than this cannot be; a damaged row shall not eat the memory.
    static let documentBytesMax = 64 << 20

    private let thread: WriterThread
    private let path: String
    private let databaseUUID: String
    private var connection: Connection?
    private var lock: VaultLock?
    private var destination: ReplayLedgerRows.Destination?
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
        return try ReplayLedgerFile.wrapping(path) { try body(connection) }
    }

    private func rows(_ connection: Connection) -> ReplayLedgerRows {
        ReplayLedgerRows(connection: connection, path: path)
    }

    // MARK: A destination

    /// Takes the destination for this export, and tells how far it got.
    ///
    /// `label` is what to call it in words: its URL without a user. Each of `targets`, those that the database has, gets
    /// a cursor, so that retention knows of it. What a new or an old ledger does not know of may be there all the same.
    ///
    /// - Throws: `StorageError.locked` where another export is at work on it, with words for who.
    package func claim(
        _ destination: ReplayDestination,
        label: String,
        targets: [TargetID],
        now: Timestamp
    ) throws(StorageError) -> ReplayPosition {
        let key = ReplayLedgerFile.key(destination, databaseUUID: databaseUUID)
        let file = try VaultFile(path: "\(path)-\(key)")
        lock = try VaultLock(file: file, owner: VaultFile(path: path).realPath)
        return try wrapping { connection in
            let rows = rows(connection)
            let claimed = try connection.transaction {
                try look(for: destination, label, targets, now, rows)
            }
            self.destination = claimed.0
            return claimed.1
        }
    }

    private func look(
        for wanted: ReplayDestination,
        _ label: String,
        _ targets: [TargetID],
        _ now: Timestamp,
        _ rows: ReplayLedgerRows
    ) throws -> (ReplayLedgerRows.Destination, ReplayPosition) {
        let known = try rows.destinations().first {
            $0.database == databaseUUID && $0.cluster == wanted.clusterUUID
                && $0.namespace == wanted.namespace
                && $0.mode == wanted.mode
        }
        var destination =
            known
            ?? ReplayLedgerRows.Destination(
                database: databaseUUID,
                cluster: wanted.clusterUUID,
                namespace: wanted.namespace,
                mode: wanted.mode,
                label: label,
                usedMilliseconds: now.milliseconds
            )
        destination.label = label
        destination.usedMilliseconds = now.milliseconds
        if known == nil { try rows.store(&destination) }
        var position = ReplayPosition(cursors: try rows.cursors(of: destination))
        for target in targets where position.cursors[target] == nil {
            try rows.store(cursor: 0, of: target, destination.number)
            position.cursors[target] = 0
        }
        destination.cursorCount = Int64(position.cursors.count)
        guard try rows.rejectedCount(of: destination.number) == destination.rejectedCount else {
            throw ReplayLedgerFile.damaged("a refused document cannot be reached", path: path)
        }
        position.sightings = try rows.sightings(of: destination)
        position.high = destination.doubtHigh
        try rows.store(&destination)
        return (destination, position)
    }

    /// Makes sure that no cursor is beyond what is recorded, `lastSeq` when it was last looked at: the database was replaced by an older copy of itself then, and
    /// what it records from now on has numbers that count as sent.
    ///
    /// - Throws: `StorageError.damaged`.
    package func requireBehind(_ vault: Vault, lastSeq: Int64) throws {
        guard let destination else { return }
        let highest = try wrapping { try rows($0).cursors(of: destination).values.max() ?? 0 }
        guard highest > lastSeq else { return }
        // Another export may have gone on since the snapshot was taken.
        let last = try vault.snapshot().lastSeq
        guard highest > last else { return }
        throw ReplayLedgerFile.damaged(
            "a cursor is at scrape \(highest), and the database ends at \(last)",
            path: path
        )
    }

    /// Makes one step durable, all of it or nothing.
    package func commit(_ commit: ReplayCommit, now: Timestamp) throws(StorageError) {
        guard var destination else {
            preconditionFailure("BUG: a destination is claimed before anything is committed")
        }
        let compressed = try compressed(commit.rejected)
        try wrapping { connection in
            let rows = rows(connection)
            try connection.transaction {
                // The rejected go first: a cursor must never be past a document that is nowhere.
                for document in compressed where try rows.keep(document, of: destination.number) {
                    destination.rejectedCount += 1
                }
                for id in commit.released where try rows.release(id, of: destination.number) {
                    destination.rejectedCount -= 1
                }
                if !commit.cursors.isEmpty {
                    // Read again, so that nothing is written beside a row that was damaged meanwhile.
                    let known = try rows.cursors(of: destination)
                    for (target, seq) in commit.cursors where known[target].map({ seq > $0 }) ?? true {
                        try rows.store(cursor: seq, of: target, destination.number)
                    }
                    destination.cursorCount = Int64(Set(known.keys).union(commit.cursors.keys).count)
                }
                if !commit.sightings.isEmpty {
                    let known = try rows.sightings(of: destination)
                    for (stream, sighting) in commit.sightings where known[stream] != sighting {
                        try rows.store(sighting, of: stream, destination.number)
                    }
                    destination.indexCount = Int64(Set(known.keys).union(commit.sightings.keys).count)
                }
                destination.usedMilliseconds = now.milliseconds
                if let high = commit.high { destination.doubtHigh = high }
                try rows.store(&destination)
            }
        }
        self.destination = destination
    }

    private func compressed(_ documents: [RejectedDocument]) throws(StorageError) -> [RejectedDocument] {
        guard !documents.isEmpty else { return [] }
        return try StorageError.wrapping(path) {
            let compressor = try self.compressor ?? ZstdCompressor(level: 3)
            self.compressor = compressor
            return try documents.map { document in
                var document = document
                document.document = try compressor.compress(document.document)
                return document
            }
        }
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
            let count = try rows(connection).rejectedCount(of: destination.number)
            guard count == destination.rejectedCount else {
                throw ReplayLedgerFile.damaged("a refused document cannot be reached", path: path)
            }
            return Int(truncatingIfNeeded: count)
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
            let decompressor = try ZstdDecompressor()
            var documents: [RejectedDocument] = []
            var last = after
            try rows(connection).rejected(of: destination.number, after: after, limit: limit) { row in
                last = row.number
                var document = row.document
                document.document = try decompressor.decompress(
                    document.document,
                    bytesMax: ReplayLedger.documentBytesMax
                )
                documents.append(document)
            }
            return (documents, last)
        }
    }
}
