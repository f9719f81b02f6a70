/// Reads what `ByteWriter` writes, from a part of an array; never past its end.
package struct ByteReader: Sendable {
    private let bytes: [UInt8]
    /// The offset in the array of the next byte.
    package private(set) var offset: Int
    /// The offset after the last byte that may be read.
    package let end: Int

    /// Reads the whole array.
    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
        offset = 0
        end = bytes.count
    }

    /// Reads that part of the array.
    ///
    /// - Throws: `CodecError.cutShort` where the array has no such part.
    package init(_ bytes: [UInt8], in range: Range<Int>) throws(CodecError) {
        guard range.lowerBound >= 0, range.upperBound <= bytes.count else {
            throw .cutShort(offset: bytes.count)
        }
        self.bytes = bytes
        offset = range.lowerBound
        end = range.upperBound
    }

    /// How many bytes are left.
    package var remaining: Int { end - offset }

    /// Whether all was read.
    package var isAtEnd: Bool { offset == end }

    /// The next byte.
    package mutating func byte() throws(CodecError) -> UInt8 {
        guard offset < end else { throw .cutShort(offset: offset) }
        defer { offset += 1 }
        return bytes[offset]
    }

    /// Two bytes, the lower first.
    package mutating func fixed16() throws(CodecError) -> UInt16 {
        let low = UInt16(try byte())
        return low | UInt16(try byte()) << 8
    }

    /// Four bytes, the lowest first.
    package mutating func fixed32() throws(CodecError) -> UInt32 {
        let low = UInt32(try fixed16())
        return low | UInt32(try fixed16()) << 16
    }

    /// A varint of at most ten bytes.
    package mutating func varint() throws(CodecError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = try byte()
            // The tenth byte holds bit 63 alone.
            guard shift < 63 || next <= 1 else { throw .malformed("a varint over 64 bits") }
            value |= UInt64(next & 0x7f) << shift
            if next < 0x80 { return value }
            shift += 7
        }
    }

    /// A zigzag varint.
    package mutating func zigzag() throws(CodecError) -> Int64 { Zigzag.decode(try varint()) }

    /// A varint that counts something of which there may be `max`.
    package mutating func count(max: Int, _ what: String) throws(CodecError) -> Int {
        let value = try varint()
        guard value <= UInt64(max) else { throw .overLimit(what) }
        return Int(value)
    }

    /// The range of the next `count` bytes in the array, which are stepped over.
    package mutating func skip(_ count: Int) throws(CodecError) -> Range<Int> {
        guard count >= 0, count <= remaining else { throw .cutShort(offset: end) }
        defer { offset += count }
        return offset..<offset + count
    }

    /// The next `count` bytes.
    package mutating func raw(_ count: Int) throws(CodecError) -> ArraySlice<UInt8> { bytes[try skip(count)] }
}
