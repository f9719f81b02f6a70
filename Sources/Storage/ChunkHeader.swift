import Codec
import Expvar
package import Model

/// What a column's values are like, so that some questions need not decode it.
package struct ChunkColumnStatistics: Hashable, Sendable {
    /// How many documents have it.
    package var count: Int
    /// The values of the first and the last of them, the smallest and the largest.
    package var first: Number
    package var last: Number
    package var min: Number
    package var max: Number
    /// The exact sum, where all are integers.
    package var sum: Int128?
    /// Whether no value is below the one before it in its run.
    package var neverFalls: Bool
    /// Whether no value is above the one before it in its run.
    package var neverRises: Bool
}

/// The header of a chunk, expanded; see docs/format.md, "Chunk header".
struct ChunkHeader: Sendable {
    struct ShapeEntry: Sendable {
        var id: ShapeID
        /// How many documents have it, raw ones included.
        var rowCount: Int
        /// The column of each leaf; -1 for slots of the rings.
        var columns: [Int]
        var rings: ChunkTable.Rings?
    }

    struct ColumnEntry: Sendable {
        var kind: ChunkLeafColumn.Kind
        /// How many values it has; all documents in columns, where it is full.
        var count: Int
        /// The first of its streams.
        var stream: Int
        /// How doubles are taken apart.
        var form: DoubleForm?
        /// Whether some doubles are spelled as integers.
        var hasIntegers = false
        var hasExceptions = false
        /// Nil for texts and where there are exceptions.
        var statistics: ChunkColumnStatistics?
    }

    /// How a column of doubles is taken apart.
    enum DoubleForm: Hashable, Sendable {
        case bits
        case decimal(exponent: Int)
        /// Moving averages; see `DoubleColumn`.
        case average(thousandths: Int, isWeighted: Bool)
        /// One stream: how far it is off a / (b + c), of integer columns by their streams; c may lack.
        case ratio(numerator: Int, denominator: Int, addend: Int?)

        var streamCount: Int {
            switch self {
            case .bits, .ratio: 1
            case .decimal, .average: 2
            }
        }

        /// The form that the streams alone are decoded by; nil for a quotient, which needs others.
        var ofStreams: DoubleColumn.Form? {
            switch self {
            case .bits: .bits
            case .decimal(let exponent): .decimal(exponent: exponent)
            case .average(let thousandths, let isWeighted):
                .average(thousandths: thousandths, isWeighted: isWeighted)
            case .ratio: nil
            }
        }

        init(_ form: DoubleColumn.Form) {
            switch form {
            case .bits: self = .bits
            case .decimal(let exponent): self = .decimal(exponent: exponent)
            case .average(let thousandths, let isWeighted):
                self = .average(thousandths: thousandths, isWeighted: isWeighted)
            }
        }
    }

    struct StreamEntry: Sendable {
        var count: Int
        /// The bytes, for those small enough to stand in the header.
        var inline: [UInt8]?
        var offset = 0
        var size = 0
        var checksum: UInt32 = 0
    }

    /// Streams up to this many bytes stand in the header: a place and a checksum would take 6.
    static let inlineMax = 12

    var rowCount = 0
    var documentCount = 0
    var columnRowCount = 0
    var seqRange: ClosedRange<Int64> = 0...0
    var first = ScrapePosition(epoch: 0, time: Timestamp(milliseconds: 0))
    var last = ScrapePosition(epoch: 0, time: Timestamp(milliseconds: 0))
    var timeRange: ClosedRange<Int64> = 0...0
    var shapes: [ShapeEntry] = []
    var columns: [ColumnEntry] = []
    /// By number: `ChunkStream.storedCount` fixed ones, then leaves' from `ChunkStream.firstLeaf` on; the others between
    /// are empty.
    var streams: [StreamEntry] = []
    var textSize = 0
    var blobSize = 0

    // MARK: Writing

    func write() -> [UInt8] {
        var writer = ByteWriter()
        writer.count(rowCount)
        writer.count(documentCount)
        writer.count(columnRowCount)
        for value in [
            seqRange.lowerBound, seqRange.upperBound &- seqRange.lowerBound, first.epoch,
            first.time.milliseconds,
            last.epoch, last.time.milliseconds &- first.time.milliseconds,
            timeRange.lowerBound &- first.time.milliseconds, timeRange.upperBound &- first.time.milliseconds,
        ] {
            writer.zigzag(value)
        }
        writer.count(textSize)
        writer.count(blobSize)
        writer.count(columns.count)
        writer.count(shapes.count)
        for shape in shapes { write(shape, to: &writer) }
        for column in columns { write(column, to: &writer) }
        for stream in streams[..<ChunkStream.storedCount] { writer.count(stream.count) }
        for (number, stream) in streams.enumerated() where Self.isStored(number) {
            if let inline = stream.inline {
                writer.count(inline.count * 2)
                writer.raw(inline)
            } else {
                writer.count(stream.size * 2 + 1)
            }
        }
        // Checksums do not compress: together, so that they do not stand in the way of what does.
        for stream in streams where stream.inline == nil { writer.fixed32(stream.checksum) }
        return writer.bytes
    }

    private static func isStored(_ number: Int) -> Bool {
        number < ChunkStream.storedCount || number >= ChunkStream.firstLeaf
    }

    private func write(_ shape: ShapeEntry, to writer: inout ByteWriter) {
        writer.zigzag(shape.id.value)
        writer.count(shape.rowCount)
        writer.count(shape.columns.count)
        if let rings = shape.rings {
            writer.byte(1)
            writer.count(rings.pauses)
            writer.count(rings.ends)
            writer.count(rings.collectionCount)
        } else {
            writer.byte(0)
        }
        // Each column as the distance to the one after the column before it.
        var expected = 0
        for column in shape.columns where column >= 0 {
            writer.zigzag(Int64(column - expected))
            expected = column + 1
        }
    }

    private func write(_ column: ColumnEntry, to writer: inout ByteWriter) {
        let isFull = column.count == columnRowCount
        writer.byte(
            column.kind.rawValue | (isFull ? 8 : 0) | (column.hasIntegers ? 16 : 0)
                | (column.hasExceptions ? 32 : 0)
                | (column.statistics == nil ? 0 : 64)
        )
        if !isFull { writer.count(column.count) }
        switch column.form {
        case nil: break
        case .bits: writer.byte(0xff)
        case .decimal(let exponent): writer.byte(UInt8(exponent))
        case .average(let thousandths, let isWeighted):
            writer.byte(isWeighted ? 0xfc : 0xfb)
            writer.count(thousandths)
        case .ratio(let numerator, let denominator, let addend):
            writer.byte(addend == nil ? 0xfd : 0xfe)
            writer.count(numerator)
            writer.count(denominator)
            if let addend { writer.count(addend) }
        }
        guard let statistics = column.statistics else { return }
        let isConstant = statistics.min == statistics.max
        writer.byte(
            (statistics.neverFalls ? 1 : 0) | (statistics.neverRises ? 2 : 0) | (isConstant ? 4 : 0)
                | (statistics.min == statistics.first ? 8 : 0) | (statistics.max == statistics.last ? 16 : 0)
        )
        let first = Self.bits(statistics.first, column.kind)
        // The first value of whole numbers stands at the beginning of the stream already, but that may not be read.
        writer.zigzag(first)
        if isConstant { return }
        writer.zigzag(Self.bits(statistics.last, column.kind) &- first)
        if statistics.min != statistics.first {
            writer.zigzag(Self.bits(statistics.min, column.kind) &- first)
        }
        if statistics.max != statistics.last {
            writer.zigzag(Self.bits(statistics.max, column.kind) &- first)
        }
        if column.kind.isInteger, let sum = statistics.sum {
            // How far the sum is off the middle of first and last, times the count.
            let rest = sum - Int128(column.count) * Self.integer(statistics.first)
            writer.varint(UInt64(truncatingIfNeeded: rest))
            writer.zigzag(Int64(truncatingIfNeeded: rest >> 64))
        }
    }

    /// A number as the column's streams hold it, or its ordered bits.
    static func bits(_ number: Number, _ kind: ChunkLeafColumn.Kind) -> Int64 {
        switch number {
        case .integer(let value): kind.isInteger ? value : DoubleColumn.orderedBits(Double(value))
        case .unsigned(let value):
            kind.isInteger ? Int64(bitPattern: value) : DoubleColumn.orderedBits(Double(value))
        case .real(let value): DoubleColumn.orderedBits(value)
        }
    }

    private static func integer(_ number: Number) -> Int128 { number.exactInteger ?? 0 }

    /// The number that the bits of a column stand for.
    static func number(_ bits: Int64, _ kind: ChunkLeafColumn.Kind) -> Number {
        switch kind {
        case .signed, .text: .integer(bits)
        case .unsigned: Number(UInt64(bitPattern: bits))
        case .json: number(DoubleColumn.double(orderedBits: bits), .json)
        case .general: number(DoubleColumn.double(orderedBits: bits), .shortestGeneral)
        }
    }

    /// The number that a double is, spelled in that format.
    @inline(__always)
    static func number(_ value: Double, _ format: GoNumberFormat) -> Number {
        guard GoNumberText.isInteger(value, format) else { return .real(value) }
        if value.magnitude < 0x1p53 { return .integer(Int64(value)) }
        // Beyond, the shortest digits are filled up with zeros: another integer than the double's.
        var text: [UInt8] = []
        GoNumberText.append(value, format, to: &text)
        let leaf = Leaf(offset: 0, length: Int32(truncatingIfNeeded: text.count), kind: .number)
        return Shape.number(leaf, in: text) ?? .real(value)
    }

    // MARK: Reading

    init() {}

    /// Reads an expanded header.
    init(from bytes: [UInt8]) throws(CodecError) {
        var reader = ByteReader(bytes)
        rowCount = try reader.count(max: ChunkLimits.rowsMax, "rows")
        documentCount = try reader.count(max: rowCount, "documents")
        columnRowCount = try reader.count(max: documentCount, "documents in columns")
        let seqFirst = try reader.zigzag()
        let seqCount = try reader.zigzag()
        guard seqCount >= 0, seqFirst <= seqFirst &+ seqCount else { throw .malformed("numbers of scrapes") }
        seqRange = seqFirst...seqFirst &+ seqCount
        first.epoch = try reader.zigzag()
        first.time.milliseconds = try reader.zigzag()
        last.epoch = try reader.zigzag()
        last.time.milliseconds = first.time.milliseconds &+ (try reader.zigzag())
        let timeFirst = first.time.milliseconds &+ (try reader.zigzag())
        let timeLast = first.time.milliseconds &+ (try reader.zigzag())
        guard timeFirst <= timeLast else { throw .malformed("a time range") }
        timeRange = timeFirst...timeLast
        textSize = try reader.count(max: Int(Int32.max), "texts")
        blobSize = try reader.count(max: Int(Int32.max), "blobs")
        let columnCount = try reader.count(max: min(ChunkLimits.columnsMax, reader.remaining), "columns")
        let shapeCount = try reader.count(max: min(ChunkLimits.shapesMax, reader.remaining), "shapes")
        for _ in 0..<shapeCount { shapes.append(try Self.shape(&reader, columnCount)) }
        var stream = ChunkStream.firstLeaf
        for _ in 0..<columnCount {
            let column = try column(&reader, stream)
            stream += column.form?.streamCount ?? 1
            columns.append(column)
        }
        try readStreams(&reader, stream)
        guard reader.isAtEnd else { throw .malformed("bytes after the header") }
    }

    private static func shape(_ reader: inout ByteReader, _ columnCount: Int) throws(CodecError) -> ShapeEntry
    {
        let id = ShapeID(try reader.zigzag())
        let rowCount = try reader.count(max: ChunkLimits.rowsMax, "documents of a shape")
        let leafCount = try reader.count(max: ScannedDocument.bytesMax, "leaves")
        var rings: ChunkTable.Rings?
        switch try reader.byte() {
        case 0: break
        case 1:
            let end = leafCount - PauseRing.slots
            let pauses = try reader.count(max: max(0, end), "a ring's place")
            let ends = try reader.count(max: max(0, end), "a ring's place")
            let collectionCount = try reader.count(max: max(0, leafCount - 1), "a leaf's place")
            guard end >= 0, abs(pauses - ends) >= PauseRing.slots else {
                throw .malformed("rings out of place")
            }
            let places = ChunkTable.Rings(pauses: pauses, ends: ends, collectionCount: collectionCount)
            guard !ChunkTable.isInRings(collectionCount, places) else {
                throw .malformed("rings out of place")
            }
            rings = places
        default: throw .malformed("an unknown kind of rings")
        }
        guard leafCount - (rings == nil ? 0 : 2 * PauseRing.slots) <= reader.remaining else {
            throw .cutShort(offset: reader.end)
        }
        var columns: [Int] = []
        columns.reserveCapacity(leafCount)
        var expected: Int64 = 0
        for leaf in 0..<leafCount {
            if let rings, ChunkTable.isInRings(leaf, rings) {
                columns.append(-1)
                continue
            }
            let column = expected &+ (try reader.zigzag())
            guard column >= 0, column < Int64(columnCount) else { throw .malformed("a leaf's column") }
            columns.append(Int(column))
            expected = column + 1
        }
        return ShapeEntry(id: id, rowCount: rowCount, columns: columns, rings: rings)
    }

    private func column(_ reader: inout ByteReader, _ stream: Int) throws(CodecError) -> ColumnEntry {
        let flags = try reader.byte()
        guard flags < 128, let kind = ChunkLeafColumn.Kind(rawValue: flags & 7) else {
            throw .malformed("an unknown kind of column")
        }
        let count = flags & 8 != 0 ? columnRowCount : try reader.count(max: columnRowCount, "values")
        var entry = ColumnEntry(kind: kind, count: count, stream: stream)
        entry.hasIntegers = flags & 16 != 0
        entry.hasExceptions = flags & 32 != 0
        if kind.format != nil {
            let form = try reader.byte()
            switch form {
            case 0xff: entry.form = .bits
            case 0xfd, 0xfe:
                // Only streams before it: so nothing goes round in circles.
                let numerator = try reader.count(max: stream - 1, "streams")
                let denominator = try reader.count(max: stream - 1, "streams")
                let addend = form == 0xfe ? try reader.count(max: stream - 1, "streams") : nil
                entry.form = .ratio(numerator: numerator, denominator: denominator, addend: addend)
            case 0xfb, 0xfc:
                let thousandths = try reader.count(max: DoubleColumn.thousandthsMax, "thousandths")
                guard thousandths > 0 else { throw .malformed("an average of nothing") }
                entry.form = .average(thousandths: thousandths, isWeighted: form == 0xfc)
            case 0...UInt8(DoubleColumn.exponentMax): entry.form = .decimal(exponent: Int(form))
            default: throw .malformed("an unknown form of doubles")
            }
        }
        if flags & 64 != 0 { entry.statistics = try Self.statistics(&reader, entry) }
        return entry
    }

    private static func statistics(
        _ reader: inout ByteReader,
        _ column: ColumnEntry
    ) throws(CodecError) -> ChunkColumnStatistics {
        let kind = column.kind
        guard kind != .text, column.count > 0 else { throw .malformed("statistics of nothing") }
        let flags = try reader.byte()
        guard flags < 32 else { throw .malformed("unknown statistics") }
        let firstBits = try reader.zigzag()
        func number(_ bits: Int64) throws(CodecError) -> Number {
            if kind.format != nil, !DoubleColumn.double(orderedBits: bits).isFinite {
                throw .malformed("an infinite number")
            }
            return Self.number(bits, kind)
        }
        let first = try number(firstBits)
        var result = ChunkColumnStatistics(
            count: column.count,
            first: first,
            last: first,
            min: first,
            max: first,
            sum: nil,
            neverFalls: flags & 1 != 0,
            neverRises: flags & 2 != 0
        )
        if flags & 4 == 0 {
            result.last = try number(firstBits &+ (try reader.zigzag()))
            result.min = flags & 8 != 0 ? first : try number(firstBits &+ (try reader.zigzag()))
            result.max = flags & 16 != 0 ? result.last : try number(firstBits &+ (try reader.zigzag()))
        }
        if kind.isInteger {
            var rest: Int128 = 0
            if flags & 4 == 0 {
                let low = try reader.varint()
                rest = Int128(try reader.zigzag()) << 64 | Int128(low)
            }
            result.sum = Int128(column.count) * integer(first) &+ rest
        }
        return result
    }

    private mutating func readStreams(_ reader: inout ByteReader, _ streamCount: Int) throws(CodecError) {
        streams = [StreamEntry](repeating: StreamEntry(count: 0, inline: []), count: streamCount)
        for number in 0..<ChunkStream.storedCount {
            let max =
                number == ChunkStream.ringEnd || number == ChunkStream.ringPause
                ? PauseRing.slots * columnRowCount : rowCount
            streams[number].count = try reader.count(max: max, "values of a stream")
        }
        for column in columns {
            for number in column.stream..<column.stream + (column.form?.streamCount ?? 1) {
                streams[number].count = column.count
            }
        }
        // Constant streams of any length take three bytes, so this bounds what a small chunk can make of memory.
        let values = streams[ChunkStream.firstLeaf...].reduce(0) { $0 + $1.count }
        guard values <= 2 * ChunkLimits.valuesMax else { throw .overLimit("values") }
        var offset = 0
        for number in streams.indices where Self.isStored(number) {
            let word = try reader.count(max: Int(Int32.max), "bytes of a stream")
            if word & 1 == 0 {
                streams[number].inline = Array(try reader.raw(word / 2))
            } else {
                streams[number].inline = nil
                streams[number].offset = offset
                streams[number].size = word / 2
                offset += word / 2
            }
        }
        for number in streams.indices where streams[number].inline == nil {
            streams[number].checksum = try reader.fixed32()
        }
        try checkCounts()
    }

    /// The streams that come in pairs, or whose number of values follows from others.
    private func checkCounts() throws(CodecError) {
        let ofRows = [
            ChunkStream.seq, ChunkStream.time, ChunkStream.epoch, ChunkStream.origin, ChunkStream.flags,
            ChunkStream.boot, ChunkStream.bootNanoseconds, ChunkStream.duration, ChunkStream.status,
            ChunkStream.serverDate, ChunkStream.form,
        ]
        let ofDocuments = [
            ChunkStream.run, ChunkStream.ringCount, ChunkStream.seen, ChunkStream.missedCount,
            ChunkStream.missedPause,
        ]
        guard ofRows.allSatisfy({ streams[$0].count == rowCount }),
            ofDocuments.allSatisfy({ streams[$0].count == documentCount }),
            streams[ChunkStream.ringEnd].count == streams[ChunkStream.ringPause].count,
            streams[ChunkStream.reason].count == rowCount - documentCount,
            streams[ChunkStream.blobSize].count == rowCount - columnRowCount
        else { throw .malformed("streams of another length") }
    }
}
