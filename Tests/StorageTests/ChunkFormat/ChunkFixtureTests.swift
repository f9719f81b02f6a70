import Codec
import Compression
import Expvar
import Model
import TestBasics
import Testing

@testable import Storage

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Chunks as each format version wrote them, read for ever: `Tests/Fixtures/chunks/vN-LEVEL.chunk`, and what is in
/// them: `vN.expected`, a zstd frame of a list of skeletons (shape 0, 1, …) and a list of bodies, as `BytesColumn` writes
/// lists.
///
/// A new version gets new files; run the test once with `EXPVAULT_WRITE_FIXTURES=1`. Files that are there are never
/// written again.
@Suite("chunks of every format version")
struct ChunkFixtureTests {
    /// Enough for predictions.
    private static let rowCount = 130
    /// Nothing that makes a body stay whole.
    private static let plain: ChunkHistory.Traits = [.restarts, .turns, .failures, .shapes, .metadata]
    static let levels: [(name: String, level: ChunkLevel)] = [("quick", .quick), ("cold", .cold)]

    private static func path(_ name: String) -> String {
        Repository.root + "/Tests/Fixtures/chunks/" + name
    }

    static func read(_ name: String) -> [UInt8]? {
        guard let file = fopen(path(name), "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&part, 1, part.count, file)
            if count == 0 { return bytes }
            bytes += part[..<count]
        }
    }

    /// Writes a file that is not there yet.
    private static func write(_ name: String, _ bytes: [UInt8]) {
        guard let file = fopen(path(name), "wx") else { return }
        fwrite(bytes, 1, bytes.count, file)
        fclose(file)
    }

    private func writeMissing() throws {
        // Of bodies that must be kept whole there would be no parts.
        let history = ChunkHistory(count: Self.rowCount, traits: Self.plain, seed: 2)
        for (name, level) in Self.levels {
            let bytes = try ChunkEncoder(level: level, shape: history.shape).encode(history.scrapes)
            Self.write("v\(ChunkDecoder.version)-\(name).chunk", bytes)
        }
        var writer = ByteWriter()
        BytesColumn.write(history.shapes.map(\.skeleton), to: &writer)
        BytesColumn.write(
            history.scrapes.map { scrape in
                switch scrape.outcome {
                case .document(_, _, _, _, let body), .failure(_, let body): body
                }
            },
            to: &writer
        )
        Self.write("v\(ChunkDecoder.version).expected", try ZstdCompressor(level: 19).compress(writer.bytes))
    }

    @Test(
        "a chunk of each version and level holds what it held when it was written",
        arguments: 1...ChunkDecoder.version
    )
    func fixture(_ version: UInt8) throws {
        if getenv("EXPVAULT_WRITE_FIXTURES") != nil { try writeMissing() }
        let expected = try #require(Self.read("v\(version).expected"))
        var reader = ByteReader(try ZstdDecompressor().decompress(expected, bytesMax: 1 << 24))
        let shapes = try BytesColumn.read(&reader, countMax: 1000, bytesMax: 1 << 24).map {
            try Shape(skeleton: $0)
        }
        let bodies = try BytesColumn.read(&reader, countMax: 1000, bytesMax: 1 << 24)
        for (name, level) in Self.levels {
            let decoder = try ChunkDecoder(try #require(Self.read("v\(version)-\(name).chunk")))
            #expect(decoder.level == level)
            try decoder.checkStreams()
            #expect(try (decoder.parts() != nil) == (version > 1 && level == .cold))
            var read: [[UInt8]] = []
            try decoder.forEachBody(in: 0..<decoder.rowCount) {
                shapes[Int($0.value)]
            } _: { _, body in
                read.append(body)
            }
            #expect(read == bodies)
            #expect(try decoder.rows().map(\.seq) == (0..<Int64(Self.rowCount)).map { $0 * 5 + 3 })
            #expect(try decoder.collections { shapes[Int($0.value)] }.count > 20)
        }
    }
}
