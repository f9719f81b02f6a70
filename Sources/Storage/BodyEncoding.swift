import Compression
import Expvar

/// How a body stands in a row: one byte that says how, then the bytes.
///
/// | first byte | what follows                                                                        |
/// | ---        | ---                                                                                 |
/// | 0          | the body                                                                            |
/// | 1          | one zstd frame with size and checksum                                               |
/// | 2          | the same, made with the body of the row's base as prefix (raw content, no dictionary) |
/// | 3          | nothing: the body is that of the row's base                                         |
///
/// Scrapes of one process differ little, so most are coded against an earlier whole body of their target, a base:
/// a tenth of the bytes, and still any body costs two decompressions at most.
enum BodyEncoding: UInt8 {
    case plain = 0
    case whole = 1
    case againstBase = 2
    case sameAsBase = 3

    /// The level of zstd for the newest rows: they are sealed later, so cheap counts more than small.
    static let level: Int32 = 1
    /// A body larger than this is stored whole, and is no base: it would be held in memory.
    static let baseBytesMax = 1 << 20
    /// After so many scrapes a target gets a new base.
    ///
    /// Three recordings of a day in one file took 762, 745, 751 and 783 bytes a scrape with 16, 24, 32 and 48.
    static let scrapesPerBase = 24
    /// What no row may expand beyond: the longest document.
    static let bytesMax = ScannedDocument.bytesMax
}

/// Encodes the bodies of one target, one after the other.
struct BodyEncoder {
    /// A whole body that later ones are coded against.
    struct Base {
        /// Its row in `bases`.
        var seq: Int64
        var body: [UInt8]
        /// How many bytes it took, coded.
        var encodedBytes: Int
        /// How many scrapes use it.
        var uses = 0
    }

    /// What to store for a body.
    struct Encoded {
        var bytes: [UInt8]
        /// The base that it needs.
        var base: Int64?
        /// That base as a new row of `bases`, where it is not stored yet.
        var newBase: [UInt8]?
    }

    private var base: Base?

    /// Encodes the body of the scrape that gets the number `seq`.
    mutating func encode(
        _ body: [UInt8],
        seq: Int64,
        with compressor: ZstdCompressor
    ) throws(CompressionError) -> Encoded {
        guard body.count <= BodyEncoding.baseBytesMax else {
            return Encoded(bytes: try BodyEncoder.whole(body, with: compressor))
        }
        if let base, base.uses < BodyEncoding.scrapesPerBase {
            if body == base.body {
                self.base?.uses += 1
                return Encoded(bytes: [BodyEncoding.sameAsBase.rawValue], base: base.seq)
            }
            let bytes = try compressor.compress(body, prefix: base.body)
            // Where the base no longer helps, a new one does.
            if bytes.count * 2 <= base.encodedBytes {
                self.base?.uses += 1
                return Encoded(bytes: [BodyEncoding.againstBase.rawValue] + bytes, base: base.seq)
            }
        }
        let newBase = try BodyEncoder.whole(body, with: compressor)
        base = Base(seq: seq, body: body, encodedBytes: newBase.count, uses: 1)
        return Encoded(bytes: [BodyEncoding.sameAsBase.rawValue], base: seq, newBase: newBase)
    }

    /// The body alone, needing no base.
    static func whole(_ body: [UInt8], with compressor: ZstdCompressor) throws(CompressionError) -> [UInt8] {
        let bytes = try compressor.compress(body)
        return bytes.count < body.count
            ? [BodyEncoding.whole.rawValue] + bytes : [BodyEncoding.plain.rawValue] + body
    }
}

extension BodyEncoding {
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
        let prefix = encoding == .againstBase ? try base() : nil
        return try bytes.withUnsafeBytes { all in
            let rest = UnsafeRawBufferPointer(rebasing: all[1...])
            if encoding == .plain { return Array(rest) }
            return try decompressor.decompress(rest, prefix: prefix, bytesMax: bytesMax)
        }
    }
}
