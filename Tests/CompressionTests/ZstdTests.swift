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
    @Test("what is compressed expands to the same bytes")
    func roundTrip() throws {
        let seed = UInt64.random(in: 0...(.max))
        var generator = SeededGenerator(seed: seed)
        let compressor = try ZstdCompressor(level: 3)
        let decompressor = try ZstdDecompressor()
        for size in [0, 1, 2, 100, 4095, 100_000] {
            let input = sampleBytes(size, using: &generator)
            let bytes = try compressor.compress(input)
            #expect(try decompressor.decompress(bytes, bytesMax: size) == input, "seed \(seed)")
        }
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
