import TestBasics
import Testing

@testable import Codec

@Suite("bytes and bits")
struct ByteTests {
    static let edges: [UInt64] = [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 1 << 32, 1 << 63 - 1, 1 << 63, .max]

    @Test("varints come back, at every edge, and not from a part of their bytes", arguments: edges)
    func varints(_ value: UInt64) throws {
        var writer = ByteWriter()
        writer.varint(value)
        writer.zigzag(Int64(bitPattern: value))
        writer.fixed16(UInt16(truncatingIfNeeded: value))
        writer.fixed32(UInt32(truncatingIfNeeded: value))
        var reader = ByteReader(writer.bytes)
        #expect(try reader.varint() == value)
        #expect(try reader.zigzag() == Int64(bitPattern: value))
        #expect(try reader.fixed16() == UInt16(truncatingIfNeeded: value))
        #expect(try reader.fixed32() == UInt32(truncatingIfNeeded: value))
        #expect(reader.isAtEnd)
        for count in 0..<writer.count {
            var cut = ByteReader(Array(writer.bytes[..<count]))
            #expect(throws: CodecError.self) {
                _ = try cut.varint()
                _ = try cut.zigzag()
                _ = try cut.fixed16()
                _ = try cut.fixed32()
            }
        }
    }

    @Test("a varint over 64 bits is refused")
    func longVarint() {
        var ten = ByteReader([UInt8](repeating: 0xff, count: 9) + [0x02])
        #expect(throws: CodecError.malformed("a varint over 64 bits")) { _ = try ten.varint() }
        var endless = ByteReader([UInt8](repeating: 0x80, count: 40))
        #expect(throws: CodecError.self) { _ = try endless.varint() }
    }

    @Test("a count over its limit is refused by name")
    func count() {
        var writer = ByteWriter()
        writer.count(11)
        var reader = ByteReader(writer.bytes)
        #expect(throws: CodecError.overLimit("apples")) { _ = try reader.count(max: 10, "apples") }
    }

    @Test("zigzag puts small numbers first and is its own inverse")
    func zigzag() {
        #expect([0, -1, 1, -2, .max, .min].map(Zigzag.encode) == [0, 1, 2, 3, .max - 1, .max])
        for value in [0, -1, 1, 77, -78, Int64.max, .min] {
            #expect(Zigzag.decode(Zigzag.encode(value)) == value)
        }
    }

    @Test("bits of any width come back, and past the end come zeros")
    func bits() {
        let seed = freshSeed()
        var numbers = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            var writer = BitWriter()
            var written: [(value: UInt64, width: Int)] = []
            for _ in 0..<Int.random(in: 0...60, using: &numbers) {
                let width = Int.random(in: 0...64, using: &numbers)
                let value = width == 0 ? 0 : numbers.next() >> UInt64(64 - width)
                writer.write(value, width: width)
                written.append((value, width))
            }
            let small = UInt64.random(in: 0...5000, using: &numbers)
            writer.gamma(small)
            let bytes = writer.finish()
            bytes.withUnsafeBufferPointer { bytes in
                var reader = BitReader(bytes)
                for (value, width) in written { #expect(reader.read(width: width) == value, "seed \(seed)") }
                #expect(reader.gamma() == small, "seed \(seed)")
                #expect(!reader.isPastEnd, "seed \(seed)")
                for _ in 0..<9 { #expect(reader.read(width: 8) == 0) }
                #expect(reader.isPastEnd, "seed \(seed)")
            }
        }
    }

    @Test("CRC-32C has the value of RFC 3720, for every length that of one byte at a time")
    func checksum() {
        #expect(Checksum.crc32c(Array("123456789".utf8)[...]) == 0xe306_9283)
        #expect(Checksum.crc32c([UInt8](repeating: 0, count: 32)[...]) == 0x8a91_36aa)
        var numbers = SeededGenerator(seed: 1)
        let bytes = (0..<67).map { _ in UInt8(truncatingIfNeeded: numbers.next()) }
        for start in 0..<9 {
            for end in start...bytes.count {
                var crc: UInt32 = 0xffff_ffff
                for byte in bytes[start..<end] {
                    crc ^= UInt32(byte)
                    for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0x82f6_3b78 : 0) }
                }
                #expect(Checksum.crc32c(bytes[start..<end]) == ~crc)
            }
        }
    }
}
