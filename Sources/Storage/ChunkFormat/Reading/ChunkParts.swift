import Codec
import Model

// Parts: what a chunk says of stretches of its rows, so that steps and ranges that hold a whole stretch are answered
// without decoding a column. Bytes: docs/format.md, "Parts".
//
// A part is a stretch of consecutive rows of one run and one epoch, without a clock step inside, all between two
// neighbouring whole multiples of some hours. So it lies in one step of every grid of such hours, and between its first
// and its last document a counter only counts. A year of a target asked every 10 s has 3 000 of them, and 3 million
// scrapes.

/// The parts of a chunk, with the statistics of each column in each of them.
struct ChunkParts: Sendable {
    struct Part: Hashable, Sendable {
        /// How many rows it has, and how many of them are documents.
        var rows: Int
        var documents: Int
        /// The run of its documents.
        var run: RunID
        /// Where its first and its last row stand.
        var first: ScrapePosition
        var last: ScrapePosition
        /// Where its first and its last document stand; as the rows where there is none.
        var firstDocument: ScrapePosition
        var lastDocument: ScrapePosition
        /// The places of their shapes among the chunk's.
        var firstShape: Int
        var lastShape: Int
    }

    /// What is known of a column in a part.
    enum Knowledge: Hashable, Sendable {
        /// Nothing: it must be decoded.
        case unknown
        /// No document of the part has it.
        case absent
        /// Every document of the part has it.
        case statistics(ChunkColumnStatistics)
    }

    private(set) var parts: [Part] = []
    /// For the durations, then for each column: where its bytes stand.
    private var places: [Range<Int32>] = []
    private let bytes: [UInt8]

    /// How many bytes it takes in memory, about.
    var byteCount: Int {
        parts.count * MemoryLayout<Part>.stride + places.count * MemoryLayout<Range<Int32>>.stride
            + bytes.count
    }

    /// Reads expanded parts; columns are read when they are asked for.
    init(from bytes: [UInt8], _ header: ChunkHeader) throws(CodecError) {
        self.bytes = bytes
        var reader = ByteReader(bytes)
        let count = try reader.count(max: ChunkLimits.partsMax, "parts")
        var run: Int64 = 0
        var last = header.first
        for _ in 0..<count {
            parts.append(try Self.part(&reader, header, after: last, &run))
            last = parts[parts.count - 1].last
        }
        guard parts.reduce(0, { $0 + $1.rows }) == header.rowCount,
            parts.reduce(0, { $0 + $1.documents }) == header.documentCount,
            header.documentCount == header.columnRowCount,
            parts.first?.first == header.first, last == header.last
        else { throw .malformed("parts of other rows") }
        var sizes: [Int] = []
        sizes.reserveCapacity(header.columns.count + 1)
        for _ in 0...header.columns.count {
            sizes.append(try reader.count(max: reader.remaining, "bytes of a column's parts"))
        }
        places.reserveCapacity(sizes.count)
        for size in sizes {
            let range = try reader.skip(size)
            places.append(Int32(range.lowerBound)..<Int32(range.upperBound))
        }
        guard reader.isAtEnd else { throw .malformed("bytes after the parts") }
    }

    private static func part(
        _ reader: inout ByteReader,
        _ header: ChunkHeader,
        after last: ScrapePosition,
        _ run: inout Int64
    ) throws(CodecError) -> Part {
        let rows = try reader.count(max: ChunkLimits.rowsMax, "rows")
        let documents = try reader.count(max: rows, "documents")
        guard rows > 0 else { throw .malformed("a part without rows") }
        let epoch = last.epoch &+ (try reader.zigzag())
        let time = last.time.milliseconds &+ (try reader.zigzag())
        // Times between two whole multiples of some days: differences are small.
        func later(than time: Int64) throws(CodecError) -> Int64 {
            let (sum, overflow) = time.addingReportingOverflow(
                Int64(try reader.count(max: 1 << 40, "milliseconds"))
            )
            guard !overflow else { throw .malformed("a time") }
            return sum
        }
        func position(_ time: Int64) -> ScrapePosition {
            ScrapePosition(epoch: epoch, time: Timestamp(milliseconds: time))
        }
        let end = try later(than: time)
        var part = Part(
            rows: rows,
            documents: documents,
            run: RunID(run),
            first: position(time),
            last: position(end),
            firstDocument: position(time),
            lastDocument: position(end),
            firstShape: 0,
            lastShape: 0
        )
        guard documents > 0 else { return part }
        run = run &+ (try reader.zigzag())
        part.run = RunID(run)
        let first = try later(than: time)
        part.firstDocument = position(first)
        part.lastDocument = position(try later(than: first))
        part.firstShape = try reader.count(max: header.shapes.count - 1, "a shape's place")
        part.lastShape = try reader.count(max: header.shapes.count - 1, "a shape's place")
        guard part.lastDocument <= part.last else { throw .malformed("a part's documents") }
        return part
    }

    /// What is known of a column in each part; of the durations (all rows, in seconds) where `column` is -1.
    func statistics(of column: Int, _ header: ChunkHeader) throws(CodecError) -> [Knowledge] {
        let place = places[column + 1]
        var reader = try ByteReader(bytes, in: Int(place.lowerBound)..<Int(place.upperBound))
        let kind = column < 0 ? ChunkLeafColumn.Kind.general : header.columns[column].kind
        let counts = parts.map { column < 0 ? $0.rows : $0.documents }
        if reader.isAtEnd {
            // Nothing more is said than in the header: a column of one value, or nothing.
            guard column >= 0, let whole = header.columns[column].statistics,
                whole.count == header.documentCount,
                whole.isConstant
            else { return counts.map { _ in .unknown } }
            return counts.map { count in
                guard count > 0 else { return .absent }
                var part = whole
                part.count = count
                part.sum = nil
                return .statistics(part.withConstantSum)
            }
        }
        guard kind != .text else { throw .malformed("statistics of texts") }
        var base: Int64 = 0
        var result: [Knowledge] = []
        for count in counts {
            guard count > 0 else {
                result.append(.absent)
                continue
            }
            let state = try reader.byte()
            switch state & 3 {
            case 0: result.append(.unknown)
            case 1: result.append(.absent)
            case 2:
                let found = try Self.statistics(&reader, state, count, column < 0 ? nil : kind, &base)
                result.append(found.isUsable ? .statistics(found) : .unknown)
            default: throw .malformed("unknown statistics")
            }
        }
        guard reader.isAtEnd else { throw .malformed("bytes after a column's parts") }
        return result
    }

    /// Bits of a state that say 2 in the lowest two.
    enum Flag {
        static let neverFalls: UInt8 = 4
        static let neverRises: UInt8 = 8
        static let isConstant: UInt8 = 16
        static let minIsFirst: UInt8 = 32
        static let maxIsLast: UInt8 = 64
        static let hasSum: UInt8 = 128
    }

    /// `kind` is nil for durations, all of which are doubles however they are spelled.
    private static func statistics(
        _ reader: inout ByteReader,
        _ state: UInt8,
        _ count: Int,
        _ kind: ChunkLeafColumn.Kind?,
        _ base: inout Int64
    ) throws(CodecError) -> ChunkColumnStatistics {
        let isInteger = kind?.isInteger == true
        func number(_ bits: Int64) throws(CodecError) -> Number {
            guard !isInteger else { return ChunkHeader.number(bits, kind ?? .signed) }
            let double = DoubleColumn.double(orderedBits: bits)
            guard double.isFinite else { throw .malformed("an infinite number") }
            return kind.map { ChunkHeader.number(bits, $0) } ?? .real(double)
        }
        let firstBits = base &+ (try reader.zigzag())
        base = firstBits
        let first = try number(firstBits)
        var result = ChunkColumnStatistics(
            count: count,
            first: first,
            last: first,
            min: first,
            max: first,
            sum: nil,
            neverFalls: state & Flag.neverFalls != 0,
            neverRises: state & Flag.neverRises != 0
        )
        guard state & Flag.isConstant == 0 else { return result.withConstantSum }
        base = firstBits &+ (try reader.zigzag())
        result.last = try number(base)
        result.min = state & Flag.minIsFirst != 0 ? first : try number(firstBits &+ (try reader.zigzag()))
        result.max =
            state & Flag.maxIsLast != 0 ? result.last : try number(firstBits &+ (try reader.zigzag()))
        guard state & Flag.hasSum != 0 else { return result }
        if isInteger {
            // How far twice the sum is off that of as many values in the middle of first and last.
            let middle = Int128(count) * (ChunkHeader.integer(first) + ChunkHeader.integer(result.last))
            let twice = middle + Int128(try reader.zigzag())
            guard twice & 1 == 0 else { throw .malformed("a sum") }
            result.sum = twice / 2
        } else {
            let exponent = try reader.zigzag()
            guard (-1074...1023).contains(exponent) else { throw .malformed("a sum's exponent") }
            result.sumExponent = Int(exponent)
            let low = try reader.varint()
            result.sum = Int128(try reader.zigzag()) << 64 | Int128(low)
        }
        return result
    }
}

extension ChunkColumnStatistics {
    /// Whether all values are the same.
    var isConstant: Bool { min == max }

    /// Whether it tells the same as the values would: zeros of both signs are equal, so which came first is not known.
    var isUsable: Bool {
        for number in [min, max] {
            if case .real(let value) = number, value == 0 { return false }
        }
        return true
    }

    /// With the sum that values which are all the same have.
    var withConstantSum: ChunkColumnStatistics {
        guard sum == nil, isConstant else { return self }
        var result = self
        if let integer = first.exactInteger {
            result.sum = Int128(count) * integer
        } else if case .real(let value) = first, let (significand, exponent) = Self.parts(of: value) {
            result.sum = Int128(count) * Int128(significand)
            result.sumExponent = exponent
        }
        return result
    }

    /// A finite double as an integer times a power of two.
    static func parts(of value: Double) -> (significand: Int64, exponent: Int)? {
        guard value.isFinite else { return nil }
        if value == 0 { return (0, 0) }
        let bits = value.significandBitPattern
        let biased = Int(value.exponentBitPattern)
        // Subnormals have the exponent of the smallest normals, and no leading one.
        let significand = Int64(biased == 0 ? bits : bits | 1 << 52)
        let zeros = significand.trailingZeroBitCount
        let exponent = Swift.max(biased, 1) - 1075 + zeros
        return (value < 0 ? -(significand >> Int64(zeros)) : significand >> Int64(zeros), exponent)
    }
}
