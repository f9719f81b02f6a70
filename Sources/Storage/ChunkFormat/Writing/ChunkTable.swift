import Codec
import Expvar
import Model

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
        /// The next document that it has no value for, while documents of one shape are added.
        private var next: Int32 = 0

        init(name: String?) { self.name = name }

        /// Adds the spelling of document `row`; those before it since the last one repeated theirs.
        @inline(__always)
        mutating func append(
            _ body: UnsafeBufferPointer<UInt8>,
            _ start: Int,
            _ end: Int,
            _ kind: LeafKind,
            row: Int32
        ) {
            if next < row { repeatLast(until: row) }
            values.append(body, start, end, kind)
            if rows != nil { rows?.append(row) }
            next = row &+ 1
        }

        /// Repeats the last spelling for all documents that lack one and come before `row`.
        mutating func repeatLast(until row: Int32) {
            guard next < row else { return }
            values.repeatLast(Int(row &- next))
            if rows != nil { rows?.append(contentsOf: next..<row) }
            next = row
        }

        /// Begins with document `row`: it has no value for those before.
        mutating func begin(at row: Int32) { next = row }
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
    /// In which orders they were served.
    private(set) var orders = ChunkOrderWriter()
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
    /// The run whose rings are in `newRings`, those of the last document in columns.
    private var lastRingRun: RunID?
    /// The shape whose columns may lack what repeats itself, and the scan of its last document.
    private var open: (shape: Int, scan: Int)?
    private var lastEndOfRun: [RunID: Int64] = [:]
    private var valueCount = 0

    // Most leaves are the same from document to document. So a column gets a value only when its leaf changes, and then
    // all at once those before it: while documents of one shape follow one another ("open"), columns lag behind.

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
            orders.append(scrape.order, of: id, shapes[index].shape)
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
        // Which leaves changed is of use only where the scan before was that of the last document in columns.
        let isOpen = open.map { $0.shape == index && $0.scan == document.scanCount - 1 } ?? false
        let changed = isOpen ? document.changedLeaves : nil
        let leaves = document.leaves
        if changed == nil {
            let shape = shapes[index].shape
            guard document.skeleton == shape.skeleton, leaves.count == shape.leafKinds.count,
                leaves.count <= ChunkLimits.leavesMax
            else { return false }
        }
        guard valueCount + leaves.count <= ChunkLimits.valuesMax else { return false }
        let rings = shapes[index].rings
        return body.withUnsafeBufferPointer { bytes in
            var ringCount: Int64 = 0
            if let rings {
                guard let count = readRings(rings, leaves, changed, bytes, run) else { return false }
                ringCount = count
            }
            streams[ChunkStream.ringCount].append(ringCount)
            let row = Int32(columnRuns.count)
            columnRuns.append(run.value)
            if let changed {
                append(changed, of: leaves, shapes[index].columns, bytes, row)
            } else {
                close(before: row)
                begin(index, at: row)
                append(0..<Int32(leaves.count), of: leaves, shapes[index].columns, bytes, row)
            }
            open = (index, document.scanCount)
            valueCount += leaves.count - (rings == nil ? 0 : 2 * PauseRing.slots)
            return true
        }
    }

    @inline(__always)
    private mutating func append(
        _ some: some Sequence<Int32>,
        of leaves: [Leaf],
        _ places: [Int],
        _ body: UnsafeBufferPointer<UInt8>,
        _ row: Int32
    ) {
        columns.withUnsafeMutableBufferPointer { columns in
            for index in some {
                let place = places[Int(index)]
                if place < 0 { continue }
                let leaf = leaves[Int(index)]
                let start = Int(leaf.offset)
                columns[place].append(body, start, start + Int(leaf.length), leaf.kind, row: row)
            }
        }
    }

    /// Lets a shape's columns begin with document `row`.
    private mutating func begin(_ shape: Int, at row: Int32) {
        for column in shapes[shape].columns where column >= 0 { columns[column].begin(at: row) }
    }

    /// Brings the columns of the open shape up to the document before `row`.
    private mutating func close(before row: Int32) {
        guard let open else { return }
        for column in shapes[open.shape].columns where column >= 0 {
            columns[column].repeatLast(until: row)
        }
        self.open = nil
    }

    /// Ends the table: before that, columns may lack values.
    mutating func finish() { close(before: Int32(columnRuns.count)) }

    /// Takes the rings into their streams, and says how many slots changed; nil where they are none.
    ///
    /// `changed` are the leaves that changed since the last document in columns, where that is known.
    private mutating func readRings(
        _ rings: Rings,
        _ leaves: [Leaf],
        _ changed: [Int32]?,
        _ bytes: UnsafeBufferPointer<UInt8>,
        _ run: RunID
    ) -> Int64? {
        let leaf = leaves[rings.collectionCount]
        guard let n = DecimalText.parse(bytes, Int(leaf.offset), Int(leaf.offset) + Int(leaf.length)),
            n.isAboveSigned || n.bits >= 0
        else { return nil }
        let parts = [rings.ends, rings.pauses].map { first in
            Self.members(of: first..<first + PauseRing.slots, changed)
        }
        // Mostly no collection has run since the last scrape.
        if let ends = parts[0], let pauses = parts[1], ends.isEmpty, pauses.isEmpty, lastRingRun == run,
            !(changed?.contains(Int32(rings.collectionCount)) ?? true)
        {
            return 0
        }
        // Until all is read, `newRings` is nobody's.
        lastRingRun = nil
        guard parse(bytes, leaves, rings.ends, parts[0], into: &newRings.ends),
            parse(bytes, leaves, rings.pauses, parts[1], into: &newRings.pauses)
        else { return nil }
        lastRingRun = run
        return appendRings(UInt64(bitPattern: n.bits), run)
    }

    /// Those of `changed`, which ascends, that lie in `range`.
    private static func members(of range: Range<Int>, _ changed: [Int32]?) -> ArraySlice<Int32>? {
        guard let changed else { return nil }
        let start = changed.firstIndex { Int($0) >= range.lowerBound } ?? changed.endIndex
        return changed[start...].prefix { Int($0) < range.upperBound }
    }

    /// Reads the slots of a ring; only those of `changed`, where that is there.
    private func parse(
        _ body: UnsafeBufferPointer<UInt8>,
        _ leaves: [Leaf],
        _ first: Int,
        _ changed: ArraySlice<Int32>?,
        into ring: inout [UInt64]
    ) -> Bool {
        func value(_ leaf: Leaf) -> UInt64? {
            let start = Int(leaf.offset)
            guard let value = DecimalText.parse(body, start, start + Int(leaf.length)),
                value.isAboveSigned || value.bits >= 0
            else { return nil }
            return UInt64(bitPattern: value.bits)
        }
        if let changed, ring.count == PauseRing.slots {
            for leaf in changed {
                guard let value = value(leaves[Int(leaf)]) else { return false }
                ring[Int(leaf) - first] = value
            }
            return true
        }
        ring.removeAll(keepingCapacity: true)
        for leaf in leaves[first..<first + PauseRing.slots] {
            guard let value = value(leaf) else { return false }
            ring.append(value)
        }
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
        // What follows counts the values of all columns.
        finish()
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
