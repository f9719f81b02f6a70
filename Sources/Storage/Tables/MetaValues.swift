import Model
import SQLite

/// What the database says of itself.
struct MetaValues {
    var databaseUUID: String
    var recordingHost: String
    var createdMilliseconds: Int64
    /// The highest `seq` that was ever given when rows were last deleted: no scrape gets one at or below it again.
    var seqFloor: Int64
    /// How many targets there are.
    var targetCount: Int64
    /// Up to this `seq` the tail has `markCount` rows; above it, it has every number.
    var markSeq: Int64 = 0
    var markCount: Int64 = 0
    /// Of a capture the range that it was made of; open at both ends for any other database.
    var capturedRange = TimeRange.all

    init(
        databaseUUID: String,
        recordingHost: String,
        createdMilliseconds: Int64,
        seqFloor: Int64,
        targetCount: Int64
    ) {
        self.databaseUUID = databaseUUID
        self.recordingHost = recordingHost
        self.createdMilliseconds = createdMilliseconds
        self.seqFloor = seqFloor
        self.targetCount = targetCount
    }

    /// Reads the table `meta`.
    init(connection: Connection, path: String) throws {
        var values: [String: String] = [:]
        let statement = try connection.statement("SELECT key, value, checksum FROM meta")
        defer { statement.reset() }
        while try statement.step() {
            let key = statement.text(0)
            let value = statement.text(1)
            guard RowChecksum.of("meta", .text(key), .text(value)) == statement.integer(2) else {
                throw StorageError.damaged(path: path, detail: "meta row \(key) contradicts its checksum")
            }
            values[key] = value
        }
        guard let uuid = values["database_uuid"], let host = values["recording_host"],
            let created = values["created_ms"].flatMap({ Int64($0) }),
            let floor = values["seq_floor"].flatMap({ Int64($0) }),
            let targets = values["target_count"].flatMap({ Int64($0) }),
            let markSeq = values["mark_seq"].flatMap({ Int64($0) }),
            let markCount = values["mark_count"].flatMap({ Int64($0) })
        else { throw StorageError.damaged(path: path, detail: "the table meta lacks a row") }
        self.init(
            databaseUUID: uuid,
            recordingHost: host,
            createdMilliseconds: created,
            seqFloor: floor,
            targetCount: targets
        )
        self.markSeq = markSeq
        self.markCount = markCount
        capturedRange = TimeRange(
            since: values["capture_since"].flatMap { Int64($0) }.map { Timestamp(milliseconds: $0) },
            until: values["capture_until"].flatMap { Int64($0) }.map { Timestamp(milliseconds: $0) }
        )
    }

    /// Writes the table `meta`, within the caller's transaction.
    func store(on connection: Connection) throws(SQLiteError) {
        var rows = [
            ("database_uuid", databaseUUID), ("recording_host", recordingHost),
            ("created_ms", String(createdMilliseconds)), ("seq_floor", String(seqFloor)),
            ("target_count", String(targetCount)), ("mark_seq", String(markSeq)),
            ("mark_count", String(markCount)),
        ]
        if let since = capturedRange.since { rows.append(("capture_since", String(since.milliseconds))) }
        if let until = capturedRange.until { rows.append(("capture_until", String(until.milliseconds))) }
        for (key, value) in rows {
            // Written over in place where it can be: see `WALTie`.
            try connection.statement(
                """
                INSERT INTO meta(key, value, checksum) VALUES (?1, ?2, ?3) \
                ON CONFLICT(key) DO UPDATE SET value = excluded.value, checksum = excluded.checksum
                """
            )
            .bind(1, key).bind(2, value).bind(3, RowChecksum.of("meta", .text(key), .text(value)))
            .run()
        }
    }

    /// A random UUID (RFC 9562, version 4), in lower case.
    static func randomUUID() -> String {
        var generator = SystemRandomNumberGenerator()
        var bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) }
        bytes[6] = bytes[6] & 0x0f | 0x40
        bytes[8] = bytes[8] & 0x3f | 0x80
        var text = ""
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text += "-" }
            text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return text
    }
}
