import Model
import SQLite

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The ledger's file: how it comes to be, and what is checked before it is believed.
enum ReplayLedgerFile {
    private static let schema = """
        CREATE TABLE destination (
          number INTEGER PRIMARY KEY, database TEXT NOT NULL, cluster TEXT NOT NULL, namespace TEXT NOT NULL,
          mode TEXT NOT NULL, label TEXT NOT NULL, foreign_high INTEGER NOT NULL, used_ms INTEGER NOT NULL,
          doubt_high INTEGER, UNIQUE (database, cluster, namespace, mode)) STRICT;
        CREATE TABLE cursor (
          destination INTEGER NOT NULL, target INTEGER NOT NULL, seq INTEGER NOT NULL,
          PRIMARY KEY (destination, target)) STRICT, WITHOUT ROWID;
        CREATE TABLE write_index (
          destination INTEGER NOT NULL, stream TEXT NOT NULL, state INTEGER NOT NULL, name TEXT NOT NULL,
          PRIMARY KEY (destination, stream)) STRICT, WITHOUT ROWID;
        CREATE TABLE rejected (
          number INTEGER PRIMARY KEY AUTOINCREMENT, destination INTEGER NOT NULL, id TEXT NOT NULL,
          target INTEGER NOT NULL, target_name TEXT NOT NULL, seq INTEGER NOT NULL, t INTEGER NOT NULL,
          stream TEXT NOT NULL, status INTEGER NOT NULL, type TEXT NOT NULL, reason TEXT NOT NULL,
          document BLOB NOT NULL, UNIQUE (destination, id)) STRICT;
        """

    /// A connection to the file at `path`; with `create` the file is made where there is none.
    static func open(path: String, role: Connection.Role) throws(StorageError) -> Connection {
        let file = try VaultFile(path: path)
        if case .writer(create: true) = role { try make(file) }
        return try StorageError.wrapping(path) {
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

    /// Makes an empty file, so that SQLite does not make one that others may read.
    private static func make(_ file: VaultFile) throws(StorageError) {
        let descriptor = SystemCall.retrying { makeExclusively(file.realPath) }
        guard descriptor >= 0 else {
            let code = errno
            if code == EEXIST { return }
            if code == EACCES || code == EPERM || code == EROFS { throw .permissionDenied(path: file.path) }
            throw .cannotCreate(path: file.path, detail: SystemCall.words(code))
        }
        close(descriptor)
        try SystemCall.syncDirectory(file.directory)
    }

    private static func makeExclusively(_ path: String) -> Int32 {
        #if canImport(Glibc)
        Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        #else
        Musl.open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        #endif
    }

    private static func prepare(_ connection: Connection, path: String) throws {
        // Two exports may meet at an empty file: the transaction lets one make the tables, and the other find them.
        try connection.transaction {
            let application = try connection.integer("PRAGMA application_id") ?? 0
            let version = try connection.integer("PRAGMA user_version") ?? 0
            if application == 0, version == 0,
                try connection.integer("SELECT count(*) FROM sqlite_schema") == 0
            {
                try connection.execute(schema)
                try connection.execute("PRAGMA application_id = \(ReplayLedger.applicationID)")
                try connection.execute("PRAGMA user_version = \(ReplayLedger.version)")
                return
            }
            guard application == ReplayLedger.applicationID else { throw StorageError.notOurs(path: path) }
            guard version <= ReplayLedger.version else {
                throw StorageError.newer(path: path, version: version)
            }
        }
    }

    /// A name for a destination's lock file: two destinations that share one only wait for each other.
    static func key(_ destination: ReplayDestination, databaseUUID: String) -> String {
        let text = [databaseUUID, destination.clusterUUID, destination.namespace, destination.mode]
            .joined(separator: "\n")
        return String(SHA256.hexadecimal(SHA256.digest(Array(text.utf8))).prefix(12))
    }
}
