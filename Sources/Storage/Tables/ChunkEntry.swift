import Codec
import Model
import SQLite

/// A row of the table `chunks`, compared with its checksum: what is known of a chunk without its bytes.
struct ChunkEntry {
    /// What of a run is in a chunk.
    struct Run: Hashable {
        var run: RunID
        var count: Int
        var first: ScrapePosition
        var last: ScrapePosition
    }

    /// A failed scrape.
    struct Failure: Hashable {
        var position: ScrapePosition
        var reason: String
    }

    /// A scrape with the answer's `Date`, and how far that is from the wall clock.
    struct Dated: Hashable {
        var position: ScrapePosition
        var skewMilliseconds: Int64
    }

    var id: Int64
    var target: TargetID
    /// The positions of its first and last scrape; those of two chunks of a target never overlap.
    var first: ScrapePosition
    var last: ScrapePosition
    /// The smallest and the largest time, of any epoch.
    var times: ClosedRange<Int64>
    var seqs: ClosedRange<Int64>
    var scrapeCount: Int
    var failureCount: Int
    /// How many of its scrapes showed that collections were missed.
    var missedCount: Int
    /// The earliest and latest end of a collection that it was first to show; nil for none.
    var ends: ClosedRange<UInt64>?
    /// The origin of the last scrape.
    var lastOrigin: Int64
    var lastFailure: Failure?
    var lastDated: Dated?
    var level: ChunkLevel
    /// How many bytes it has.
    var size: Int
    /// How many its bodies have together.
    var bodyBytes: Int
    /// Ascending by number.
    var runs: [Run]
    /// How many documents have each shape.
    var shapes: [(id: ShapeID, count: Int)]
    /// What the wall clock said, by row, where that is not the scrape's time.
    var walls: [Int: Timestamp]
    /// The checksum of the row; 0 of one that was not read.
    var rowChecksum: Int64 = 0

    static let columns = """
        id, target, first_epoch, first_t, last_epoch, last_t, t_min, t_max, seq_min, seq_max, scrape_count, \
        failure_count, missed_count, end_min, end_max, last_origin, failure_epoch, failure_t, failure, date_epoch, \
        date_t, date_skew, level, size, body_bytes, runs, shapes, walls, checksum
        """

    var documentCount: Int { scrapeCount - failureCount }

    /// What it has of that run.
    func part(of run: RunID) -> Run? {
        // They ascend; with replicas behind one URL there are hundreds.
        var (low, high) = (0, runs.count)
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].run < run { low = middle + 1 } else { high = middle }
        }
        return low < runs.count && runs[low].run == run ? runs[low] : nil
    }

    /// The place of its last document.
    var lastDocument: ScrapePosition? { runs.lazy.map(\.last).max() }
    /// The place of its first document.
    var firstDocument: ScrapePosition? { runs.lazy.map(\.first).min() }
}

extension ChunkEntry {
    /// The row that a statement over `columns` stands on.
    init(_ statement: Statement, path: String) throws {
        func position(_ column: Int32) -> ScrapePosition {
            ScrapePosition(
                epoch: statement.integer(column),
                time: Timestamp(milliseconds: statement.integer(column + 1))
            )
        }
        id = statement.integer(0)
        target = TargetID(statement.integer(1))
        var checksum = RowChecksum(table: "chunks")
        for column in Int32(0)..<28 {
            switch column {
            case 18: checksum.add(statement.optionalText(column))
            case 25...27: statement.withBytes(column) { checksum.add($0) }
            default: checksum.add(statement.optionalInteger(column))
            }
        }
        let number = id
        func damaged(_ what: String) -> StorageError {
            .damaged(path: path, detail: "the row of chunk \(number) contradicts \(what)")
        }
        rowChecksum = statement.integer(28)
        guard checksum.value == rowChecksum else { throw damaged("its checksum") }
        first = position(2)
        last = position(4)
        guard statement.integer(6) <= statement.integer(7), statement.integer(8) <= statement.integer(9),
            first <= last,
            let level = UInt8(exactly: statement.integer(22)).flatMap({ ChunkLevel(rawValue: $0) })
        else { throw damaged("itself") }
        times = statement.integer(6)...statement.integer(7)
        seqs = statement.integer(8)...statement.integer(9)
        scrapeCount = Int(truncatingIfNeeded: statement.integer(10))
        failureCount = Int(truncatingIfNeeded: statement.integer(11))
        missedCount = Int(truncatingIfNeeded: statement.integer(12))
        if let low = statement.optionalInteger(13), let high = statement.optionalInteger(14) {
            let (a, b) = (UInt64(bitPattern: low), UInt64(bitPattern: high))
            guard a <= b else { throw damaged("itself") }
            ends = a...b
        }
        lastOrigin = statement.integer(15)
        if let reason = statement.optionalText(18) {
            lastFailure = Failure(position: position(16), reason: reason)
        }
        if let skew = statement.optionalInteger(21) {
            lastDated = Dated(position: position(19), skewMilliseconds: skew)
        }
        self.level = level
        size = Int(truncatingIfNeeded: statement.integer(23))
        bodyBytes = Int(truncatingIfNeeded: statement.integer(24))
        do {
            runs = try ChunkEntry.decodeRuns(statement.bytes(25), first: first)
            shapes = try ChunkEntry.decodePairs(statement.bytes(26)).map {
                (ShapeID($0), Int(truncatingIfNeeded: $1))
            }
            walls = [:]
            for (row, time) in try ChunkEntry.decodePairs(statement.bytes(27)) {
                walls[Int(truncatingIfNeeded: row)] = Timestamp(milliseconds: time)
            }
        } catch {
            throw damaged("itself")
        }
        let documents = runs.reduce(0) { $0 &+ $1.count }
        guard (1...ChunkLimits.rowsMax).contains(scrapeCount), (0...scrapeCount).contains(failureCount),
            documents == scrapeCount - failureCount
        else { throw damaged("itself") }
    }

    /// Stores a new row and the bytes.
    func insert(_ bytes: [UInt8], on connection: Connection) throws(SQLiteError) {
        let values: [RowChecksum.Column] = [
            .integer(id), .integer(target.value), .integer(first.epoch), .integer(first.time.milliseconds),
            .integer(last.epoch), .integer(last.time.milliseconds), .integer(times.lowerBound),
            .integer(times.upperBound), .integer(seqs.lowerBound), .integer(seqs.upperBound),
            .integer(Int64(scrapeCount)), .integer(Int64(failureCount)), .integer(Int64(missedCount)),
            .integer(ends.map { Int64(bitPattern: $0.lowerBound) }),
            .integer(ends.map { Int64(bitPattern: $0.upperBound) }), .integer(lastOrigin),
            .integer(lastFailure?.position.epoch), .integer(lastFailure?.position.time.milliseconds),
            .text(lastFailure?.reason), .integer(lastDated?.position.epoch),
            .integer(lastDated?.position.time.milliseconds), .integer(lastDated?.skewMilliseconds),
            .integer(Int64(level.rawValue)), .integer(Int64(size)), .integer(Int64(bodyBytes)),
            .bytes(ChunkEntry.encode(runs, first: first)),
            .bytes(ChunkEntry.encodePairs(shapes.map { ($0.id.value, Int64($0.count)) })),
            .bytes(
                ChunkEntry.encodePairs(
                    walls.sorted { $0.key < $1.key }.map { (Int64($0.key), $0.value.milliseconds) }
                )
            ),
        ]
        var checksum = RowChecksum(table: "chunks")
        let places = (1...29).map { "?\($0)" }.joined(separator: ", ")
        let statement = try connection.statement(
            "INSERT INTO chunks(\(ChunkEntry.columns)) VALUES (\(places))"
        )
        for (index, value) in values.enumerated() {
            checksum.add(value)
            switch value {
            case .integer(let value): try statement.bind(Int32(index + 1), value)
            case .text(let value): try statement.bind(Int32(index + 1), value)
            case .bytes(let value): try statement.bind(Int32(index + 1), value)
            }
        }
        try statement.bind(29, checksum.value).run()
        try connection.statement("INSERT INTO chunk_bytes(id, bytes) VALUES (?1, ?2)").bind(1, id).bind(
            2,
            bytes
        ).run()
    }

    /// Deletes the row and the bytes.
    func delete(on connection: Connection) throws(SQLiteError) {
        try connection.statement("DELETE FROM chunks WHERE id = ?1").bind(1, id).run()
        try connection.statement("DELETE FROM chunk_bytes WHERE id = ?1").bind(1, id).run()
    }

    /// The chunks of a target, ascending by position.
    static func all(of target: TargetID, on store: some RowSource) throws -> [ChunkEntry] {
        let statement = try store.connection.statement("SELECT \(columns) FROM chunks WHERE target = ?1")
        try statement.bind(1, target.value)
        defer { statement.reset() }
        var entries: [ChunkEntry] = []
        while try statement.step() { entries.append(try ChunkEntry(statement, path: store.path)) }
        entries.sort { $0.first < $1.first }
        for (a, b) in zip(entries, entries.dropFirst()) where a.last >= b.first {
            throw store.damaged("chunks \(a.id) and \(b.id) overlap")
        }
        return entries
    }

    // Lists: numbers as in `ByteWriter`.

    private static func encode(_ runs: [Run], first: ScrapePosition) -> [UInt8] {
        var writer = ByteWriter()
        for run in runs {
            writer.zigzag(run.run.value)
            writer.count(run.count)
            for position in [run.first, run.last] {
                writer.zigzag(position.epoch &- first.epoch)
                writer.zigzag(position.time.milliseconds &- first.time.milliseconds)
            }
        }
        return writer.bytes
    }

    private static func decodeRuns(_ bytes: [UInt8], first: ScrapePosition) throws(CodecError) -> [Run] {
        var reader = ByteReader(bytes)
        var runs: [Run] = []
        while !reader.isAtEnd {
            let id = RunID(try reader.zigzag())
            guard runs.last.map({ $0.run < id }) ?? true else { throw .malformed("runs that do not ascend") }
            let count = try reader.count(max: ChunkLimits.rowsMax, "scrapes")
            func position() throws(CodecError) -> ScrapePosition {
                let epoch = first.epoch &+ (try reader.zigzag())
                return ScrapePosition(
                    epoch: epoch,
                    time: Timestamp(milliseconds: first.time.milliseconds &+ (try reader.zigzag()))
                )
            }
            runs.append(Run(run: id, count: count, first: try position(), last: try position()))
        }
        return runs
    }

    private static func encodePairs(_ pairs: [(Int64, Int64)]) -> [UInt8] {
        var writer = ByteWriter()
        for (a, b) in pairs {
            writer.zigzag(a)
            writer.zigzag(b)
        }
        return writer.bytes
    }

    private static func decodePairs(_ bytes: [UInt8]) throws(CodecError) -> [(Int64, Int64)] {
        var reader = ByteReader(bytes)
        var pairs: [(Int64, Int64)] = []
        while !reader.isAtEnd { pairs.append((try reader.zigzag(), try reader.zigzag())) }
        return pairs
    }
}
