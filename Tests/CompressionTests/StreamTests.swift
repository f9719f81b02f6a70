import TestBasics
import Testing

@testable import Compression

@Suite("Streams")
struct StreamTests {
    private func encode(_ input: [UInt8], _ format: CompressionFormat, pieces: Int) throws -> [UInt8] {
        let encoder = try StreamEncoder(format)
        var output: [UInt8] = []
        for start in stride(from: 0, to: input.count, by: max(1, pieces)) {
            try encoder.encode(Array(input[start..<min(input.count, start + pieces)])) { output += $0 }
        }
        try encoder.finish { output += $0 }
        return output
    }

    private func decode(
        _ input: [UInt8],
        _ format: CompressionFormat,
        pieces: Int,
        bytesMax: Int = .max
    ) throws -> [UInt8] {
        let decoder = try StreamDecoder(format, bytesMax: bytesMax)
        var output: [UInt8] = []
        for start in stride(from: 0, to: input.count, by: max(1, pieces)) {
            try decoder.decode(Array(input[start..<min(input.count, start + pieces)])) {
                #expect($0.count <= StreamDecoder.pieceBytes)
                output += $0
            }
        }
        try decoder.finish()
        return output
    }

    @Test(
        "a stream comes back whole, however it is cut into pieces",
        arguments: [CompressionFormat.gzip, .zstd]
    )
    func roundTrip(format: CompressionFormat) throws {
        let seed = UInt64.random(in: 0...(.max))
        var generator = SeededGenerator(seed: seed)
        for size in [0, 1, 1000, 65_536, 300_000] {
            let input = sampleBytes(size, using: &generator)
            let bytes = try encode(input, format, pieces: Int.random(in: 1...70_000, using: &generator))
            for pieces in [1, 7, 4096, 1 << 20] where pieces > 1 || bytes.count < 5000 {
                #expect(try decode(bytes, format, pieces: pieces) == input, "seed \(seed)")
            }
        }
    }

    @Test("members one after the other are one stream", arguments: [CompressionFormat.gzip, .zstd])
    func members(format: CompressionFormat) throws {
        let bytes =
            try encode([1, 2], format, pieces: 2) + encode([], format, pieces: 1)
            + encode([3], format, pieces: 1)
        for pieces in [1, 3, 1000] { #expect(try decode(bytes, format, pieces: pieces) == [1, 2, 3]) }
        if format == .gzip {
            // As gzip has it: zeros after the end are padding, anything else is damage.
            #expect(try decode(bytes + [0, 0, 0], format, pieces: 2) == [1, 2, 3])
            #expect(throws: CompressionError.self) { try decode(bytes + [0, 0, 1], format, pieces: 100) }
        }
    }

    @Test("a stream that is cut short or empty is noticed", arguments: [CompressionFormat.gzip, .zstd])
    func cutShort(format: CompressionFormat) throws {
        let bytes = try encode(Array("some text that is longer than nothing".utf8), format, pieces: 10)
        for length in 0..<bytes.count {
            #expect(throws: CompressionError.self) { try decode(Array(bytes[..<length]), format, pieces: 5) }
        }
    }

    @Test(
        "a changed byte never gives other bytes without an error",
        arguments: [CompressionFormat.gzip, .zstd]
    )
    func changed(format: CompressionFormat) throws {
        let input = Array("some text that is longer than nothing, some text".utf8)
        let bytes = try encode(input, format, pieces: 10)
        for index in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[index] ^= 1 << UInt8(bit)
                if let result = try? decode(changed, format, pieces: 7) { #expect(result == input) }
            }
        }
    }

    @Test("a bomb is stopped at the limit", arguments: [CompressionFormat.gzip, .zstd])
    func bomb(format: CompressionFormat) throws {
        let bytes = try encode([UInt8](repeating: 0, count: 10 << 20), format, pieces: 1 << 20)
        #expect(throws: CompressionError.tooLarge(bytesMax: 1 << 20)) {
            try decode(bytes, format, pieces: 1000, bytesMax: 1 << 20)
        }
        #expect(try decode(bytes, format, pieces: 1 << 20, bytesMax: 10 << 20).count == 10 << 20)
    }

    @Test("what another program made is read")
    func foreign() throws {
        // printf hello | gzip -n9 | xxd -i
        let gzip: [UInt8] = [
            0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x07,
            0x00, 0x86,
            0xa6, 0x10, 0x36, 0x05, 0x00, 0x00, 0x00,
        ]
        #expect(try decode(gzip, .gzip, pieces: 3) == Array("hello".utf8))
    }

    @Test("the ending of a file's name says its format")
    func endings() {
        #expect(CompressionFormat(fileName: "a.ndjson.gz") == .gzip)
        #expect(CompressionFormat(fileName: "a.zst") == .zstd)
        #expect(CompressionFormat(fileName: "a.ndjson") == nil)
    }
}
