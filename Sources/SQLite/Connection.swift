import CSQLite
import HostFiles

/// One connection to a database file, with the settings of its role.
///
/// Not Sendable: one owner at a time. Closed when it is let go.
package final class Connection {
    /// What a connection may do.
    package enum Role: Hashable, Sendable {
        /// Reads and writes, and is the only one that checkpoints. With `create`, makes the file.
        case writer(create: Bool)
        /// Reads only, and leaves the WAL alone.
        case reader
        /// Reads a file that nobody can change: read-only media without a WAL.
        case immutableReader
    }

    /// The role it was opened with.
    package let role: Role
    let handle: OpaquePointer
    private var statements: [String: Statement] = [:]
    private let walPages: UnsafeMutablePointer<Int32>
    private var isOpen = true
    private let openFile: FileIdentity?

    /// Prepared statements beyond this many are not kept; ours are a few dozen.
    private static let statementsMax = 256

    /// Opens the file at `path`, which must not be a symbolic link nor lie behind one.
    ///
    /// `busyMilliseconds` is how long to wait for another connection's lock.
    package init(path: String, role: Role, busyMilliseconds: Int32) throws(SQLiteError) {
        var flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_URI | SQLITE_OPEN_EXRESCODE
        switch role {
        case .writer(let create):
            flags |= SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0)
        case .reader, .immutableReader:
            flags |= SQLITE_OPEN_READONLY
        }
        let uri = Connection.uri(path: path, immutable: role == .immutableReader)
        var opened: OpaquePointer?
        // Before it is opened, so that nobody closes a descriptor of it in between.
        let known = OpenFiles.begin(path)
        let code = sqlite3_open_v2(uri, &opened, flags, nil)
        guard code == SQLITE_OK, let opened else {
            let error = SQLiteError(database: opened, code: code)
            sqlite3_close_v2(opened)
            if let known { OpenFiles.end(known) }
            throw error
        }
        handle = opened
        openFile = known ?? OpenFiles.begin(path)
        self.role = role
        walPages = .allocate(capacity: 1)
        walPages.initialize(to: 0)
        sqlite3_extended_result_codes(handle, 1)
        sqlite3_busy_timeout(handle, busyMilliseconds)
        try configure()
    }

    deinit {
        close()
        walPages.deallocate()
    }

    /// Closes the file; everything but a second `close` is an error from then on.
    package func close() {
        guard isOpen else { return }
        isOpen = false
        statements.removeAll()
        sqlite3_close_v2(handle)
        if let openFile { OpenFiles.end(openFile) }
    }

    /// Leaves the WAL as it is when the connection is closed; otherwise the last one to close writes it back.
    package func leaveWAL() { setSwitch(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true) }

    private static func uri(path: String, immutable: Bool) -> String {
        // Bytes that mean something in a URI are escaped; https://sqlite.org/uri.html.
        let hexDigits = Array("0123456789ABCDEF".utf8)
        var uri = Array("file:".utf8)
        for byte in path.utf8 {
            switch byte {
            case UInt8(ascii: "%"), UInt8(ascii: "?"), UInt8(ascii: "#"):
                uri += [UInt8(ascii: "%"), hexDigits[Int(byte >> 4)], hexDigits[Int(byte & 15)]]
            default:
                uri.append(byte)
            }
        }
        if immutable { uri += Array("?immutable=1".utf8) }
        return String(decoding: uri, as: UTF8.self)
    }

    private func configure() throws(SQLiteError) {
        // https://sqlite.org/security.html: a hand-made schema must not run code of its own, nor be written directly.
        setSwitch(SQLITE_DBCONFIG_DEFENSIVE, true)
        setSwitch(SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)
        setSwitch(SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, false)
        setSwitch(SQLITE_DBCONFIG_DQS_DML, false)
        setSwitch(SQLITE_DBCONFIG_DQS_DDL, false)
        try execute("PRAGMA cell_size_check = ON")
        try execute("PRAGMA mmap_size = 0")
        try execute("PRAGMA wal_autocheckpoint = 0")
        switch role {
        case .writer:
            // Debian builds with SQLITE_SECURE_DELETE, which writes zeros over what is deleted.
            try execute("PRAGMA secure_delete = OFF")
            try execute("PRAGMA synchronous = FULL")
            // 1 MiB: a recorder writes its pages and does not read them again, but for a few. What a long transaction
            // changes stays in memory whatever that says: where it is emptied again it is not written.
            try execute("PRAGMA cache_size = -1024; PRAGMA cache_spill = OFF")
            try execute("PRAGMA foreign_keys = OFF")
            sqlite3_wal_hook(
                handle,
                { context, _, _, pages in
                    context?.assumingMemoryBound(to: Int32.self).pointee = pages
                    return SQLITE_OK
                },
                walPages
            )
        case .reader, .immutableReader:
            setSwitch(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            try execute("PRAGMA query_only = ON")
        }
    }

    private func setSwitch(_ option: Int32, _ value: Bool) {
        // An SQLite built without the option says so; the settings above it still hold.
        _ = expvault_sqlite3_db_config_int(handle, option, value ? 1 : 0, nil)
    }

    /// Runs statements that give no rows, separated by `;`.
    package func execute(_ sql: String) throws(SQLiteError) {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw SQLiteError(database: handle, code: code, sql: sql) }
    }

    /// The prepared statement of that SQL, from the cache, reset and without bindings.
    ///
    /// The same SQL gives the same statement, so use it up before asking again.
    package func statement(_ sql: String) throws(SQLiteError) -> Statement {
        if let cached = statements[sql] {
            cached.reset()
            return cached
        }
        let prepared = try Statement(database: handle, sql: sql, isKept: true)
        if statements.count >= Connection.statementsMax { statements.removeAll() }
        statements[sql] = prepared
        return prepared
    }

    /// A statement of its own, for a cursor that lives while other statements run.
    package func ownStatement(_ sql: String) throws(SQLiteError) -> Statement {
        try Statement(database: handle, sql: sql, isKept: false)
    }

    /// The integer that a statement with one row and one column gives; nil for no row, or NULL.
    package func integer(_ sql: String) throws(SQLiteError) -> Int64? {
        let statement = try self.statement(sql)
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        return statement.optionalInteger(0)
    }

    /// Runs `body` in a transaction that writes; rolls back where it throws, or where the commit fails.
    package func transaction<Result>(_ body: () throws -> Result) throws -> Result {
        try execute("BEGIN IMMEDIATE")
        do {
            let result = try body()
            try execute("COMMIT")
            return result
        } catch {
            // SQLite rolls back by itself after some errors (a full disk, say); then this has nothing to do.
            if sqlite3_get_autocommit(handle) == 0 { sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) }
            throw error
        }
    }

    /// How many rows the last INSERT, UPDATE or DELETE touched.
    package var changes: Int64 { sqlite3_changes64(handle) }

    /// How many pages the WAL held after the last commit of this connection.
    package var pagesInWAL: Int { Int(walPages.pointee) }

    /// What of the WAL a checkpoint writes back, and whom it waits for; https://sqlite.org/c3ref/wal_checkpoint_v2.html.
    package enum CheckpointMode: Sendable {
        /// As much as possible without waiting for anybody.
        case passive
        /// Everything, and cuts the WAL to nothing; waits for readers as long as the busy timeout lets it.
        case truncate
    }

    /// Writes the WAL back.
    ///
    /// Returns how many of its pages are left, which somebody still reads.
    @discardableResult
    package func checkpoint(_ mode: CheckpointMode) throws(SQLiteError) -> Int {
        var log: Int32 = 0
        var done: Int32 = 0
        let flag = mode == .passive ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_TRUNCATE
        let code = sqlite3_wal_checkpoint_v2(handle, nil, flag, &log, &done)
        guard code == SQLITE_OK || code & 0xff == SQLITE_BUSY else {
            throw SQLiteError(database: handle, code: code, sql: "checkpoint")
        }
        if code == SQLITE_OK && mode == .truncate { walPages.pointee = 0 }
        // It did not even come to look.
        if code != SQLITE_OK, log < 0 { return max(1, pagesInWAL) }
        return max(0, Int(log) - Int(done))
    }

    /// For that long a lock of another connection is waited for, from now on.
    package func setBusyTimeout(milliseconds: Int32) { sqlite3_busy_timeout(handle, milliseconds) }
}
