import TestBasics
import Testing

@testable import Compression

/// Bytes between noise and repetition.
func sampleBytes(_ count: Int, using generator: inout SeededGenerator) -> [UInt8] {
    let alphabet = UInt8.random(in: 1...255, using: &generator)
    return (0..<count).map { _ in UInt8.random(in: 0...alphabet, using: &generator) }
}

@Suite("zstd on whole buffers")
struct ZstdTests {
    @Test("what is compressed expands to the same bytes, with and without a prefix")
    func roundTrip() throws {
        let seed = UInt64.random(in: 0...(.max))
        var generator = SeededGenerator(seed: seed)
        let compressor = try ZstdCompressor(level: 3)
        let decompressor = try ZstdDecompressor()
        for size in [0, 1, 2, 100, 4095, 100_000] {
            let input = sampleBytes(size, using: &generator)
            let prefix = sampleBytes(Int.random(in: 0...5000, using: &generator), using: &generator)
            let alone = try compressor.compress(input)
            let against = try compressor.compress(input, prefix: prefix)
            #expect(try decompressor.decompress(alone, bytesMax: size) == input, "seed \(seed)")
            #expect(
                try decompressor.decompress(against, prefix: prefix, bytesMax: size) == input,
                "seed \(seed)"
            )
            let close = try compressor.compress(prefix + [0] + prefix, prefix: prefix)
            #expect(close.count < prefix.count / 4 + 60, "seed \(seed)")
            // A prefix is good for one frame only.
            #expect(try compressor.compress(input) == alone, "seed \(seed)")
        }
    }

    @Test("expanding with another prefix is noticed")
    func wrongPrefix() throws {
        var generator = SeededGenerator(seed: 1)
        let prefix = sampleBytes(5000, using: &generator)
        let bytes = try ZstdCompressor(level: 1).compress(prefix + [1, 2, 3], prefix: prefix)
        let decompressor = try ZstdDecompressor()
        var other = prefix
        other[100] ^= 1
        #expect(throws: CompressionError.self) {
            _ = try decompressor.decompress(bytes, prefix: other, bytesMax: 10_000)
        }
        #expect(throws: CompressionError.self) { _ = try decompressor.decompress(bytes, bytesMax: 10_000) }
        #expect(try decompressor.decompress(bytes, prefix: prefix, bytesMax: 10_000) == prefix + [1, 2, 3])
    }

    @Test("more than is allowed is refused, and cut or changed frames are noticed")
    func hostile() throws {
        let input = [UInt8](repeating: 7, count: 1 << 20)
        let bytes = try ZstdCompressor(level: 1).compress(input)
        let decompressor = try ZstdDecompressor()
        #expect(throws: CompressionError.tooLarge(bytesMax: 1000)) {
            _ = try decompressor.decompress(bytes, bytesMax: 1000)
        }
        for length in 0..<bytes.count {
            #expect(throws: CompressionError.self) {
                _ = try decompressor.decompress(Array(bytes[..<length]), bytesMax: 1 << 21)
            }
        }
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 0x10
            // Some bits of a frame's header mean nothing here; the content must then be right.
            if let result = try? decompressor.decompress(changed, bytesMax: 1 << 21) {
                #expect(result == input)
            }
        }
    }

    @Test("CRC-32 is that of gzip")
    func crc() {
        #expect(CRC32.checksum(Array("123456789".utf8)) == 0xcbf4_3926)
        #expect(CRC32.checksum([]) == 0)
    }
}
