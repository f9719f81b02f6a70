import Codec
import Compression
import Expvar
import Model
import TestBasics
import Testing

@testable import Storage

@Suite("hostile chunks")
struct ChunkHostileTests {
    @Test(
        "an expanded header of other bits, or cut anywhere, gives an error or another header, and never traps"
    )
    func header() throws {
        let history = ChunkHistory(count: 12, traits: .all, seed: 78)
        let bytes = try ChunkEncoder(level: .cold, shape: history.shape).encode(history.scrapes)
        let decoder = try ChunkDecoder(bytes)
        let header = decoder.header.write()
        #expect(try ChunkHeader(from: header).write() == header)
        for count in header.indices {
            #expect(throws: CodecError.self) { _ = try ChunkHeader(from: Array(header[..<count])) }
        }
        var random = SeededGenerator(seed: 4)
        for position in header.indices {
            var flipped = header
            flipped[position] ^= 1 << UInt8.random(in: 0...7, using: &random)
            guard (try? ChunkHeader(from: flipped)) != nil, position % 5 == 0 else { continue }
            try readAll(Self.chunk(flipped, of: decoder, bytes), history)
        }
    }

    /// The chunk with another header, and checksums that agree with it.
    private static func chunk(_ header: [UInt8], of decoder: ChunkDecoder, _ bytes: [UInt8]) throws -> [UInt8]
    {
        let packed = try ZstdCompressor(level: 1).compress(header)
        var size = ByteReader(bytes)
        _ = try size.fixed16()
        let oldSize = Int(try size.fixed32())
        var writer = ByteWriter()
        writer.raw(bytes[..<2])
        writer.fixed32(UInt32(packed.count))
        writer.raw(packed)
        writer.fixed32(Checksum.crc32c(writer.bytes[...]))
        writer.raw(bytes[(6 + oldSize + 4)..<(bytes.count - 4)])
        writer.fixed32(Checksum.crc32c(writer.bytes[...]))
        return writer.bytes
    }

    private func readAll(_ bytes: [UInt8], _ history: ChunkHistory) throws {
        guard let decoder = try? ChunkDecoder(bytes) else { return }
        _ = try? decoder.rows()
        _ = try? decoder.seriesRows()
        _ = try? decoder.collections(shape: history.shape)
        let leaves = decoder.shapes.map { _ in Int?.some(3) }
        _ = try? decoder.series(leaves: leaves, shape: history.shape)
        _ = decoder.statistics(leaves: leaves)
        try? decoder.forEachBody(in: 0..<decoder.rowCount, shape: history.shape) { _, _ in }
    }

    @Test("random bytes with a good version are no chunk")
    func noise() {
        var random = SeededGenerator(seed: 6)
        for _ in 0..<500 {
            var bytes = (0..<Int.random(in: 0...200, using: &random)).map { _ in
                UInt8(truncatingIfNeeded: random.next())
            }
            if bytes.count > 6 { bytes.replaceSubrange(0..<6, with: [1, 0, 20, 0, 0, 0]) }
            #expect(throws: ChunkError.self) { _ = try ChunkDecoder(bytes) }
        }
    }

    @Test("bodies as real programs served them come back from columns, none of them kept whole")
    func recordedBodies() throws {
        var history: [ChunkScrape] = []
        var shapes: [Shape] = []
        for name in ["etcd-load", "etcd-fresh", "caddy-load", "go1.19-later", "go1.19-chaos", "go1.19-fresh"]
        {
            let body = try #require(ChunkFixtureTests.read("../bodies/\(name).json"))
            var document = ScannedDocument()
            try document.scan(body)
            shapes.append(try Shape(skeleton: document.skeleton))
            for copy in 0..<3 {
                history.append(
                    ChunkScrape(
                        seq: Int64(history.count),
                        position: ScrapePosition(
                            epoch: 0,
                            time: Timestamp(milliseconds: Int64(history.count * 1000))
                        ),
                        origin: 1,
                        outcome: .document(
                            shape: ShapeID(Int64(shapes.count - 1)),
                            run: RunID(Int64(shapes.count)),
                            seen: copy == 0 ? 1 : 0,
                            missed: nil,
                            body: body
                        )
                    )
                )
            }
        }
        let bytes = try ChunkEncoder(level: .cold) { shapes[Int($0.value)] }.encode(history)
        let decoder = try ChunkDecoder(bytes)
        #expect(decoder.header.columnRowCount == history.count)
        try decoder.forEachBody(in: 0..<history.count) {
            shapes[Int($0.value)]
        } _: { row, body in
            guard case .document(_, _, _, _, let expected) = history[row].outcome else { return }
            #expect(body == expected)
        }
    }
}
