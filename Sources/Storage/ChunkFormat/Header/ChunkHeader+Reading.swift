import Codec
import Expvar
import Model

extension ChunkHeader {
    /// Reads an expanded header.
    init(from bytes: [UInt8], hasOrders: Bool = false) throws(CodecError) {
        var reader = ByteReader(bytes)
        self.hasOrders = hasOrders
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
            guard end >= 0, (pauses - ends).magnitude >= PauseRing.slots else {
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
        var columns = ChunkColumns(leafCount: leafCount, rings: rings)
        var expected: Int64 = 0
        for _ in 0..<leafCount - (rings == nil ? 0 : 2 * PauseRing.slots) {
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
        for number in streams.indices where isStored(number) {
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
