import Model
import SQLite

/// The rows of the table `series`: a target's names, each with its number and the time of the scrape that brought it.
enum SeriesNameRow {
    /// All series of a target, ascending by name.
    static func all(of target: TargetID, on store: some RowSource) throws -> [SeriesRecord] {
        let statement = try store.connection.statement(
            "SELECT id, name, first_t, checksum FROM series WHERE target = ?1 ORDER BY name"
        )
        try statement.bind(1, target.value)
        defer { statement.reset() }
        var records: [SeriesRecord] = []
        while try statement.step() { records.append(try record(statement, target: target, store: store)) }
        return records
    }

    /// The series with that number, if the target has it.
    static func find(_ id: SeriesID, target: TargetID, on store: some RowSource) throws -> SeriesRecord? {
        let statement = try store.connection.statement(
            "SELECT id, name, first_t, checksum FROM series WHERE id = ?1 AND target = ?2"
        )
        try statement.bind(1, id.value).bind(2, target.value)
        defer { statement.reset() }
        return try statement.step() ? try record(statement, target: target, store: store) : nil
    }

    private static func record(
        _ statement: Statement,
        target: TargetID,
        store: some RowSource
    ) throws -> SeriesRecord {
        let id = statement.integer(0)
        let name = statement.text(1)
        guard
            checksum(id: id, target: target, name: name, firstTime: statement.integer(2))
                == statement.integer(3)
        else { throw store.damaged("series \(id) contradicts its checksum") }
        return SeriesRecord(id: SeriesID(id), name: name)
    }

    private static func checksum(id: Int64, target: TargetID, name: String, firstTime: Int64) -> Int64 {
        RowChecksum.of("series", .integer(id), .integer(target.value), .text(name), .integer(firstTime))
    }

    /// Stores a new row.
    static func store(
        _ name: String,
        target: TargetID,
        at t: Timestamp,
        on connection: Connection
    ) throws(SQLiteError) {
        let id = try RowNumber.next(of: "series", on: connection)
        try connection.statement(
            "INSERT INTO series(id, target, name, first_t, checksum) VALUES (?1, ?2, ?3, ?4, ?5)"
        )
        .bind(1, id).bind(2, target.value).bind(3, name).bind(4, t.milliseconds)
        .bind(5, checksum(id: id, target: target, name: name, firstTime: t.milliseconds))
        .run()
    }
}
