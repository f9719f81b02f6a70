import SQLite

/// The steps from one version of the schema to the next.
///
/// Only writers migrate; readers understand every version from `oldestVersion` on. Before the format is frozen that is as
/// far back as costs a line or two: `StorageError.older` says how to carry the others over.
enum Migrations {
    /// A step: what it runs, and the objects that the schema has after it.
    struct Step: Sendable {
        /// The version that it leads to.
        var version: Int64
        /// What it does, within the caller's transaction.
        var run: @Sendable (Connection) throws -> Void
        /// The whole schema after it.
        var objects: [(name: String, sql: String)]
    }

    /// The oldest version that is still read.
    static let oldestVersion: Int64 = 3

    /// All steps after the oldest version, ascending by version.
    static let steps: [Step] = [
        Step(version: 4, run: { try migrateTo4($0) }, objects: Schema.version4),
        // What runs remember is read from bodies where it is missing, and stored with the next chunk. Shapes are found by
        // their members, and bodies have orders, of which an older program knows nothing: what is there stays.
        Step(
            version: 5,
            run: { try $0.execute("ALTER TABLE runs ADD COLUMN memory BLOB") },
            objects: Schema.version5
        ),
    ]

    /// The version that this program writes.
    static var currentVersion: Int64 { steps.last?.version ?? oldestVersion }

    /// The tables and indexes of a version.
    static func objects(ofVersion version: Int64) -> [(name: String, sql: String)] {
        steps.last { $0.version <= version }?.objects ?? Schema.version3
    }

    /// Throws where a file of that version cannot be used by this program.
    static func requireKnown(_ version: Int64, path: String) throws(StorageError) {
        guard version <= currentVersion else { throw .newer(path: path, version: version) }
        guard version >= 1 else { throw .notOurs(path: path) }
        guard version >= oldestVersion else { throw .older(path: path, version: version) }
    }

    /// Takes the schema from `version` to ours, within the caller's transaction.
    static func run(
        _ steps: [Step] = Migrations.steps,
        on connection: Connection,
        from version: Int64
    ) throws {
        for step in steps where step.version > version {
            try step.run(connection)
            try connection.execute("PRAGMA user_version = \(step.version)")
        }
    }

    /// Origins can say who recorded, and under which name.
    private static func migrateTo4(_ connection: Connection) throws {
        let last = try connection.integer("SELECT seq FROM sqlite_sequence WHERE name = 'origins'")
        try connection.execute("ALTER TABLE origins RENAME TO origins_3")
        for object in Schema.version4 where object.name == "origins" { try connection.execute(object.sql) }
        try connection.execute(
            "INSERT INTO origins SELECT \(OriginRow.columns(ofVersion: 3)) FROM origins_3; DROP TABLE origins_3"
        )
        for object in Schema.version4 where object.name == "origins_by_target" {
            try connection.execute(object.sql)
        }
        // No number is given twice, also where the last origin went with its target.
        if let last {
            try connection.execute("DELETE FROM sqlite_sequence WHERE name = 'origins'")
            try connection.execute("INSERT INTO sqlite_sequence(name, seq) VALUES ('origins', \(last))")
        }
    }
}
