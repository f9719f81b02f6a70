import Compression
import Expvar
import Model
import SQLite

/// Something in a database that is wrong.
package struct Finding: Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, in words.
    package var description: String
}

/// Looks at every page, row and body of a database, and at what must hold between them.
package struct IntegrityCheck {
    /// After so many findings the rest is not listed.
    package static let findingsMax = 100

    private let snapshot: VaultSnapshot
    private var store: RowStore { snapshot.store }
    private var found: [Finding] = []

    /// A check of what that snapshot sees.
    package init(snapshot: VaultSnapshot) { self.snapshot = snapshot }

    /// What is wrong; empty where nothing is.
    package func findings() -> [Finding] {
        var check = self
        check.attempt { try $0.checkPages() }
        check.attempt { try $0.checkSmallTables() }
        check.attempt { check in
            for target in try TargetRow.all(on: check.store) {
                check.attempt { try $0.checkScrapes(of: target) }
            }
        }
        check.attempt { try $0.checkStrays() }
        return check.found
    }

    private mutating func attempt(_ body: (inout IntegrityCheck) throws -> Void) {
        do {
            try body(&self)
        } catch let error as StorageError {
            if case .damaged(_, let detail) = error { add(detail) } else { add(error.description) }
        } catch let error as SQLiteError {
            add(error.description)
        } catch {
            add("\(error)")
        }
    }

    private mutating func add(_ words: String) {
        if found.count < IntegrityCheck.findingsMax { found.append(Finding(description: words)) }
    }

    /// SQLite's own check: the structure of pages, tables and indexes.
    private mutating func checkPages() throws {
        let statement = try store.connection.statement(
            "PRAGMA integrity_check(\(IntegrityCheck.findingsMax))"
        )
        defer { statement.reset() }
        while try statement.step() {
            let words = statement.text(0)
            if words != "ok" { add(words) }
        }
    }

    /// Every row of the tables that scrapes refer to is compared with its checksum by being read.
    private mutating func checkSmallTables() throws {
        for id in try numbers("SELECT id FROM origins") { attempt { _ = try $0.store.origin(id) } }
        for id in try numbers("SELECT id FROM boots") { attempt { _ = try $0.store.bootID(id) } }
        for id in try numbers("SELECT id FROM command_lines") { attempt { _ = try $0.store.commandLine(id) } }
        for id in try numbers("SELECT id FROM shapes") { attempt { _ = try $0.store.shape(ShapeID(id)) } }
        for target in try numbers("SELECT id FROM targets") {
            attempt { _ = try SeriesRegistry.records(of: TargetID(target), on: $0.store) }
            attempt { _ = try ClockStep.all(of: TargetID(target), on: $0.store) }
        }
    }

    private func numbers(_ sql: String) throws -> [Int64] {
        let statement = try store.connection.statement(sql)
        defer { statement.reset() }
        var numbers: [Int64] = []
        while try statement.step() { numbers.append(statement.integer(0)) }
        return numbers
    }

    private struct RunCount {
        var first: ScrapePosition
        var last: ScrapePosition
        var count: Int64 = 0
    }

    /// A target's scrapes: every body can be read and fits its shape, and runs count what they hold.
    private mutating func checkScrapes(of target: TargetRow) throws {
        var counts: [RunID: RunCount] = [:]
        var document = ScannedDocument()
        // Row by row by number, so that one bad row does not hide the rest.
        for seq in try numbers("SELECT seq FROM scrapes WHERE target = \(target.id.value)") {
            attempt { check in
                let found = try check.store.firstRow(
                    "SELECT \(ScrapeRow.columns) FROM scrapes WHERE seq = ?1",
                    seq
                )
                guard let row = found else { throw check.store.damaged("scrape \(seq) is missing") }
                try check.checkReferences(of: row)
                guard let run = row.run else {
                    _ = try check.store.body(of: row)
                    return
                }
                var count = counts[run] ?? RunCount(first: row.position, last: row.position)
                count.first = min(count.first, row.position)
                count.last = max(count.last, row.position)
                count.count += 1
                counts[run] = count
                let (shape, _) = try check.store.understand(row, into: &document)
                guard shape.skeleton == document.skeleton else {
                    throw check.store.damaged("the body of scrape \(seq) is not of its shape")
                }
            }
        }
        for run in try RunRow.all(of: target.id, on: store) {
            guard let count = counts.removeValue(forKey: run.id) else {
                add("run \(run.id.value) of \(target.name) has no scrape")
                continue
            }
            if count.first != run.first || count.last != run.last || count.count != run.scrapeCount {
                add("run \(run.id.value) of \(target.name) does not tell what its scrapes are")
            }
        }
        for id in counts.keys.sorted() { add("run \(id.value) of \(target.name) is missing") }
    }

    private func checkReferences(of row: ScrapeRow) throws {
        _ = try store.origin(row.origin)
        if let boot = row.boot { _ = try store.bootID(boot) }
    }

    /// Scrapes and runs of no target.
    private mutating func checkStrays() throws {
        for table in ["scrapes", "runs", "series", "shapes", "origins", "bases"] {
            let count = try store.connection.integer(
                "SELECT count(*) FROM \(table) WHERE target NOT IN (SELECT id FROM targets)"
            )
            if let count, count > 0 { add("\(count) rows of \(table) belong to no target") }
        }
    }
}
