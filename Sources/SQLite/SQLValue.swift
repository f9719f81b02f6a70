import CSQLite

/// One value as SQLite holds it.
package enum SQLValue: Hashable, Sendable {
    /// NULL.
    case null
    /// A signed 64-bit integer.
    case integer(Int64)
    /// An IEEE double.
    case real(Double)
    /// Text, as UTF-8 (which SQLite does not check).
    case text([UInt8])
    /// Bytes.
    case blob([UInt8])

    /// The value that SQLite passes to a function or a virtual table.
    init(_ value: OpaquePointer?) {
        switch sqlite3_value_type(value) {
        case SQLITE_INTEGER:
            self = .integer(sqlite3_value_int64(value))
        case SQLITE_FLOAT:
            self = .real(sqlite3_value_double(value))
        case SQLITE_TEXT:
            // The text first: it may change the encoding, and with it the size.
            let start = UnsafeRawPointer(sqlite3_value_text(value))
            self = .text(SQLValue.bytes(start, count: sqlite3_value_bytes(value)))
        case SQLITE_BLOB:
            let start = sqlite3_value_blob(value)
            self = .blob(SQLValue.bytes(start, count: sqlite3_value_bytes(value)))
        default:
            self = .null
        }
    }

    /// The value of a column of a statement's row.
    init(statement: OpaquePointer, column: Int32) {
        switch sqlite3_column_type(statement, column) {
        case SQLITE_INTEGER:
            self = .integer(sqlite3_column_int64(statement, column))
        case SQLITE_FLOAT:
            self = .real(sqlite3_column_double(statement, column))
        case SQLITE_TEXT:
            let start = UnsafeRawPointer(sqlite3_column_text(statement, column))
            self = .text(SQLValue.bytes(start, count: sqlite3_column_bytes(statement, column)))
        case SQLITE_BLOB:
            let start = sqlite3_column_blob(statement, column)
            self = .blob(SQLValue.bytes(start, count: sqlite3_column_bytes(statement, column)))
        default:
            self = .null
        }
    }

    private static func bytes(_ start: UnsafeRawPointer?, count: Int32) -> [UInt8] {
        [UInt8](UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : Int(count)))
    }
}

/// Where the result of a function, or the value of a virtual table's column, is put; once.
package struct SQLResult {
    let context: OpaquePointer?

    /// NULL, which is also what stays where nothing is put.
    package func null() { sqlite3_result_null(context) }

    /// An integer.
    package func integer(_ value: Int64) { sqlite3_result_int64(context, value) }

    /// An integer, or NULL.
    package func integer(_ value: Int64?) {
        if let value { integer(value) } else { null() }
    }

    /// A double.
    package func real(_ value: Double) { sqlite3_result_double(context, value) }

    /// A text.
    package func text(_ value: String) {
        var value = value
        value.withUTF8 { put(UnsafeRawBufferPointer($0)) }
    }

    /// A text, or NULL.
    package func text(_ value: String?) {
        if let value { text(value) } else { null() }
    }

    /// A text given as UTF-8.
    package func text(utf8 value: [UInt8]) { value.withUnsafeBytes { put($0) } }

    /// Bytes.
    package func blob(_ value: [UInt8]) {
        guard !value.isEmpty else { return sqlite3_result_zeroblob(context, 0) }
        value.withUnsafeBytes {
            expvault_sqlite3_result_blob_copy(context, $0.baseAddress, UInt64($0.count))
        }
    }

    /// That value.
    package func value(_ value: SQLValue) {
        switch value {
        case .null: null()
        case .integer(let value): integer(value)
        case .real(let value): real(value)
        case .text(let value): text(utf8: value)
        case .blob(let value): blob(value)
        }
    }

    func failure(_ message: String) { sqlite3_result_error(context, message, -1) }

    private func put(_ utf8: UnsafeRawBufferPointer) {
        // An empty buffer may have no address, which SQLite would take for NULL.
        guard let start = utf8.baseAddress?.assumingMemoryBound(to: CChar.self), !utf8.isEmpty else {
            return expvault_sqlite3_result_text_copy(context, "", 0)
        }
        expvault_sqlite3_result_text_copy(context, start, UInt64(utf8.count))
    }
}

/// SQLite's own comparison of a text with a pattern, so that both sides of a condition agree on it.
package enum SQLPattern {
    /// Whether `text LIKE pattern`.
    package static func isLike(_ text: String, _ pattern: [UInt8]) -> Bool {
        withCharacters(pattern) { sqlite3_strlike($0, text, 0) == 0 }
    }

    /// Whether `text GLOB pattern`.
    package static func isGlob(_ text: String, _ pattern: [UInt8]) -> Bool {
        withCharacters(pattern) { sqlite3_strglob($0, text) == 0 }
    }

    private static func withCharacters(_ text: [UInt8], _ body: (UnsafePointer<CChar>) -> Bool) -> Bool {
        (text.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { buffer in
            buffer.baseAddress.map(body) ?? false
        }
    }
}
