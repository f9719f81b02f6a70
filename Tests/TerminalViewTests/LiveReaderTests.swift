import Model
import Query
import Storage
import TestBasics
import TestSupport
import Testing

@testable import TerminalView

/// What is read of a database: Query's numbers, and no more often than they change.
@Suite struct LiveReaderTests {
    private static let start: Int64 = 1_767_355_200_000

    /// Half an hour of a service that is scraped every 10 s and started anew in the middle, and one that never answers.
    private func database(_ directory: TemporaryDirectory) async throws -> Vault {
        let path = directory.file("live.db")
        var scrapes: [ImportedScrape] = []
        for index in 0..<180 {
            let time = Timestamp(milliseconds: Self.start + Int64(index) * 10_000)
            let work = index < 100 ? index : index - 100
            let body = """
                {"cmdline":["api"],"memstats":{"HeapAlloc":\(1000 + index),"TotalAlloc":\(work * 5000),"NumGC":\(work)},\
                "requests":\(work * 3)}
                """
            let outcomes: [(String, ScrapeOutcome)] = [
                ("api", .document(Array(body.utf8))),
                ("gone", .failure(reason: "connection refused", body: [])),
            ]
            for (target, outcome) in outcomes {
                let scrape = Scrape(time: time, outcome: outcome)
                let origin = Origin(url: "http://localhost/debug/vars")
                scrapes.append(ImportedScrape(target: target, epoch: 0, origin: origin, scrape: scrape))
            }
        }
        let writer = try await VaultWriter.open(path: path, create: true)
        _ = try await writer.insert(scrapes)
        try await writer.close()
        return try Vault.openReader(path: path)
    }

    private let now = Timestamp(milliseconds: start + 1_795_000)

    @Test("what is shown is what Query answers for the same range")
    func sameNumbers() async throws {
        let directory = try TemporaryDirectory()
        let engine = QueryEngine(try await database(directory).snapshot())
        defer { withExtendedLifetime(directory) {} }
        var reader = try LiveReader(targets: [])
        let request = LiveRequest(subject: .targets(first: []), now: now, window: 900_000)
        let reading = try reader.read(request, from: engine, database: "a", isLate: { false })
        #expect(reading.targets.map(\.target.target) == ["api", "gone"])
        let api = try #require(reading.targets.first)
        let rate = try engine.rate(["memstats.TotalAlloc"], targets: ["api"], range: api.range).first
        #expect(api.allocation.mean == rate?.rate)
        #expect(api.allocation.recent == 500)
        #expect(api.heap == .integer(1179))
        #expect(api.heapCourse.values.compactMap { $0 }.max() == 1179)
        #expect(api.restarts == [Timestamp(milliseconds: Self.start + 1_000_000)])
        #expect(api.scrapes?.usualMilliseconds == 10_000)
        #expect(api.state(now) == .up)
        #expect(reading.targets.last?.state(now) == .down)
        #expect(reading.targets.last?.scrapes?.reasons.map(\.reason) == ["connection refused"])
    }

    @Test("series show value, and counters their rate; names come with the first request")
    func series() async throws {
        let directory = try TemporaryDirectory()
        let engine = QueryEngine(try await database(directory).snapshot())
        defer { withExtendedLifetime(directory) {} }
        var reader = try LiveReader(targets: [])
        let keys = ["requests", "memstats.HeapAlloc", "up"].map { SeriesKey(target: "api", series: $0) }
        let request = LiveRequest(subject: .series(keys, of: nil), now: now, window: 900_000)
        let reading = try reader.read(request, from: engine, database: "a", isLate: { false })
        #expect(reading.series[keys[0]]?.series.value == .integer(237))
        let rate = try engine.rate(["requests"], targets: ["api"], range: LiveGrid(request, usual: nil).range)
        #expect(reading.series[keys[0]]?.rate?.rate == rate.first?.rate)
        #expect(reading.series[keys[1]]?.rate == nil)
        #expect(reading.series[keys[1]]?.values?.max == .integer(1179))
        #expect(reading.names?.keys.contains(keys[2]) == true)
    }

    @Test("where there is no time the rest waits, each gets its turn, and another database starts anew")
    func budget() async throws {
        let directory = try TemporaryDirectory()
        let engine = QueryEngine(try await database(directory).snapshot())
        defer { withExtendedLifetime(directory) {} }
        var reader = try LiveReader(targets: [])
        let request = LiveRequest(subject: .targets(first: []), now: now, window: 900_000)
        let first = try reader.read(request, from: engine, database: "a", isLate: { true })
        #expect(first.targets.map { $0.scrapes == nil } == [false, true])
        let second = try reader.read(request, from: engine, database: "a", isLate: { true })
        #expect(second.targets.map { $0.scrapes == nil } == [false, false])
        let other = try reader.read(request, from: engine, database: "b", isLate: { true })
        #expect(other.targets.map { $0.scrapes == nil } == [false, true])
        var unknown = try LiveReader(targets: ["nobody"])
        #expect(throws: QueryError.self) {
            try unknown.read(request, from: engine, database: "a", isLate: { false })
        }
    }
}
