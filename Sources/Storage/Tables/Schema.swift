import SQLite

/// The tables, as SQL.
///
/// Their meaning is in docs/format.md.
///
/// Rules that hold in all of them: ids are never reused; times are Unix milliseconds; integers above 2⁶³ − 1 are
/// stored as the negative number with the same bits; `checksum` is the CRC-32 of the row's other columns
/// (`RowChecksum`), and a row is not used before it was compared.
enum Schema {
    /// Each object of the schema of version 3, in the order in which they are made.
    static let version3: [(name: String, sql: String)] = [
        (
            "meta",
            "CREATE TABLE meta(key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER NOT NULL)"
        ),
        (
            "targets",
            """
            CREATE TABLE targets(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, \
            is_series_limited INTEGER NOT NULL, has_dates INTEGER NOT NULL, failure_count INTEGER NOT NULL, \
            run_count INTEGER NOT NULL, series_count INTEGER NOT NULL, step_count INTEGER NOT NULL, \
            checksum INTEGER NOT NULL)
            """
        ),
        (
            "origins",
            """
            CREATE TABLE origins(id INTEGER PRIMARY KEY AUTOINCREMENT, target INTEGER NOT NULL, url TEXT, \
            labels BLOB NOT NULL, service_address TEXT, checksum INTEGER NOT NULL)
            """
        ),
        ("origins_by_target", "CREATE INDEX origins_by_target ON origins(target)"),
        (
            "boots",
            """
            CREATE TABLE boots(id INTEGER PRIMARY KEY AUTOINCREMENT, boot_id TEXT NOT NULL UNIQUE, \
            checksum INTEGER NOT NULL)
            """
        ),
        (
            "command_lines",
            """
            CREATE TABLE command_lines(id INTEGER PRIMARY KEY AUTOINCREMENT, target INTEGER NOT NULL, \
            arguments BLOB NOT NULL, checksum INTEGER NOT NULL)
            """
        ),
        ("command_lines_by_target", "CREATE INDEX command_lines_by_target ON command_lines(target)"),
        (
            "runs",
            """
            CREATE TABLE runs(id INTEGER PRIMARY KEY AUTOINCREMENT, target INTEGER NOT NULL, \
            first_epoch INTEGER NOT NULL, first_t INTEGER NOT NULL, last_epoch INTEGER NOT NULL, \
            last_t INTEGER NOT NULL, scrape_count INTEGER NOT NULL, started_ns INTEGER, command_line INTEGER, \
            checksum INTEGER NOT NULL)
            """
        ),
        ("runs_by_target", "CREATE INDEX runs_by_target ON runs(target)"),
        (
            "shapes",
            """
            CREATE TABLE shapes(id INTEGER PRIMARY KEY AUTOINCREMENT, target INTEGER NOT NULL, \
            hash INTEGER NOT NULL, skeleton BLOB NOT NULL, checksum INTEGER NOT NULL)
            """
        ),
        ("shapes_by_hash", "CREATE INDEX shapes_by_hash ON shapes(target, hash)"),
        (
            "series",
            """
            CREATE TABLE series(id INTEGER PRIMARY KEY AUTOINCREMENT, target INTEGER NOT NULL, name TEXT NOT NULL, \
            first_t INTEGER NOT NULL, checksum INTEGER NOT NULL, UNIQUE(target, name))
            """
        ),
        (
            "clock_steps",
            """
            CREATE TABLE clock_steps(id INTEGER PRIMARY KEY AUTOINCREMENT, target INTEGER NOT NULL, \
            before_epoch INTEGER NOT NULL, before_t INTEGER NOT NULL, after_epoch INTEGER NOT NULL, \
            after_t INTEGER NOT NULL, milliseconds INTEGER NOT NULL, checksum INTEGER NOT NULL)
            """
        ),
        ("clock_steps_by_target", "CREATE INDEX clock_steps_by_target ON clock_steps(target)"),
        (
            "stale_runs",
            "CREATE TABLE stale_runs(target INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, t INTEGER NOT NULL)"
        ),
        (
            "chunks",
            """
            CREATE TABLE chunks(id INTEGER PRIMARY KEY AUTOINCREMENT, target INTEGER NOT NULL, \
            first_epoch INTEGER NOT NULL, first_t INTEGER NOT NULL, last_epoch INTEGER NOT NULL, \
            last_t INTEGER NOT NULL, t_min INTEGER NOT NULL, t_max INTEGER NOT NULL, seq_min INTEGER NOT NULL, \
            seq_max INTEGER NOT NULL, scrape_count INTEGER NOT NULL, failure_count INTEGER NOT NULL, \
            missed_count INTEGER NOT NULL, end_min INTEGER, end_max INTEGER, last_origin INTEGER NOT NULL, \
            failure_epoch INTEGER, failure_t INTEGER, failure TEXT, date_epoch INTEGER, date_t INTEGER, \
            date_skew INTEGER, level INTEGER NOT NULL, size INTEGER NOT NULL, body_bytes INTEGER NOT NULL, \
            runs BLOB NOT NULL, shapes BLOB NOT NULL, walls BLOB NOT NULL, checksum INTEGER NOT NULL)
            """
        ),
        ("chunks_by_target", "CREATE INDEX chunks_by_target ON chunks(target)"),
        ("chunk_bytes", "CREATE TABLE chunk_bytes(id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)"),
        ("tail", "CREATE TABLE tail(slot INTEGER PRIMARY KEY, bytes BLOB NOT NULL)"),
        (
            "tail_ends",
            """
            CREATE TABLE tail_ends(target INTEGER PRIMARY KEY, ordinal INTEGER NOT NULL, \
            checksum INTEGER NOT NULL)
            """
        ),
        (
            "tail_bodies",
            """
            CREATE TABLE tail_bodies(seq INTEGER PRIMARY KEY, target INTEGER NOT NULL, body BLOB NOT NULL, \
            checksum INTEGER NOT NULL)
            """
        ),
    ]

    /// Each object of the schema of version 4: origins that say who recorded, and under which name.
    static let version4: [(name: String, sql: String)] = version3.map { object in
        guard object.name == "origins" else { return object }
        return (
            "origins",
            """
            CREATE TABLE origins(id INTEGER PRIMARY KEY AUTOINCREMENT, target INTEGER NOT NULL, url TEXT, \
            labels BLOB NOT NULL, service_address TEXT, recorder TEXT, recording_host TEXT, recorded_name TEXT, \
            checksum INTEGER NOT NULL)
            """
        )
    }

    /// Each object of the schema of version 5: runs that tell what their next scrapes are compared with.
    static let version5: [(name: String, sql: String)] = version4.map { object in
        // As SQLite spells it where the column is added.
        object.name == "runs" ? ("runs", String(object.sql.dropLast()) + ", memory BLOB)") : object
    }

    /// Makes a database in an empty file, in one transaction, and turns on the WAL.
    static func create(on connection: Connection) throws(SQLiteError) {
        try connection.execute("PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL")
        do {
            try connection.transaction {
                try connection.execute("PRAGMA application_id = \(VaultFile.applicationID)")
                let version = Migrations.currentVersion
                for object in Migrations.objects(ofVersion: version) { try connection.execute(object.sql) }
                try connection.execute("PRAGMA user_version = \(version)")
                let values = MetaValues(
                    databaseUUID: MetaValues.randomUUID(),
                    recordingHost: SystemCall.hostName(),
                    createdMilliseconds: SystemCall.wallMilliseconds(),
                    seqFloor: 0,
                    targetCount: 0
                )
                try values.store(on: connection)
            }
        } catch {
            // A closure's errors are untyped; all that is called in this one throws nothing else.
            throw error as? SQLiteError ?? SQLiteError(code: 1, message: "\(error)")
        }
        _ = try connection.integer("PRAGMA journal_mode = WAL")
    }

    /// Compares the file's schema with what its version has; a hand-made one may hold anything.
    ///
    /// - Throws: `StorageError.damaged` for a table that is missing, altered, or not of ours.
    static func verify(on connection: Connection, version: Int64, path: String) throws {
        var expected: [String: String] = [:]
        for object in Migrations.objects(ofVersion: version) { expected[object.name] = object.sql }
        let statement = try connection.statement(
            "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        )
        defer { statement.reset() }
        while try statement.step() {
            let name = statement.text(0)
            guard expected.removeValue(forKey: name) == statement.text(1) else {
                throw StorageError.damaged(path: path, detail: "its table or index \(name) is not ours")
            }
        }
        if let missing = expected.keys.min() {
            throw StorageError.damaged(path: path, detail: "its table or index \(missing) is missing")
        }
    }
}
