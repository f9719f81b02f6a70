import Model
import Storage
import Testing

@testable import Query

@Suite struct QueryEngineTests {
    /// Two targets; only `api` has the variable `requests`.
    private func engine() async throws -> QueryEngine {
        let database = try TemporaryDatabase()
        var process = MadeUpProcess("service")
        process.collect(endNanoseconds: 5_000_000, pauseNanoseconds: 10)
        let first = process.body(["\"requests\": 3", "\"up\": 7"])
        process.collect(endNanoseconds: 15_000_000, pauseNanoseconds: 20)
        let failed = Scrape(
            time: Timestamp(milliseconds: 30),
            outcome: .failure(reason: "no answer", body: Array("<html>".utf8))
        )
        try await database.insert(
            [
                (0, Scrape(at: 10, first)),
                (0, Scrape(at: 20, process.body(["\"requests\": 5", "\"up\": 7"]))),
                (0, failed),
            ],
            target: "api"
        )
        try await database.insert([(0, Scrape(at: 10, MadeUpProcess("other").body([])))], target: "web")
        return try database.engine()
    }

    @Test("keys that Unicode holds equivalent are two series, in the tail and sealed")
    func equivalentNames() async throws {
        let (composed, decomposed) = ("\u{e9}", "e\u{301}")
        #expect(composed == decomposed)
        let database = try TemporaryDatabase()
        var process = MadeUpProcess("service")
        try await database.insert(
            (1...40).map { index in
                process.collect(endNanoseconds: UInt64(index) * 1000, pauseNanoseconds: 1)
                let variables = ["\"\(composed)\": \(index)", "\"\(decomposed)\": \(index * 100)"]
                return (0, Scrape(at: Int64(index) * 1000, process.body(variables)))
            }
        )
        for _ in 0..<2 {
            let engine = try database.engine()
            for (name, factor) in [(composed, 1), (decomposed, 100)] {
                let values = try engine.values([name])
                #expect(values.map { Array($0.series.utf8) } == [Array(name.utf8)])
                #expect(values.first?.max == .integer(Int64(40 * factor)))
                #expect(try engine.rate([name]).first?.increase == .integer(Int64(39 * factor)))
            }
            let listed = try engine.series().map { Array($0.series.utf8) }
            #expect(listed.filter { $0 == Array(composed.utf8) || $0 == Array(decomposed.utf8) }.count == 2)
            try await database.compact()
        }
    }

    @Test("so many series in so many steps that an answer would not fit are refused by number")
    func points() async throws {
        let engine = try await engine()
        let range = TimeRange(since: Timestamp(milliseconds: 0), until: Timestamp(milliseconds: 1_000_000))
        let step = StepGrid(stepMilliseconds: 1)
        let count = try engine.values(["*"], targets: ["api"]).count
        #expect(throws: QueryError.tooManyPoints(series: count, steps: 1_000_000)) {
            try engine.values(["*"], targets: ["api"], range: range, step: step)
        }
    }

    @Test("a gauge of memstats that is named has no rate, and a glob passes over it")
    func gauges() async throws {
        let engine = try await engine()
        #expect(throws: QueryError.notACounter(series: "memstats.HeapAlloc", kind: .gauge)) {
            try engine.rate(["memstats.HeapAlloc"])
        }
        #expect(throws: QueryError.notACounter(series: "up", kind: .state)) { try engine.rate(["up"]) }
        let series = try engine.rate(["*"], targets: ["api"]).map(\.series)
        #expect(
            series == [
                #"\up"#, "memstats.Frees", "memstats.Mallocs", "memstats.NumGC", "memstats.PauseTotalNs",
                "memstats.TotalAlloc", "requests",
            ]
        )
        #expect(try engine.rate(["memstats.Heap*"]).isEmpty)
        #expect(try engine.rate(["memstats.PauseTotalNs"], targets: ["api"]).map(\.unit) == [.nanoseconds])
    }

    @Test("a name must match in one target, not in all; what matches nowhere is named with its nearest")
    func selection() async throws {
        let engine = try await engine()
        #expect(try engine.rate(["requests"]).map(\.target) == ["api"])
        #expect(throws: QueryError.unknownSeries("reqests", nearest: ["requests"])) {
            try engine.rate(["reqests"])
        }
        #expect(throws: QueryError.unknownSeries("requests", nearest: [])) {
            try engine.values(["requests"], targets: ["web"])
        }
        #expect(throws: QueryError.unknownTarget("ap", known: ["api"])) { try engine.series(targets: ["ap"]) }
        #expect(throws: QueryError.unknownSeries("x*", nearest: [])) { try engine.series(["x*"]) }
        // A series that two selectors match is answered once.
        #expect(try engine.values(["requests", "req*", #"\up"#]).map(\.series) == [#"\up"#, "requests"])
        #expect(try engine.values(["*.NumGC"]).map(\.target) == ["api", "web"])
    }

    @Test("more steps than a million are refused by every command")
    func tooManySteps() async throws {
        let engine = try await engine()
        let range = TimeRange(since: Timestamp(milliseconds: 0), until: Timestamp(milliseconds: 1_000_001))
        let step = StepGrid(stepMilliseconds: 1)
        let error = QueryError.tooManySteps(count: 1_000_001)
        #expect(throws: error) { try engine.rate(["requests"], range: range, step: step) }
        #expect(throws: error) { try engine.values(["requests"], range: range, step: step) }
        #expect(throws: error) { try engine.pauses(range: range, percentiles: [], step: step) }
        #expect(error.isUsage)
    }

    @Test("show gives the newest successful scrape at or before a time, failed ones where asked")
    func show() async throws {
        let engine = try await engine()
        let newest = try engine.show(target: "api")
        #expect(newest.time.milliseconds == 20)
        #expect(String(decoding: newest.body, as: UTF8.self).contains("\"requests\": 5"))
        #expect(try engine.show(target: "api", at: Timestamp(milliseconds: 19)).time.milliseconds == 10)
        let failed = try engine.show(target: "api", failures: true)
        #expect(failed.failure == "no answer")
        #expect(failed.body == Array("<html>".utf8))
        let early = Timestamp(milliseconds: 9)
        #expect(throws: QueryError.noScrape(target: "api", atOrBefore: early, failures: false)) {
            try engine.show(target: "api", at: early)
        }
        #expect(throws: QueryError.unknownTarget("db", known: [])) { try engine.show(target: "db") }
    }

    @Test("targets tells of scrapes, failures and runs")
    func targets() async throws {
        let answers = try await engine().targets()
        #expect(answers.map(\.target) == ["api", "web"])
        let api = try #require(answers.first)
        #expect(api.scrapes == 2 && api.failures == 1)
        #expect(api.first?.milliseconds == 10 && api.last?.milliseconds == 30)
        #expect(api.lastFailure == FailureAnswer(time: Timestamp(milliseconds: 30), reason: "no answer"))
        #expect(api.runs.map(\.commandLine) == [["service"]])
        #expect(api.runs.map(\.scrapes) == [2])
        #expect(api.runs.map(\.startedNanoseconds) == [nil])
        #expect(!api.isAlternating && api.clockSteps.isEmpty)
    }

    @Test("steps of pauses without a range reach from the earliest to the latest of ends and scrapes")
    func pauseSteps() async throws {
        let answers = try await engine().pauses(
            targets: ["api"],
            percentiles: [],
            step: StepGrid(stepMilliseconds: 4)
        )
        let points = try #require(answers.first?.points)
        #expect(points.map(\.start.milliseconds) == [4, 8, 12, 16, 20, 24, 28])
        #expect(points.map(\.summary.count) == [1, 0, 1, 0, 0, 0, 0])
        #expect(points[1].summary.totalNanoseconds == nil)
        #expect(points[1].summary.missed == .integer(0))
    }

    @Test("every error is one sentence that names what it is about")
    func descriptions() {
        let errors: [QueryError] = [
            .unknownTarget("ap", known: ["api"]), .unknownSeries("reqests", nearest: []),
            .notACounter(series: "memstats.Alloc", kind: .gauge), .tooManySteps(count: 1_000_001),
            .badPercentile("x"), .noScrape(target: "api", atOrBefore: nil, failures: false),
        ]
        for (error, word) in zip(errors, ["api", "reqests", "memstats.Alloc", "1000001", "x", "api"]) {
            #expect(error.description.contains(word))
            #expect(!error.description.contains("\n"))
        }
    }
}
