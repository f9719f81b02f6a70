import Expvar
import Model
import Testing

@testable import Storage

@Suite("chunks")
struct ChunkTests {
    static let cases: [(traits: ChunkHistory.Traits, count: Int)] = [
        ([], 1), ([], 2), ([], 130), (.restarts, 60), ([.restarts, .turns], 60), (.failures, 30),
        (.shapes, 120),
        (.spellings, 80), (.metadata, 60), (.strangeRings, 50), (.all, 1), (.all, 20), (.all, 120),
    ]

    private func chunk(_ history: ChunkHistory, _ level: ChunkLevel) throws -> ChunkDecoder {
        try ChunkDecoder(ChunkEncoder(level: level, shape: history.shape).encode(history.scrapes))
    }

    private func expect(_ decoder: ChunkDecoder, holds history: ChunkHistory, _ note: Comment) throws {
        try decoder.checkStreams()
        try expectRows(decoder, history, note)
        try expectBodies(decoder, history, note)
        try expectCollections(decoder, history, note)
        try expectSeries(decoder, history, note)
    }

    @Test("everything about every scrape comes back, at both levels", arguments: cases)
    func roundTrip(_ traits: ChunkHistory.Traits, _ count: Int) throws {
        let seed = UInt64.random(in: 0...UInt64(UInt32.max))
        let history = ChunkHistory(count: count, traits: traits, seed: seed)
        for level in [ChunkLevel.quick, .cold] {
            try expect(try chunk(history, level), holds: history, "seed \(seed), \(level)")
        }
    }

    private func expectRows(_ decoder: ChunkDecoder, _ history: ChunkHistory, _ note: Comment) throws {
        let scrapes = history.scrapes
        let rows = try decoder.rows()
        #expect(rows.count == scrapes.count, note)
        for (row, scrape) in zip(rows, scrapes) {
            #expect(row.seq == scrape.seq, note)
            #expect(row.position == scrape.position, note)
            #expect(row.origin == scrape.origin, note)
            #expect(row.boot == scrape.boot, note)
            #expect(row.bootNanoseconds == scrape.bootNanoseconds, note)
            #expect(row.durationNanoseconds == scrape.durationNanoseconds, note)
            #expect(row.status == scrape.status, note)
            #expect(row.serverDate == scrape.serverDate, note)
            #expect(row.isAfterStep == scrape.isAfterStep, note)
            switch scrape.outcome {
            case .failure(let reason, _): #expect(row.outcome == .failure(reason: reason), note)
            case .document(let shape, let run, _, let missed, _):
                #expect(row.outcome == .document(shape: shape, run: run, missed: missed), note)
            }
        }
        #expect(decoder.first == scrapes.first?.position, note)
        #expect(decoder.last == scrapes.last?.position, note)
        #expect(decoder.seqRange.lowerBound == scrapes.map(\.seq).min(), note)
        #expect(decoder.seqRange.upperBound == scrapes.map(\.seq).max(), note)
        #expect(decoder.timeRange.lowerBound == scrapes.map(\.position.time.milliseconds).min(), note)
        #expect(decoder.timeRange.upperBound == scrapes.map(\.position.time.milliseconds).max(), note)
    }

    private func expectBodies(_ decoder: ChunkDecoder, _ history: ChunkHistory, _ note: Comment) throws {
        var count = 0
        try decoder.forEachBody(in: 0..<decoder.rowCount, shape: history.shape) { row, body in
            #expect(row == count, note)
            count += 1
            switch history.scrapes[row].outcome {
            case .failure(_, let expected), .document(_, _, _, _, let expected):
                #expect(body == expected, note)
            }
        }
        #expect(count == history.scrapes.count, note)
        let last = history.scrapes.count - 1
        if case .document(_, _, _, _, let expected) = history.scrapes[last].outcome {
            #expect(try decoder.body(row: last, shape: history.shape) == expected, note)
        }
    }

    private func expectCollections(_ decoder: ChunkDecoder, _ history: ChunkHistory, _ note: Comment) throws {
        let expected = history.collections.enumerated().flatMap { row, new in
            new.map { collection in
                var run = RunID(0)
                if case .document(_, let of, _, _, _) = history.scrapes[row].outcome { run = of }
                return ChunkCollection(row: row, run: run, collection: collection)
            }
        }
        #expect(try decoder.collections(shape: history.shape) == expected, note)
    }

    private func expectSeries(_ decoder: ChunkDecoder, _ history: ChunkHistory, _ note: Comment) throws {
        let names = Set(history.shapes.flatMap { $0.series.map(\.name) })
        let shapes = try decoder.shapes.map { try history.shape($0.id) }
        var values: [String: [Number?]] = [:]
        var runs: [RunID] = []
        var scanned = ScannedDocument()
        for case .document(let id, let run, _, _, let body) in history.scrapes.map(\.outcome) {
            try scanned.scan(body)
            for series in try history.shape(id).series {
                var column = values[series.name] ?? []
                while column.count < runs.count { column.append(nil) }
                column.append(Shape.number(scanned.leaves[series.leaf], in: body))
                values[series.name] = column
            }
            runs.append(run)
        }
        for name in names {
            let leaves = shapes.map { shape in shape.series.first { $0.name == name }?.leaf }
            let column = try decoder.series(leaves: leaves, shape: history.shape)
            var expected = values[name] ?? []
            while expected.count < runs.count { expected.append(nil) }
            for row in runs.indices { #expect(column[row] == expected[row], note) }
            if let statistics = decoder.statistics(leaves: leaves) {
                expectStatistics(statistics, expected, runs, note)
            }
        }
    }

    private func expectStatistics(
        _ statistics: ChunkColumnStatistics,
        _ values: [Number?],
        _ runs: [RunID],
        _ note: Comment
    ) {
        let present = values.compactMap { $0 }
        #expect(statistics.count == present.count, note)
        #expect(statistics.first == present.first, note)
        #expect(statistics.last == present.last, note)
        #expect(statistics.min == present.min(), note)
        #expect(statistics.max == present.max(), note)
        if let sum = statistics.sum {
            #expect(sum == present.reduce(0) { $0 + ($1.exactInteger ?? 0) }, note)
        }
        var last: [RunID: Number] = [:]
        var (falls, rises) = (false, false)
        for (value, run) in zip(values, runs) {
            guard let value else { continue }
            if let before = last[run] {
                if value < before { falls = true }
                if before < value { rises = true }
            }
            last[run] = value
        }
        #expect(statistics.neverFalls == !falls, note)
        #expect(statistics.neverRises == !rises, note)
    }

    @Test("chunks that are merged hold what they held")
    func merge() throws {
        let seed = UInt64.random(in: 0...UInt64(UInt32.max))
        let history = ChunkHistory(count: 130, traits: .all, seed: seed)
        let quick = ChunkEncoder(level: .quick, shape: history.shape)
        let parts = try [0..<40, 40..<41, 41..<130].map { try quick.encode(Array(history.scrapes[$0])) }
        let merged = try ChunkEncoder(level: .cold, shape: history.shape).encode { take in
            for part in parts { try ChunkDecoder(part).forEachScrape(shape: history.shape, take) }
        }
        try expect(try ChunkDecoder(merged), holds: history, "seed \(seed)")
        #expect(try merged == ChunkEncoder(level: .cold, shape: history.shape).encode(history.scrapes))
    }

    @Test("a chunk that was cut anywhere, or of which any bit is another, is refused")
    func damage() throws {
        let history = ChunkHistory(count: 6, traits: .all, seed: 78)
        let bytes = try ChunkEncoder(level: .quick, shape: history.shape).encode(history.scrapes)
        for count in bytes.indices {
            #expect(throws: ChunkError.self) { _ = try ChunkDecoder(Array(bytes[..<count])).checkWhole() }
        }
        #expect(throws: ChunkError.self) { _ = try ChunkDecoder(bytes + [0]).checkWhole() }
        for position in bytes.indices {
            var flipped = bytes
            flipped[position] ^= 1 << UInt8(position % 8)
            #expect(throws: ChunkError.self) { _ = try ChunkDecoder(flipped).checkWhole() }
            // Without that check a reader gets what is whole or an error, and no trap.
            guard position % 7 == 0, let decoder = try? ChunkDecoder(flipped) else { continue }
            _ = try? decoder.rows()
            _ = try? decoder.collections(shape: history.shape)
            try? decoder.forEachBody(in: 0..<6, shape: history.shape) { _, _ in }
        }
    }

    @Test("a later format is refused by its number")
    func newer() throws {
        let history = ChunkHistory(count: 3, traits: [], seed: 1)
        var bytes = try ChunkEncoder(level: .quick, shape: history.shape).encode(history.scrapes)
        bytes[0] = ChunkDecoder.version + 1
        #expect(throws: ChunkError.newer(version: ChunkDecoder.version + 1)) { _ = try ChunkDecoder(bytes) }
        bytes[0] = 0
        #expect(throws: ChunkError.self) { _ = try ChunkDecoder(bytes) }
        #expect(throws: ChunkError.self) { _ = try ChunkDecoder([]) }
    }

    @Test("no scrapes, too many, and unknown shapes are refused")
    func limits() {
        let history = ChunkHistory(count: 3, traits: [], seed: 1)
        let encoder = ChunkEncoder(level: .quick, shape: history.shape)
        #expect(throws: ChunkError.self) { _ = try encoder.encode([]) }
        let many = [ChunkScrape](repeating: history.scrapes[0], count: ChunkLimits.rowsMax + 1)
        #expect(throws: ChunkError.self) { _ = try encoder.encode(many) }
        let lost = ChunkEncoder(level: .quick) { throw ChunkError.unknownShape($0.value) }
        #expect(throws: ChunkError.unknownShape(0)) { _ = try lost.encode(history.scrapes) }
    }

    @Test("a body of another shape than it is said to have is kept whole")
    func wrongShape() throws {
        var history = ChunkHistory(count: 20, traits: .shapes, seed: 5)
        let other = Array("{\n\"a\": 1,\n\"b\": [2,3]\n}\n".utf8)
        history.replaceBody(7, with: other)
        let decoder = try chunk(history, .cold)
        #expect(try decoder.body(row: 7, shape: history.shape) == other)
    }
}

extension ChunkHistory {
    /// Gives a scrape another body, whatever its shape says.
    mutating func replaceBody(_ row: Int, with body: [UInt8]) {
        if case .document(let shape, let run, let seen, let missed, _) = scrapes[row].outcome {
            setOutcome(row, .document(shape: shape, run: run, seen: seen, missed: missed, body: body))
        }
    }
}
