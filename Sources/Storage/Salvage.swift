import Expvar
import Model
import SQLite

/// What a salvage brought over, and what it did not.
package struct SalvageSummary: Hashable, Sendable {
    /// Scrapes that stand in the new file.
    package var scrapes: Int64 = 0
    /// Scrapes that are known to be lost; where even their number is, a finding says so.
    package var lost: Int64 = 0
    /// What could not be read.
    package var findings: [Finding] = []
}

/// Writes what can be read of a damaged database into a new one.
///
/// Rows and chunks are read one by one, and those that cannot be read are left out. Scrapes keep their numbers, places
/// and bodies, the database its UUID; runs and collections are found anew.
package enum Salvage {
    /// Findings beyond so many are not listed.
    package static let findingsMax = 100
    private static let batchMax = 1024
    private static let batchBytesMax = 8 << 20

    /// Reads the database at `source`, which is left as it is, and writes the one at `destination`.
    ///
    /// - Throws: where the source is none of ours at all, the destination exists, or cannot be written.
    package static func run(from source: String, to destination: String) throws -> SalvageSummary {
        try StorageError.wrapping(source) {
            let original = try VaultFile(path: source)
            switch try original.inspect() {
            case .damaged: break
            default: try original.requireOurs()
            }
            guard try VaultFile(path: destination).inspect() == .missing else {
                throw StorageError.cannotCreate(path: destination, detail: "it exists already")
            }
            let mended = try SalvageSource(source: original, destination: destination)
            defer { mended.remove() }
            let file = mended.file
            let connection = try Connection(
                path: file.realPath,
                role: file.readerRole(),
                busyMilliseconds: 5000
            )
            try connection.execute("BEGIN")
            let version = try connection.integer("PRAGMA user_version") ?? 1
            let store = try RowStore(connection: connection, path: source, version: version)
            let session = try WriterSession(path: destination, create: true)
            var work = SalvageWork(store: store, session: session)
            work.summary.findings = mended.findings
            do {
                try work.run()
                try session.close()
            } catch {
                try? session.close()  // the first error is the one to tell
                throw error
            }
            return work.summary
        }
    }

    fileprivate static let limits = (rows: batchMax, bytes: batchBytesMax)
}

private struct SalvageWork {
    let store: RowStore
    let session: WriterSession
    var summary = SalvageSummary()
    private var batch: [ImportedScrape] = []
    private var seqs: [Int64] = []
    private var bytes = 0

    init(store: RowStore, session: WriterSession) {
        self.store = store
        self.session = session
    }

    mutating func run() throws {
        if let meta = attempt({ try MetaValues(connection: $0.store.connection, path: $0.store.path) }) {
            try session.adopt(meta)
        }
        // Where a row of `targets` is lost, what names it still has a number.
        var ids = Set(
            numbers("SELECT id FROM targets", descending: "SELECT id FROM targets ORDER BY id DESC")
        )
        let chunkIDs =
            store.version > 1
            ? numbers("SELECT id FROM chunks", descending: "SELECT id FROM chunks ORDER BY id DESC") : []
        var chunks: [TargetID: [ChunkEntry]] = [:]
        for id in chunkIDs {
            guard let entry = attempt({ try $0.entry(id) }) else { continue }
            chunks[entry.target, default: []].append(entry)
            ids.insert(entry.target.value)
        }
        var tails: [TargetID: [ScrapeRow]] = [:]
        for row in tailRows() {
            tails[row.target, default: []].append(row)
            ids.insert(row.target.value)
        }
        for id in ids.sorted() {
            let target = TargetID(id)
            try bringOver(target, (chunks[target] ?? []).sorted { $0.first < $1.first }, tails[target] ?? [])
        }
        try session.endSalvage()
    }

    /// The rows of the tail that can be read, without their bodies.
    private mutating func tailRows() -> [ScrapeRow] {
        var rows: [ScrapeRow] = []
        if store.version > 2 {
            // Where it is not known what was sealed, what is in a chunk too is skipped when it is stored.
            let ends = attempt { try $0.store.tailEnds() } ?? [:]
            let index = TailIndex()
            let slots = numbers(
                "SELECT slot FROM tail",
                descending: "SELECT slot FROM tail ORDER BY slot DESC"
            )
            for slot in slots {
                guard let content = attempt({ try $0.store.content(of: slot) }),
                    let live = attempt({ _ in try TailIndex.live(content, ends: ends) })
                else { continue }
                for (row, range) in live {
                    index.places[row.seq] = TailIndex.Place(slot: slot, range: range, target: row.target)
                    rows.append(row)
                }
            }
            store.tail = index
            rows.sort { $0.seq < $1.seq }
        } else {
            let seqs = numbers(
                "SELECT seq FROM scrapes ORDER BY seq",
                descending: "SELECT seq FROM scrapes ORDER BY seq DESC"
            )
            for seq in seqs {
                if let row = attempt({ try $0.row(seq) }) { rows.append(row) } else { summary.lost += 1 }
            }
        }
        return rows.map { row in
            var row = row
            row.body = nil
            return row
        }
    }

    private func entry(_ id: Int64) throws -> ChunkEntry {
        let statement = try store.connection.statement(
            "SELECT \(ChunkEntry.columns) FROM chunks WHERE id = ?1"
        )
        try statement.bind(1, id)
        defer { statement.reset() }
        guard try statement.step() else { throw store.damaged("chunk \(id) cannot be reached") }
        return try ChunkEntry(statement, path: store.path)
    }

    private func row(_ seq: Int64) throws -> ScrapeRow {
        let columns = ScrapeRow.columns(ofVersion: store.version)
        guard let row = try store.firstRow("SELECT \(columns) FROM scrapes WHERE seq = ?1", seq) else {
            throw store.damaged("scrape \(seq) cannot be reached")
        }
        return row
    }

    private mutating func bringOver(_ target: TargetID, _ chunks: [ChunkEntry], _ tail: [ScrapeRow]) throws {
        let name = attempt({ work in try TargetRow.find(target, on: work.store)?.name }) ?? nil
        let steps = attempt({ try ClockStep.all(of: target, on: $0.store) }) ?? []
        let known = name ?? "salvaged-\(target.value)"
        try session.prepareSalvage(of: known, steps: steps)
        for chunk in chunks {
            let before = summary.scrapes + Int64(batch.count)
            _ = attempt { work in
                let sealed = try SealedChunk(chunk, store: work.store)
                // Added one by one: what can be read of a chunk that is damaged further on is kept.
                try sealed.forEachScrape { try work.add($0, $1, to: known) }
            }
            summary.lost += max(0, Int64(chunk.scrapeCount) - (summary.scrapes + Int64(batch.count) - before))
        }
        for row in tail.sorted(by: { $0.position < $1.position }) {
            guard let body = attempt({ try $0.store.body(of: row) }) else {
                summary.lost += 1
                continue
            }
            try add(row, body, to: known)
        }
        try flush()
    }

    private mutating func add(_ row: ScrapeRow, _ body: [UInt8], to target: String) throws {
        let origin = attempt { try $0.store.origin(row.origin) } ?? Origin(url: nil)
        let boot = row.boot.flatMap { id in attempt { try $0.store.bootID(id) } }
        let scrape = Scrape(
            time: row.position.time,
            durationNanoseconds: row.durationNanoseconds,
            status: row.status.map { Int(truncatingIfNeeded: $0) },
            serverDate: row.serverDate,
            bootID: boot,
            bootNanoseconds: boot == nil ? nil : row.bootNanoseconds,
            outcome: row.failure.map { .failure(reason: $0, body: body) } ?? .document(body)
        )
        batch.append(
            ImportedScrape(target: target, epoch: row.position.epoch, origin: origin, scrape: scrape)
        )
        seqs.append(row.seq)
        bytes += body.count
        if batch.count >= Salvage.limits.rows || bytes >= Salvage.limits.bytes { try flush() }
    }

    private mutating func flush() throws {
        guard !batch.isEmpty else { return }
        let outcomes = try session.insert(batch, seqs: seqs)
        let stored = outcomes.count { $0 != .skipped && $0 != .conflict }
        summary.scrapes += Int64(stored)
        batch.removeAll()
        seqs.removeAll()
        bytes = 0
    }

    /// What `body` gives; nil, and a finding, where what it reads is damaged.
    private mutating func attempt<Result>(_ body: (inout SalvageWork) throws -> Result) -> Result? {
        do {
            return try body(&self)
        } catch {
            if summary.findings.count < Salvage.findingsMax {
                let words: String
                if case StorageError.damaged(_, let detail) = error {
                    words = detail
                } else {
                    words = "\(error)"
                }
                summary.findings.append(Finding(description: words))
            }
            return nil
        }
    }

    /// The numbers that two statements give, which go over a table from either end until they meet damage.
    private mutating func numbers(_ ascending: String, descending: String) -> [Int64] {
        var found: Set<Int64> = []
        for sql in [ascending, descending] {
            let isWhole: Void? = attempt { work in
                let statement = try work.store.connection.ownStatement(sql)
                while try statement.step() { found.insert(statement.integer(0)) }
            }
            if isWhole != nil { break }
        }
        return found.sorted()
    }
}

extension WriterSession {
    /// Takes over what a database says of itself, into a new one.
    fileprivate func adopt(_ other: MetaValues) throws {
        var meta = try MetaValues(connection: connection, path: file.path)
        meta.databaseUUID = other.databaseUUID
        meta.recordingHost = other.recordingHost
        meta.createdMilliseconds = other.createdMilliseconds
        meta.seqFloor = max(other.seqFloor, other.markSeq)
        try transaction { try meta.store(on: connection) }
    }

    /// Makes a target with the clock steps that it had.
    fileprivate func prepareSalvage(of name: String, steps: [ClockStep]) throws {
        try transaction {
            let state = try target(named: name)
            for step in steps { try step.store(target: state.id, on: connection) }
            state.row.stepCount = Int64(steps.count)
            state.lastStep = steps.last?.after
        }
        // Where only the last step is remembered, those before must be found too.
        forget()
    }

    fileprivate func endSalvage() throws {
        try refreshStaleRuns()
        try transaction { try storeMark() }
    }
}
