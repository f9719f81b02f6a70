import CSQLite

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A connection for SQL from outside: it sees virtual tables, reads only, and gives up at a deadline.
///
/// It is a database in memory with nothing in it, so that there is no file's table to reach, whatever the statement.
/// On top, as https://sqlite.org/security.html advises for SQL that is not one's own: an authorizer that lets by
/// SELECT and nothing else, no module but ours and JSON's, limits, a limit of the heap, no temporary files.
///
/// Not Sendable: one owner at a time.
package final class VirtualTableConnection {
    private let handle: OpaquePointer
    /// What a table threw; it says more than SQLite's code.
    private var thrown: (any Error)?
    private let deadline: UInt64

    /// What SQLite may have of memory in this process: sorting and grouping take it, there being no temporary files.
    package static let heapBytesMax: Int64 = 512 << 20
    /// Texts and blobs are no longer than this; a body has 16 MiB at most.
    private static let lengthMax: Int32 = 64 << 20
    /// The progress handler is called after so many steps of SQLite's machine: about 0.1 ms.
    private static let progressSteps: Int32 = 4000

    /// Limits below SQLite's defaults; https://sqlite.org/c3ref/c_limit_attached.html.
    private static let limits: [(Int32, Int32)] = [
        (SQLITE_LIMIT_LENGTH, lengthMax),
        (SQLITE_LIMIT_SQL_LENGTH, 1 << 20),
        (SQLITE_LIMIT_COLUMN, 500),
        (SQLITE_LIMIT_EXPR_DEPTH, 200),
        (SQLITE_LIMIT_COMPOUND_SELECT, 100),
        (SQLITE_LIMIT_VDBE_OP, 250_000),
        (SQLITE_LIMIT_FUNCTION_ARG, 32),
        (SQLITE_LIMIT_ATTACHED, 0),
        // A pattern of many % against a long text takes time that the deadline cannot cut short.
        (SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 200),
        (SQLITE_LIMIT_VARIABLE_NUMBER, 0),
        (SQLITE_LIMIT_TRIGGER_DEPTH, 0),
        (SQLITE_LIMIT_WORKER_THREADS, 0),
    ]

    /// A connection that sees those tables and functions, and works for that long from now.
    package init(
        tables: [any VirtualTable],
        functions: [SQLFunction],
        aggregates: [any SQLAggregate.Type],
        milliseconds: Int64
    ) throws(SQLiteError) {
        deadline = VirtualTableConnection.now &+ UInt64(max(0, milliseconds)) &* 1_000_000
        sqlite3_hard_heap_limit64(VirtualTableConnection.heapBytesMax)
        var opened: OpaquePointer?
        let flags =
            SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let code = sqlite3_open_v2(":memory:", &opened, flags, nil)
        guard code == SQLITE_OK, let opened else {
            let error = SQLiteError(database: opened, code: code)
            sqlite3_close_v2(opened)
            throw error
        }
        handle = opened
        dropModules()
        for table in tables { try VirtualTableModule(table, connection: self).register(on: handle) }
        // A table is set up when it is first named, and then SQLite itself does what the authorizer forbids.
        for name in tables.map(\.name) + VirtualTableConnection.modulesKept {
            try run("SELECT 1 FROM \(name) LIMIT 0")
        }
        for function in functions { try RegisteredFunction(function).register(on: handle) }
        for aggregate in aggregates { try register(aggregate) }
        try shut()
    }

    deinit { sqlite3_close_v2(handle) }

    private func register<Aggregate: SQLAggregate>(_ type: Aggregate.Type) throws(SQLiteError) {
        try RegisteredAggregate(type).register(on: handle)
    }

    private func run(_ sql: String) throws(SQLiteError) {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw SQLiteError(database: handle, code: code, sql: sql) }
    }

    /// Those of SQLite's own virtual tables that stay: they take JSON apart.
    private static let modulesKept = ["json_each", "json_tree"]

    /// Leaves no virtual table of SQLite's own but `modulesKept`.
    private func dropModules() {
        let names = VirtualTableConnection.modulesKept.map { strdup($0) }
        defer { for name in names { free(name) } }
        var list: [UnsafePointer<CChar>?] = names.map { UnsafePointer($0) } + [nil]
        sqlite3_drop_modules(handle, &list)
    }

    /// Shuts everything that a statement from outside has no business with.
    private func shut() throws(SQLiteError) {
        let switches = [
            (SQLITE_DBCONFIG_DEFENSIVE, true), (SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
            (SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, false), (SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, false),
            (SQLITE_DBCONFIG_ENABLE_TRIGGER, false), (SQLITE_DBCONFIG_ENABLE_VIEW, false),
            (SQLITE_DBCONFIG_DQS_DML, false), (SQLITE_DBCONFIG_DQS_DDL, false),
        ]
        for (option, value) in switches {
            // An SQLite built without the option says so; the settings beside it still hold.
            _ = expvault_sqlite3_db_config_int(handle, option, value ? 1 : 0, nil)
        }
        for pragma in ["temp_store = MEMORY", "query_only = ON"] {
            try run("PRAGMA \(pragma)")
        }
        for (limit, value) in VirtualTableConnection.limits { sqlite3_limit(handle, limit, value) }
        sqlite3_set_authorizer(
            handle,
            { _, action, first, second, _, _ in
                VirtualTableConnection.isAllowed(action, first, second) ? SQLITE_OK : SQLITE_DENY
            },
            nil
        )
        sqlite3_progress_handler(
            handle,
            VirtualTableConnection.progressSteps,
            { owner in
                guard let owner else { return 1 }
                return Unmanaged<VirtualTableConnection>.fromOpaque(owner).takeUnretainedValue().isLate
                    ? 1 : 0
            },
            Unmanaged.passUnretained(self).toOpaque()
        )
    }

    /// Whether a statement may do that; https://sqlite.org/c3ref/c_alter_table.html.
    private static func isAllowed(
        _ action: Int32,
        _ first: UnsafePointer<CChar>?,
        _ second: UnsafePointer<CChar>?
    ) -> Bool {
        switch action {
        case SQLITE_SELECT, SQLITE_READ, SQLITE_RECURSIVE:
            return true
        case SQLITE_FUNCTION:
            let name = second.map { String(cString: $0).lowercased() } ?? ""
            return !["load_extension", "fts3_tokenizer"].contains(name)
        case SQLITE_PRAGMA:
            // What a table's columns are may be asked; to be told of a setting is to come close to changing it.
            let name = first.map { String(cString: $0).lowercased() } ?? ""
            return ["table_info", "table_xinfo", "function_list"].contains(name)
        default:
            return false
        }
    }

    // MARK: The deadline

    private static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    private var isLate: Bool { VirtualTableConnection.now >= deadline }

    /// How much of the time is left; 0 once the deadline has passed.
    package var millisecondsLeft: Int64 {
        let now = VirtualTableConnection.now
        return now >= deadline ? 0 : Int64((deadline - now + 999_999) / 1_000_000)
    }

    /// Throws `deadlinePassed` where it has; for work in a table that takes its time between two rows.
    package func checkDeadline() throws(VirtualTableError) {
        if isLate { throw .deadlinePassed }
    }

    // MARK: Statements

    /// The one statement in `sql`, before its first row.
    ///
    /// - Throws: `VirtualTableError`, or what a table threw while it was planned.
    package func prepare(_ sql: String) throws -> VirtualTableStatement {
        var text = sql
        let (statement, isLast) = try text.withUTF8 { utf8 in
            try utf8.withMemoryRebound(to: CChar.self) { text in
                let (statement, rest) = try compile(text)
                // After the statement may come blanks and comments, of which SQLite makes no statement.
                do {
                    let (more, _) = try compile(rest)
                    sqlite3_finalize(more)
                    return (statement, more == nil)
                } catch {
                    return (statement, false)
                }
            }
        }
        guard let statement else { throw VirtualTableError.noStatement }
        let prepared = VirtualTableStatement(statement, connection: self)
        guard isLast else { throw VirtualTableError.manyStatements }
        guard sqlite3_stmt_readonly(statement) != 0 else {
            throw VirtualTableError.refused("the statement writes")
        }
        return prepared
    }

    private func compile(
        _ text: UnsafeBufferPointer<CChar>
    ) throws -> (OpaquePointer?, rest: UnsafeBufferPointer<CChar>) {
        guard let start = text.baseAddress, !text.isEmpty else { return (nil, text) }
        guard let size = Int32(exactly: text.count) else {
            throw VirtualTableError.refused("the statement is too long")
        }
        var statement: OpaquePointer?
        var tail: UnsafePointer<CChar>?
        let code = sqlite3_prepare_v3(handle, start, size, 0, &statement, &tail)
        guard code == SQLITE_OK else { throw failure(code) }
        let used = tail.map { $0 - start } ?? text.count
        return (statement, UnsafeBufferPointer(rebasing: text[min(used, text.count)...]))
    }

    /// Remembers what a table threw.
    func note(_ error: any Error) { thrown = thrown ?? error }

    /// The error behind a code: a table's own, or what SQLite says.
    func failure(_ code: Int32) -> any Error {
        defer { thrown = nil }
        if let thrown { return thrown }
        switch code & 0xff {
        case SQLITE_INTERRUPT: return VirtualTableError.deadlinePassed
        case SQLITE_NOMEM: return VirtualTableError.outOfMemory
        default:
            let message = sqlite3_errmsg(handle).map { String(cString: $0) } ?? "SQLite code \(code)"
            return VirtualTableError.refused(message)
        }
    }
}

/// A statement at work, and the row it has come to.
package final class VirtualTableStatement {
    private let handle: OpaquePointer
    private let connection: VirtualTableConnection

    init(_ handle: OpaquePointer, connection: VirtualTableConnection) {
        self.handle = handle
        self.connection = connection
    }

    deinit { sqlite3_finalize(handle) }

    /// The names of the columns, as SQLite gives them: an alias where there is one, else the expression's text.
    package var columns: [String] {
        (0..<sqlite3_column_count(handle)).map { column in
            sqlite3_column_name(handle, column).map { String(cString: $0) } ?? ""
        }
    }

    /// Goes to the next row; false where there is none.
    package func step() throws -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw connection.failure(code)
        }
    }

    /// The value of a column, from 0, of the row.
    package func value(_ column: Int) -> SQLValue {
        SQLValue(statement: handle, column: Int32(column))
    }
}
