import Codec
import Expvar
import Model
import TestBasics
import Testing

@testable import Storage

/// What the fuzz target FuzzChunk begins with and what it once found, in Fuzz/Corpus/FuzzChunk: each chunk of it is asked
/// everything, as are its like with one byte changed.
///
/// The beginnings are written, where they are not there, with `EXPVAULT_WRITE_FIXTURES=1`.
@Suite("chunks with mended checksums")
struct HostileChunkTests {
    /// Some rows of each of `HostileChunk.shapes`, failures and bodies that stay raw among them.
    private static func history(_ count: Int, seed: UInt64) throws -> [ChunkScrape] {
        var random = SeededGenerator(seed: seed)
        var seen = 0
        return try (0..<count).map { row in
            let shape = Int.random(in: 0...2, using: &random)
            let number = row * 3 + Int.random(in: 0...2, using: &random)
            let collections = shape == 2 ? min(row * 2, 250) : seen
            var document = ScannedDocument()
            let body = HostileChunk.body(shape: shape, number, collections: collections)
            defer { if row % 7 != 6 { seen = collections } }
            try document.scan(body)
            #expect(document.skeleton == HostileChunk.shapes[shape].skeleton)
            let isFailure = row % 7 == 6
            return ChunkScrape(
                seq: Int64(row) * 2 + 5,
                position: ScrapePosition(
                    epoch: Int64(row / 20),
                    time: Timestamp(milliseconds: 1_700_000_000_000 + Int64(row) * 10_000)
                ),
                origin: Int64(1 + row / 9),
                boot: row % 3 == 0 ? nil : 1,
                bootNanoseconds: row % 3 == 0 ? nil : Int64(row) * 1_000_001,
                durationNanoseconds: row % 4 == 0 ? nil : Int64(900_000 + number),
                status: isFailure ? nil : 200,
                serverDate: row % 5 == 0 ? Timestamp(milliseconds: 1_700_000_000_000) : nil,
                isAfterStep: row == 11,
                outcome: isFailure
                    ? .failure(reason: "refused \(row % 2)", body: Array("<p>\(row)".utf8))
                    : .document(
                        shape: ShapeID(Int64(shape)),
                        run: RunID(shape == 2 ? 1 : Int64(1 + row / 13)),
                        seen: collections - seen,
                        missed: nil,
                        body: body
                    )
            )
        }
    }

    @Test("the beginnings are chunks that can be read whole")
    func beginnings() throws {
        for (name, count, level) in [
            ("quick", 3, ChunkLevel.quick), ("cold", 40, .cold), ("long", 130, .cold),
        ] {
            let chunk = try ChunkEncoder(level: level, shape: HostileChunk.shape)
                .encode(try Self.history(count, seed: UInt64(count)))
            let parts = try HostileChunk(of: chunk)
            let mended = try #require(HostileChunk(parts.bytes)?.chunk())
            try ChunkDecoder(mended).checkStreams()
            #expect(HostileChunk.readAll(mended, shape: HostileChunk.shape))
            KeptInputs.write(parts.bytes, as: "begin-\(name)", of: "FuzzChunk")
        }
    }

    @Test("what was kept is answered or refused, and so are its like with a byte changed")
    func kept() throws {
        let inputs = KeptInputs.all(of: "FuzzChunk")
        #expect(inputs.count >= 3)
        var random = SeededGenerator(seed: 9)
        var readable = 0
        for input in inputs {
            for attempt in 0..<200 {
                var changed = input
                if attempt > 0, let place = changed.indices.randomElement(using: &random) {
                    changed[place] ^= 1 << UInt8.random(in: 0...7, using: &random)
                }
                guard let chunk = HostileChunk(changed)?.chunk() else { continue }
                if HostileChunk.readAll(chunk, shape: HostileChunk.shape) { readable += 1 }
            }
        }
        #expect(readable > inputs.count * 20, "the changes must not all end at the header")
    }
}
