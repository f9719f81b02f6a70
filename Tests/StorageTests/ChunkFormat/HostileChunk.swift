import Codec
import Compression
import Expvar
import Model

@testable import Storage

/// A chunk in its parts, as bytes that a fuzzer can change without meeting a checksum or a compressor first.
///
///     level (1) · header size (2) · streams size (2) · text size (2) · header · streams · text · blobs
///
/// Where the second bit of level is set, the blobs are preceded by the chunk's parts (format 2): size (2) · parts.
/// Header, parts, text and blobs are as they are before compression. `chunk` puts a chunk together of them, with every
/// size and checksum mended, so that what is tested is what lies behind these.
struct HostileChunk {
    private var level: UInt8 = 0
    private var header: [UInt8] = []
    private var streams: [UInt8] = []
    private var text: [UInt8] = []
    /// Of format 2; nil makes a chunk of format 1.
    private var parts: [UInt8]?
    private var blobs: [UInt8] = []

    /// More than this makes the same code slow, not other code; the limits themselves have tests of their own.
    private static let valuesMax = 100_000

    /// Reads the bytes; nil where they are too few.
    init?(_ input: [UInt8]) {
        guard input.count >= 7 else { return nil }
        level = input[0]
        var rest = input[7...]
        func take(_ place: Int) -> [UInt8] {
            let part = rest.prefix(Int(input[place]) << 8 | Int(input[place + 1]))
            rest = rest[part.endIndex...]
            return Array(part)
        }
        header = take(1)
        streams = take(3)
        text = take(5)
        if level & 2 != 0, rest.count >= 2 {
            let size = Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])
            parts = Array(rest.dropFirst(2).prefix(size))
            rest = rest.dropFirst(2 + size)
        }
        blobs = Array(rest)
    }

    /// The parts of a good chunk, as a beginning for the fuzzer.
    init(of chunk: [UInt8]) throws {
        let decoder = try ChunkDecoder(chunk)
        var reader = ByteReader(chunk)
        let version = try reader.byte()
        level = try reader.byte()
        _ = try reader.raw(Int(try reader.fixed32()) + 4)
        header = decoder.header.write()
        var packedParts: ArraySlice<UInt8>?
        if version > 1 {
            packedParts = try reader.raw(Int(try reader.fixed32()))
            _ = try reader.fixed32()
        }
        streams = Array(try reader.raw(decoder.header.streams.reduce(0) { $0 + $1.size }))
        let expand = { (bytes: ArraySlice<UInt8>) in
            bytes.isEmpty ? [] : try ZstdDecompressor().decompress(Array(bytes), bytesMax: 1 << 16)
        }
        parts = try packedParts.map(expand)
        if parts != nil { level |= 2 }
        text = try expand(try reader.raw(decoder.header.textSize))
        blobs = try expand(try reader.raw(decoder.header.blobSize))
    }

    /// The parts as `init(_:)` reads them.
    var bytes: [UInt8] {
        let size = { (part: [UInt8]) in [UInt8(part.count >> 8 & 255), UInt8(part.count & 255)] }
        var bytes = [level] + size(header) + size(streams) + size(text)
        bytes += header + streams + text
        if let parts { bytes += size(parts) + parts }
        return bytes + blobs
    }

    /// The chunk; nil where the header is none, or announces more than is worth the time.
    func chunk() -> [UInt8]? {
        guard var read = try? ChunkHeader(from: header), read.streams.count <= 4096,
            read.rowCount <= 4096, read.streams.reduce(0, { $0 &+ $1.count }) <= Self.valuesMax,
            let compressor = try? ZstdCompressor(level: 1)
        else { return nil }
        let pack = { (bytes: [UInt8]) in bytes.isEmpty ? [] : (try? compressor.compress(bytes)) ?? [] }
        let packedText = pack(text)
        let packedBlobs = pack(blobs)
        read.textSize = packedText.count
        read.blobSize = packedBlobs.count
        var streams = streams
        let size = read.streams.reduce(0) { $0 &+ $1.size }
        guard size <= 1 << 16 else { return nil }
        streams += [UInt8](repeating: 0, count: max(0, size - streams.count))
        for number in read.streams.indices where read.streams[number].inline == nil {
            let entry = read.streams[number]
            guard entry.offset >= 0, entry.size >= 0, entry.offset + entry.size <= size else { return nil }
            let range = entry.offset..<entry.offset + entry.size
            read.streams[number].checksum = Checksum.crc32c(streams[range])
        }
        let packedHeader = pack(read.write())
        var writer = ByteWriter()
        writer.byte(parts == nil ? 1 : 2)
        writer.byte(level & 1)
        writer.fixed32(UInt32(packedHeader.count))
        writer.raw(packedHeader)
        writer.fixed32(Checksum.crc32c(writer.bytes[...]))
        if let parts {
            var section = ByteWriter()
            let packed = pack(parts)
            section.fixed32(UInt32(packed.count))
            section.raw(packed)
            section.fixed32(Checksum.crc32c(section.bytes[...]))
            writer.raw(section.bytes)
        }
        writer.raw(streams[..<size])
        writer.raw(packedText)
        writer.raw(packedBlobs)
        writer.fixed32(Checksum.crc32c(writer.bytes[...]))
        return writer.bytes
    }

    /// Asks a chunk everything that can be asked; errors are fine, traps are not.
    ///
    /// Whether the header is a chunk's at all is returned, for tests that must not test nothing.
    @discardableResult
    static func readAll(_ bytes: [UInt8], shape: @escaping (ShapeID) throws -> Shape) -> Bool {
        guard let decoder = try? ChunkDecoder(bytes) else { return false }
        try? decoder.checkStreams()
        _ = try? decoder.rows()
        _ = try? decoder.seriesRows()
        _ = try? decoder.collections(shape: shape)
        for column in decoder.header.columns.indices { _ = try? decoder.knowledge(ofColumn: column) }
        for leaf in [0, 3, 1000] {
            let leaves = decoder.shapes.map { _ in Int?.some(leaf) }
            _ = decoder.statistics(leaves: leaves)
            _ = try? decoder.series(leaves: leaves, shape: shape)
        }
        try? decoder.forEachBody(in: 0..<decoder.rowCount, shape: shape) { _, _ in }
        return true
    }

    /// Bodies of three shapes, the third with memstats' rings after so many collections.
    static func body(shape: Int, _ number: Int, collections: Int) -> [UInt8] {
        switch shape {
        case 0:
            return Array(
                "{\"a\":\(number),\"b\":\(Double(number) / 8),\"c\":\"v\(number / 9)\",\"d\":1}".utf8
            )
        case 1:
            return Array(
                "{\"a\":\(number),\"m\":{\"x\":true,\"y\":null,\"z\":\(number).50},\"e\":-\(number)}".utf8
            )
        default:
            let seen = (0..<256).map { $0 < collections }
            let pauses = seen.indices.map { seen[$0] ? "\($0 * 7 + 3)" : "0" }.joined(separator: ",")
            let ends = seen.indices.map { seen[$0] ? "\(1_700_000_000 + $0)000000000" : "0" }
                .joined(separator: ",")
            let total = (0..<collections).reduce(0) { $0 + $1 * 7 + 3 }
            return Array(
                ("{\"a\":\(number),\"memstats\":{\"Alloc\":\(number * 99),\"PauseTotalNs\":\(total),"
                    + "\"PauseNs\":[\(pauses)],\"PauseEnd\":[\(ends)],\"NumGC\":\(collections),"
                    + "\"GCCPUFraction\":0.\(number),\"BySize\":[{\"Size\":0,\"Mallocs\":\(number)}]}}").utf8
            )
        }
    }

    /// Their shapes, which a chunk refers to by number.
    static let shapes: [Shape] = (0...2).map { number in
        var document = ScannedDocument()
        guard (try? document.scan(body(shape: number, 1, collections: 1))) != nil,
            let shape = try? Shape(skeleton: document.skeleton)
        else { preconditionFailure("a body of ours is no document") }
        return shape
    }

    /// Finds one of `shapes`.
    static func shape(_ id: ShapeID) throws -> Shape {
        guard shapes.indices.contains(Int(truncatingIfNeeded: id.value)) else {
            throw ChunkError.unknownShape(id.value)
        }
        return shapes[Int(truncatingIfNeeded: id.value)]
    }
}
