import SQLite

/// The numbers of new rows, which their checksums cover, so that they are needed before the row is stored.
enum RowNumber {
    /// The number that the table's next row gets; SQLite keeps the highest ever given in `sqlite_sequence`
    /// (https://sqlite.org/autoinc.html).
    static func next(of table: String, on connection: Connection) throws(SQLiteError) -> Int64 {
        let statement = try connection.statement("SELECT seq FROM sqlite_sequence WHERE name = ?1")
        try statement.bind(1, table)
        defer { statement.reset() }
        guard try statement.step() else { return 1 }
        return max(0, statement.integer(0)) &+ 1
    }
}
