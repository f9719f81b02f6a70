import Codec
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
    /// Looks for what damage hides between readable rows of one table end after so many; one takes some µs.
    static let looksMax = 20_000
    private static let batchMax = 1024
    private static let batchBytesMax = 8 << 20

    /// Reads the database at `source`, which is left as it is, and writes the one at `destination`.
    ///
    /// - Throws: where the source is none of ours at all, the destination exists, or cannot be written.
    package static func run(from source: String, to destination: String) throws -> SalvageSummary {
        try StorageError.wrapping(source) {
            let original = try VaultFile(path: source)
            do {
                try original.requireOurs()
            } catch StorageError.damaged {
                // That is what this is for.
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
            let version = try connection.integer("PRAGMA user_version") ?? Migrations.currentVersion
            let store = try RowStore(connection: connection, path: source, version: version)
            let session = try WriterSession(path: destination, create: true)
            var work = SalvageWork(store: store, session: session)
            work.summary.findings = mended.findings
            work.looseSlots = mended.looseSlots
            work.isCopy = mended.isCopy
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

struct SalvageWork {
    let store: RowStore
    let session: WriterSession
    var summary = SalvageSummary()
    /// Slots that were found page by page, for those that the table does not lead to.
    ///
    /// Also looked for where what is read is a mended copy, whose table may lead to none.
    var looseSlots: () throws -> [Int64: [UInt8]] = { [:] }
    var isCopy = false
    private var told: Set<Finding> = []
    private var batch: [ImportedScrape] = []
    private var seqs: [Int64] = []
    private var bytes = 0

    init(store: RowStore, session: WriterSession) {
        self.store = store
        self.session = session
    }

    mutating func run() throws {
        let meta = attempt { try MetaValues(connection: $0.store.connection, path: $0.store.path) }
        if let meta { try session.adopt(meta) }
        // Where a row of `targets` is lost, what names it still has a number.
        var ids = Set(numbers(of: "targets", "id").found)
        var chunks: [TargetID: [ChunkEntry]] = [:]
        for id in numbers(of: "chunks", "id").found {
            guard let entry = attempt({ try $0.entry(id) }) else { continue }
            chunks[entry.target, default: []].append(entry)
            ids.insert(entry.target.value)
        }
        var tails: [TargetID: [ScrapeRow]] = [:]
        for row in slotRows(meta, chunks) {
            var row = row
            row.body = nil
            tails[row.target, default: []].append(row)
            ids.insert(row.target.value)
        }
        for id in ids.sorted() {
            let target = TargetID(id)
            let ofTarget = (chunks[target] ?? []).sorted { $0.first < $1.first }
            countLostChunks(of: target, ofTarget)
            try bringOver(target, ofTarget, tails[target] ?? [])
        }
        try session.endSalvage()
    }

    /// The rows of the slots that can be read; what the others had is counted.
    private mutating func slotRows(_ meta: MetaValues?, _ chunks: [TargetID: [ChunkEntry]]) -> [ScrapeRow] {
        let targets = numbers(of: "tail_ends", "target")
        var ends: [TargetID: Int64] = [:]
        for target in targets.found {
            ends[TargetID(target)] = attempt { try $0.store.tailEnd(of: TargetID(target)) }
        }
        let hasAllEnds = targets.isWhole && ends.count == targets.found.count
        let slots = numbers(of: "tail", "slot")
        // Without the table's inner pages its leaves are found by what they look like; each has a checksum of its own.
        var loose: [Int64: [UInt8]] = [:]
        if !slots.isWhole || isCopy { loose = attempt { try $0.looseSlots() } ?? [:] }
        loose = loose.filter { !slots.found.contains($0.key) }
        store.loose = loose
        let index = TailIndex()
        var gone = TailIndex.Gone()
        var rows: [ScrapeRow] = []
        for slot in Set(slots.found).union(loose.keys).sorted() {
            guard let bytes = attempt({ try $0.store.bytes(of: slot) }) else {
                index.unreadable.append(TailIndex.Unreadable(slot: slot, error: CodecError.checksum))
                continue
            }
            guard let content = attempt({ try $0.store.decoded(bytes, slot) }) else {
                index.unreadable.append(store.unreadable(slot, bytes, CodecError.checksum))
                continue
            }
            for (row, place) in TailIndex.places(of: content, slot: slot) {
                if place.ordinal > ends[row.target] ?? 0 {
                    index.places[row.seq] = place
                    gone.note(liveBase: row)
                    rows.append(row)
                } else {
                    gone.add(row, place)
                }
            }
        }
        gone.store(into: index)
        store.tail = index
        rows.sort { $0.seq < $1.seq }
        // Where it is not known what was sealed, what is in a chunk too is skipped when it is stored.
        let tail = rows.filter { row in
            hasAllEnds || ends[row.target] != nil
                || row.seq > (chunks[row.target]?.map(\.seqs.upperBound).max() ?? 0)
        }
        guard let meta else {
            note("how many of the newest scrapes are lost is not known: the marks cannot be read")
            return rows
        }
        let unknown = index.unreadable.filter { $0.highestSeq == nil }.map(\.slot)
        let known = index.unreadable.compactMap(\.highestSeq).max() ?? 0
        countLost(of: tail.map(\.seq), meta, known: known, unknown: unknown, isWhole: slots.isWhole)
        return rows
    }

    /// Counts what is missing among the numbers of the tail, which ascend: those above the mark are all there, and of those
    /// up to it as many as it says.
    private mutating func countLost(
        of seqs: [Int64],
        _ meta: MetaValues,
        known: Int64,
        unknown: [Int64],
        isWhole: Bool
    ) {
        let marked = Int64(seqs.count { $0 <= meta.markSeq })
        if marked < meta.markCount {
            let count = meta.markCount - marked
            lose(count, "\(count) of the newest scrapes up to number \(meta.markSeq) are lost")
        }
        var last = meta.markSeq
        func gap(before next: Int64) {
            let count = next &- last &- 1
            guard count > 0 else { return }
            let which = count == 1 ? "scrape \(next &- 1) is" : "scrapes \(last &+ 1) to \(next &- 1) are"
            lose(count, "\(which) lost")
        }
        for seq in seqs where seq > meta.markSeq {
            gap(before: seq)
            last = seq
        }
        if known > last {
            gap(before: known &+ 1)
            last = known
        }
        if !unknown.isEmpty || !isWhole {
            let slots = unknown.isEmpty ? "" : " in slot \(unknown.map { "\($0)" }.joined(separator: ", "))"
            note("whether there were scrapes\(slots) after number \(last), and how many, is not known")
        }
    }

    /// Counts what stood in chunks of which even the row cannot be read: runs tell how many scrapes of them are sealed.
    private mutating func countLostChunks(of target: TargetID, _ chunks: [ChunkEntry]) {
        // Damaged rows of runs are no loss: runs are found anew.
        guard let runs = try? RunRow.all(of: target, on: store) else { return }
        let told = runs.reduce(Int64(0)) { $0 &+ $1.scrapeCount }
        let found = chunks.reduce(Int64(0)) { $0 &+ Int64($1.documentCount) }
        guard told > found else { return }
        lose(
            told - found,
            "\(told - found) sealed scrapes of target \(target.value), and failed ones among them, are lost"
        )
    }

    private mutating func lose(_ count: Int64, _ words: String) {
        summary.lost = summary.lost &+ count
        note(words)
    }

    mutating func note(_ words: String) {
        let finding = Finding(description: words)
        if summary.findings.count < Salvage.findingsMax, told.insert(finding).inserted {
            summary.findings.append(finding)
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
                try sealed.forEachScrape { try work.add($0, work.store.served($1, of: $0), to: known) }
            }
            summary.lost += max(0, Int64(chunk.scrapeCount) - (summary.scrapes + Int64(batch.count) - before))
        }
        for row in tail.sorted(by: { $0.position < $1.position }) {
            guard let body = attempt({ try $0.store.servedBody(of: row) }) else {
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
            note(SalvageWork.words(error))
            return nil
        }
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
