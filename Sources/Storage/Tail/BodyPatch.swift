import Codec
import Expvar

/// A body as what differs from another body of the same skeleton: the scrape before it.
///
/// Two scrapes of a process differ in some 80 of 260 numbers, mostly integers that grew a little; so a body of 9 kB
/// becomes some 230 bytes, at a tenth of the time that zstd takes with the other body as prefix (and half its bytes).
/// Whoever decodes needs no JSON: it copies and puts in.
///
///     CRC-32C of the body         4 bytes
///     changes                     in the order of the body, until the end; for each:
///         varint g                bit 0 clear: an integer stands there, after g >> 1 bytes that are copied;
///                                     zigzag: what is added to it (64 bits, wrapping)
///                                 bit 0 set: other text, after g >> 2 bytes that are copied;
///                                     varint: bytes of the old text, which are left out; varint: bytes of the new one;
///                                     bit 1 clear: two characters a byte, the first in the upper half, out of
///                                     `0123456789.-+eE`, an odd end filled up with 15
///                                     bit 1 set: the new text as it is
///     The rest of the old body is copied.
enum BodyPatch {
    private static let alphabet = Array("0123456789.-+eE".utf8)
    private static let nibbles: [UInt8] = {
        var table = [UInt8](repeating: 0xff, count: 256)
        for (index, character) in alphabet.enumerated() { table[Int(character)] = UInt8(index) }
        return table
    }()

    /// The patch that makes `new` of `old`, whose skeletons are the same.
    static func encode(_ new: [UInt8], _ newLeaves: [Leaf], from old: [UInt8], _ oldLeaves: [Leaf]) -> [UInt8]
    {
        precondition(newLeaves.count == oldLeaves.count, "BUG: two bodies of one skeleton have other leaves")
        var writer = ByteWriter()
        old.withUnsafeBytes { old in
            new.withUnsafeBytes { new in
                writer.fixed32(Checksum.crc32c(new))
                var copied = 0
                for index in newLeaves.indices {
                    let (from, to) = (oldLeaves[index], newLeaves[index])
                    let before = text(from, in: old)
                    let after = text(to, in: new)
                    if before.count == after.count, isEqual(before, after) { continue }
                    let gap = Int(from.offset) - copied
                    copied = Int(from.offset) + before.count
                    if let a = integer(before), let b = integer(after) {
                        writer.varint(UInt64(gap) << 1)
                        writer.zigzag(b &- a)
                    } else {
                        literal(after, replacing: before.count, gap: gap, &writer)
                    }
                }
            }
        }
        return writer.bytes
    }

    private static func text(_ leaf: Leaf, in body: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: body[Int(leaf.offset)..<Int(leaf.offset) + Int(leaf.length)])
    }

    private static func isEqual(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
        for index in 0..<a.count where a[index] != b[index] { return false }
        return true
    }

    private static func literal(
        _ text: UnsafeRawBufferPointer,
        replacing old: Int,
        gap: Int,
        _ writer: inout ByteWriter
    ) {
        let isPacked = text.allSatisfy { nibbles[Int($0)] != 0xff }
        writer.varint(UInt64(gap) << 2 | (isPacked ? 1 : 3))
        writer.count(old)
        writer.count(text.count)
        guard isPacked else { return writer.raw(text) }
        for index in stride(from: 0, to: text.count, by: 2) {
            let low = index + 1 < text.count ? nibbles[Int(text[index + 1])] : 15
            writer.byte(nibbles[Int(text[index])] << 4 | low)
        }
    }

    /// The integer that all of `text` spells as Go does; nil for any other text.
    private static func integer(_ text: UnsafeRawBufferPointer) -> Int64? {
        guard let end = text.indices.last, let (value, last) = integer(text, at: 0), last == end + 1 else {
            return nil
        }
        return value
    }

    /// The integer that begins at `start`, and where it ends; nil where none does that could be written again.
    private static func integer(_ text: UnsafeRawBufferPointer, at start: Int) -> (value: Int64, end: Int)? {
        var index = start
        let isNegative = index < text.count && text[index] == UInt8(ascii: "-")
        if isNegative { index += 1 }
        let first = index
        var value: Int64 = 0
        while index < text.count, text[index] &- 0x30 <= 9 {
            let digit = Int64(text[index] - 0x30)
            let (tenfold, isOver) = value.multipliedReportingOverflow(by: 10)
            let (next, isOverNow) = tenfold.subtractingReportingOverflow(digit)
            // Counted downwards, since Int64.min has no positive counterpart.
            guard !isOver, !isOverNow, index - first < 19 else { return nil }
            value = next
            index += 1
        }
        guard index > first, text[first] != UInt8(ascii: "0") || (index == first + 1 && !isNegative) else {
            return nil
        }
        if isNegative { return (value, index) }
        return value == .min ? nil : (-value, index)
    }

    /// The body that `patch` makes of `old`.
    ///
    /// - Throws: `CodecError` where it is none, or makes another body than it was made of.
    static func decode(
        _ patch: ArraySlice<UInt8>,
        from old: [UInt8],
        bytesMax: Int
    ) throws(CodecError) -> [UInt8] {
        var reader = try ByteReader(Array(patch), in: 0..<patch.count)
        let checksum = try reader.fixed32()
        var body: [UInt8] = []
        body.reserveCapacity(old.count + 64)
        var place = 0
        while !reader.isAtEnd {
            let word = try reader.varint()
            let isInteger = word & 1 == 0
            let gap = Int(clamping: word >> (isInteger ? 1 : 2))
            guard gap <= old.count - place else { throw .malformed("a change beyond the body") }
            body.append(contentsOf: old[place..<place + gap])
            place += gap
            if isInteger {
                let found = old.withUnsafeBytes { integer($0, at: place) }
                guard let found else { throw .malformed("no integer where one is changed") }
                append(found.value &+ (try reader.zigzag()), to: &body)
                place = found.end
            } else {
                let left = try reader.count(max: old.count - place, "text of a body")
                let count = try reader.count(max: bytesMax, "text of a body")
                place += left
                try text(count, isPacked: word & 2 == 0, &reader, &body)
            }
            guard body.count <= bytesMax else { throw .overLimit("a body") }
        }
        body.append(contentsOf: old[place...])
        guard body.count <= bytesMax else { throw .overLimit("a body") }
        guard Checksum.crc32c(body[...]) == checksum else {
            throw .malformed("a body that its checksum denies")
        }
        return body
    }

    private static func text(
        _ count: Int,
        isPacked: Bool,
        _ reader: inout ByteReader,
        _ body: inout [UInt8]
    ) throws(CodecError) {
        guard isPacked else { return body.append(contentsOf: try reader.raw(count)) }
        let end = body.count + count
        for byte in try reader.raw((count + 1) / 2) {
            for nibble in [byte >> 4, byte & 15] where body.count < end {
                guard nibble < 15 else { throw .malformed("a character that there is not") }
                body.append(alphabet[Int(nibble)])
            }
        }
    }

    private static func append(_ value: Int64, to body: inout [UInt8]) {
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
        withUnsafeMutableBytes(of: &digits) { buffer in
            var rest = value.magnitude
            var start = buffer.count
            repeat {
                start -= 1
                buffer[start] = UInt8(0x30 + rest % 10)
                rest /= 10
            } while rest > 0
            if value < 0 {
                start -= 1
                buffer[start] = UInt8(ascii: "-")
            }
            body.append(contentsOf: buffer[start...])
        }
    }
}
