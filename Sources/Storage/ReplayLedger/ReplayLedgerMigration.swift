import SQLite

/// Makes an older ledger one of today's, within the transaction of whoever opens it.
///
/// What version 1 and 2 kept in `write_index` were the oldest indices that documents in doubt could be in. That is not known
/// of them any more, nor asked: without a sighting everything is looked up once.
struct ReplayLedgerMigration {
    let connection: Connection
    let path: String

    /// Does what is to be done.
    func run(from version: Int64) throws {
        switch version {
        case 1: try from1()
        case 2: try from2()
        default: return
        }
        try connection.execute("PRAGMA user_version = \(ReplayLedger.version)")
    }

    /// Version 1 had neither checksums nor counts.
    private func from1() throws {
        try makeAnew("cursor", columns: "destination, target, seq")
        try makeAnew(
            "rejected",
            columns:
                "number, destination, id, target, target_name, seq, t, stream, status, type, reason, document"
        )
        try makeDestinationsAnew(counts: "0, 0, 0")
        try ReplayLedgerRows(connection: connection, path: path).storeChecksums()
    }

    /// Version 2 had no sightings, and what they make superfluous.
    private func from2() throws {
        let rows = try connection.ownStatement(
            """
            SELECT number, database, cluster, namespace, mode, label, foreign_high, used_ms, doubt_high, cursor_count, \
            index_count, rejected_count, checksum FROM destination
            """
        )
        while try rows.step() {
            let checksum = RowChecksum.of(
                "destination",
                .integer(rows.integer(0)),
                .text(rows.text(1)),
                .text(rows.text(2)),
                .text(rows.text(3)),
                .text(rows.text(4)),
                .text(rows.text(5)),
                .integer(rows.integer(6)),
                .integer(rows.integer(7)),
                .integer(rows.optionalInteger(8)),
                .integer(rows.integer(9)),
                .integer(rows.integer(10)),
                .integer(rows.integer(11))
            )
            guard checksum == rows.integer(12) else {
                throw ReplayLedgerFile.damaged(
                    "destination \(rows.integer(0)) contradicts its checksum",
                    path: path
                )
            }
        }
        rows.reset()
        try makeDestinationsAnew(counts: "cursor_count, 0, rejected_count")
        try ReplayLedgerRows(connection: connection, path: path).storeDestinationChecksums()
    }

    private func makeDestinationsAnew(counts: String) throws {
        try connection.execute("DROP TABLE write_index")
        try connection.execute(sql(of: "write_index"))
        try makeAnew(
            "destination",
            columns: "number, database, cluster, namespace, mode, label, used_ms, doubt_high",
            ("cursor_count, index_count, rejected_count", counts)
        )
    }

    /// Makes a table with today's columns and copies the named ones; `further` are others, and what they get.
    private func makeAnew(
        _ table: String,
        columns: String,
        _ further: (names: String, values: String)? = nil
    ) throws {
        let names = further.map { ", \($0.names)" } ?? ""
        let values = further.map { ", \($0.values)" } ?? ""
        try connection.execute("ALTER TABLE \(table) RENAME TO old_\(table)")
        try connection.execute(sql(of: table))
        try connection.execute(
            "INSERT INTO \(table)(\(columns)\(names), checksum) SELECT \(columns)\(values), 0 FROM old_\(table)"
        )
        try connection.execute("DROP TABLE old_\(table)")
    }

    private func sql(of table: String) -> String {
        ReplayLedgerFile.tables.first { $0.name == table }?.sql ?? ""
    }
}
