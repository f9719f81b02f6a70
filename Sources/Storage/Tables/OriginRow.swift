import Codec
import Model
import SQLite

/// A row of the table `origins`, compared with its checksum.
struct OriginRow {
    var id: Int64
    var target: TargetID
    var origin: Origin

    /// The columns to select, in the order of the table; up to version 3 it had fewer.
    static func columns(ofVersion version: Int64) -> String {
        version < 4
            ? "id, target, url, labels, service_address, NULL, NULL, NULL, checksum"
            : "id, target, url, labels, service_address, recorder, recording_host, recorded_name, checksum"
    }

    private var labels: [UInt8] { StringList.encode(labels: origin.labels) }

    /// What older versions did not have counts only where it is there: their rows are valid as they are.
    private func checksum(labels: [UInt8]) -> Int64 {
        var checksum = RowChecksum(table: "origins")
        checksum.add(id)
        checksum.add(target.value)
        checksum.add(origin.url)
        labels.withUnsafeBytes { checksum.add($0) }
        checksum.add(origin.serviceAddress)
        if origin.recorder != nil || origin.recordedName != nil {
            checksum.add(origin.recorder?.id)
            checksum.add(origin.recorder?.host)
            checksum.add(origin.recordedName)
        }
        return checksum.value
    }

    /// The row of that number, if there is one.
    ///
    /// - Throws: `StorageError.damaged` where it contradicts its checksum.
    static func find(_ id: Int64, on store: some RowSource) throws -> OriginRow? {
        let statement = try store.connection.statement(
            "SELECT \(columns(ofVersion: store.version)) FROM origins WHERE id = ?1"
        )
        try statement.bind(1, id)
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        let labels = statement.bytes(3)
        var row = OriginRow(
            id: id,
            target: TargetID(statement.integer(1)),
            origin: Origin(url: statement.optionalText(2), serviceAddress: statement.optionalText(4))
        )
        if let recorder = statement.optionalText(5) {
            row.origin.recorder = RecorderIdentity(id: recorder, host: statement.text(6))
        }
        row.origin.recordedName = statement.optionalText(7)
        guard row.checksum(labels: labels) == statement.integer(8),
            let decoded = StringList.decodeLabels(labels)
        else { throw store.damaged("origin \(id) contradicts its checksum") }
        row.origin.labels = decoded
        return row
    }

    /// The number of the row with that origin of a target; nil where there is none.
    static func number(of origin: Origin, _ target: TargetID, on connection: Connection) throws -> Int64? {
        let statement = try connection.statement(
            """
            SELECT id FROM origins WHERE target = ?1 AND url IS ?2 AND labels = ?3 AND service_address IS ?4 \
            AND recorder IS ?5 AND recording_host IS ?6 AND recorded_name IS ?7 ORDER BY id LIMIT 1
            """
        )
        try statement.bind(1, target.value).bind(2, origin.url)
            .bind(3, StringList.encode(labels: origin.labels)).bind(4, origin.serviceAddress)
            .bind(5, origin.recorder?.id).bind(6, origin.recorder?.host).bind(7, origin.recordedName)
        defer { statement.reset() }
        return try statement.step() ? statement.integer(0) : nil
    }

    /// The numbers of a target's rows whose scrapes were recorded under the name that it has.
    static func numbersWithoutName(of target: TargetID, on connection: Connection) throws -> [Int64] {
        let statement = try connection.statement(
            "SELECT id FROM origins WHERE target = ?1 AND recorded_name IS NULL ORDER BY id"
        )
        try statement.bind(1, target.value)
        defer { statement.reset() }
        var numbers: [Int64] = []
        while try statement.step() { numbers.append(statement.integer(0)) }
        return numbers
    }

    /// Stores a new row, or one that changed.
    func store(on connection: Connection) throws {
        let labels = labels
        try connection.statement(
            """
            INSERT OR REPLACE INTO origins(id, target, url, labels, service_address, recorder, recording_host, \
            recorded_name, checksum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
            """
        )
        .bind(1, id).bind(2, target.value).bind(3, origin.url).bind(4, labels).bind(5, origin.serviceAddress)
        .bind(6, origin.recorder?.id).bind(7, origin.recorder?.host).bind(8, origin.recordedName)
        .bind(9, checksum(labels: labels))
        .run()
    }
}
