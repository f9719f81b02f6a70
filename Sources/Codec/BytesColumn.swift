/// Lists of byte strings as bytes, and back: a dictionary whose places an `IntegerColumn` holds.
///
/// A list is its count, then for each string how many bytes it shares with the one before it, how many follow, and
/// those (all but the bytes as varints):
///
///     count · ( shared · rest · bytes )…
///
/// What whole lists have in common is left to the compressor around them.
package enum BytesColumn {
    /// Writes a list.
    package static func write(_ list: [[UInt8]], to writer: inout ByteWriter) {
        writer.count(list.count)
        var last: [UInt8] = []
        for bytes in list {
            var shared = 0
            while shared < min(last.count, bytes.count), last[shared] == bytes[shared] { shared += 1 }
            writer.count(shared)
            writer.count(bytes.count - shared)
            writer.raw(bytes[shared...])
            last = bytes
        }
    }

    /// Reads a list of at most `countMax` strings that have at most `bytesMax` bytes together.
    ///
    /// - Throws: `CodecError.overLimit` before anything beyond is allocated: shared beginnings could make much of little.
    package static func read(
        _ reader: inout ByteReader,
        countMax: Int,
        bytesMax: Int
    ) throws(CodecError) -> [[UInt8]] {
        // Each takes two bytes at least.
        let count = try reader.count(max: min(countMax, reader.remaining / 2), "strings of a list")
        var list: [[UInt8]] = []
        list.reserveCapacity(count)
        var left = bytesMax
        for _ in 0..<count {
            let last = list.last ?? []
            let shared = try reader.count(max: last.count, "shared bytes")
            let rest = try reader.count(max: reader.remaining, "bytes of a string")
            guard shared + rest <= left else { throw .overLimit("bytes of a list") }
            left -= shared + rest
            list.append(Array(last[..<shared]) + Array(try reader.raw(rest)))
        }
        return list
    }
}
