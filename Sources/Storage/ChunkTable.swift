import Codec
import Expvar
import Model

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Scrapes taken apart: every stream of a chunk as plain integers, every leaf as a column.
struct ChunkTable {
    /// A shape as the chunk uses it.
    struct ShapeUse {
        var id: ShapeID
        var shape: Shape
        /// The column of each leaf; -1 for one of the rings.
        var columns: [Int]
        var rings: Rings?
        /// How many documents have it, raw ones included.
        var rowCount = 0
    }

    /// Where a shape has the rings, and the leaf that counts collections.
    struct Rings: Hashable {
        var pauses: Int
        var ends: Int
        var collectionCount: Int
    }

    /// A column of leaves.
    struct Column {
        /// The name of its series; nil for other leaves.
        var name: String?
        var values = ChunkLeafColumn()
        /// The documents that have it, by their number among those not raw; nil where all do.
        var rows: [Int32]?

        @inline(__always)
        mutating func append(
            _ body: UnsafeBufferPointer<UInt8>,
            _ start: Int,
            _ end: Int,
            _ kind: LeafKind,
            row: Int32
        ) {
            values.append(body, start, end, kind)
            if rows != nil { rows?.append(row) }
        }
    }

    /// The streams below `ChunkStream.storedCount`.
    var streams = [[Int64]](repeating: [], count: ChunkStream.storedCount)
    /// Those that are only there for predictions: `ringTotal`, `lastEnd`, `pauseTotal`.
    private(set) var ringTotals: [Int64] = []
    private(set) var lastEnds: [Int64] = []
    private(set) var pauseTotals: [Int64] = []
    private(set) var shapes: [ShapeUse] = []
    private(set) var columns: [Column] = []
    private(set) var reasons: [[UInt8]] = []
    private(set) var blobs: [[UInt8]] = []
    /// The run of each document that is not raw.
    private(set) var columnRuns: [Int64] = []
    /// How many scrapes it has.
    var rowCount: Int { streams[ChunkStream.seq].count }
    private(set) var documentCount = 0
    /// How many documents are in columns.
    var columnRowCount: Int { columnRuns.count }

    private let raw: Set<Int>
    private var shapeIndex: [ShapeID: Int] = [:]
    /// By the bytes of names: two keys that Unicode holds equivalent are two series.
    private var seriesColumns: [[UInt8]: Int] = [:]
    private var otherColumns: [Int: Int] = [:]
    private var reasonPlaces: [[UInt8]: Int64] = [:]
    private var rings: [RunID: ChunkRing] = [:]
    private var document = ScannedDocument()
    private var newRings: (ends: [UInt64], pauses: [UInt64]) = ([], [])
    private var totals: (count: Int64, pause: Int64) = (0, 0)
    private var lastRings: (run: RunID, n: Int64, body: [UInt8], ends: RingBytes, pauses: RingBytes)?
    private var lastEndOfRun: [RunID: Int64] = [:]
    private var valueCount = 0

    /// A table without rows; documents in rows of `raw` are to be kept whole, and so are those that fit no shape.
    init(raw: Set<Int>) { self.raw = raw }

    /// Takes the next scrape apart; nothing of it is kept but its values.
    mutating func append(_ scrape: ChunkScrape, shape: (ShapeID) throws -> Shape) throws {
        guard rowCount < ChunkLimits.rowsMax else {
            throw ChunkError.overLimit("more than \(ChunkLimits.rowsMax) scrapes")
        }
        let row = rowCount
        appendRow(scrape)
        switch scrape.outcome {
        case .failure(let reason, let body):
            streams[ChunkStream.form].append(0)
            appendReason(Array(reason.utf8))
            append(blob: body)
        case .document(let id, let run, let seen, _, let body):
            documentCount += 1
            streams[ChunkStream.run].append(run.value)
            let index = try shapeIndex(id, shape)
            shapes[index].rowCount += 1
            let isColumns = !raw.contains(row) && appendColumns(body, index, run)
            if !isColumns {
                streams[ChunkStream.ringCount].append(0)
                append(blob: body)
            }
            streams[ChunkStream.form].append(1 + 2 * Int64(index) + (isColumns ? 0 : 1))
            streams[ChunkStream.seen].append(Int64(seen) &- (streams[ChunkStream.ringCount].last ?? 0))
            guard isColumns else { return }
            ringTotals.append(totals.count)
            lastEnds.append(lastEndOfRun[run] ?? 0)
            pauseTotals.append(totals.pause)
        }
    }

    private mutating func appendRow(_ scrape: ChunkScrape) {
        var flags: ChunkRowFlags = scrape.isAfterStep ? .isAfterStep : []
        func append(_ value: Int64?, _ stream: Int, _ flag: ChunkRowFlags, _ streams: inout [[Int64]]) {
            if value != nil { flags.insert(flag) }
            streams[stream].append(value ?? streams[stream].last ?? 0)
        }
        streams[ChunkStream.seq].append(scrape.seq)
        streams[ChunkStream.time].append(scrape.position.time.milliseconds)
        streams[ChunkStream.epoch].append(scrape.position.epoch)
        streams[ChunkStream.origin].append(scrape.origin)
        append(scrape.boot, ChunkStream.boot, .boot, &streams)
        append(scrape.bootNanoseconds, ChunkStream.bootNanoseconds, .bootNanoseconds, &streams)
        append(scrape.durationNanoseconds, ChunkStream.duration, .duration, &streams)
        append(scrape.status.map(Int64.init), ChunkStream.status, .status, &streams)
        append(scrape.serverDate?.milliseconds, ChunkStream.serverDate, .serverDate, &streams)
        if case .document(_, _, _, let missed, _) = scrape.outcome {
            if missed != nil { flags.insert(.missed) }
            streams[ChunkStream.missedCount].append(Int64(bitPattern: missed?.count ?? 0))
            streams[ChunkStream.missedPause].append(Int64(bitPattern: missed?.pauseNanoseconds ?? 0))
        }
        streams[ChunkStream.flags].append(flags.rawValue)
    }

    private mutating func appendReason(_ reason: [UInt8]) {
        let place = reasonPlaces[reason] ?? Int64(reasons.count)
        if reasonPlaces.updateValue(place, forKey: reason) == nil { reasons.append(reason) }
        streams[ChunkStream.reason].append(place)
    }

    private mutating func append(blob: [UInt8]) {
        blobs.append(blob)
        streams[ChunkStream.blobSize].append(Int64(blob.count))
    }

    /// Puts the leaves into their columns; false, with nothing changed, where the body must stay whole.
    private mutating func appendColumns(_ body: [UInt8], _ index: Int, _ run: RunID) -> Bool {
        // Swapped out: a scan fills its buffers, and `self` is changed below.
        var document = ScannedDocument()
        swap(&document, &self.document)
        defer { swap(&document, &self.document) }
        do { try document.scan(body) } catch { return false }
        let use = shapes[index]
        guard document.skeleton == use.shape.skeleton, document.leaves.count == use.shape.leafKinds.count,
            document.leaves.count <= ChunkLimits.leavesMax,
            valueCount + document.leaves.count <= ChunkLimits.valuesMax
        else { return false }
        return body.withUnsafeBufferPointer { bytes in
            var ringCount: Int64 = 0
            if let rings = use.rings {
                guard let count = readRings(rings, document.leaves, body, bytes, run) else { return false }
                ringCount = count
            }
            streams[ChunkStream.ringCount].append(ringCount)
            columnRuns.append(run.value)
            let row = Int32(columnRuns.count - 1)
            let leaves = document.leaves
            columns.withUnsafeMutableBufferPointer { columns in
                use.columns.withUnsafeBufferPointer { places in
                    for (index, leaf) in leaves.enumerated() where places[index] >= 0 {
                        let start = Int(leaf.offset)
                        columns[places[index]].append(
                            bytes,
                            start,
                            start + Int(leaf.length),
                            leaf.kind,
                            row: row
                        )
                    }
                }
            }
            valueCount += document.leaves.count - (use.rings == nil ? 0 : 2 * PauseRing.slots)
            return true
        }
    }

    /// Takes the rings into their streams, and says how many slots changed; nil where they are none.
    private mutating func readRings(
        _ rings: Rings,
        _ leaves: [Leaf],
        _ body: [UInt8],
        _ bytes: UnsafeBufferPointer<UInt8>,
        _ run: RunID
    ) -> Int64? {
        let leaf = leaves[rings.collectionCount]
        guard let n = DecimalText.parse(bytes, Int(leaf.offset), Int(leaf.offset) + Int(leaf.length)),
            n.isAboveSigned || n.bits >= 0
        else { return nil }
        let ends = RingBytes(leaves, rings.ends)
        let pauses = RingBytes(leaves, rings.pauses)
        // Mostly no collection has run since the last scrape, and then it shows in the text already.
        if let last = lastRings, last.run == run, last.n == n.bits, ends.isSame(bytes, last.ends, last.body),
            pauses.isSame(bytes, last.pauses, last.body)
        {
            return 0
        }
        guard parse(bytes, leaves, rings.ends, into: \.newRings.ends),
            parse(bytes, leaves, rings.pauses, into: \.newRings.pauses)
        else { return nil }
        lastRings = (run, n.bits, body, ends, pauses)
        return appendRings(UInt64(bitPattern: n.bits), run)
    }

    /// Where the slots of a ring stand in a body.
    private struct RingBytes {
        var range: Range<Int>

        init(_ leaves: [Leaf], _ first: Int) {
            let last = leaves[first + PauseRing.slots - 1]
            range = Int(leaves[first].offset)..<Int(last.offset) + Int(last.length)
        }

        /// Whether the bytes are those of another body.
        func isSame(_ bytes: UnsafeBufferPointer<UInt8>, _ other: RingBytes, _ body: [UInt8]) -> Bool {
            guard range.count == other.range.count else { return false }
            // 256 slots of at least a byte: neither body is empty.
            return body.withUnsafeBytes { body in
                memcmp(
                    UnsafeRawPointer(bytes.baseAddress.unsafelyUnwrapped) + range.lowerBound,
                    body.baseAddress.unsafelyUnwrapped + other.range.lowerBound,
                    range.count
                ) == 0
            }
        }
    }

    private mutating func parse(
        _ body: UnsafeBufferPointer<UInt8>,
        _ leaves: [Leaf],
        _ first: Int,
        into ring: WritableKeyPath<ChunkTable, [UInt64]>
    ) -> Bool {
        var values: [UInt64] = []
        values.reserveCapacity(PauseRing.slots)
        for leaf in leaves[first..<first + PauseRing.slots] {
            let start = Int(leaf.offset)
            guard let value = DecimalText.parse(body, start, start + Int(leaf.length)),
                value.isAboveSigned || value.bits >= 0
            else { return false }
            values.append(UInt64(bitPattern: value.bits))
        }
        self[keyPath: ring] = values
        return true
    }

    private mutating func appendRings(_ n: UInt64, _ run: RunID) -> Int64 {
        var ring = rings.removeValue(forKey: run) ?? ChunkRing()
        let count = ring.changed(to: newRings, collectionCount: n)
        for age in stride(from: count - 1, through: 0, by: -1) {
            let collection = n &- UInt64(age)
            let slot = ChunkRing.slot(collection)
            let end = newRings.ends[slot]
            let pause = newRings.pauses[slot]
            ring.set(collection, end: end, pause: pause)
            streams[ChunkStream.ringEnd].append(Int64(bitPattern: end))
            streams[ChunkStream.ringPause].append(Int64(bitPattern: pause))
            totals.pause &+= Int64(bitPattern: pause)
        }
        totals.count &+= Int64(count)
        if count > 0 { lastEndOfRun[run] = streams[ChunkStream.ringEnd].last }
        rings[run] = ring
        return Int64(count)
    }

    // MARK: Shapes

    private mutating func shapeIndex(_ id: ShapeID, _ find: (ShapeID) throws -> Shape) throws -> Int {
        if let index = shapeIndex[id] { return index }
        guard shapes.count < ChunkLimits.shapesMax else { throw ChunkError.overLimit("shapes") }
        let shape = try find(id)
        let rings = Self.rings(of: shape)
        var names = [String?](repeating: nil, count: shape.leafKinds.count)
        for series in shape.series { names[series.leaf] = series.name }
        var other = 0
        var ofLeaves: [Int] = []
        let columnsBefore = columns.count
        for leaf in shape.leafKinds.indices {
            if let rings, Self.isInRings(leaf, rings) {
                ofLeaves.append(-1)
                continue
            }
            let column: Int
            if let name = names[leaf] {
                column = seriesColumns[Array(name.utf8)] ?? columns.count
                seriesColumns[Array(name.utf8)] = column
            } else {
                // Leaves without a name are told apart by their number among such; shapes of a target are alike.
                column = otherColumns[other] ?? columns.count
                otherColumns[other] = column
                other += 1
            }
            if column == columns.count { columns.append(Column(name: names[leaf])) }
            ofLeaves.append(column)
        }
        shapes.append(ShapeUse(id: id, shape: shape, columns: ofLeaves, rings: rings))
        shapeIndex[id] = shapes.count - 1
        // Columns that not all shapes have note from now on which rows have them.
        let present = Set(ofLeaves)
        for column in columns.indices where columns[column].rows == nil {
            if !present.contains(column) || (column >= columnsBefore && shapes.count > 1) {
                columns[column].rows = (0..<Int32(columns[column].values.count)).map { $0 }
            }
        }
        return shapes.count - 1
    }

    /// The rings of a shape, where both have 256 slots and a count goes with them.
    static func rings(of shape: Shape) -> Rings? {
        guard let memStats = shape.memStats, let pauses = memStats.pauseRing, let ends = memStats.endRing,
            let count = memStats.collectionCount, pauses.count == PauseRing.slots,
            ends.count == PauseRing.slots,
            !pauses.overlaps(ends), !pauses.contains(count), !ends.contains(count)
        else { return nil }
        return Rings(pauses: pauses.lowerBound, ends: ends.lowerBound, collectionCount: count)
    }

    static func isInRings(_ leaf: Int, _ rings: Rings) -> Bool {
        (rings.pauses..<rings.pauses + PauseRing.slots).contains(leaf)
            || (rings.ends..<rings.ends + PauseRing.slots).contains(leaf)
    }
}
