import Compression
import Model
import SQLite

/// Looks at every row of the export's ledger, and at what must hold between it and the database.
extension ReplayLedger {
    private struct Reading {
        var findings: [Finding] = []
        var destinations: [ReplayLedgerRows.Destination] = []
        /// By destination.
        var cursors: [Int64: [TargetID: Int64]] = [:]

        mutating func add(_ words: String) {
            if findings.count < IntegrityCheck.findingsMax {
                findings.append(Finding(description: "the export's ledger: \(words)"))
            }
        }

        mutating func attempt(_ body: (inout Reading) throws -> Void) {
            do {
                try body(&self)
            } catch StorageError.damaged(_, let detail) {
                add(detail)
            } catch {
                add("\(error)")
            }
        }
    }

    /// What is wrong with the ledger beside the database at `vaultPath`; nothing where there is none.
    package static func findings(vaultPath: String) -> [Finding] {
        var reading = Reading()
        reading.attempt { reading in
            guard let connection = try existing(vaultPath) else { return }
            defer { connection.close() }
            let rows = ReplayLedgerRows(connection: connection, path: vaultPath + suffix)
            try connection.transaction { try look(rows, &reading) }
        }
        // Taken after the ledger was read: an export is never ahead of the database.
        guard !reading.destinations.isEmpty,
            // Of a database that cannot be read `IntegrityCheck` tells.
            let snapshot = try? Vault.openReader(path: vaultPath).snapshot(),
            // Of a damaged database `IntegrityCheck` tells.
            let targets = try? snapshot.targets().map(\.id)
        else { return reading.findings }
        for destination in reading.destinations where destination.database == snapshot.databaseUUID {
            for (target, seq) in reading.cursors[destination.number] ?? [:] {
                if !targets.contains(target) {
                    reading.add("a cursor is of target \(target.value), which there is none of")
                }
                if seq > snapshot.lastSeq {
                    reading.add("a cursor is at \(seq), and the database ends at \(snapshot.lastSeq)")
                }
            }
        }
        return reading.findings
    }

    private static func look(_ rows: ReplayLedgerRows, _ reading: inout Reading) throws {
        let pages = try rows.connection.ownStatement("PRAGMA integrity_check(20)")
        while try pages.step() {
            if pages.text(0) != "ok" { reading.add(pages.text(0)) }
        }
        reading.destinations = try rows.destinations()
        var counts: [Int64: Int64] = [:]
        reading.attempt { reading in
            let decompressor = try ZstdDecompressor()
            var after: Int64 = 0
            while true {
                let last = after
                try rows.rejected(of: nil, after: last, limit: 200) { row in
                    after = row.number
                    counts[row.destination, default: 0] += 1
                    _ = try decompressor.decompress(row.document.document, bytesMax: documentBytesMax)
                }
                guard after > last else { break }
            }
        }
        for destination in reading.destinations {
            reading.attempt { $0.cursors[destination.number] = try rows.cursors(of: destination) }
            reading.attempt { _ in _ = try rows.sightings(of: destination) }
            if counts[destination.number] ?? 0 != destination.rejectedCount {
                reading.add("a refused document of destination \(destination.number) cannot be reached")
            }
        }
        for table in ["cursor", "write_index", "rejected"] {
            let strays = try rows.connection.integer(
                "SELECT count(*) FROM \(table) WHERE destination NOT IN (SELECT number FROM destination)"
            )
            if let strays, strays > 0 { reading.add("\(strays) rows of \(table) belong to no destination") }
        }
    }
}
