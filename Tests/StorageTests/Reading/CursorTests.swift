import Expvar
import Model
import TestBasics
import Testing

@testable import Storage

/// A naive model of a target: what was stored, in order of position.
private struct Stored {
    var seq: Int64
    var position: ScrapePosition
    var body: [UInt8]
    var isFailure: Bool
}

@Suite("Cursors against a naive model")
struct CursorTests {
    let directory: TemporaryDirectory
    let path: String
    let seed = UInt64.random(in: 0...(.max))

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.file("test.db")
    }

    /// Epochs, failures, lines out of order, two targets; returns the model of "sample".
    private func make(_ generator: inout SeededGenerator, count: Int = 700) async throws -> [Stored] {
        let writer = try await VaultWriter.open(path: path, create: true)
        var model: [Stored] = []
        var seq: Int64 = 0
        var taken: Set<ScrapePosition> = []
        for index in 0..<count {
            let epoch = Int64.random(in: 0...2, using: &generator)
            let time = Int64.random(in: -500...3000, using: &generator)
            let position = ScrapePosition(epoch: epoch, time: Timestamp(milliseconds: time))
            let isFailure = Int.random(in: 0..<6, using: &generator) == 0
            let isOther = Int.random(in: 0..<5, using: &generator) == 0
            let isNew = isOther || taken.insert(position).inserted
            let text = "{\n\"number\": \(index),\n\"\(index % 3)\": \(index).5\n}\n"
            let outcome: ScrapeOutcome =
                isFailure
                ? .failure(reason: "reason \(index)", body: Array(text.utf8)) : .document(Array(text.utf8))
            let imported = ImportedScrape(
                target: isOther ? "other" : "sample",
                epoch: epoch,
                origin: origin,
                scrape: Scrape(time: Timestamp(milliseconds: time), outcome: outcome)
            )
            let result = try await writer.insert([imported])[0]
            if isOther && result == .stored { seq += 1 }
            guard !isOther else { continue }
            #expect(result == (isNew ? .stored : .conflict))
            guard isNew else { continue }
            seq += 1
            model.append(Stored(seq: seq, position: position, body: Array(text.utf8), isFailure: isFailure))
        }
        try await writer.close()
        return model.sorted { $0.position < $1.position }
    }

    private func randomRange(_ generator: inout SeededGenerator) -> TimeRange {
        func end() -> Timestamp? {
            Int.random(in: 0..<4, using: &generator) == 0
                ? nil : Timestamp(milliseconds: Int64.random(in: -600...3100, using: &generator))
        }
        return TimeRange(since: end(), until: end())
    }

    @Test("scrapes, newest and previous scrapes are those of a filtered array")
    func scrapes() async throws {
        var generator = SeededGenerator(seed: seed)
        let model = try await make(&generator)
        let snapshot = try Vault.openReader(path: path).snapshot()
        let target = try #require(try snapshot.targets().first { $0.name == "sample" })
        #expect(target.first == model.first?.position)
        #expect(target.last == model.last?.position)
        #expect(target.failureCount == Int64(model.count { $0.isFailure }))
        for _ in 0..<60 {
            let range = randomRange(&generator)
            let failures = Bool.random(using: &generator)
            let after = Bool.random(using: &generator) ? 0 : Int64.random(in: 0...700, using: &generator)
            let cursor = try snapshot.scrapes(of: target.id, in: range, afterSeq: after, failures: failures)
            var got: [Int64] = []
            let expected = model.filter {
                range.contains($0.position.time) && $0.seq > after && (failures || !$0.isFailure)
            }
            while let record = try cursor.next() {
                if let index = expected.indices.dropFirst(got.count).first {
                    #expect(try cursor.body() == expected[index].body, "seed \(seed)")
                    #expect(record.position == expected[index].position, "seed \(seed)")
                    #expect((record.failure != nil) == expected[index].isFailure, "seed \(seed)")
                }
                got.append(record.seq)
            }
            #expect(got == expected.map(\.seq), "seed \(seed)")

            let time = Timestamp(milliseconds: Int64.random(in: -600...3100, using: &generator))
            let newest = try snapshot.newestScrape(of: target.id, atOrBefore: time, failures: failures)
            let candidates = model.filter { $0.position.time <= time && (failures || !$0.isFailure) }
            let right = candidates.max {
                ($0.position.time, $0.position.epoch) < ($1.position.time, $1.position.epoch)
            }
            #expect(newest?.0.seq == right?.seq, "seed \(seed)")
            #expect(newest?.body == right?.body, "seed \(seed)")

            let position = ScrapePosition(epoch: Int64.random(in: 0...3, using: &generator), time: time)
            let before = try snapshot.scrape(of: target.id, before: position, in: nil)
            #expect(
                before?.0.seq == model.last { $0.position < position && !$0.isFailure }?.seq,
                "seed \(seed)"
            )
        }
    }

    @Test("series blocks hold the right values, and the rows around the range")
    func series() async throws {
        let history = makeHistory(300, seed: seed)
        let writer = try await VaultWriter.open(path: path, create: true)
        _ = try await writer.insert(
            history.map { ImportedScrape(target: "sample", origin: origin, scrape: scrape($0.time, $0.body)) }
        )
        try await writer.close()
        var generator = SeededGenerator(seed: seed)
        let snapshot = try Vault.openReader(path: path).snapshot()
        let target = try #require(try snapshot.targets().first)
        let series = try snapshot.series(of: target.id)
        let all = try everything(path)
        // The naive reader: every body by itself.
        var document = ScannedDocument()
        let values: [[String: Number]] = try all.map { scraped in
            try document.scan(scraped.body)
            let shape = try Shape(skeleton: document.skeleton)
            var values: [String: Number] = [:]
            for series in shape.series {
                values[series.name] = Shape.number(document.leaves[series.leaf], in: scraped.body)
            }
            return values
        }
        for _ in 0..<20 {
            let since = Int64.random(in: -10_000...3_000_000, using: &generator)
            let until = since + Int64.random(in: 0...600_000, using: &generator)
            let range = TimeRange(
                since: Timestamp(milliseconds: since),
                until: Timestamp(milliseconds: until)
            )
            let asked = series.filter { _ in Int.random(in: 0..<3, using: &generator) == 0 }.shuffled(
                using: &generator
            )
            // A transaction of its own for each chunk tells the same.
            let cursor = try snapshot.seriesBlocks(
                of: target.id,
                series: asked.map(\.id),
                in: range,
                renewal: Bool.random(using: &generator) ? .zero : nil
            )
            var rows: [SeriesRow] = []
            while let block = try cursor.next() {
                for (index, row) in block.rows.enumerated() {
                    let place = try #require(all.firstIndex { $0.record.seq == row.seq })
                    #expect(all[place].record.run == row.run)
                    for (column, series) in zip(block.columns, asked) {
                        #expect(column[index] == values[place][series.name], "seed \(seed), \(series.name)")
                    }
                }
                rows += block.rows
            }
            #expect(rows.map(\.position) == rows.map(\.position).sorted(), "seed \(seed)")
            let present = Set(rows.map(\.seq))
            #expect(present.count == rows.count, "seed \(seed)")
            for (index, scraped) in all.enumerated() where range.contains(scraped.record.position.time) {
                let run = scraped.record.run
                let needed = [
                    index, index - 1, index + 1, all[..<index].lastIndex { $0.record.run == run },
                    all[(index + 1)...].firstIndex { $0.record.run == run },
                ]
                for place in needed {
                    guard let place, all.indices.contains(place) else { continue }
                    #expect(present.contains(all[place].record.seq), "seed \(seed)")
                }
            }
        }
        for _ in 0..<20 {
            let one = try #require(series.randomElement(using: &generator))
            let index = Int.random(in: 0..<all.count, using: &generator)
            let position = all[index].record.position
            let run = try #require(all[index].record.run)
            let last = try snapshot.lastSample(of: one.id, target: target.id, in: run, before: position)
            let right = (0..<index).last { all[$0].record.run == run && values[$0][one.name] != nil }
            #expect(last?.0.seq == right.map { all[$0].record.seq }, "seed \(seed)")
            #expect(last?.1 == right.flatMap { values[$0][one.name] }, "seed \(seed)")
            let first = try snapshot.firstSample(of: one.id, target: target.id, in: run, atOrAfter: position)
            let next = (index..<all.count).first { all[$0].record.run == run && values[$0][one.name] != nil }
            #expect(first?.0.seq == next.map { all[$0].record.seq }, "seed \(seed)")
        }
    }

    @Test("a column is as narrow as its values let it be")
    func columns() {
        func column(_ values: [Number?]) -> SeriesColumn {
            var builder = ColumnBuilder()
            for value in values { builder.append(value) }
            return builder.column
        }
        guard case .integers([1, 2]) = column([.integer(1), .integer(2)]) else {
            Issue.record("integers")
            return
        }
        guard case .reals([1.5, 2]) = column([.real(1.5), .real(2)]) else {
            Issue.record("reals")
            return
        }
        guard case .absent = column([nil, nil]), case .absent = column([]) else {
            Issue.record("absent")
            return
        }
        let mixed: [[Number?]] = [
            [nil, .integer(1)], [.integer(1), nil], [.integer(1), .real(2)], [.real(1), .integer(2)],
            [.integer(1), .unsigned(.max)], [.unsigned(.max)], [.real(1), nil, .real(2)],
            [nil, nil, .real(3)],
        ]
        for values in mixed {
            guard case .mixed(let got) = column(values) else {
                Issue.record("\(values)")
                continue
            }
            #expect(got == values)
        }
    }

    @Test("a clock step shows on the first scrape after it, and on the first successful one")
    func steps() async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        func store(_ wall: Int64, _ boot: Int64, fails: Bool = false) async throws {
            var scraped = scrape(wall, body(1), boot: "b", bootMilliseconds: boot)
            if fails { scraped.outcome = .failure(reason: "no answer", body: []) }
            _ = try await writer.append([(sample, scraped)])
        }
        try await store(1_000_000, 0)
        try await store(1_010_000, 10_000)
        try await store(9_000_000, 20_000, fails: true)
        try await store(9_010_000, 30_000)
        try await store(9_020_000, 40_000)
        try await store(500_000, 50_000)
        try await writer.close()
        let all = try everything(path)
        #expect(all.map(\.record.isAfterStep) == [false, false, true, true, false, true])
        #expect(all.map(\.record.position.epoch) == [0, 0, 0, 0, 0, 1])
        let snapshot = try Vault.openReader(path: path).snapshot()
        let target = try #require(try snapshot.targets().first)
        #expect(target.clockSteps.map(\.milliseconds) == [7_980_000, -8_530_000])
        #expect(target.clockSteps.map(\.after) == [all[2].record.position, all[5].record.position])
        let block = try #require(try snapshot.seriesBlocks(of: target.id, series: [], in: .all).next())
        #expect(block.rows.map(\.isAfterStep) == [false, false, true, false, true])
    }
}
