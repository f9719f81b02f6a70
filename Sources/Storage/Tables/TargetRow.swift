import Model
import SQLite

/// A row of the table `targets`, compared with its checksum.
struct TargetRow {
    var id: TargetID
    var name: String
    /// Whether series were ever left out.
    var isSeriesLimited: Bool
    /// Whether any of its scrapes has the answer's `Date`.
    var hasDates: Bool
    /// How many failed scrapes it has, and how many rows of `runs`, `series` and `clock_steps`.
    ///
    /// They say it faster than counting, and show when damage has made a row unreachable.
    var failureCount: Int64 = 0
    var runCount: Int64 = 0
    var seriesCount: Int64 = 0
    var stepCount: Int64 = 0

    static let columns =
        "id, name, is_series_limited, has_dates, failure_count, run_count, series_count, step_count, checksum"
}

extension TargetRow {
    /// The row that a statement over `columns` stands on.
    init(_ statement: Statement, path: String) throws {
        id = TargetID(statement.integer(0))
        name = statement.text(1)
        isSeriesLimited = statement.integer(2) != 0
        hasDates = statement.integer(3) != 0
        failureCount = statement.integer(4)
        runCount = statement.integer(5)
        seriesCount = statement.integer(6)
        stepCount = statement.integer(7)
        guard checksum == statement.integer(8) else {
            throw StorageError.damaged(path: path, detail: "target \(id.value) contradicts its checksum")
        }
    }

    var checksum: Int64 {
        RowChecksum.of(
            "targets",
            .integer(id.value),
            .text(name),
            .integer(isSeriesLimited ? 1 : 0),
            .integer(hasDates ? 1 : 0)
        )
    }

    /// Stores a new row, or what changed of one.
    func store(on connection: Connection) throws(SQLiteError) {
        try connection.statement(
            """
            INSERT INTO targets(\(TargetRow.columns)) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
            ON CONFLICT(id) DO UPDATE SET name = ?2, is_series_limited = ?3, has_dates = ?4, failure_count = ?5, \
            run_count = ?6, series_count = ?7, step_count = ?8, checksum = ?9
            """
        )
        .bind(1, id.value).bind(2, name).bind(3, isSeriesLimited ? 1 : 0).bind(4, hasDates ? 1 : 0)
        .bind(5, failureCount).bind(6, runCount).bind(7, seriesCount).bind(8, stepCount).bind(9, checksum)
        .run()
    }

    /// The target of that name, if there is one.
    static func find(_ name: String, on store: some RowSource) throws -> TargetRow? {
        let statement = try store.connection.statement("SELECT \(columns) FROM targets WHERE name = ?1")
        try statement.bind(1, name)
        defer { statement.reset() }
        return try statement.step() ? try TargetRow(statement, path: store.path) : nil
    }

    /// The target of that number, if there is one.
    static func find(_ id: TargetID, on store: some RowSource) throws -> TargetRow? {
        let statement = try store.connection.statement("SELECT \(columns) FROM targets WHERE id = ?1")
        try statement.bind(1, id.value)
        defer { statement.reset() }
        return try statement.step() ? try TargetRow(statement, path: store.path) : nil
    }

    /// All targets, ascending by name.
    static func all(on store: some RowSource) throws -> [TargetRow] {
        let statement = try store.connection.statement("SELECT \(columns) FROM targets ORDER BY name")
        defer { statement.reset() }
        var rows: [TargetRow] = []
        while try statement.step() { rows.append(try TargetRow(statement, path: store.path)) }
        return rows
    }
}
