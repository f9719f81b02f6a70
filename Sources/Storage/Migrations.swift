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
    static let steps: [Step] = []

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
}
