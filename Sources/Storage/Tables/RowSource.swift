import SQLite

/// Where rows are read from: a connection, and what it takes to tell of damage.
protocol RowSource: AnyObject {
    var connection: Connection { get }
    /// The path of the database, for messages.
    var path: String { get }
    /// The version of the schema.
    var version: Int64 { get }
}

extension RowSource {
    /// The error for what contradicts a checksum or itself.
    func damaged(_ detail: String) -> StorageError { .damaged(path: path, detail: detail) }
}
