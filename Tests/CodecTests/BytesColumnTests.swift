import TestBasics
import Testing

@testable import Codec

@Suite("lists of byte strings")
struct BytesColumnTests {
    static func read(
        _ bytes: [UInt8],
        countMax: Int = 1000,
        bytesMax: Int = 100_000
    ) throws(CodecError) -> [[UInt8]] {
        var reader = ByteReader(bytes)
        let list = try BytesColumn.read(&reader, countMax: countMax, bytesMax: bytesMax)
        guard reader.isAtEnd else { throw .malformed("bytes after the list") }
        return list
    }

    static func encoded(_ list: [[UInt8]]) -> [UInt8] {
        var writer = ByteWriter()
        BytesColumn.write(list, to: &writer)
        return writer.bytes
    }

    @Test("lists come back, and a part of their bytes or other bits never trap")
    func roundTrip() throws {
        let seed = freshSeed()
        var numbers = SeededGenerator(seed: seed)
        for _ in 0..<60 {
            let list = (0..<Int.random(in: 0...9, using: &numbers)).map { _ in
                (0..<Int.random(in: 0...12, using: &numbers)).map { _ in
                    UInt8.random(in: 0...2, using: &numbers)
                }
            }
            let bytes = Self.encoded(list)
            #expect(try Self.read(bytes) == list, "seed \(seed)")
            for count in bytes.indices {
                #expect(throws: CodecError.self) { _ = try Self.read(Array(bytes[..<count])) }
            }
            for position in bytes.indices {
                for bit in 0..<8 {
                    var flipped = bytes
                    flipped[position] ^= 1 << UInt8(bit)
                    _ = try? Self.read(flipped)
                }
            }
        }
    }

    @Test("every list of up to two strings of up to two bytes of two comes back")
    func exhaustive() throws {
        let strings: [[UInt8]] = [[], [0], [1], [0, 0], [0, 1], [1, 0], [1, 1]]
        for a in strings {
            #expect(try Self.read(Self.encoded([a])) == [a])
            for b in strings { #expect(try Self.read(Self.encoded([a, b])) == [a, b]) }
        }
        #expect(try Self.read(Self.encoded([])) == [])
    }

    @Test("beginnings that are shared over and over do not make more than the limit")
    func bomb() {
        let list = [[UInt8]](repeating: [UInt8](repeating: 7, count: 1000), count: 500)
        let bytes = Self.encoded(list)
        #expect(bytes.count < 4000)
        #expect(throws: CodecError.overLimit("bytes of a list")) { _ = try Self.read(bytes) }
        #expect(throws: CodecError.overLimit("strings of a list")) { _ = try Self.read(bytes, countMax: 499) }
    }
}
