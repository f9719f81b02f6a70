import CSQLite

/// What SQLite answered where it did not do what was asked.
package struct SQLiteError: Error, Sendable, CustomStringConvertible {
    /// The extended result code (https://sqlite.org/rescode.html).
    package var code: Int32
    /// SQLite's own words.
    package var message: String
    /// The statement that was at work, where there was one.
    package var sql: String?
    /// The `errno` of the call that failed; 0 where there was none.
    package var systemCode: Int32 = 0

    /// An error with these facts.
    package init(code: Int32, message: String, sql: String? = nil) {
        self.code = code
        self.message = message
        self.sql = sql
    }

    /// The primary result code: the low byte of the extended one.
    package var primary: PrimaryCode { PrimaryCode(rawValue: code & 0xff) ?? .other }

    /// SQLite's words and the code.
    package var description: String { "\(message) (SQLite code \(code))" }

    /// The primary codes that a caller tells apart; all others are `other`.
    package enum PrimaryCode: Int32, Sendable {
        /// Something else.
        case other = 1
        /// Access refused by the operating system.
        case permission = 3
        /// Another connection holds a lock.
        case busy = 5
        /// The file may not be written.
        case readOnly = 8
        /// The operating system could not read or write.
        case inputOutput = 10
        /// The file's structure is broken.
        case corrupt = 11
        /// No space is left.
        case full = 13
        /// The file cannot be opened.
        case cannotOpen = 14
        /// A constraint of the schema does not hold.
        case constraint = 19
        /// The file is no SQLite database.
        case notADatabase = 26
    }
}

extension SQLiteError {
    /// The error that `database` met last.
    init(database: OpaquePointer?, code: Int32, sql: String? = nil) {
        let extended = database.map { sqlite3_extended_errcode($0) } ?? code
        // A connection that met no error of its own says 0 (a misuse, say): then the returned code counts.
        let told = extended & 0xff == code & 0xff ? extended : code
        let text: UnsafePointer<CChar>? =
            database != nil && told == extended ? sqlite3_errmsg(database) : sqlite3_errstr(told)
        self.init(code: told, message: text.map { String(cString: $0) } ?? "unknown error", sql: sql)
        systemCode = database.map { sqlite3_system_errno($0) } ?? 0
    }
}
