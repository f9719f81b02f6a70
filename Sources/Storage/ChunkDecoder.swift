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
    package static let version: UInt8 = 1
    /// Version, level and header size stand before the header.
    private static let preludeSize = 6

    let bytes: [UInt8]
    let header: ChunkHeader
    /// The level it was encoded at.
    package let level: ChunkLevel
    private let streamsOffset: Int
    private let textRange: Range<Int>
    private let blobRange: Range<Int>
    private var streams: [Int: [Int64]] = [:]
    private var cachedTexts: ChunkTexts?
    private var cachedShapesOfColumns: [[Int32]]?
    private var cachedDocuments: [ChunkDocument]?

    // MARK: Opening

    /// Reads the header, some 20 µs, and checks that the bytes are all there.
    ///
    /// - Throws: `ChunkError.newer`, `.damaged`, `.overLimit`.
    package init(_ bytes: [UInt8]) throws(ChunkError) {
        self.bytes = bytes
        do {
            var reader = ByteReader(bytes)
            let version = try reader.byte()
            guard version != 0 else { throw ChunkError.damaged("it has no format version") }
            guard version <= Self.version else { throw ChunkError.newer(version: version) }
            guard let level = ChunkLevel(rawValue: try reader.byte()) else {
                throw ChunkError.damaged("it has an unknown level")
            }
            self.level = level
            let size = Int(try reader.fixed32())
            let packed = try reader.skip(size)
            guard Checksum.crc32c(bytes[..<packed.upperBound]) == (try reader.fixed32()) else {
                throw CodecError.checksum
            }
            header = try ChunkHeader(from: try Self.expand(bytes[packed], max: ChunkLimits.headerBytesMax))
            streamsOffset = reader.offset
            let streamBytes = header.streams.reduce(0) { $0 + $1.size }
            _ = try reader.skip(streamBytes)
            textRange = try reader.skip(header.textSize)
            blobRange = try reader.skip(header.blobSize)
            guard reader.remaining == 4 else {
                throw CodecError.malformed("the chunk has another size than it says")
            }
        } catch {
            throw Self.wrapped(error, "its header")
        }
    }

    /// Compares the checksum of the whole chunk.
    package func checkWhole() throws(ChunkError) {
        let end = bytes.count - 4
        let stored = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[end + $1]) << UInt32(8 * $1) }
        guard Checksum.crc32c(bytes[..<end]) == stored else { throw .damaged("its checksum does not match") }
    }

    /// Decodes everything but the bodies, to see whether anything is amiss, as `check` does.
    package func checkStreams() throws {
        try checkWhole()
        _ = try rows()
        for column in header.columns { _ = try values(of: column) }
        _ = try texts()
        _ = try collections()
        _ = try blobs()
    }

    private static func expand(_ packed: ArraySlice<UInt8>, max: Int) throws -> [UInt8] {
        try ZstdDecompressor().decompress(Array(packed), bytesMax: max)
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

    // MARK: Streams

    /// The values of a stream, of the kinds that are stored and those that are not.
    func stream(_ number: Int) throws -> [Int64] {
        if let known = streams[number] { return known }
        // Predictions read only streams before their own, so those that are needed, in ascending order, decode each
        // from what is there. A loop, not a recursion: a hostile chain may be as long as there are streams.
        var needed: Set<Int> = [number]
        var open = [number]
        while let next = open.popLast() {
            for other in try streamsRead(by: next)
            where streams[other] == nil && needed.insert(other).inserted {
                open.append(other)
            }
        }
        for next in needed.sorted(by: Self.decodesBefore) { streams[next] = try decode(next) }
        return streams[number] ?? []
    }

    /// Whether a stream belongs to what predictions may read although its number says otherwise: all below `firstLeaf`
    /// but the three that are not stored rest on nothing, and those three only on the stored.
    private static func decodesBefore(_ a: Int, _ b: Int) -> Bool { a < b }

    private func streamsRead(by number: Int) throws -> [Int] {
        switch number {
        case 0..<ChunkStream.storedCount: return []
        case ChunkStream.ringTotal: return [ChunkStream.form, ChunkStream.ringCount]
        case ChunkStream.lastEnd:
            return [ChunkStream.form, ChunkStream.run, ChunkStream.ringCount, ChunkStream.ringEnd]
        case ChunkStream.pauseTotal: return [ChunkStream.form, ChunkStream.ringCount, ChunkStream.ringPause]
        case ChunkStream.firstLeaf..<max(ChunkStream.firstLeaf, header.streams.count):
            let read = try wrap(number) { reader throws(CodecError) in
                try IntegerColumn.columnsRead(by: reader)
            }
            guard
                read.allSatisfy({
                    $0 < number
                        && ($0 >= ChunkStream.firstLeaf
                            || (ChunkStream.ringTotal...ChunkStream.pauseTotal ~= $0))
                })
            else { throw ChunkError.damaged("stream \(number) is foretold by one that it may not read") }
            return read
        default: throw ChunkError.damaged("there is no stream \(number)")
        }
    }

    private func decode(_ number: Int) throws -> [Int64] {
        if (ChunkStream.ringTotal...ChunkStream.pauseTotal).contains(number) { return try derived(number) }
        let count = header.streams[number].count
        let known = streams
        return try wrap(number) { reader throws(CodecError) in
            var reader = reader
            return try IntegerColumn.decode(&reader, count: count) { (column) throws(CodecError) in
                guard let values = known[column] else { throw .malformed("a column that is not there") }
                return values
            }
        }
    }

    /// Calls `body` with a reader of the bytes of a stream, checked.
    private func wrap<Result>(
        _ number: Int,
        _ body: (ByteReader) throws(CodecError) -> Result
    ) throws -> Result {
        let entry = header.streams[number]
        do {
            if let inline = entry.inline { return try body(ByteReader(inline)) }
            let start = streamsOffset + entry.offset
            let reader = try ByteReader(bytes, in: start..<start + entry.size)
            if !checkedStreams.contains(number) {
                guard Checksum.crc32c(bytes[start..<start + entry.size]) == entry.checksum else {
                    throw CodecError.checksum
                }
                checkedStreams.insert(number)
            }
            return try body(reader)
        } catch {
            throw Self.wrapped(error, "stream \(number)")
        }
    }

    private var checkedStreams: Set<Int> = []

    /// The streams that are there for predictions only; one value for each document in columns.
    private func derived(_ number: Int) throws -> [Int64] {
        let counts = try stream(ChunkStream.ringCount)
        let values =
            number == ChunkStream.ringTotal
            ? [] : try stream(number == ChunkStream.lastEnd ? ChunkStream.ringEnd : ChunkStream.ringPause)
        let runs = number == ChunkStream.lastEnd ? try stream(ChunkStream.run) : []
        var lastOfRun: [Int64: Int64] = [:]
        var total: Int64 = 0
        var next = 0
        var result: [Int64] = []
        for document in try documents() where !document.isRaw {
            let count = counts[document.number]
            guard count >= 0, count <= Int64(PauseRing.slots) else {
                throw ChunkError.damaged("a ring's count")
            }
            switch number {
            case ChunkStream.ringTotal: total &+= count
            case ChunkStream.pauseTotal:
                guard next + Int(count) <= values.count else { throw ChunkError.damaged("too few pauses") }
                for value in values[next..<next + Int(count)] { total &+= value }
            default:
                guard next + Int(count) <= values.count else {
                    throw ChunkError.damaged("too few collections")
                }
                if count > 0 { lastOfRun[runs[document.number]] = values[next + Int(count) - 1] }
                total = lastOfRun[runs[document.number]] ?? 0
            }
            next += Int(count)
            result.append(total)
        }
        return result
    }

    // MARK: Documents, texts, blobs

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
        let rows = try documents().filter { !$0.isRaw && having[$0.shape] }.map(\.place)
        guard rows.count == entry.count else { throw ChunkError.damaged("a column of another length") }
        return rows
    }

    /// For each column, the indices of the shapes that have it: all at once, since there may be many of both.
    private func shapesOfColumns() -> [[Int32]] {
        if let cachedShapesOfColumns { return cachedShapesOfColumns }
        var result = [[Int32]](repeating: [], count: header.columns.count)
        for (index, shape) in header.shapes.enumerated() {
            for column in shape.columns where column >= 0 { result[column].append(Int32(index)) }
        }
        cachedShapesOfColumns = result
        return result
    }

    func texts() throws -> ChunkTexts {
        if let cachedTexts { return cachedTexts }
        do {
            let expanded =
                textRange.isEmpty
                ? [] : try Self.expand(bytes[textRange], max: ChunkLimits.textBytesMax)
            let texts = try ChunkTexts(expanded, header: header)
            cachedTexts = texts
            return texts
        } catch {
            throw Self.wrapped(error, "its texts")
        }
    }

    /// The blobs: kept bodies of failed scrapes and raw documents, in the order of rows.
    func blobs() throws -> ChunkBlobs {
        let sizes = try stream(ChunkStream.blobSize)
        do {
            let expanded =
                blobRange.isEmpty
                ? [] : try Self.expand(bytes[blobRange], max: ChunkLimits.blobBytesMax)
            return try ChunkBlobs(expanded, sizes: sizes)
        } catch {
            throw Self.wrapped(error, "its blobs")
        }
    }

    // MARK: Values

    /// The integers of a column, or its doubles.
    enum Values {
        case integers([Int64])
        case doubles([Double])
    }

    func values(of column: ChunkHeader.ColumnEntry) throws -> Values {
        guard let form = column.form else { return .integers(try stream(column.stream)) }
        if let ofStreams = form.ofStreams {
            let parts = try (0..<ofStreams.columnCount).map { try stream(column.stream + $0) }
            do {
                return .doubles(try DoubleColumn.decode(parts, as: ofStreams))
            } catch {
                throw Self.wrapped(error, "doubles")
            }
        }
        guard case .ratio(let numerator, let denominator, let addend) = form else {
            preconditionFailure("BUG: a form of doubles that nothing reads")
        }
        let off = try stream(column.stream)
        let a = try stream(numerator)
        let b = try stream(denominator)
        let c = try addend.map { try stream($0) } ?? []
        guard a.count == off.count, b.count == off.count, addend == nil || c.count == off.count else {
            throw ChunkError.damaged("a quotient of columns of other length")
        }
        return .doubles(
            off.indices.map { row in
                let quotient = ChunkStreamEncoder.quotient(a[row], b[row], addend == nil ? 0 : c[row])
                return DoubleColumn.double(orderedBits: DoubleColumn.orderedBits(quotient) &+ off[row])
            }
        )
    }
}
