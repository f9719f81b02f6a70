import HostFiles
import Model
import SQLite

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The ledger's file: how it comes to be, and what is checked before it is believed.
enum ReplayLedgerFile {
    /// Each table as SQLite keeps its definition; `checksum` is that of the row (`RowChecksum`).
    static let tables: [(name: String, sql: String)] = [
        (
            "destination",
            """
            CREATE TABLE destination(number INTEGER PRIMARY KEY, database TEXT NOT NULL, cluster TEXT NOT NULL, \
            namespace TEXT NOT NULL, mode TEXT NOT NULL, label TEXT NOT NULL, \
            used_ms INTEGER NOT NULL, doubt_high INTEGER, cursor_count INTEGER NOT NULL, \
            index_count INTEGER NOT NULL, rejected_count INTEGER NOT NULL, checksum INTEGER NOT NULL, \
            UNIQUE (database, cluster, namespace, mode)) STRICT
            """
        ),
        (
            "cursor",
            """
            CREATE TABLE cursor(destination INTEGER NOT NULL, target INTEGER NOT NULL, seq INTEGER NOT NULL, \
            checksum INTEGER NOT NULL, PRIMARY KEY (destination, target)) STRICT, WITHOUT ROWID
            """
        ),
        (
            "write_index",
            """
            CREATE TABLE write_index(destination INTEGER NOT NULL, stream TEXT NOT NULL, name TEXT NOT NULL, \
            seq INTEGER NOT NULL, t INTEGER NOT NULL, checksum INTEGER NOT NULL, \
            PRIMARY KEY (destination, stream)) STRICT, WITHOUT ROWID
            """
        ),
        (
            "rejected",
            """
            CREATE TABLE rejected(number INTEGER PRIMARY KEY AUTOINCREMENT, destination INTEGER NOT NULL, \
            id TEXT NOT NULL, target INTEGER NOT NULL, target_name TEXT NOT NULL, seq INTEGER NOT NULL, \
            t INTEGER NOT NULL, stream TEXT NOT NULL, status INTEGER NOT NULL, type TEXT NOT NULL, \
            reason TEXT NOT NULL, document BLOB NOT NULL, checksum INTEGER NOT NULL, UNIQUE (destination, id)) STRICT
            """
        ),
    ]

    /// A connection to the file at `path`; with `create` the file is made where there is none.
    static func open(path: String, role: Connection.Role) throws(StorageError) -> Connection {
        let file = try VaultFile(path: path)
        if case .writer(create: true) = role { try make(file) }
        return try wrapping(path) {
            // Opened for writing even to read: a journal that a killed export left must be played back.
            let connection = try Connection(
                path: file.realPath,
                role: .writer(create: false),
                busyMilliseconds: ReplayLedger.busyMilliseconds
            )
            do {
                try prepare(connection, path: path)
                return connection
            } catch {
                connection.close()
                throw error
            }
        }
    }

    /// Runs `body` in a transaction that reads, and that neither waits for a writer nor holds one up for longer.
    ///
    /// A file that must be written before it can be read, since a killed export left a journal, is
    /// opened as whoever writes does.
    static func reading<Result>(
        path: String,
        _ body: (Connection) throws -> Result
    ) throws(StorageError) -> Result {
        try wrapping(path) {
            if let connection = try readable(path) {
                defer { connection.close() }
                return try body(connection)
            }
            let connection = try open(path: path, role: .writer(create: false))
            defer { connection.close() }
            return try connection.transaction { try body(connection) }
        }
    }

    private static func readable(_ path: String) throws -> Connection? {
        let file = try VaultFile(path: path)
        let connection = try Connection(
            path: file.realPath,
            role: .reader,
            busyMilliseconds: ReplayLedger.busyMilliseconds
        )
        do {
            try connection.execute("BEGIN")
            guard try connection.integer("PRAGMA application_id") == ReplayLedger.applicationID,
                try connection.integer("PRAGMA user_version") == ReplayLedger.version
            else {
                connection.close()
                return nil
            }
            try verify(connection, path: path)
            return connection
        } catch {
            connection.close()
            guard let primary = (error as? SQLiteError)?.primary,
                primary == .readOnly || primary == .cannotOpen
            else { throw error }
            return nil
        }
    }

    /// Runs `body`; damage that SQLite finds is told with what to do about it.
    static func wrapping<Result>(_ path: String, _ body: () throws -> Result) throws(StorageError) -> Result {
        do {
            return try StorageError.wrapping(path, body)
        } catch {
            guard case .damaged(path, let detail) = error, !detail.contains(advice) else { throw error }
            throw damaged(detail, path: path)
        }
    }

    private static let advice =
        "nothing is sent by it; moved away, it is begun anew, and what is there is looked up"

    /// Makes an empty file, so that SQLite does not make one that others may read; it belongs to whom the database does.
    private static func make(_ file: VaultFile) throws(StorageError) {
        let database = String(file.realPath.dropLast(ReplayLedger.suffix.count))
        do throws(SystemError) {
            let descriptor = try (FileAccess.of(path: database) ?? .ownerOnly).makeFile(file.realPath)
            _ = close(descriptor)
        } catch {
            if error.code == EEXIST { return }
            if error.isPermission { throw .permissionDenied(path: file.path) }
            throw .cannotCreate(path: file.path, detail: error.words)
        }
        try SystemCall.syncDirectory(file.directory)
    }

    private static func prepare(_ connection: Connection, path: String) throws {
        // Two exports may meet at an empty file: the transaction lets one make the tables, and the other find them.
        try connection.transaction {
            let application = try connection.integer("PRAGMA application_id") ?? 0
            let version = try connection.integer("PRAGMA user_version") ?? 0
            if application == 0, version == 0,
                try connection.integer("SELECT count(*) FROM sqlite_schema") == 0
            {
                for table in tables { try connection.execute(table.sql) }
                try connection.execute("PRAGMA application_id = \(ReplayLedger.applicationID)")
                try connection.execute("PRAGMA user_version = \(ReplayLedger.version)")
                return
            }
            guard application == ReplayLedger.applicationID else { throw StorageError.notOurs(path: path) }
            guard version <= ReplayLedger.version else {
                throw StorageError.newer(path: path, version: version)
            }
            guard version == ReplayLedger.version else {
                throw damaged(
                    "it has format \(version), which this expvault does not read any more",
                    path: path
                )
            }
            try verify(connection, path: path)
        }
    }

    /// A table of another definition is not ours.
    private static func verify(_ connection: Connection, path: String) throws {
        var expected = Dictionary(uniqueKeysWithValues: tables.map { ($0.name, $0.sql) })
        let statement = try connection.statement(
            "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        )
        defer { statement.reset() }
        while try statement.step() {
            let name = statement.text(0)
            guard expected.removeValue(forKey: name) == statement.text(1) else {
                throw damaged("its table or index \(name) is not ours", path: path)
            }
        }
        guard expected.isEmpty else { throw damaged("a table is missing", path: path) }
    }

    /// The error for what is wrong, with what to do about it.
    static func damaged(_ detail: String, path: String) -> StorageError {
        .damaged(
            path: path,
            detail: "\(detail); \(advice)"
        )
    }

    /// A name for a destination's lock file: two destinations that share one only wait for each other.
    static func key(_ destination: ReplayDestination, databaseUUID: String) -> String {
        let text = [databaseUUID, destination.clusterUUID, destination.namespace, destination.mode]
            .joined(separator: "\n")
        return String(SHA256.hexadecimal(SHA256.digest(Array(text.utf8))).prefix(12))
    }
}
