import Codec
import Expvar
import Model
import Testing

@testable import Storage

/// What a chunk says of its parts, against its decoded columns.
@Suite("The parts of a chunk")
struct ChunkPartsTests {
    private static let plain: ChunkHistory.Traits = [.restarts, .turns, .failures, .shapes, .metadata]

    /// The number of values of a column, and each of them in order, by document; nil where the document lacks it.
    private static func values(
        of column: Int,
        _ decoder: ChunkDecoder,
        _ shape: (ShapeID) throws -> Shape
    ) throws -> [Number?] {
        let leaves = decoder.header.shapes.map { $0.columns.firstIndex(of: column) }
        let values = try decoder.series(leaves: leaves, shape: shape)
        return (0..<decoder.documentCount).map { values[$0] }
    }

    private static func expect(
        _ knowledge: [ChunkParts.Knowledge],
        _ parts: ChunkParts,
        holds values: [Number?],
        _ label: Comment
    ) {
        var next = 0
        for (part, known) in zip(parts.parts, knowledge) {
            let range = next..<next + part.documents
            next = range.upperBound
            let samples = values[range].compactMap { $0 }
            switch known {
            case .unknown: continue
            case .absent: #expect(samples.isEmpty, label)
            case .statistics(let statistics):
                #expect(statistics.count == samples.count && samples.count == part.documents, label)
                #expect(statistics.first == samples.first && statistics.last == samples.last, label)
                #expect(statistics.min == samples.min() && statistics.max == samples.max(), label)
                let pairs = zip(samples, samples.dropFirst())
                #expect(statistics.neverFalls == pairs.allSatisfy({ $0 <= $1 }), label)
                #expect(statistics.neverRises == pairs.allSatisfy({ $0 >= $1 }), label)
                let integers = samples.compactMap(\.exactInteger)
                if integers.count == samples.count {
                    #expect(statistics.sum == integers.reduce(0, +), label)
                } else if let sum = statistics.sum {
                    // Sums of doubles are exact: here they are compared near enough to see that.
                    let want = samples.reduce(0.0) { $0 + $1.double }
                    let got = Double(sign: .plus, exponent: statistics.sumExponent, significand: Double(sum))
                    #expect(abs(got - want) <= 1e-9 * max(1, abs(want)), label)
                }
            }
        }
        #expect(next == values.count, label)
    }

    @Test("what a chunk says of its parts is what its columns hold", arguments: 0..<12 as Range<UInt64>)
    func holds(seed: UInt64) throws {
        let history = ChunkHistory(count: 90 + Int(seed) * 40, traits: Self.plain, seed: seed)
        let bytes = try ChunkEncoder(level: .cold, shape: history.shape).encode(history.scrapes)
        let decoder = try ChunkDecoder(bytes)
        // Processes that take turns end a part each time: too many of them, and there are none.
        guard let parts = try decoder.parts() else { return #expect(history.scrapes.count > 128) }
        let rows = try decoder.rows()
        #expect(parts.parts.reduce(0) { $0 + $1.rows } == rows.count)
        var row = 0
        for part in parts.parts {
            let own = rows[row..<row + part.rows]
            row += part.rows
            #expect(part.first == own.first?.position && part.last == own.last?.position, "seed \(seed)")
            let documents = own.compactMap { row -> (ScrapePosition, ShapeID, RunID)? in
                guard case .document(let shape, let run, _) = row.outcome else { return nil }
                return (row.position, shape, run)
            }
            #expect(documents.count == part.documents && documents.allSatisfy { $0.2 == part.run })
            guard let first = documents.first, let last = documents.last else { continue }
            #expect(part.firstDocument == first.0 && part.lastDocument == last.0, "seed \(seed)")
            #expect(
                decoder.shapes[part.firstShape].id == first.1 && decoder.shapes[part.lastShape].id == last.1
            )
            #expect(own.dropFirst().allSatisfy { !$0.isAfterStep } as Bool, "seed \(seed)")
        }
        for column in decoder.header.columns.indices {
            Self.expect(
                try decoder.knowledge(ofColumn: column),
                parts,
                holds: try Self.values(of: column, decoder, history.shape),
                "seed \(seed) column \(column)"
            )
        }
    }

    @Test("no flipped bit of header or parts makes a part tell something else")
    func flipped() throws {
        let history = ChunkHistory(count: 60, traits: [.restarts, .failures, .metadata], seed: 4)
        let bytes = try ChunkEncoder(level: .cold, shape: history.shape).encode(history.scrapes)
        func told(_ bytes: [UInt8]) throws -> [[ChunkParts.Knowledge]] {
            let decoder = try ChunkDecoder(bytes)
            _ = try #require(try decoder.parts())
            return try (-1..<decoder.header.columns.count).map { try decoder.knowledge(ofColumn: $0) }
        }
        let right = try told(bytes)
        let headerSize = bytes[2..<6].reversed().reduce(0) { $0 << 8 | Int($1) }
        let offset = 6 + headerSize + 4
        let end = offset + 8 + bytes[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | Int($1) }
        var refused = 0
        for position in 0..<end {
            var flipped = bytes
            flipped[position] ^= 1 << (position % 8)
            // The level (byte 1) is covered by the checksum too.
            do {
                #expect(try told(flipped) == right, "byte \(position)")
            } catch is ChunkError {
                refused += 1
            }
        }
        #expect(refused == end)
    }

    @Test("streams read part by part are checked as those of a whole chunk are")
    func partial() throws {
        let history = ChunkHistory(count: 400, traits: Self.plain, seed: 5)
        let bytes = try ChunkEncoder(level: .cold, shape: history.shape).encode(history.scrapes)
        let whole = try ChunkDecoder(bytes)
        for flip in [nil] + stride(from: 0, to: bytes.count, by: 97).map({ $0 }) {
            var stored = bytes
            if let flip { stored[flip] ^= 0x10 }
            let source = ChunkSource(size: stored.count) { Array(stored[$0]) }
            do {
                let decoder = try ChunkDecoder(source)
                #expect(try decoder.rows() == whole.rows())
                for column in whole.header.columns.indices {
                    let a = try Self.values(of: column, decoder, history.shape)
                    let b = try Self.values(of: column, whole, history.shape)
                    #expect(a == b)
                }
            } catch {
                #expect(flip != nil && error is ChunkError, "byte \(flip ?? -1): \(error)")
            }
        }
    }
}
