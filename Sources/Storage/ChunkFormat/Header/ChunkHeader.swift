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
    /// The exact sum over 2 to the power of `sumExponent`, which is 0 where all are integers; nil where not known.
    package var sum: Int128?
    package var sumExponent = 0
    /// Whether no value is below the one before it in its run.
    package var neverFalls: Bool
    /// Whether no value is above the one before it in its run.
    package var neverRises: Bool
}

extension ChunkColumnStatistics {
    /// Of so many values that are all the same; its sum is there where it is an integer.
    package init(of value: Number, count: Int) {
        self.init(
            count: count,
            first: value,
            last: value,
            min: value,
            max: value,
            sum: value.exactInteger.map { $0 * Int128(count) },
            neverFalls: true,
            neverRises: true
        )
    }
}

/// The header of a chunk, expanded; see docs/format.md, "Header, expanded".
struct ChunkHeader: Sendable {
    struct ShapeEntry: Sendable {
        var id: ShapeID
        /// How many documents have it, raw ones included.
        var rowCount: Int
        var columns: ChunkColumns
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
    /// Whether there is a stream of orders.
    var hasOrders = false

    /// A header of nothing.
    init() {}

    /// How many bytes it takes in memory, about.
    var byteCount: Int {
        let inline = streams.reduce(0) { $0 + ($1.inline == nil ? 0 : 48) }
        return columns.count * MemoryLayout<ColumnEntry>.stride + streams.count
            * MemoryLayout<StreamEntry>.stride
            + shapes.reduce(inline) { $0 + $1.columns.byteCount + MemoryLayout<ShapeEntry>.stride }
    }

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
        for (number, stream) in streams.enumerated() where isStored(number) {
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

    func isStored(_ number: Int) -> Bool {
        number < ChunkStream.storedCount || number >= ChunkStream.firstLeaf
            || (hasOrders && number == ChunkStream.orders)
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

    static func integer(_ number: Number) -> Int128 { number.exactInteger ?? 0 }

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
}
