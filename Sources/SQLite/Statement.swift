import CSQLite

/// A prepared statement: bind, step, read columns.
///
/// Parameters count from 1 and columns from 0, as in SQLite.
package final class Statement {
    private let database: OpaquePointer
    private let handle: OpaquePointer
    private let sql: String

    init(database: OpaquePointer, sql: String, isKept: Bool) throws(SQLiteError) {
        var prepared: OpaquePointer?
        let flags = isKept ? UInt32(SQLITE_PREPARE_PERSISTENT) : 0
        let code = sqlite3_prepare_v3(database, sql, -1, flags, &prepared, nil)
        guard code == SQLITE_OK, let prepared else {
            throw SQLiteError(database: database, code: code == SQLITE_OK ? SQLITE_ERROR : code, sql: sql)
        }
        self.database = database
        self.sql = sql
        handle = prepared
    }

    deinit { sqlite3_finalize(handle) }

    /// Goes back to before the first row, and forgets what was bound.
    package func reset() {
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
    }

    /// Goes to the next row; false where there is none.
    package func step() throws(SQLiteError) -> Bool {
        let code = sqlite3_step(handle)
        switch code {
        case SQLITE_ROW:
            return true
        case SQLITE_DONE:
            return false
        default:
            let error = SQLiteError(database: database, code: code, sql: sql)
            sqlite3_reset(handle)
            throw error
        }
    }

    /// Runs a statement that gives no rows, and resets it.
    package func run() throws(SQLiteError) {
        while try step() {}
        reset()
    }

    // MARK: Parameters

    private func check(_ code: Int32) throws(SQLiteError) {
        guard code == SQLITE_OK else { throw SQLiteError(database: database, code: code, sql: sql) }
    }

    /// Binds an integer, or NULL.
    @discardableResult
    package func bind(_ index: Int32, _ value: Int64?) throws(SQLiteError) -> Statement {
        if let value {
            try check(sqlite3_bind_int64(handle, index, value))
        } else {
            try check(sqlite3_bind_null(handle, index))
        }
        return self
    }

    /// Binds a double, or NULL.
    @discardableResult
    package func bind(_ index: Int32, real value: Double?) throws(SQLiteError) -> Statement {
        if let value {
            try check(sqlite3_bind_double(handle, index, value))
        } else {
            try check(sqlite3_bind_null(handle, index))
        }
        return self
    }

    /// Binds a text, or NULL.
    @discardableResult
    package func bind(_ index: Int32, _ value: String?) throws(SQLiteError) -> Statement {
        guard var value else {
            try check(sqlite3_bind_null(handle, index))
            return self
        }
        let code = value.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) { bytes in
                // An empty buffer may have no address, which SQLite would take for NULL.
                bytes.baseAddress.map {
                    expvault_sqlite3_bind_text_copy(handle, index, $0, UInt64(bytes.count))
                } ?? expvault_sqlite3_bind_text_copy(handle, index, "", 0)
            }
        }
        try check(code)
        return self
    }

    /// Binds bytes, or NULL.
    @discardableResult
    package func bind(_ index: Int32, _ value: [UInt8]?) throws(SQLiteError) -> Statement {
        guard let value else {
            try check(sqlite3_bind_null(handle, index))
            return self
        }
        guard !value.isEmpty else {
            try check(sqlite3_bind_zeroblob(handle, index, 0))
            return self
        }
        let code = value.withUnsafeBytes {
            expvault_sqlite3_bind_blob_copy(handle, index, $0.baseAddress, UInt64($0.count))
        }
        try check(code)
        return self
    }

    /// Binds the columns of the row that another statement stands on, the first as the first parameter, as they are.
    package func bind(rowOf other: Statement) throws(SQLiteError) {
        for column in 0..<other.columnCount {
            // Never changed or kept: of an unprotected value only this may be made (sqlite.org/c3ref/value.html).
            try check(sqlite3_bind_value(handle, column + 1, sqlite3_column_value(other.handle, column)))
        }
    }

    // MARK: Columns

    /// Whether the column is NULL.
    package func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

    /// The column as an integer; 0 for NULL.
    package func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    /// The column as an integer; nil for NULL.
    package func optionalInteger(_ column: Int32) -> Int64? { isNull(column) ? nil : integer(column) }

    /// The column as text; "" for NULL.
    package func text(_ column: Int32) -> String {
        guard let text = sqlite3_column_text(handle, column) else { return "" }
        let count = Int(sqlite3_column_bytes(handle, column))
        return String(decoding: UnsafeBufferPointer(start: text, count: count), as: UTF8.self)
    }

    /// The column as text; nil for NULL.
    package func optionalText(_ column: Int32) -> String? { isNull(column) ? nil : text(column) }

    /// The column as bytes; empty for NULL.
    package func bytes(_ column: Int32) -> [UInt8] { withBytes(column) { [UInt8]($0) } }

    /// Lends the column's bytes, which live until the next step.
    package func withBytes<Result, Failure: Error>(
        _ column: Int32,
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let start = sqlite3_column_blob(handle, column)
        let count = Int(sqlite3_column_bytes(handle, column))
        return try body(UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : count))
    }

    /// How many columns a row has.
    package var columnCount: Int32 { sqlite3_column_count(handle) }
}
