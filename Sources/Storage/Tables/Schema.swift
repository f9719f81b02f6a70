import Model
import SQLite

/// The tables, as SQL.
///
/// Their meaning is in docs/format.md.
///
/// Rules that hold in all of them: ids are never reused; times are Unix milliseconds; integers above 2⁶³ − 1 are
/// stored as the negative number with the same bits; `checksum` is the CRC-32 of the row's other columns
/// (`RowChecksum`), and a row is not used before it was compared.
enum Schema {
    /// Each object of the schema of version 1, in the order in which they are made.
    static let version1: [(name: String, sql: String)] = [
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
            "bases",
            """
            CREATE TABLE bases(seq INTEGER PRIMARY KEY, target INTEGER NOT NULL, body BLOB NOT NULL, \
            checksum INTEGER NOT NULL)
            """
        ),
        ("bases_by_target", "CREATE INDEX bases_by_target ON bases(target)"),
        (
            "scrapes",
            """
            CREATE TABLE scrapes(seq INTEGER PRIMARY KEY, target INTEGER NOT NULL, epoch INTEGER NOT NULL, \
            t INTEGER NOT NULL, wall INTEGER, run INTEGER, origin INTEGER NOT NULL, boot INTEGER, boot_ns INTEGER, \
            duration_ns INTEGER, status INTEGER, date INTEGER, shape INTEGER, failure TEXT, base INTEGER, \
            body BLOB NOT NULL, checksum INTEGER NOT NULL)
            """
        ),
        ("scrapes_by_position", "CREATE UNIQUE INDEX scrapes_by_position ON scrapes(target, epoch, t)"),
        ("failures", "CREATE INDEX failures ON scrapes(target, epoch, t) WHERE run IS NULL"),
        (
            "stale_runs",
            "CREATE TABLE stale_runs(target INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, t INTEGER NOT NULL)"
        ),
    ]

    /// Each object of the schema of version 2: the newest scrapes in `scrapes`, without an index; the others in chunks.
    static let version2: [(name: String, sql: String)] =
        version1.filter {
            !["scrapes", "scrapes_by_position", "failures", "bases_by_target"].contains($0.name)
        } + [
            (
                "scrapes",
                """
                CREATE TABLE scrapes(seq INTEGER PRIMARY KEY, target INTEGER NOT NULL, epoch INTEGER NOT NULL, \
                t INTEGER NOT NULL, wall INTEGER, run INTEGER, origin INTEGER NOT NULL, boot INTEGER, \
                boot_ns INTEGER, duration_ns INTEGER, status INTEGER, date INTEGER, shape INTEGER, failure TEXT, \
                seen INTEGER NOT NULL, missed_count INTEGER, missed_ns INTEGER, base INTEGER, body BLOB NOT NULL, \
                checksum INTEGER NOT NULL)
                """
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
        ]

    /// Each object of the schema of version 3: the newest scrapes in slots of one page.
    static let version3: [(name: String, sql: String)] =
        version2.filter { !["scrapes", "bases"].contains($0.name) } + [
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

/// What the database says of itself.
struct MetaValues {
    var databaseUUID: String
    var recordingHost: String
    var createdMilliseconds: Int64
    /// The highest `seq` that was ever given when rows were last deleted: no scrape gets one at or below it again.
    var seqFloor: Int64
    /// How many targets there are.
    var targetCount: Int64
    /// Up to this `seq` the table `scrapes` has `markCount` rows; above it, it has every number.
    var markSeq: Int64 = 0
    var markCount: Int64 = 0
    /// Of a capture the range that it was made of; open at both ends for any other database.
    var capturedRange = TimeRange.all

    init(
        databaseUUID: String,
        recordingHost: String,
        createdMilliseconds: Int64,
        seqFloor: Int64,
        targetCount: Int64
    ) {
        self.databaseUUID = databaseUUID
        self.recordingHost = recordingHost
        self.createdMilliseconds = createdMilliseconds
        self.seqFloor = seqFloor
        self.targetCount = targetCount
    }

    /// Reads the table `meta`.
    init(connection: Connection, path: String) throws {
        var values: [String: String] = [:]
        let statement = try connection.statement("SELECT key, value, checksum FROM meta")
        defer { statement.reset() }
        while try statement.step() {
            let key = statement.text(0)
            let value = statement.text(1)
            guard RowChecksum.of("meta", .text(key), .text(value)) == statement.integer(2) else {
                throw StorageError.damaged(path: path, detail: "meta row \(key) contradicts its checksum")
            }
            values[key] = value
        }
        guard let uuid = values["database_uuid"], let host = values["recording_host"],
            let created = values["created_ms"].flatMap({ Int64($0) }),
            let floor = values["seq_floor"].flatMap({ Int64($0) }),
            let targets = values["target_count"].flatMap({ Int64($0) })
        else { throw StorageError.damaged(path: path, detail: "the table meta lacks a row") }
        self.init(
            databaseUUID: uuid,
            recordingHost: host,
            createdMilliseconds: created,
            seqFloor: floor,
            targetCount: targets
        )
        // Version 1 has no mark.
        markSeq = values["mark_seq"].flatMap { Int64($0) } ?? 0
        markCount = values["mark_count"].flatMap { Int64($0) } ?? 0
        capturedRange = TimeRange(
            since: values["capture_since"].flatMap { Int64($0) }.map { Timestamp(milliseconds: $0) },
            until: values["capture_until"].flatMap { Int64($0) }.map { Timestamp(milliseconds: $0) }
        )
    }

    /// Writes the table `meta`, within the caller's transaction.
    func store(on connection: Connection) throws(SQLiteError) {
        var rows = [
            ("database_uuid", databaseUUID), ("recording_host", recordingHost),
            ("created_ms", String(createdMilliseconds)), ("seq_floor", String(seqFloor)),
            ("target_count", String(targetCount)), ("mark_seq", String(markSeq)),
            ("mark_count", String(markCount)),
        ]
        if let since = capturedRange.since { rows.append(("capture_since", String(since.milliseconds))) }
        if let until = capturedRange.until { rows.append(("capture_until", String(until.milliseconds))) }
        for (key, value) in rows {
            // Written over in place where it can be: see `WALTie`.
            try connection.statement(
                """
                INSERT INTO meta(key, value, checksum) VALUES (?1, ?2, ?3) \
                ON CONFLICT(key) DO UPDATE SET value = excluded.value, checksum = excluded.checksum
                """
            )
            .bind(1, key).bind(2, value).bind(3, RowChecksum.of("meta", .text(key), .text(value)))
            .run()
        }
    }

    /// A random UUID (RFC 9562, version 4), in lower case.
    static func randomUUID() -> String {
        var generator = SystemRandomNumberGenerator()
        var bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) }
        bytes[6] = bytes[6] & 0x0f | 0x40
        bytes[8] = bytes[8] & 0x3f | 0x80
        var text = ""
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text += "-" }
            text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return text
    }
}
