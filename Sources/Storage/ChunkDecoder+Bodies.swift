import Codec
package import Expvar
import Model

extension ChunkDecoder {
    /// The body of a row; of a failed scrape what is kept of it. Decodes the whole chunk: for many, see `forEachBody`.
    package func body(row: Int, shape: (ShapeID) throws -> Shape) throws -> [UInt8] {
        var result: [UInt8] = []
        try forEachBody(in: row..<row + 1, shape: shape) { _, body in result = body }
        return result
    }

    /// Calls `body` with the bodies of those rows, in order; of failed scrapes with what is kept of them.
    ///
    /// All columns are decoded first, some 20 ms and 20 MB for a day at 10 s; then each body takes some µs.
    /// Rows outside the chunk are left out.
    package func forEachBody(
        in rows: Range<Int>,
        shape find: (ShapeID) throws -> Shape,
        _ body: (Int, [UInt8]) throws -> Void
    ) throws {
        let rows = rows.clamped(to: 0..<rowCount)
        let documents = try documents()
        let blobs = header.rowCount > header.columnRowCount ? try blobs() : nil
        var makers: [ChunkBodyMaker?] = header.shapes.map { _ in nil }
        let source = try ChunkLeafTexts(self)
        var rings = try ChunkRingReader(self)
        var next = 0
        var failure = 0
        for row in 0..<rows.upperBound {
            guard next < documents.count, documents[next].row == row else {
                // Blobs are numbered over failed and raw rows.
                if rows.contains(row) { try body(row, blobs?.blob(failure) ?? []) }
                failure += 1
                continue
            }
            let document = documents[next]
            next += 1
            if document.isRaw {
                if rows.contains(row) { try body(row, blobs?.blob(document.place) ?? []) }
                failure += 1
                continue
            }
            let entry = header.shapes[document.shape]
            let ring = try entry.rings == nil ? nil : rings.advance(to: document, source)
            guard rows.contains(row) else { continue }
            if makers[document.shape] == nil {
                makers[document.shape] = try ChunkBodyMaker(entry, try find(entry.id), source)
            }
            guard let made = makers[document.shape]?.body(document, ring, source) else {
                throw ChunkError.damaged("a document that cannot be put together")
            }
            try body(row, made)
        }
    }
}

/// All columns, decoded, as what makes texts.
struct ChunkLeafTexts {
    enum Column {
        case signed([Int64])
        case unsigned([Int64])
        case doubles([Double], GoNumberFormat)
        case texts([Int64], [Range<Int>])
    }

    private(set) var columns: [Column] = []
    /// By column, which documents in columns have it; nil where all.
    private(set) var rows: [[Int]?] = []
    private let textBytes: [UInt8]
    private var exceptions: [Int: [Int: Range<Int>]] = [:]
    private let hasExceptions: [Bool]

    init(_ decoder: ChunkDecoder) throws {
        let header = decoder.header
        let needsTexts = header.columns.contains { $0.kind == .text || $0.hasExceptions }
        let texts = needsTexts ? try decoder.texts() : nil
        textBytes = texts?.bytes ?? []
        hasExceptions = header.columns.map(\.hasExceptions)
        for (index, entry) in header.columns.enumerated() {
            rows.append(try decoder.columnRows(index))
            switch (entry.kind, try decoder.values(of: entry)) {
            case (.text, .integers(let places)):
                let ranges = texts?.ofColumns[index] ?? []
                guard places.allSatisfy({ $0 >= 0 && $0 < Int64(ranges.count) }) else {
                    throw ChunkError.damaged("a text's place")
                }
                columns.append(.texts(places, ranges))
            case (.unsigned, .integers(let values)): columns.append(.unsigned(values))
            case (_, .integers(let values)): columns.append(.signed(values))
            case (let kind, .doubles(let values)):
                guard values.allSatisfy(\.isFinite) else { throw ChunkError.damaged("an infinite number") }
                columns.append(.doubles(values, kind.format ?? .json))
            }
            if let list = texts?.exceptions[index] {
                exceptions[index] = Dictionary(
                    list.map { ($0.row, $0.text) },
                    uniquingKeysWith: { a, _ in a }
                )
            }
        }
    }

    /// Where in a column the value of that document stands; nil where it has none.
    @inline(__always)
    func place(_ column: Int, _ columnRow: Int) -> Int? {
        guard let rows = rows[column] else { return columnRow }
        let place = ChunkDecoder.index(of: columnRow, in: rows)
        return place < rows.count ? place : nil
    }

    /// Appends the text of a value.
    @inline(__always)
    func append(_ column: Int, _ place: Int, to bytes: inout [UInt8]) {
        if hasExceptions[column], let text = exceptions[column]?[place] {
            bytes.append(contentsOf: textBytes[text])
            return
        }
        switch columns[column] {
        case .signed(let values): DecimalText.append(values[place], to: &bytes)
        case .unsigned(let values): DecimalText.append(UInt64(bitPattern: values[place]), to: &bytes)
        case .doubles(let values, let format): GoNumberText.append(values[place], format, to: &bytes)
        case .texts(let places, let ranges): bytes.append(contentsOf: textBytes[ranges[Int(places[place])]])
        }
    }

    /// The integer of a value, as bits; nil where the column is none.
    func bits(_ column: Int, _ columnRow: Int) -> Int64? {
        guard let place = place(column, columnRow) else { return nil }
        return switch columns[column] {
        case .signed(let values), .unsigned(let values): values[place]
        default: nil
        }
    }
}

/// Follows the rings from document to document.
struct ChunkRingReader {
    private let counts: [Int64]
    private let runs: [Int64]
    private let ends: [Int64]
    private let pauses: [Int64]
    private let shapes: [ChunkHeader.ShapeEntry]
    private var next = 0
    private var rings: [Int64: RingText] = [:]

    init(_ decoder: ChunkDecoder) throws {
        counts = try decoder.stream(ChunkStream.ringCount)
        runs = try decoder.stream(ChunkStream.run)
        ends = try decoder.stream(ChunkStream.ringEnd)
        pauses = try decoder.stream(ChunkStream.ringPause)
        shapes = decoder.header.shapes
    }

    /// The rings of that document, which comes after the last one.
    mutating func advance(to document: ChunkDocument, _ source: ChunkLeafTexts) throws -> RingText {
        let count = counts[document.number]
        let run = runs[document.number]
        guard count >= 0, count <= Int64(PauseRing.slots), next + Int(count) <= ends.count else {
            throw ChunkError.damaged("a number of collections")
        }
        var ring = rings[run] ?? RingText()
        guard count > 0 else { return ring }
        rings[run] = nil
        guard let places = shapes[document.shape].rings,
            let bits = source.bits(shapes[document.shape].columns[places.collectionCount], document.place)
        else { throw ChunkError.damaged("a count of collections") }
        let n = UInt64(bitPattern: bits)
        for age in stride(from: Int(count) - 1, through: 0, by: -1) {
            ring.set(
                ChunkRing.slot(n &- UInt64(age)),
                end: UInt64(bitPattern: ends[next]),
                pause: UInt64(bitPattern: pauses[next])
            )
            next += 1
        }
        ring.join()
        rings[run] = ring
        return ring
    }
}

/// Both rings as text, slots joined by commas as encoding/json joins them, kept since most documents share most of it.
struct RingText {
    private var endTexts = [[UInt8]](repeating: [UInt8(ascii: "0")], count: PauseRing.slots)
    private var pauseTexts = [[UInt8]](repeating: [UInt8(ascii: "0")], count: PauseRing.slots)
    /// The slots of PauseEnd.
    private(set) var ends: [UInt8] = []
    /// The slots of PauseNs.
    private(set) var pauses: [UInt8] = []

    init() { join() }

    mutating func set(_ slot: Int, end: UInt64, pause: UInt64) {
        endTexts[slot].removeAll(keepingCapacity: true)
        DecimalText.append(end, to: &endTexts[slot])
        pauseTexts[slot].removeAll(keepingCapacity: true)
        DecimalText.append(pause, to: &pauseTexts[slot])
    }

    mutating func join() {
        ends.removeAll(keepingCapacity: true)
        pauses.removeAll(keepingCapacity: true)
        for slot in 0..<PauseRing.slots {
            if slot > 0 {
                ends.append(UInt8(ascii: ","))
                pauses.append(UInt8(ascii: ","))
            }
            ends.append(contentsOf: endTexts[slot])
            pauses.append(contentsOf: pauseTexts[slot])
        }
    }

    /// The text of one slot, for skeletons that put something else than a comma between them.
    func slot(_ slot: Int, ofEnds: Bool) -> [UInt8] { ofEnds ? endTexts[slot] : pauseTexts[slot] }
}

/// Puts bodies of one shape together.
struct ChunkBodyMaker {
    private enum Part {
        /// The skeleton's bytes up to the next leaf.
        case text(Range<Int>)
        /// The leaf's text from that column.
        case leaf(Int)
        /// A whole ring, its slots joined by commas.
        case ring(isEnds: Bool)
        /// One slot.
        case slot(Int, isEnds: Bool)
    }

    private let skeleton: [UInt8]
    private var parts: [Part] = []
    private var size = 0

    init(_ entry: ChunkHeader.ShapeEntry, _ shape: Shape, _ source: ChunkLeafTexts) throws {
        skeleton = shape.skeleton
        let markers = ChunkSkeleton.markers(in: skeleton)
        guard markers.count == entry.columns.count, shape.leafKinds.count == entry.columns.count,
            ChunkTable.rings(of: shape) == entry.rings || entry.rings == nil
        else { throw ChunkError.damaged("a shape has another number of leaves") }
        var last = 0
        var leaf = 0
        while leaf < markers.count {
            if markers[leaf].lowerBound > last { parts.append(.text(last..<markers[leaf].lowerBound)) }
            last = markers[leaf].upperBound
            let column = entry.columns[leaf]
            if column >= 0 {
                parts.append(.leaf(column))
                leaf += 1
                continue
            }
            guard let rings = entry.rings else { throw ChunkError.damaged("a leaf without a column") }
            let isEnds = leaf >= rings.ends && leaf < rings.ends + PauseRing.slots
            let slot = leaf - (isEnds ? rings.ends : rings.pauses)
            if slot == 0, Self.isJoinedByCommas(skeleton, markers[leaf..<leaf + PauseRing.slots]) {
                parts.append(.ring(isEnds: isEnds))
                leaf += PauseRing.slots
                last = markers[leaf - 1].upperBound
            } else {
                parts.append(.slot(slot, isEnds: isEnds))
                leaf += 1
            }
        }
        if last < skeleton.count { parts.append(.text(last..<skeleton.count)) }
    }

    private static func isJoinedByCommas(_ skeleton: [UInt8], _ markers: ArraySlice<Range<Int>>) -> Bool {
        zip(markers, markers.dropFirst()).allSatisfy { a, b in
            b.lowerBound == a.upperBound + 1 && skeleton[a.upperBound] == UInt8(ascii: ",")
        }
    }

    /// The body of a document; nil where a column has no value for it.
    mutating func body(_ document: ChunkDocument, _ ring: RingText?, _ source: ChunkLeafTexts) -> [UInt8]? {
        var body: [UInt8] = []
        body.reserveCapacity(size + 64)
        for part in parts {
            switch part {
            case .text(let range): body.append(contentsOf: skeleton[range])
            case .leaf(let column):
                guard let place = source.place(column, document.place) else { return nil }
                source.append(column, place, to: &body)
            case .ring(let isEnds):
                guard let ring else { return nil }
                body.append(contentsOf: isEnds ? ring.ends : ring.pauses)
            case .slot(let slot, let isEnds):
                guard let ring else { return nil }
                body.append(contentsOf: ring.slot(slot, ofEnds: isEnds))
            }
        }
        size = max(size, body.count)
        return body
    }
}

/// Where the leaves of a skeleton stand; see Expvar's `SkeletonMarker`.
enum ChunkSkeleton {
    /// The bytes that stand for each leaf: one from 0x01 to 0x05, or a number kept between 0x06 and 0x07.
    static func markers(in skeleton: [UInt8]) -> [Range<Int>] {
        var markers: [Range<Int>] = []
        var i = 0
        while i < skeleton.count {
            switch skeleton[i] {
            case 1...5:
                markers.append(i..<i + 1)
                i += 1
            case 6:
                let end = skeleton[i...].firstIndex(of: 7) ?? skeleton.count - 1
                markers.append(i..<end + 1)
                i = end + 1
            default: i += 1
            }
        }
        return markers
    }
}
