import Codec
import Compression
import Expvar

/// How a body stands in a row: one byte that says how, then the bytes.
///
/// | first byte | what follows                                                                        |
/// | ---        | ---                                                                                 |
/// | 0          | the body                                                                            |
/// | 1          | one zstd frame with size and checksum                                               |
/// | 3          | nothing: the body is that of the row's base                                         |
/// | 4          | a `BodyPatch` of the body of the row's base                                         |
/// | 5          | varint bytes of a `TidyOrderCode`, it, and the body by one of the others             |
///
/// Scrapes of one process differ little: each is coded against the one before it (4). Against an earlier whole body by zstd
/// (once 2, which is not used again) it was twice the bytes, and ten times the time.
enum BodyEncoding: UInt8 {
    case plain = 0
    case whole = 1
    case sameAsBase = 3
    case patch = 4
    case ordered = 5

    /// The level of zstd for the newest rows: they are sealed later, so cheap counts more than small.
    static let level: Int32 = 1
    /// A body larger than this is stored whole, and nothing is coded against it: it would be held in memory.
    static let baseBytesMax = 1 << 20
    /// After so many patches comes a whole body: so many scrapes damage can spoil, and so far a reader has to go back.
    ///
    /// A whole body takes some 1400 bytes, 22 for each of these scrapes.
    static let patchesMax = 64
    /// What no row may expand beyond: the longest document.
    static let bytesMax = ScannedDocument.bytesMax
}

extension BodyEncoding {
    /// The body alone, needing no base.
    static func whole(_ body: [UInt8], with compressor: ZstdCompressor) throws(CompressionError) -> [UInt8] {
        let bytes = try compressor.compress(body)
        return bytes.count < body.count
            ? [BodyEncoding.whole.rawValue] + bytes : [BodyEncoding.plain.rawValue] + body
    }

    /// A coded body with the code of its order.
    static func ordered(_ coded: [UInt8], _ order: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.byte(BodyEncoding.ordered.rawValue)
        writer.count(order.count)
        writer.raw(order)
        writer.raw(coded)
        return writer.bytes
    }

    /// The code of the order, where there is one, and the coded body.
    static func split(_ bytes: [UInt8]) throws -> (order: [UInt8]?, coded: [UInt8]) {
        guard bytes.first == BodyEncoding.ordered.rawValue else { return (nil, bytes) }
        var reader = ByteReader(bytes)
        _ = try reader.byte()
        let order = Array(try reader.raw(reader.count(max: reader.remaining, "the order of a body")))
        return (order, Array(try reader.raw(reader.remaining)))
    }

    /// The body that `bytes` hold; `base` gives the body of the row's base where that is needed.
    static func decode(
        _ bytes: [UInt8],
        with decompressor: ZstdDecompressor,
        base: () throws -> [UInt8]
    ) throws -> [UInt8] {
        guard let first = bytes.first, let encoding = BodyEncoding(rawValue: first) else {
            throw CompressionError.damaged(detail: "an unknown encoding of a body")
        }
        if encoding == .sameAsBase { return try base() }
        guard encoding != .patch, encoding != .ordered else {
            throw CompressionError.damaged(detail: "a patch or an order where none may be")
        }
        return try bytes.withUnsafeBytes { all in
            let rest = UnsafeRawBufferPointer(rebasing: all[1...])
            if encoding == .plain { return Array(rest) }
            return try decompressor.decompress(rest, bytesMax: bytesMax)
        }
    }
}
