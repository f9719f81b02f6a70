import Compression
import Expvar
import Model
import SQLite

/// Something in a database that is wrong.
package struct Finding: Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, in words.
    package var description: String

    /// That finding.
    package init(description: String) { self.description = description }
}

/// Looks at every page, row and body of a database, and at what must hold between them.
package struct IntegrityCheck {
    /// After so many findings the rest is not listed.
    package static let findingsMax = 100
    /// So many are kept to be gathered by kind.
    private static let keptMax = 100_000

    private let snapshot: VaultSnapshot
    private var store: RowStore { snapshot.store }
    private var found: [Finding] = []
    private var slotRows: [ScrapeRow] = []
    /// Whether some of the newest scrapes cannot be read.
    private var isTailHidden = false

    /// A check of what that snapshot sees.
    package init(snapshot: VaultSnapshot) { self.snapshot = snapshot }

    /// What is wrong; empty where nothing is.
    package func findings() -> [Finding] {
        var check = self
        check.attempt { try $0.checkPages() }
        check.attempt { try $0.checkSmallTables() }
        check.attempt { try $0.readSlots() }
        check.attempt { check in
            for target in try TargetRow.all(on: check.store) {
                check.attempt { try $0.checkScrapes(of: target) }
            }
        }
        check.attempt { try $0.checkStrays() }
        return FindingList.shortened(check.found)
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
        // Not `findingsMax`: of one kind there may be thousands, and the list has one line for it.
        if found.count < IntegrityCheck.keptMax { found.append(Finding(description: words)) }
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
            let target = TargetID(target)
            // With how many there must be: a row that is gone contradicts no checksum.
            attempt { _ = try $0.snapshot.seriesRecords(of: target) }
            attempt { _ = try $0.snapshot.steps(of: target) }
            attempt { check in
                for run in try check.snapshot.runRows(of: target) {
                    if let id = run.commandLine { check.attempt { _ = try $0.store.commandLine(id) } }
                }
            }
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

    /// What was counted of a target's scrapes.
    private struct Counts {
        var runs: [RunID: RunCount] = [:]
        var failures: Int64 = 0

        mutating func add(_ row: ScrapeRow) {
            guard let run = row.run else {
                failures += 1
                return
            }
            var count = runs[run] ?? RunCount(first: row.position, last: row.position)
            count.first = min(count.first, row.position)
            count.last = max(count.last, row.position)
            count.count += 1
            runs[run] = count
        }
    }

    /// A target's scrapes: every body can be read and fits its shape, and runs count what they hold.
    private mutating func checkScrapes(of target: TargetRow) throws {
        var tail = Counts()
        var sealed = Counts()
        var document = ScannedDocument()
        // Row by row, so that one bad row does not hide the rest.
        for row in slotRows where row.target == target.id {
            attempt { check in
                tail.add(row)
                try check.checkReferences(of: row)
                try check.checkBody(try check.store.body(of: row), of: row, &document)
            }
        }
        let foundBefore = found.count
        attempt { check in
            for entry in try ChunkEntry.all(of: target.id, on: check.store) {
                check.attempt { try $0.checkChunk(entry, &sealed, &document) }
            }
        }
        // What counts all scrapes would tell of the same damage once more.
        guard !isTailHidden, found.count == foundBefore else { return }
        for run in try RunRow.all(of: target.id, on: store) {
            // The row tells what is sealed; the tail tells the rest.
            let ofTail = tail.runs.removeValue(forKey: run.id)
            let told = sealed.runs.removeValue(forKey: run.id)
            guard told != nil || ofTail != nil else {
                add("run \(run.id.value) of \(target.name) has no scrape")
                continue
            }
            let isTold = told.map { $0.first == run.first && $0.last == run.last } ?? true
            if !isTold || run.scrapeCount != told?.count ?? 0 {
                add("run \(run.id.value) of \(target.name) does not tell what its scrapes are")
            }
        }
        for id in Set(tail.runs.keys).union(sealed.runs.keys).sorted() {
            add("run \(id.value) of \(target.name) is missing")
        }
        if tail.failures + sealed.failures != target.failureCount {
            add("target \(target.name) does not tell how many scrapes failed")
        }
    }

    /// The rows of all slots that can be read.
    private mutating func readSlots() throws {
        // Slots of which nothing is missing; where other damage hides that, all count alike.
        _ = try? store.readTails(keepBodies: false)
        let ends = try store.tailEnds()
        let index = TailIndex()
        var gone = TailIndex.Gone()
        for slot in try store.slotNumbers() {
            var isRead = false
            defer { isTailHidden = isTailHidden || !isRead }
            attempt { check in
                let bytes = try check.store.bytes(of: slot)
                guard !check.store.deadSlots.contains(slot) else {
                    isRead = true
                    check.add(
                        "slot \(slot), of which nothing is needed, is damaged; what is written there next mends it"
                    )
                    return
                }
                for (row, place) in TailIndex.places(of: try check.store.decoded(bytes, slot), slot: slot) {
                    if place.ordinal > ends[row.target] ?? 0 {
                        index.places[row.seq] = place
                        gone.note(liveBase: row)
                        check.slotRows.append(row)
                    } else {
                        gone.add(row, place)
                    }
                }
                isRead = true
                if !TailSlot.hasSoundEnd(bytes) {
                    check.add("the end of slot \(slot) is damaged; nothing needs it")
                }
            }
        }
        gone.store(into: index)
        // What can be read is looked for there, whatever else is damaged.
        store.tail = index
        slotRows.sort { $0.seq < $1.seq }
    }

    private func checkBody(_ body: TidyBody, of row: ScrapeRow, _ document: inout ScannedDocument) throws {
        guard row.run != nil else { return }
        let shape = try store.understand(row, body: body.bytes, into: &document)
        guard shape.skeleton == document.skeleton else {
            throw store.damaged("the body of scrape \(row.seq) is not of its shape")
        }
        _ = try store.served(body, of: row)
    }

    /// A chunk: its checksums, its columns, its bodies, and what its row says of it.
    private mutating func checkChunk(
        _ entry: ChunkEntry,
        _ counts: inout Counts,
        _ document: inout ScannedDocument
    ) throws {
        let chunk = try store.chunk(entry)
        try store.reading(chunk: entry.id) { try chunk.decoder.checkStreams() }
        var ofChunk = Counts()
        var missed = 0
        var bytes = 0
        for row in try chunk.rows() {
            counts.add(row)
            ofChunk.add(row)
            missed += row.missed == nil ? 0 : 1
            try checkReferences(of: row)
        }
        let runs = ofChunk.runs.sorted { $0.key < $1.key }.map {
            ChunkEntry.Run(
                run: $0.key,
                count: Int($0.value.count),
                first: $0.value.first,
                last: $0.value.last
            )
        }
        let ends = try chunk.collections().map(\.collection.endNanoseconds)
        try chunk.forEachScrape { row, body in
            bytes += body.bytes.count
            try checkBody(body, of: row, &document)
        }
        guard runs == entry.runs, ofChunk.failures == Int64(entry.failureCount), missed == entry.missedCount,
            bytes == entry.bodyBytes, entry.times == chunk.decoder.timeRange,
            entry.shapes.map(\.count) == chunk.decoder.shapes.map(\.documentCount),
            entry.ends?.lowerBound == ends.min(), entry.ends?.upperBound == ends.max()
        else { throw store.damaged("chunk \(entry.id) is not what its row says") }
    }

    private func checkReferences(of row: ScrapeRow) throws {
        _ = try store.origin(row.origin)
        if let boot = row.boot { _ = try store.bootID(boot) }
    }

    /// Scrapes and runs of no target.
    private mutating func checkStrays() throws {
        for table in ["tail_ends", "tail_bodies", "runs", "series", "shapes", "origins", "chunks"] {
            let count = try store.connection.integer(
                "SELECT count(*) FROM \(table) WHERE target NOT IN (SELECT id FROM targets)"
            )
            if let count, count > 0 { add("\(count) rows of \(table) belong to no target") }
        }
        attempt { _ = try $0.store.readTails(keepBodies: false) }
        let strays = try store.connection.integer(
            "SELECT count(*) FROM chunk_bytes WHERE id NOT IN (SELECT id FROM chunks)"
        )
        if let strays, strays > 0 { add("\(strays) rows of chunk_bytes belong to no chunk") }
    }
}
