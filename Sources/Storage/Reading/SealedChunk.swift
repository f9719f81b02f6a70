import Codec
import Expvar
import Model
import SQLite

/// A chunk that is being read: its decoder, and what was read of it last.
final class SealedChunk {
    let entry: ChunkEntry
    let decoder: ChunkDecoder
    /// Unowned: the store keeps its last chunks, and whoever reads one keeps the store.
    unowned let store: RowStore
    /// Where the decoder goes when the chunk is done with.
    private let kept: (cache: ChunkCache, database: ChunkCache.Database)?
    private var isSound = false
    /// Whether what was decoded is worth keeping: not where a question goes over many chunks.
    var isWarm = true
    private var knownRows: [ScrapeRow]?
    private var areSeriesRowsOrdered = false
    private var knownColumns: [[Int?]: SeriesColumn] = [:]
    private var page: (first: Int, bodies: [TidyBody])?
    private var pageRows = 1

    /// A page of bodies ends near so many bytes: bodies are put together many at a time, since each time all columns
    /// are taken up (some 20 ms for a day at 10 s), and then are in memory beside them.
    private static let pageBytes = 4 << 20

    init(_ entry: ChunkEntry, store: RowStore) throws {
        self.entry = entry
        self.store = store
        kept = store.kept
        if let blobs = store.blobs {
            let read = { (range: Range<Int>) in try blobs.bytes(of: entry.id, in: range) }
            if let (cache, database) = kept, let known = cache.take(entry, of: database) {
                known.attach(ChunkSource(size: entry.size, read: read), store.decompressor)
                decoder = known
            } else {
                // A question about one series of a day takes a tenth of the chunk.
                guard let size = try blobs.size(of: entry.id) else {
                    throw store.damaged("chunk \(entry.id) is missing")
                }
                decoder = try SealedChunk.open(ChunkSource(readingOf: size, read: read), entry, store)
            }
        } else {
            decoder = try SealedChunk.open(
                ChunkSource(try SealedChunk.bytes(of: entry.id, on: store)),
                entry,
                store
            )
        }
        guard decoder.source.size == entry.size, decoder.rowCount == entry.scrapeCount,
            decoder.first == entry.first,
            decoder.last == entry.last, decoder.documentCount == entry.documentCount,
            decoder.seqRange == entry.seqs, decoder.shapes.map(\.id) == entry.shapes.map(\.id)
        else { throw store.damaged("chunk \(entry.id) is not what its row says") }
        isSound = true
    }

    deinit {
        if isSound, let (cache, database) = kept {
            cache.keep(decoder, entry, of: database, isWarm: isWarm)
        }
    }

    private static func open(
        _ source: ChunkSource,
        _ entry: ChunkEntry,
        _ store: RowStore
    ) throws -> ChunkDecoder {
        try store.reading(chunk: entry.id) { try ChunkDecoder(source, with: store.decompressor) }
    }

    private static func bytes(of id: Int64, on store: RowStore) throws -> [UInt8] {
        let statement = try store.connection.statement("SELECT bytes FROM chunk_bytes WHERE id = ?1")
        try statement.bind(1, id)
        defer { statement.reset() }
        guard try statement.step() else { throw store.damaged("chunk \(id) is missing") }
        return statement.bytes(0)
    }

    /// The error of a chunk that does not agree with what was said of it.
    func contradicts(_ what: String) -> StorageError {
        store.damaged("chunk \(entry.id) contradicts \(what)")
    }

    /// All its scrapes, ascending by position; bodies are fetched by `body(_:)`.
    func rows() throws -> [ScrapeRow] {
        if let knownRows { return knownRows }
        let rows = try store.reading(chunk: entry.id) { try decoder.rows() }
        var previous: ScrapePosition?
        let result = try rows.enumerated().map { index, row in
            guard previous.map({ $0 < row.position }) ?? true else {
                throw store.damaged("chunk \(entry.id) is out of order")
            }
            previous = row.position
            return scrapeRow(row, index)
        }
        guard result.first?.position == entry.first, result.last?.position == entry.last else {
            throw store.damaged("chunk \(entry.id) is not what its row says")
        }
        knownRows = result
        return result
    }

    private func scrapeRow(_ row: ChunkRow, _ index: Int) -> ScrapeRow {
        var result = ScrapeRow(
            seq: row.seq,
            target: entry.target,
            position: row.position,
            wall: entry.walls[index],
            run: nil,
            origin: row.origin,
            boot: row.boot,
            bootNanoseconds: row.bootNanoseconds,
            durationNanoseconds: row.durationNanoseconds,
            status: row.status.map { Int64($0) },
            serverDate: row.serverDate,
            shape: nil,
            failure: nil
        )
        result.sealed = (entry.id, index)
        switch row.outcome {
        case .document(let shape, let run, let missed):
            result.shape = shape
            result.run = run
            result.missed = missed
            result.seen = Int64(row.seenCount)
        case .failure(let reason): result.failure = reason
        }
        return result
    }

    /// The collections that its scrapes were first to show.
    func collections() throws -> [ChunkCollection] {
        try store.reading(chunk: entry.id) { try decoder.collections { try self.store.shape($0) } }
    }

    /// The same without their numbers.
    func pauses() throws -> PauseColumns {
        if let found = try store.reading(chunk: entry.id, { try decoder.pauses() }) { return found }
        var result = PauseColumns()
        for found in try collections() { result.append(found.collection) }
        return result
    }

    /// The same, as wide steps ask for them; nil of no more than `count`, and where the columns are to be asked.
    func pauseDigest(above count: Int) throws -> PauseDigest? {
        guard decoder.header.streams[ChunkStream.ringEnd].count > count else { return nil }
        if let known = decoder.pauseDigest { return known }
        let columns = try pauses()
        guard columns.ends.count > count, let digest = PauseDigest(columns) else { return nil }
        decoder.pauseDigest = digest
        return digest
    }

    /// Its documents, ascending by position; their `isAfterStep` is not to be used.
    func seriesRows() throws -> [SeriesRow] {
        let rows = try store.reading(chunk: entry.id) { try decoder.seriesRows() }
        if areSeriesRowsOrdered { return rows }
        for (a, b) in zip(rows, rows.dropFirst()) where a.position >= b.position {
            throw store.damaged("chunk \(entry.id) is out of order")
        }
        areSeriesRowsOrdered = true
        return rows
    }

    /// The values of a series, one for each document.
    func column(_ leaves: [Int?]) throws -> SeriesColumn {
        try store.reading(chunk: entry.id) { try decoder.series(leaves: leaves) { try self.store.shape($0) } }
    }

    /// The same, kept: for one that is asked for part by part.
    func keptColumn(_ leaves: [Int?]) throws -> SeriesColumn {
        if let known = knownColumns[leaves] { return known }
        let column = try column(leaves)
        knownColumns[leaves] = column
        return column
    }

    /// The body of a row; of a failed scrape what was kept of it.
    ///
    /// Cheap where rows are asked for in order.
    func body(_ row: Int) throws -> TidyBody {
        if let page, row >= page.first, row < page.first + page.bodies.count {
            return page.bodies[row - page.first]
        }
        if let page, row == page.first + page.bodies.count {
            let size = max(1, entry.bodyBytes / max(1, entry.scrapeCount))
            pageRows = max(1, min(pageRows * 64, SealedChunk.pageBytes / size))
        } else {
            pageRows = 1
        }
        page = nil
        var bodies: [TidyBody] = []
        try store.reading(chunk: entry.id) {
            try decoder.forEachTidyBody(in: row..<row + pageRows, shape: { try self.store.shape($0) }) {
                bodies.append($1)
            }
        }
        guard let first = bodies.first else { throw store.damaged("chunk \(entry.id) has no row \(row)") }
        page = (row, bodies)
        return first
    }

    /// Lets go of the bodies that were put together last.
    func forgetBodies() {
        page = nil
    }

    /// Calls `body` with each scrape and its body, in order.
    func forEachScrape(_ body: (ScrapeRow, TidyBody) throws -> Void) throws {
        let rows = try rows()
        try store.reading(chunk: entry.id) {
            try decoder.forEachTidyBody(in: 0..<rows.count, shape: { try self.store.shape($0) }) {
                row,
                bytes in
                try body(rows[row], bytes)
            }
        }
    }
}

extension RowStore {
    /// Runs `body`; what the chunk's decoder throws becomes a `StorageError`.
    func reading<Result>(chunk id: Int64, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch {
            throw StorageError(decoding: error, "chunk \(id)", path: path) ?? error
        }
    }
}
