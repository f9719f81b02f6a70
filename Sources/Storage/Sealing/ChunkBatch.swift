import Expvar
import Model
import SQLite

/// Collects scrapes that follow one another, and stores them as chunks, within a transaction.
struct ChunkBatch {
    private let session: WriterSession
    private let target: TargetID
    private let level: ChunkLevel
    private let rowsMax: Int
    private let bytesMax: Int
    private let steps: Set<ScrapePosition>
    private var rows: [ScrapeRow] = []
    private var bodies: [TidyBody] = []
    private var bytes = 0
    /// What was made so far, and not stored.
    private(set) var made: [(entry: ChunkEntry, bytes: [UInt8])] = []

    init(
        _ session: WriterSession,
        target: TargetID,
        level: ChunkLevel,
        rowsMax: Int = 8640,
        bytesMax: Int = SealLimits.bytesMax
    ) throws {
        self.session = session
        self.target = target
        self.level = level
        self.rowsMax = rowsMax
        self.bytesMax = bytesMax
        // Parts must not span a step, for good: a row of the table that cannot be read is damage, not a missing step.
        steps = Set(try ClockStep.all(of: target, on: session.store).map(\.after))
    }

    /// Adds a scrape that follows the last one.
    mutating func add(_ row: ScrapeRow, _ body: TidyBody) throws {
        if rows.count >= rowsMax || (bytes + body.bytes.count > bytesMax && !rows.isEmpty) { try make() }
        rows.append(row)
        bodies.append(body)
        bytes += body.bytes.count
    }

    /// Encodes what is left.
    mutating func make() throws {
        guard !rows.isEmpty else { return }
        try make(0..<rows.count)
        rows.removeAll()
        bodies.removeAll()
        bytes = 0
    }

    /// Encodes what is left, and stores everything; returns the chunks.
    @discardableResult
    mutating func finish() throws -> [ChunkEntry] {
        try make()
        return try store()
    }

    /// Stores what was encoded.
    mutating func store() throws -> [ChunkEntry] {
        var entries: [ChunkEntry] = []
        for (var entry, bytes) in made {
            entry.id = try RowNumber.next(of: "chunks", on: session.connection)
            try entry.insert(bytes, on: session.connection)
            entries.append(entry)
        }
        made.removeAll()
        return entries
    }

    /// Encodes all scrapes of chunks that follow one another, without keeping their bodies.
    mutating func make(merging entries: ArraySlice<ChunkEntry>) throws {
        let store = session.store
        let encoder = session.makeEncoder(level) { try store.shape($0) }
        var merged: [ScrapeRow] = []
        var size = 0
        let bytes: [UInt8]
        do {
            bytes = try encoder.encode { take in
                merged.removeAll(keepingCapacity: true)
                size = 0
                for entry in entries {
                    let chunk = try SealedChunk(entry, store: store)
                    merged += try chunk.rows()
                    size += entry.bodyBytes
                    try store.reading(chunk: entry.id) {
                        try chunk.decoder.forEachScrape(shape: { try store.shape($0) }, take)
                    }
                }
            }
        } catch ChunkError.notReadBack {
            throw notSealed()
        } catch ChunkError.overLimit(let what) {
            guard entries.count > 1 else { throw store.damaged("a chunk is over a limit: \(what)") }
            let middle = entries.startIndex + entries.count / 2
            try make(merging: entries[..<middle])
            try make(merging: entries[middle...])
            return
        }
        made.append((try entry(merged[...], bodyBytes: size, bytes), bytes))
    }

    private mutating func make(_ range: Range<Int>) throws {
        let store = session.store
        let encoder = session.makeEncoder(level) { try store.shape($0) }
        let bytes: [UInt8]
        do {
            bytes = try encoder.encode(range.map { scrape(rows[$0], bodies[$0]) })
        } catch ChunkError.notReadBack {
            throw notSealed()
        } catch ChunkError.overLimit(let what) {
            guard range.count > 1 else {
                throw store.damaged("scrape \(rows[range.lowerBound].seq) is over a limit: \(what)")
            }
            let middle = range.lowerBound + range.count / 2
            try make(range.lowerBound..<middle)
            try make(middle..<range.upperBound)
            return
        }
        let size = bodies[range].reduce(0) { $0 + $1.bytes.count }
        made.append((try entry(rows[range], bodyBytes: size, bytes), bytes))
    }

    private func notSealed() -> StorageError {
        // Where even the name cannot be read, its number will do.
        let row = try? TargetRow.find(target, on: session.store)
        return .notSealed(path: session.store.path, target: row?.name ?? "\(target.value)")
    }

    private func scrape(_ row: ScrapeRow, _ tidy: TidyBody) -> ChunkScrape {
        let body = tidy.bytes
        let outcome: ChunkScrape.Outcome
        if let shape = row.shape, let run = row.run {
            outcome = .document(shape: shape, run: run, seen: Int(row.seen), missed: row.missed, body: body)
        } else {
            outcome = .failure(reason: row.failure ?? "", body: body)
        }
        return ChunkScrape(
            seq: row.seq,
            position: row.position,
            origin: row.origin,
            boot: row.boot,
            bootNanoseconds: row.bootNanoseconds,
            durationNanoseconds: row.durationNanoseconds,
            status: row.status.map { Int(truncatingIfNeeded: $0) },
            serverDate: row.serverDate,
            isAfterStep: steps.contains(row.position),
            outcome: outcome,
            order: tidy.order
        )
    }

    /// The row of `chunks` for those scrapes; its number is given when it is stored.
    private func entry(_ rows: ArraySlice<ScrapeRow>, bodyBytes: Int, _ bytes: [UInt8]) throws -> ChunkEntry {
        let store = session.store
        let decoder = try store.reading(chunk: 0) { try ChunkDecoder(bytes) }
        let collections = try store.reading(chunk: 0) { try decoder.collections { try store.shape($0) } }
        guard let first = rows.first, let last = rows.last else {
            preconditionFailure("BUG: a chunk of nothing")
        }
        var runs: [RunID: ChunkEntry.Run] = [:]
        var walls: [Int: Timestamp] = [:]
        for (index, row) in rows.enumerated() {
            if let wall = row.wall { walls[index] = wall }
            guard let run = row.run else { continue }
            var part =
                runs[run] ?? ChunkEntry.Run(run: run, count: 0, first: row.position, last: row.position)
            part.count += 1
            part.last = row.position
            runs[run] = part
        }
        let ends = collections.map(\.collection.endNanoseconds)
        return ChunkEntry(
            id: 0,
            target: target,
            first: first.position,
            last: last.position,
            times: decoder.timeRange,
            seqs: decoder.seqRange,
            scrapeCount: rows.count,
            failureCount: rows.count { $0.run == nil },
            missedCount: rows.count { $0.missed != nil },
            ends: ends.min().map { $0...(ends.max() ?? $0) },
            lastOrigin: last.origin,
            lastFailure: rows.last { $0.failure != nil }.map {
                ChunkEntry.Failure(position: $0.position, reason: $0.failure ?? "")
            },
            lastDated: rows.last { $0.serverDate != nil }.flatMap(ChunkEntry.Dated.init),
            level: level,
            size: bytes.count,
            bodyBytes: bodyBytes,
            runs: runs.values.sorted { $0.run < $1.run },
            shapes: decoder.shapes.map { ($0.id, $0.documentCount) },
            walls: walls
        )
    }
}
