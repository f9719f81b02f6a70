import Codec
import Compression
package import Expvar
import Model

/// Makes a chunk of scrapes.
///
/// Every chunk is read back before it is handed out (`ChunkReadBack`): documents that would not come back byte for byte
/// are kept whole. Cost a scrape at 260 series, measured on a busy machine of two cores: 6 µs for its leaves, 9 (quick, 900
/// scrapes) or 70 (cold, 8640 scrapes) for the columns, 4 for reading back.
package struct ChunkEncoder {
    private let level: ChunkLevel
    private let shape: (ShapeID) throws -> Shape
    /// What is done to the columns before they are encoded: nothing; a parameter for tests, which stands for a mistake
    /// in the coding of any of them.
    private let distort: (inout ChunkTable) -> Void

    /// An encoder of that level; `shape` finds shapes by their number.
    package init(level: ChunkLevel, shape: @escaping (ShapeID) throws -> Shape) {
        self.init(level: level, shape: shape) { _ in }
    }

    init(
        level: ChunkLevel,
        shape: @escaping (ShapeID) throws -> Shape,
        distort: @escaping (inout ChunkTable) -> Void
    ) {
        self.level = level
        self.shape = shape
        self.distort = distort
    }

    /// The chunk of `scrapes`, which are in order of position, at most `ChunkLimits.rowsMax` and at least one.
    ///
    /// - Throws: `ChunkError.overLimit` where there are too many scrapes, or too much in them: two smaller chunks are
    ///   the way out; `.notReadBack` where what was encoded is not what was given; what finding a shape throws.
    package func encode(_ scrapes: [ChunkScrape]) throws -> [UInt8] {
        try encode { take in
            for scrape in scrapes { try take(scrape) }
        }
    }

    /// The chunk of the scrapes that `source` gives to its argument, one by one, in order of position.
    ///
    /// Nothing is kept of a body but its values, so that chunks of many scrapes can be merged in little memory: some
    /// 20 MB for a day at 10 s, whatever the bodies take. Where a body does not read back, `source` is called again, and
    /// must give the same scrapes.
    ///
    /// - Throws: as the other `encode`; what `source` throws.
    package func encode(from source: (_ take: (ChunkScrape) throws -> Void) throws -> Void) throws -> [UInt8]
    {
        var raw: Set<Int> = []
        for _ in 0..<3 {
            var table = ChunkTable(raw: raw)
            var samples: [Int: BodyPrint] = [:]
            try source { scrape in
                let row = table.rowCount
                let shapeCount = table.shapes.count
                try table.append(scrape, shape: shape)
                if row % ChunkReadBack.sampleStride == 0 || table.shapes.count > shapeCount {
                    samples[row] = BodyPrint(scrape.body)
                }
            }
            table.finish()
            var encoded = table
            distort(&encoded)
            let (bytes, planned) = try encode(encoded)
            switch try ChunkReadBack(table: table, planned: planned, samples: samples)
                .verdict(on: bytes, shape: shape)
            {
            case .sound: return bytes
            case .keepRaw(let rows): raw.formUnion(rows)
            case .broken: throw ChunkError.notReadBack
            }
        }
        // Not a trap: a recorder would meet it again with each start, and its scrapes are safe where they are.
        throw ChunkError.notReadBack
    }

    private func encode(_ table: ChunkTable) throws -> ([UInt8], [ChunkStreamEncoder.Planned]) {
        guard table.rowCount > 0 else { throw ChunkError.overLimit("no scrapes") }
        var streams = ChunkStreamEncoder(table, level: level)
        streams.encode()

        var header = ChunkHeader()
        header.rowCount = table.rowCount
        header.documentCount = table.documentCount
        header.columnRowCount = table.columnRowCount
        let seqs = table.streams[ChunkStream.seq]
        let times = table.streams[ChunkStream.time]
        let epochs = table.streams[ChunkStream.epoch]
        func position(_ row: Int) -> ScrapePosition {
            ScrapePosition(epoch: epochs[row], time: Timestamp(milliseconds: times[row]))
        }
        header.first = position(0)
        header.last = position(table.rowCount - 1)
        header.seqRange = (seqs.min() ?? 0)...(seqs.max() ?? 0)
        header.timeRange = (times.min() ?? 0)...(times.max() ?? 0)
        // Columns stand in the chunk as planned; the shapes speak of them by that order.
        var place = [Int](repeating: 0, count: table.columns.count)
        for (position, column) in streams.planned.enumerated() { place[column.index] = position }
        header.columns = streams.planned.map(\.entry)
        header.shapes = table.shapes.map { use in
            ChunkHeader.ShapeEntry(
                id: use.id,
                rowCount: use.rowCount,
                columns: ChunkColumns(use.columns.map { $0 < 0 ? -1 : place[$0] }, rings: use.rings),
                rings: use.rings
            )
        }
        var body: [UInt8] = []
        let orders = table.orders.bytes
        header.hasOrders = !orders.isEmpty
        for (number, encoded) in streams.encoded.enumerated() {
            let bytes = number == ChunkStream.orders ? orders : encoded
            var entry = ChunkHeader.StreamEntry(count: 0, inline: [])
            if number < ChunkStream.storedCount { entry.count = table.streams[number].count }
            if bytes.count <= ChunkHeader.inlineMax {
                entry.inline = bytes
            } else {
                entry.inline = nil
                entry.size = bytes.count
                entry.checksum = Checksum.crc32c(bytes[...])
                body += bytes
            }
            header.streams.append(entry)
        }
        try checkSizes(table, streams.planned)
        // Chunks of an hour need none: what the header says of the whole will do.
        let parts =
            table.rowCount >= ChunkParts.rowsMin(level) ? ChunkParts.write(table, streams.planned) : nil
        return (
            try assemble(header, parts, body, texts(table, streams.planned), table.blobs), streams.planned
        )
    }

    private func checkSizes(_ table: ChunkTable, _ planned: [ChunkStreamEncoder.Planned]) throws(ChunkError) {
        var bytes = table.reasons.reduce(0) { $0 + $1.count }
        for column in planned {
            bytes += column.column.texts.reduce(0) { $0 + $1.count }
            bytes += column.column.exceptions.reduce(0) { $0 + $1.text.count }
        }
        guard bytes <= ChunkLimits.textBytesMax else { throw .overLimit("\(bytes) bytes of text") }
        let blobs = table.blobs.reduce(0) { $0 + $1.count }
        guard blobs <= ChunkLimits.blobBytesMax else { throw .overLimit("\(blobs) bytes of raw bodies") }
    }

    /// Reasons, then the texts of columns, then exceptions with how many values lie between them.
    private func texts(_ table: ChunkTable, _ planned: [ChunkStreamEncoder.Planned]) -> [UInt8] {
        var writer = ByteWriter()
        if !table.reasons.isEmpty { BytesColumn.write(table.reasons, to: &writer) }
        for column in planned where column.entry.kind == .text {
            BytesColumn.write(column.column.texts, to: &writer)
        }
        for column in planned where column.entry.hasExceptions {
            BytesColumn.write(column.column.exceptions.map(\.text), to: &writer)
            var next = 0
            for exception in column.column.exceptions {
                writer.count(exception.row - next)
                next = exception.row + 1
            }
        }
        return writer.bytes
    }

    private func assemble(
        _ header: ChunkHeader,
        _ parts: [UInt8]?,
        _ streams: [UInt8],
        _ texts: [UInt8],
        _ blobs: [[UInt8]]
    ) throws(ChunkError) -> [UInt8] {
        var header = header
        do throws(CompressionError) {
            let compressor = try ZstdCompressor(level: level == .cold ? 19 : 3)
            let packedTexts = texts.isEmpty ? [] : try compressor.compress(texts)
            let packedBlobs = blobs.isEmpty ? [] : try compressor.compress(Array(blobs.joined()))
            header.textSize = packedTexts.count
            header.blobSize = packedBlobs.count
            let packedHeader = try compressor.compress(header.write())
            var writer = ByteWriter()
            // Without orders, or without parts, it is what an older version is, and its readers understand it.
            writer.byte(header.hasOrders ? 3 : parts == nil ? 1 : 2)
            writer.byte(level.rawValue)
            writer.fixed32(UInt32(packedHeader.count))
            writer.raw(packedHeader)
            writer.fixed32(Checksum.crc32c(writer.bytes[...]))
            if parts != nil || header.hasOrders {
                var section = ByteWriter()
                let packed = if let parts { try compressor.compress(parts) } else { [UInt8]() }
                section.fixed32(UInt32(packed.count))
                section.raw(packed)
                section.fixed32(Checksum.crc32c(section.bytes[...]))
                writer.raw(section.bytes)
            }
            writer.raw(streams)
            writer.raw(packedTexts)
            writer.raw(packedBlobs)
            writer.fixed32(Checksum.crc32c(writer.bytes[...]))
            return writer.bytes
        } catch {
            throw ChunkError.unavailable(error.description)
        }
    }
}

extension ChunkScrape {
    /// The body, or what is kept of it.
    var body: [UInt8] {
        switch outcome {
        case .document(_, _, _, _, let body), .failure(_, let body): body
        }
    }
}
