import Expvar
import Model
import TestBasics
import Testing

@testable import Storage

/// What is sealed is what was put in, whether columns were filled leaf by leaf or by what repeats itself.
@Suite("reading a chunk back")
struct ChunkReadBackTests {
    private func table(_ history: ChunkHistory) throws -> ChunkTable {
        var table = ChunkTable(raw: [])
        for scrape in history.scrapes { try table.append(scrape, shape: history.shape) }
        table.finish()
        return table
    }

    private func verdict(
        on bytes: [UInt8],
        _ history: ChunkHistory,
        samples: [Int: BodyPrint] = [:]
    ) throws -> ChunkReadBack.Verdict {
        let table = try table(history)
        let planned = ChunkStreamEncoder(table, level: .quick).planned
        return try ChunkReadBack(table: table, planned: planned, samples: samples)
            .verdict(on: bytes, shape: history.shape)
    }

    /// A history of which `body` has row `row`.
    private func history(_ history: ChunkHistory, _ row: Int, _ body: [UInt8]) -> ChunkHistory? {
        guard case .document(let shape, let run, let seen, let missed, _) = history.scrapes[row].outcome
        else {
            return nil
        }
        var other = history
        other.setOutcome(row, .document(shape: shape, run: run, seen: seen, missed: missed, body: body))
        return other
    }

    @Test("a chunk that is not of these scrapes is noticed, whichever digit differs")
    func notices() throws {
        let seed = UInt64.random(in: 0...UInt64(UInt32.max))
        let sample = ChunkHistory(count: 40, traits: [.spellings, .shapes], seed: seed)
        let bytes = try ChunkEncoder(level: .quick, shape: sample.shape).encode(sample.scrapes)
        #expect(try verdict(on: bytes, sample) == .sound, "seed \(seed)")
        var random = SeededGenerator(seed: seed)
        var tried = 0
        for _ in 0..<5000 where tried < 12 {
            let row = Int.random(in: 0..<40, using: &random)
            var body = sample.scrapes[row].body
            let place = Int.random(in: 0..<body.count, using: &random)
            guard body[place] &- UInt8(ascii: "1") < 9 else { continue }
            body[place] = body[place] == UInt8(ascii: "9") ? UInt8(ascii: "8") : body[place] + 1
            guard let other = history(sample, row, body) else { continue }
            tried += 1
            #expect(try verdict(on: bytes, other) != .sound, "seed \(seed), row \(row), byte \(place)")
        }
        #expect(tried == 12, "seed \(seed)")
    }

    @Test("a text that is put together wrongly is noticed in the rows that are tried")
    func noticesSamples() throws {
        let sample = ChunkHistory(count: 5, traits: [], seed: 1)
        let bytes = try ChunkEncoder(level: .quick, shape: sample.shape).encode(sample.scrapes)
        let good = BodyPrint(sample.scrapes[2].body)
        #expect(try verdict(on: bytes, sample, samples: [2: good]) == .sound)
        #expect(try verdict(on: bytes, sample, samples: [2: BodyPrint([1])]) == .keepRaw([0, 1, 2, 3, 4]))
    }

    @Test("prints tell bodies apart that differ in one byte or in length")
    func prints() {
        let body = (0..<100).map { UInt8($0) }
        for place in body.indices {
            var other = body
            other[place] ^= 0x40
            #expect(BodyPrint(other) != BodyPrint(body))
            #expect(BodyPrint(Array(body[..<place])) != BodyPrint(body))
        }
        #expect(BodyPrint([]) != BodyPrint([0]))
    }

    /// The count of collections is a whole number in one shape, and is not in another, without rings.
    @Test(
        "rings whose count shares a column with other numbers are kept",
        arguments: [ChunkLevel.quick, .cold]
    )
    func countOfOtherKind(_ level: ChunkLevel) throws {
        let ring = [String](repeating: "0", count: 255).joined(separator: ",")
        func body(_ n: Int) -> String {
            "{\"memstats\": {\"PauseNs\":[\(n),\(ring)],\"PauseEnd\":[\(n),\(ring)],\"NumGC\":\(n)}}"
        }
        let bodies = [
            body(1), "{\"memstats\": {\"NumGC\":2.5}}", body(2), "{\"memstats\": {\"NumGC\":0.25}}", body(3),
        ]
        .map { Array($0.utf8) }
        var shapes: [Shape] = []
        var scrapes: [ChunkScrape] = []
        for (row, body) in bodies.enumerated() {
            var document = ScannedDocument()
            try document.scan(body)
            let index = shapes.firstIndex { $0.skeleton == document.skeleton } ?? shapes.count
            if index == shapes.count { shapes.append(try Shape(skeleton: document.skeleton)) }
            scrapes.append(
                ChunkScrape(
                    seq: Int64(row),
                    position: ScrapePosition(epoch: 0, time: Timestamp(milliseconds: Int64(row))),
                    origin: 1,
                    outcome: .document(
                        shape: ShapeID(Int64(index)),
                        run: RunID(1),
                        seen: 0,
                        missed: nil,
                        body: body
                    )
                )
            )
        }
        let bytes = try ChunkEncoder(level: level) { shapes[Int($0.value)] }.encode(scrapes)
        let decoder = try ChunkDecoder(bytes)
        for row in bodies.indices {
            #expect(try decoder.body(row: row) { shapes[Int($0.value)] } == bodies[row])
        }
    }

    @Test(
        "a column that repeats spellings at once is the one that takes each alone",
        arguments: [UInt64(1), 2, 3]
    )
    func repeats(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let spellings: [(String, LeafKind)] = [
            ("1", .number), ("0", .number), ("-5", .number), ("1.5", .number), ("1e+06", .number),
            ("1000000.5", .number),
            ("1E5", .number), ("-0", .number), ("-0.0", .number), ("1e400", .number),
            ("18446744073709551615", .number),
            ("9223372036854775807", .number), ("00", .broken), ("true", .boolean), ("null", .null),
            ("\"x\"", .string),
            ("1e-7", .number), ("1e-07", .number), ("0.30000000000000004", .number),
        ]
        for _ in 0..<300 {
            var alone = ChunkLeafColumn()
            var repeated = ChunkLeafColumn()
            let kinds = Int.random(in: 1...spellings.count, using: &random)
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                let (text, kind) = spellings[Int.random(in: 0..<kinds, using: &random)]
                let count = Int.random(in: 0...6, using: &random)
                Array(text.utf8).withUnsafeBufferPointer { bytes in
                    for _ in 0...count { alone.append(bytes, 0, bytes.count, kind) }
                    repeated.append(bytes, 0, bytes.count, kind)
                    repeated.repeatLast(count)
                }
            }
            let a = alone.finished()
            let b = repeated.finished()
            #expect(a.kind == b.kind && a.integers == b.integers && a.texts == b.texts, "seed \(seed)")
            #expect(a.doubles.map(\.bitPattern) == b.doubles.map(\.bitPattern), "seed \(seed)")
            #expect(a.exceptions.map(\.row) == b.exceptions.map(\.row), "seed \(seed)")
            #expect(a.exceptions.map(\.text) == b.exceptions.map(\.text), "seed \(seed)")
        }
    }
}
