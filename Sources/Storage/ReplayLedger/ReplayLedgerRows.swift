import Compression
import Model
import SQLite

/// The rows of the ledger, each compared with its checksum, and none missing.
///
/// A cursor that is too high would leave documents out; a sighting that is another could have them sent twice. So no row is gone by before it was compared, and a destination tells how many others it has.
struct ReplayLedgerRows {
    let connection: Connection
    let path: String

    /// A row of `destination`.
    struct Destination {
        var number: Int64 = 0
        var database: String
        var cluster: String
        var namespace: String
        var mode: String
        var label: String
        var usedMilliseconds: Int64
        var doubtHigh: Int64?
        var cursorCount: Int64 = 0
        var indexCount: Int64 = 0
        var rejectedCount: Int64 = 0

        var checksum: Int64 {
            RowChecksum.of(
                "destination",
                .integer(number),
                .text(database),
                .text(cluster),
                .text(namespace),
                .text(mode),
                .text(label),
                .integer(usedMilliseconds),
                .integer(doubtHigh),
                .integer(cursorCount),
                .integer(indexCount),
                .integer(rejectedCount)
            )
        }
    }

    private func damaged(_ detail: String) -> StorageError { ReplayLedgerFile.damaged(detail, path: path) }

    // MARK: Destinations

    /// All destinations, ascending by number; there are few.
    func destinations() throws -> [Destination] {
        let row = try connection.statement(
            """
            SELECT number, database, cluster, namespace, mode, label, used_ms, doubt_high, cursor_count, \
            index_count, rejected_count, checksum FROM destination ORDER BY number
            """
        )
        defer { row.reset() }
        var found: [Destination] = []
        while try row.step() {
            let destination = Destination(
                number: row.integer(0),
                database: row.text(1),
                cluster: row.text(2),
                namespace: row.text(3),
                mode: row.text(4),
                label: row.text(5),
                usedMilliseconds: row.integer(6),
                doubtHigh: row.optionalInteger(7),
                cursorCount: row.integer(8),
                indexCount: row.integer(9),
                rejectedCount: row.integer(10)
            )
            guard destination.checksum == row.integer(11) else {
                throw damaged("destination \(destination.number) contradicts its checksum")
            }
            found.append(destination)
        }
        return found
    }

    /// Stores a destination; one without a number gets the next.
    func store(_ destination: inout Destination) throws {
        if destination.number == 0 {
            destination.number = (try connection.integer("SELECT max(number) FROM destination") ?? 0) &+ 1
        }
        try connection.statement(
            """
            INSERT INTO destination(number, database, cluster, namespace, mode, label, used_ms, doubt_high, \
            cursor_count, index_count, rejected_count, checksum) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) \
            ON CONFLICT (number) DO UPDATE SET label = excluded.label, used_ms = excluded.used_ms, \
            doubt_high = excluded.doubt_high, cursor_count = excluded.cursor_count, \
            index_count = excluded.index_count, rejected_count = excluded.rejected_count, checksum = excluded.checksum
            """
        )
        .bind(1, destination.number).bind(2, destination.database).bind(3, destination.cluster)
        .bind(4, destination.namespace).bind(5, destination.mode).bind(6, destination.label)
        .bind(7, destination.usedMilliseconds).bind(8, destination.doubtHigh)
        .bind(9, destination.cursorCount).bind(10, destination.indexCount).bind(11, destination.rejectedCount)
        .bind(12, destination.checksum)
        .run()
    }

    // MARK: Cursors and sightings

    /// The cursors of a destination.
    func cursors(of destination: Destination) throws -> [TargetID: Int64] {
        let rows = try connection.statement("SELECT target, seq, checksum FROM cursor WHERE destination = ?1")
            .bind(1, destination.number)
        defer { rows.reset() }
        var cursors: [TargetID: Int64] = [:]
        while try rows.step() {
            let (target, seq) = (rows.integer(0), rows.integer(1))
            guard checksum(ofCursor: destination.number, target, seq) == rows.integer(2) else {
                throw damaged("the cursor of target \(target) contradicts its checksum")
            }
            cursors[TargetID(target)] = seq
        }
        guard Int64(cursors.count) == destination.cursorCount else {
            throw damaged("a cursor of destination \(destination.number) cannot be reached")
        }
        return cursors
    }

    func store(cursor seq: Int64, of target: TargetID, _ destination: Int64) throws {
        try connection.statement(
            "INSERT OR REPLACE INTO cursor(destination, target, seq, checksum) VALUES (?1, ?2, ?3, ?4)"
        )
        .bind(1, destination).bind(2, target.value).bind(3, seq)
        .bind(4, checksum(ofCursor: destination, target.value, seq)).run()
    }

    private func checksum(ofCursor destination: Int64, _ target: Int64, _ seq: Int64) -> Int64 {
        RowChecksum.of("cursor", .integer(destination), .integer(target), .integer(seq))
    }

    /// The sightings of a destination, by stream.
    func sightings(of destination: Destination) throws -> [String: IndexSighting] {
        let rows = try connection.statement(
            "SELECT stream, name, seq, t, checksum FROM write_index WHERE destination = ?1"
        )
        .bind(1, destination.number)
        defer { rows.reset() }
        var sightings: [String: IndexSighting] = [:]
        while try rows.step() {
            let stream = rows.text(0)
            let sighting = IndexSighting(
                index: rows.text(1),
                seq: rows.integer(2),
                time: Timestamp(milliseconds: rows.integer(3))
            )
            guard checksum(of: sighting, stream, destination.number) == rows.integer(4) else {
                throw damaged("the index of stream \(stream) contradicts its checksum")
            }
            sightings[stream] = sighting
        }
        guard Int64(sightings.count) == destination.indexCount else {
            throw damaged("an index of destination \(destination.number) cannot be reached")
        }
        return sightings
    }

    func store(_ sighting: IndexSighting, of stream: String, _ destination: Int64) throws {
        try connection.statement(
            "INSERT OR REPLACE INTO write_index(destination, stream, name, seq, t, checksum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
        )
        .bind(1, destination).bind(2, stream).bind(3, sighting.index).bind(4, sighting.seq)
        .bind(5, sighting.time.milliseconds).bind(6, checksum(of: sighting, stream, destination)).run()
    }

    private func checksum(of sighting: IndexSighting, _ stream: String, _ destination: Int64) -> Int64 {
        RowChecksum.of(
            "write_index",
            .integer(destination),
            .text(stream),
            .text(sighting.index),
            .integer(sighting.seq),
            .integer(sighting.time.milliseconds)
        )
    }

    // MARK: The quarantine

    /// A row of `rejected`, its document still compressed.
    struct Rejected {
        var number: Int64
        var destination: Int64
        var document: RejectedDocument

        fileprivate var checksum: Int64 {
            RowChecksum.of(
                "rejected",
                .integer(destination),
                .text(document.id),
                .integer(document.target.value),
                .text(document.targetName),
                .integer(document.seq),
                .integer(document.time.milliseconds),
                .text(document.stream),
                .integer(Int64(document.status)),
                .text(document.type),
                .text(document.reason),
                .bytes(document.document)
            )
        }
    }

    /// Calls `take` for at most `limit` refused documents after number `after`, of one destination or of all.
    func rejected(
        of destination: Int64?,
        after: Int64,
        limit: Int,
        _ take: (Rejected) throws -> Void
    ) throws {
        let rows = try connection.ownStatement(
            """
            SELECT number, destination, id, target, target_name, seq, t, stream, status, type, reason, document, checksum \
            FROM rejected WHERE number > ?1 AND (?2 IS NULL OR destination = ?2) ORDER BY number LIMIT ?3
            """
        )
        try rows.bind(1, after).bind(2, destination).bind(3, Int64(limit))
        while try rows.step() {
            let found = Rejected(
                number: rows.integer(0),
                destination: rows.integer(1),
                document: RejectedDocument(
                    id: rows.text(2),
                    target: TargetID(rows.integer(3)),
                    targetName: rows.text(4),
                    seq: rows.integer(5),
                    time: Timestamp(milliseconds: rows.integer(6)),
                    stream: rows.text(7),
                    status: Int(truncatingIfNeeded: rows.integer(8)),
                    type: rows.text(9),
                    reason: rows.text(10),
                    document: rows.bytes(11)
                )
            )
            guard found.checksum == rows.integer(12) else {
                throw damaged("refused document \(found.number) contradicts its checksum")
            }
            try take(found)
        }
    }

    /// How many documents a destination refused, by its rows.
    func rejectedCount(of destination: Int64) throws -> Int64 {
        try connection.integer("SELECT count(*) FROM rejected NOT INDEXED WHERE destination = \(destination)")
            ?? 0
    }

    /// Keeps a refused document, compressed; says whether it is a new one.
    func keep(_ document: RejectedDocument, of destination: Int64) throws -> Bool {
        let known = try number(ofRejected: document.id, destination)
        let row = Rejected(number: known ?? 0, destination: destination, document: document)
        try connection.statement(
            """
            INSERT INTO rejected(number, destination, id, target, target_name, seq, t, stream, status, type, reason, \
            document, checksum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
            ON CONFLICT (number) DO UPDATE SET target = excluded.target, target_name = excluded.target_name, \
            seq = excluded.seq, t = excluded.t, stream = excluded.stream, status = excluded.status, \
            type = excluded.type, reason = excluded.reason, document = excluded.document, checksum = excluded.checksum
            """
        )
        .bind(1, known).bind(2, destination).bind(3, document.id).bind(4, document.target.value)
        .bind(5, document.targetName).bind(6, document.seq).bind(7, document.time.milliseconds)
        .bind(8, document.stream).bind(9, Int64(document.status)).bind(10, document.type)
        .bind(11, document.reason).bind(12, document.document).bind(13, row.checksum).run()
        return known == nil
    }

    /// Deletes a refused document; says whether there was one.
    func release(_ id: String, of destination: Int64) throws -> Bool {
        guard let number = try number(ofRejected: id, destination) else { return false }
        try connection.statement("DELETE FROM rejected WHERE number = ?1").bind(1, number).run()
        return true
    }

    private func number(ofRejected id: String, _ destination: Int64) throws -> Int64? {
        let row = try connection.statement("SELECT number FROM rejected WHERE destination = ?1 AND id = ?2")
            .bind(1, destination).bind(2, id)
        defer { row.reset() }
        return try row.step() ? row.integer(0) : nil
    }
}
