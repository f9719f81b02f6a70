import Codec

/// Where the bytes of a chunk come from: memory, or the database, part by part.
struct ChunkSource {
    /// How many bytes the chunk has.
    let size: Int
    /// The chunk, or as much of its beginning as was read at once.
    private let known: [UInt8]
    private let read: (Range<Int>) throws -> [UInt8]

    /// Header and parts of a chunk of a day at 10 s take some 25 kB: mostly they come with the first read.
    private static let firstRead = 32 * 1024

    /// A chunk in memory.
    init(_ bytes: [UInt8]) {
        size = bytes.count
        known = bytes
        // Everything is known.
        read = { _ in [] }
    }

    /// A chunk of that size that `read` gives parts of; the beginning is read at once.
    init(readingOf size: Int, read: @escaping (Range<Int>) throws -> [UInt8]) throws {
        self.size = size
        self.read = read
        known = try read(0..<min(size, ChunkSource.firstRead))
    }

    /// A chunk of that size that `read` gives parts of, when they are asked for.
    init(size: Int, read: @escaping (Range<Int>) throws -> [UInt8]) {
        self.size = size
        self.read = read
        known = []
    }

    /// An array, and where in it the bytes of `range` stand.
    func part(_ range: Range<Int>) throws -> (bytes: [UInt8], range: Range<Int>) {
        guard range.lowerBound >= 0, range.upperBound <= size else { throw CodecError.cutShort(offset: size) }
        if range.upperBound <= known.count { return (known, range) }
        let bytes = try read(range)
        guard bytes.count == range.count else { throw CodecError.cutShort(offset: size) }
        return (bytes, bytes.indices)
    }

    /// The bytes of `range`.
    func bytes(_ range: Range<Int>) throws -> [UInt8] {
        let (bytes, range) = try part(range)
        return range == bytes.indices ? bytes : Array(bytes[range])
    }

    /// A reader of the bytes of `range`.
    func reader(of range: Range<Int>) throws -> ByteReader {
        let (bytes, range) = try part(range)
        return try ByteReader(bytes, in: range)
    }

    /// Compares the checksum that stands behind `range`.
    func verify(_ range: Range<Int>) throws {
        guard range.upperBound >= range.lowerBound, range.upperBound <= size - 4 else {
            throw CodecError.cutShort(offset: size)
        }
        let (bytes, place) = try part(range.lowerBound..<range.upperBound + 4)
        let end = place.upperBound - 4
        var reader = try ByteReader(bytes, in: end..<place.upperBound)
        guard Checksum.crc32c(bytes[place.lowerBound..<end]) == (try reader.fixed32()) else {
            throw CodecError.checksum
        }
    }
}
