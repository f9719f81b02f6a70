import Codec
import Compression
import Expvar
package import Model

/// Reads a chunk: its header at once, everything else when it is asked for.
///
/// Streams that were decoded are kept, so that several questions to one decoder decode each once. Owned by one task.
/// Nothing in hostile bytes traps, and memory is allocated only for what `ChunkLimits` allows.
package final class ChunkDecoder {
    /// The format that this writes; it reads this one and all before.
    package static let version: UInt8 = 3
    private(set) var source: ChunkSource
    private var decompressor: ZstdDecompressor?
    let header: ChunkHeader
    /// The level it was encoded at.
    package let level: ChunkLevel
    private let partsRange: Range<Int>
    let streamsOffset: Int
    private let textRange: Range<Int>
    private let blobRange: Range<Int>
    var streams: [Int: [Int64]] = [:]
    /// The bytes of streams that are about to be decoded, checked.
    var readers: [Int: ByteReader] = [:]
    private var cachedTexts: ChunkTexts?
    private var cachedShapesOfColumns: [[Int32]]?
    private var cachedDocuments: [ChunkDocument]?
    var cachedSeriesRows: [SeriesRow]?
    var pauseDigest: PauseDigest?
    private var cachedParts: ChunkParts?
    private var knowledge: [Int: [ChunkParts.Knowledge]] = [:]
    /// Goes over the orders of documents; see `order(of:shape:)`.
    var orderReader: ChunkOrderReader?

    // MARK: Opening

    /// Reads the header of a chunk that is in memory, and checks that the bytes are all there.
    ///
    /// - Throws: `ChunkError.newer`, `.damaged`, `.overLimit`.
    package convenience init(_ bytes: [UInt8]) throws(ChunkError) {
        do {
            try self.init(ChunkSource(bytes))
        } catch {
            throw Self.wrapped(error, "its header")
        }
    }

    /// Reads the header; everything else is read from `source` when it is asked for.
    ///
    /// - Throws: as the other; what reading throws.
    init(_ source: ChunkSource, with decompressor: ZstdDecompressor? = nil) throws {
        self.source = source
        do {
            var reader = try source.reader(of: 0..<min(source.size, 10))
            let version = try reader.byte()
            guard version != 0 else { throw ChunkError.damaged("it has no format version") }
            guard version <= Self.version else { throw ChunkError.newer(version: version) }
            guard let level = ChunkLevel(rawValue: try reader.byte()) else {
                throw ChunkError.damaged("it has an unknown level")
            }
            self.level = level
            let decompressor = try decompressor ?? ZstdDecompressor()
            self.decompressor = decompressor
            let packed = Self.preludeSize..<Self.preludeSize + Int(try reader.fixed32())
            try source.verify(0..<packed.upperBound)
            let expanded = try decompressor.decompress(
                source.bytes(packed),
                bytesMax: ChunkLimits.headerBytesMax
            )
            header = try ChunkHeader(from: expanded, hasOrders: version > 2)
            var offset = packed.upperBound + 4
            func next(_ size: Int) throws -> Range<Int> {
                guard size <= source.size - offset else { throw CodecError.cutShort(offset: source.size) }
                defer { offset += size }
                return offset..<offset + size
            }
            if version > 1 {
                var reader = try source.reader(of: next(4))
                partsRange = try next(Int(try reader.fixed32()))
                _ = try next(4)
            } else {
                partsRange = offset..<offset
            }
            streamsOffset = offset
            _ = try next(header.streams.reduce(0) { $0 + $1.size })
            textRange = try next(header.textSize)
            blobRange = try next(header.blobSize)
            guard source.size - offset == 4 else {
                throw CodecError.malformed("the chunk has another size than it says")
            }
        } catch {
            throw try Self.wrapping(error, "its header")
        }
    }

    /// Version, level and header size stand before the header.
    private static let preludeSize = 6

    // MARK: Keeping

    /// Goes on with what is read from `source`, the same chunk's; what was read before stays.
    func attach(_ source: ChunkSource, _ decompressor: ZstdDecompressor) {
        self.source = source
        self.decompressor = decompressor
    }

    /// Lets go of the connection; until `attach` nothing may be asked.
    func detach() {
        source = ChunkSource(size: source.size) { _ in
            preconditionFailure("BUG: a chunk that belongs to nobody is read")
        }
        decompressor = nil
        readers = [:]
        orderReader = nil
        // Reasons and texts may be large, and are seldom asked for.
        cachedTexts = nil
    }

    /// Lets go of all that was decoded, but for header and parts.
    func forgetDecoded() {
        streams = [:]
        readers = [:]
        orderReader = nil
        cachedTexts = nil
        cachedShapesOfColumns = nil
        cachedDocuments = nil
        cachedSeriesRows = nil
        knowledge = [:]
    }

    /// How many bytes header, parts and digest take, about.
    var byteCount: Int {
        header.byteCount + (cachedParts?.byteCount ?? 0) + (pauseDigest?.byteCount ?? 0) + 1024
    }

    /// How many bytes that takes which `forgetDecoded` lets go of, about.
    var decodedByteCount: Int {
        let known = knowledge.values.reduce(0) {
            $0 + $1.count * MemoryLayout<ChunkParts.Knowledge>.stride + 64
        }
        return streams.values.reduce(known) { $0 + $1.count * 8 + 64 }
            + (cachedDocuments?.count ?? 0) * MemoryLayout<ChunkDocument>.stride
            + (cachedSeriesRows?.count ?? 0) * MemoryLayout<SeriesRow>.stride
            + (cachedShapesOfColumns?.reduce(0) { $0 + $1.count * 4 + 48 } ?? 0)
    }

    /// Compares the checksum of the whole chunk.
    package func checkWhole() throws {
        do {
            try source.verify(0..<source.size - 4)
        } catch CodecError.checksum {
            throw ChunkError.damaged("its checksum does not match")
        }
    }

    /// Decodes everything but the bodies, to see whether anything is amiss, as `check` does.
    package func checkStreams() throws {
        try checkWhole()
        _ = try rows()
        for column in header.columns { _ = try values(of: column) }
        _ = try texts()
        _ = try collections()
        _ = try blobs()
        try checkOrders()
        try checkParts()
    }

    /// Compares what parts tell of whole columns of integers with the values; of others, whether it can be read.
    private func checkParts() throws {
        guard let parts = try parts() else { return }
        _ = try knowledge(ofColumn: -1)
        for (index, column) in header.columns.enumerated() {
            let told = try knowledge(ofColumn: index)
            guard column.kind.isInteger, column.count == header.documentCount, !column.hasExceptions,
                case .integers(let values) = try values(of: column)
            else { continue }
            var next = 0
            for (part, known) in zip(parts.parts, told) {
                let numbers = values[next..<next + part.documents].map { ChunkHeader.number($0, column.kind) }
                next += part.documents
                guard case .statistics(let known) = known else { continue }
                let sum = numbers.reduce(Int128(0)) { $0 + ($1.exactInteger ?? 0) }
                guard known.first == numbers.first, known.last == numbers.last, known.min == numbers.min(),
                    known.max == numbers.max(), known.sum == nil || known.sum == sum
                else { throw ChunkError.damaged("its parts contradict column \(index)") }
            }
        }
    }

    private func expand(_ packed: [UInt8], max: Int) throws -> [UInt8] {
        guard let decompressor else { preconditionFailure("BUG: a chunk that belongs to nobody is read") }
        return try decompressor.decompress(packed, bytesMax: max)
    }

    /// The error that a damaged chunk makes; what the database says is thrown as it is.
    static func wrapping(_ error: any Error, _ what: String) throws -> ChunkError {
        if !(error is ChunkError || error is CodecError || error is CompressionError) { throw error }
        return wrapped(error, what)
    }

    static func wrapped(_ error: any Error, _ what: String) -> ChunkError {
        switch error {
        case let error as ChunkError: error
        case CompressionError.unavailable(let detail): .unavailable(detail)
        case CompressionError.tooLarge(let max): .overLimit("\(what) holds more than \(max) bytes")
        case CodecError.overLimit(let detail): .overLimit("\(what): \(detail)")
        default: .damaged("\(what): \(error)")
        }
    }

    // MARK: What the header says

    /// How many scrapes it holds.
    package var rowCount: Int { header.rowCount }
    /// How many of them are documents.
    package var documentCount: Int { header.documentCount }
    /// The smallest and the largest number of a scrape.
    package var seqRange: ClosedRange<Int64> { header.seqRange }
    /// The place of the first scrape, and of the last.
    package var first: ScrapePosition { header.first }
    /// The place of the last scrape.
    package var last: ScrapePosition { header.last }
    /// The smallest and the largest time in milliseconds, of any epoch.
    package var timeRange: ClosedRange<Int64> { header.timeRange }
    /// The shapes of its documents, and how many documents have each.
    package var shapes: [(id: ShapeID, documentCount: Int)] { header.shapes.map { ($0.id, $0.rowCount) } }

    // MARK: Parts, documents, texts, blobs

    /// What is known of a column in each of the parts.
    func knowledge(ofColumn column: Int) throws -> [ChunkParts.Knowledge] {
        if let known = knowledge[column] { return known }
        do {
            let found = try parts()?.statistics(of: column, header) ?? []
            knowledge[column] = found
            return found
        } catch {
            throw try Self.wrapping(error, "its parts")
        }
    }

    /// What the chunk says of stretches of its rows; nil where it says nothing.
    func parts() throws -> ChunkParts? {
        if let cachedParts { return cachedParts }
        guard !partsRange.isEmpty else { return nil }
        do {
            // Size and frame have a checksum of their own.
            try source.verify(partsRange.lowerBound - 4..<partsRange.upperBound)
            let expanded = try expand(source.bytes(partsRange), max: ChunkLimits.partsBytesMax)
            let parts = try ChunkParts(from: expanded, header)
            cachedParts = parts
            return parts
        } catch {
            throw try Self.wrapping(error, "its parts")
        }
    }

    /// The documents, in order.
    func documents() throws -> [ChunkDocument] {
        if let cachedDocuments { return cachedDocuments }
        let forms = try stream(ChunkStream.form)
        var documents: [ChunkDocument] = []
        documents.reserveCapacity(header.documentCount)
        var columnRow = 0
        var blob = 0
        for (row, form) in forms.enumerated() {
            guard form > 0 else {
                blob += 1
                guard form == 0 else { throw ChunkError.damaged("an unknown form of a row") }
                continue
            }
            let shape = (form - 1) / 2
            guard shape < Int64(header.shapes.count) else { throw ChunkError.damaged("an unknown shape") }
            let isRaw = (form - 1) & 1 == 1
            documents.append(
                ChunkDocument(
                    number: documents.count,
                    row: row,
                    shape: Int(shape),
                    isRaw: isRaw,
                    place: isRaw ? blob : columnRow
                )
            )
            if isRaw { blob += 1 } else { columnRow += 1 }
        }
        guard documents.count == header.documentCount, columnRow == header.columnRowCount else {
            throw ChunkError.damaged("another number of documents than it says")
        }
        cachedDocuments = documents
        return documents
    }

    /// For each column, the rows among the documents in columns that have it; nil where all do.
    func columnRows(_ column: Int) throws -> [Int]? {
        let entry = header.columns[column]
        if entry.count == header.columnRowCount { return nil }
        var having = [Bool](repeating: false, count: header.shapes.count)
        for shape in shapesOfColumns()[column] { having[Int(shape)] = true }
        var rows: [Int] = []
        rows.reserveCapacity(entry.count)
        for document in try documents() where !document.isRaw && having[document.shape] {
            rows.append(document.place)
        }
        guard rows.count == entry.count else { throw ChunkError.damaged("a column of another length") }
        return rows
    }

    /// For each column, the indices of the shapes that have it: all at once, since there may be many of both.
    private func shapesOfColumns() -> [[Int32]] {
        if let cachedShapesOfColumns { return cachedShapesOfColumns }
        var result = [[Int32]](repeating: [], count: header.columns.count)
        for (index, shape) in header.shapes.enumerated() {
            for column in shape.columns.outsideRings { result[Int(column)].append(Int32(index)) }
        }
        cachedShapesOfColumns = result
        return result
    }

    func texts() throws -> ChunkTexts {
        if let cachedTexts { return cachedTexts }
        do {
            let expanded =
                textRange.isEmpty
                ? [] : try expand(source.bytes(textRange), max: ChunkLimits.textBytesMax)
            let texts = try ChunkTexts(expanded, header: header)
            cachedTexts = texts
            return texts
        } catch {
            throw try Self.wrapping(error, "its texts")
        }
    }

    /// The blobs: kept bodies of failed scrapes and raw documents, in the order of rows.
    func blobs() throws -> ChunkBlobs {
        let sizes = try stream(ChunkStream.blobSize)
        do {
            let expanded =
                blobRange.isEmpty
                ? [] : try expand(source.bytes(blobRange), max: ChunkLimits.blobBytesMax)
            return try ChunkBlobs(expanded, sizes: sizes)
        } catch {
            throw try Self.wrapping(error, "its blobs")
        }
    }
}
