import Codec
import Compression
package import Expvar
import Model

/// Makes a chunk of scrapes.
///
/// Every chunk is read back before it is handed out: documents that do not come back byte for byte are kept whole.
/// Cost at 260 series: level quick some µs a scrape besides scanning its body and reading it back, level cold 100 to 150.
package struct ChunkEncoder {
    private let level: ChunkLevel
    private let shape: (ShapeID) throws -> Shape

    /// An encoder of that level; `shape` finds shapes by their number.
    package init(level: ChunkLevel, shape: @escaping (ShapeID) throws -> Shape) {
        self.level = level
        self.shape = shape
    }

    /// The chunk of `scrapes`, which are in order of position, at most `ChunkLimits.rowsMax` and at least one.
    ///
    /// - Throws: `ChunkError.overLimit` where there are too many scrapes, or too much in them: two smaller chunks are
    ///   the way out; what finding a shape throws.
    package func encode(_ scrapes: [ChunkScrape]) throws -> [UInt8] {
        var raw: Set<Int> = []
        for _ in 0..<2 {
            let bytes = try encode(scrapes, raw: raw)
            let wrong = try rowsNotReadBack(bytes, scrapes)
            if wrong.isEmpty { return bytes }
            raw.formUnion(wrong)
        }
        preconditionFailure("BUG: a chunk of raw bodies that does not read back")
    }

    private func rowsNotReadBack(_ bytes: [UInt8], _ scrapes: [ChunkScrape]) throws -> [Int] {
        let decoder = try ChunkDecoder(bytes)
        var wrong: [Int] = []
        try decoder.forEachBody(in: 0..<scrapes.count, shape: shape) { row, body in
            switch scrapes[row].outcome {
            case .document(_, _, _, _, let expected), .failure(_, let expected):
                if body != expected { wrong.append(row) }
            }
        }
        return wrong
    }

    private func encode(_ scrapes: [ChunkScrape], raw: Set<Int>) throws -> [UInt8] {
        guard let first = scrapes.first, let last = scrapes.last else {
            throw ChunkError.overLimit("no scrapes")
        }
        let table = try ChunkTable(scrapes, shape: shape, raw: raw)
        var streams = ChunkStreamEncoder(table, level: level)
        streams.encode()

        var header = ChunkHeader()
        header.rowCount = table.rowCount
        header.documentCount = table.documentCount
        header.columnRowCount = table.columnRowCount
        header.first = first.position
        header.last = last.position
        let seqs = table.streams[ChunkStream.seq]
        let times = table.streams[ChunkStream.time]
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
                columns: use.columns.map { $0 < 0 ? -1 : place[$0] },
                rings: use.rings
            )
        }
        var body: [UInt8] = []
        for (number, bytes) in streams.encoded.enumerated() {
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
        return try assemble(header, body, texts(table, streams.planned), table.blobs)
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
            writer.byte(ChunkDecoder.version)
            writer.byte(level.rawValue)
            writer.fixed32(UInt32(packedHeader.count))
            writer.raw(packedHeader)
            writer.fixed32(Checksum.crc32c(writer.bytes[...]))
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
