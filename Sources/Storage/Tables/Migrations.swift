import Compression
import Model
import SQLite

/// The steps from one version of the schema to the next.
///
/// Only writers migrate; readers understand every version.
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

    /// All steps after version 1, ascending by version.
    static let steps: [Step] = [
        Step(version: 2, run: { try migrateTo2($0) }, objects: Schema.version2),
        Step(version: 3, run: { try migrateTo3($0) }, objects: Schema.version3),
        Step(version: 4, run: { try migrateTo4($0) }, objects: Schema.version4),
    ]

    /// The version that this program writes.
    static var currentVersion: Int64 { steps.last?.version ?? 1 }

    /// The tables and indexes of a version.
    static func objects(ofVersion version: Int64) -> [(name: String, sql: String)] {
        steps.last { $0.version <= version }?.objects ?? Schema.version1
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

    /// All scrapes become tail, whose runs are to be found anew: that also counts their collections, and seals them.
    private static func migrateTo2(_ connection: Connection) throws {
        try connection.execute(
            "DROP INDEX scrapes_by_position; DROP INDEX failures; DROP INDEX bases_by_target"
        )
        try connection.execute("ALTER TABLE scrapes RENAME TO scrapes_1")
        for object in Schema.version2
        where ["scrapes", "chunks", "chunks_by_target", "chunk_bytes"].contains(object.name) {
            try connection.execute(object.sql)
        }
        // The path is for messages only, and whoever migrates says it.
        let store = try RowStore(connection: connection, path: "the database", version: 2)
        let rows = try connection.ownStatement(
            "SELECT \(ScrapeRow.columns(ofVersion: 1)) FROM scrapes_1 ORDER BY seq"
        )
        var count: Int64 = 0
        var firsts: [TargetID: ScrapePosition] = [:]
        while try rows.step() {
            let row = try ScrapeRow(rows, path: store.path, version: 1)
            try row.store(on: connection)
            count += 1
            firsts[row.target] = min(firsts[row.target] ?? row.position, row.position)
        }
        rows.reset()
        try connection.execute("DROP TABLE scrapes_1")
        for target in try TargetRow.all(on: store) {
            for var run in try RunRow.all(of: target.id, on: store) {
                run.last = run.first
                run.scrapeCount = 0
                try run.update(on: connection)
            }
            guard let first = firsts[target.id] else { continue }
            try connection.statement(
                "INSERT OR REPLACE INTO stale_runs(target, epoch, t) VALUES (?1, ?2, ?3)"
            )
            .bind(1, target.id.value).bind(2, first.epoch).bind(3, first.time.milliseconds)
            .run()
        }
        var meta = try MetaValues(connection: connection, path: store.path)
        meta.markSeq = max(meta.seqFloor, try connection.integer("SELECT max(seq) FROM scrapes") ?? 0)
        meta.markCount = count
        try meta.store(on: connection)
    }

    /// The rows of the tail go into slots.
    private static func migrateTo3(_ connection: Connection) throws {
        for object in Schema.version3 where ["tail", "tail_ends", "tail_bodies"].contains(object.name) {
            try connection.execute(object.sql)
        }
        let path = "the database"
        let old = try RowStore(connection: connection, path: path, version: 2)
        let new = try RowStore(connection: connection, path: path, version: 3)
        let tail = TailWriter(new, try ZstdCompressor(level: BodyEncoding.level))
        let rows = try connection.ownStatement(
            "SELECT \(ScrapeRow.columns(ofVersion: 2)) FROM scrapes ORDER BY seq"
        )
        while try rows.step() {
            let row = try ScrapeRow(rows, path: path, version: 2)
            try tail.append(row, body: old.body(of: row))
        }
        rows.reset()
        try tail.flush()
        try connection.execute("DROP TABLE scrapes; DROP TABLE bases")
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
