import Model
import Storage
import Testing

@testable import Query

/// The worked examples of docs/semantics.md, number by number, through real files.
@Suite struct SemanticsExamplesTests {
    /// One body: which process serves it, when, and its custom variables.
    private typealias Body = (seconds: Int64, process: String, variables: [String])

    private func engine(_ bodies: [Body], epochs: [Int64]? = nil) async throws -> QueryEngine {
        let database = try TemporaryDatabase()
        var processes: [String: MadeUpProcess] = [:]
        var scrapes: [(epoch: Int64, scrape: Scrape)] = []
        for (index, body) in bodies.enumerated() {
            var process = processes[body.process] ?? MadeUpProcess("service")
            let pause = UInt64(body.process.utf8.first ?? 0)
            process.collect(endNanoseconds: UInt64(index + 1), pauseNanoseconds: pause)
            processes[body.process] = process
            let scrape = Scrape(
                at: body.seconds * 1000,
                process.body(body.variables),
                durationNanoseconds: 2_000_000
            )
            scrapes.append((epochs?[index] ?? 0, scrape))
        }
        try await database.insert(scrapes)
        return try database.engine()
    }

    private func requests(_ rows: [(Int64, String, Int)]) -> [Body] {
        rows.map { ($0.0, $0.1, ["\"requests\": \($0.2)"]) }
    }

    private func range(_ since: Int64?, _ until: Int64?) -> TimeRange {
        TimeRange(
            since: since.map { Timestamp(milliseconds: $0 * 1000) },
            until: until.map { Timestamp(milliseconds: $0 * 1000) }
        )
    }

    private func rate(
        _ engine: QueryEngine,
        _ series: String = "requests",
        _ since: Int64? = nil,
        _ until: Int64? = nil,
        step: Int64? = nil,
        gap: Int64 = QueryEngine.gapDefault
    ) throws -> RateAnswer {
        let answers = try engine.rate(
            [series],
            range: range(since, until),
            step: step.map { StepGrid(stepMilliseconds: $0 * 1000) },
            gapMilliseconds: gap
        )
        return try #require(answers.first)
    }

    @Test("a range takes its part of a pair, and what is whole stays an integer")
    func spreading() async throws {
        let engine = try await engine(requests([(0, "a", 100), (10, "a", 140), (20, "a", 200)]))
        let whole = try rate(engine)
        #expect(whole.increase == .integer(100))
        #expect(whole.coveredSeconds == 20)
        #expect(whole.rate == 5)
        #expect(whole.resets == 0)
        #expect(whole.from.milliseconds == 0 && whole.to.milliseconds == 20_000)
        let middle = try rate(engine, "requests", 5, 15)
        #expect(middle.increase == .integer(50))
        #expect(middle.coveredSeconds == 10)
        let third = try rate(engine, "requests", 1, 2)
        #expect(third.increase == .integer(4))
        let fraction = try rate(engine, "requests", nil, 3, step: 2)
        #expect(fraction.increase == .integer(12))
        #expect(fraction.points?.map(\.increase) == [.integer(8), .integer(4)])
        #expect(try rate(engine, "requests", 30, 40).rate == nil)
        #expect(try rate(engine, "requests", 30, 40).increase == .integer(0))
    }

    @Test(
        "where a run begins the counter counted from 0, and the reset belongs to the step of the later scrape"
    )
    func restart() async throws {
        let engine = try await engine(requests([(0, "a", 100), (10, "a", 140), (20, "b", 30)]))
        let answer = try rate(engine, step: 10)
        #expect(answer.increase == .integer(70))
        #expect(answer.resets == 1)
        #expect(answer.rate == 3.5)
        #expect(answer.points?.map(\.increase) == [.integer(40), .integer(30), nil])
        #expect(answer.points?.map(\.coveredSeconds) == [10, 10, 0])
        #expect(answer.points?.map(\.rate) == [4, 3, nil])
        #expect(try rate(engine, "requests", nil, 20).resets == 0)
        #expect(try rate(engine, "requests", 20, nil).resets == 1)
    }

    @Test("runs further apart than the gap take nothing from the time between")
    func gap() async throws {
        let engine = try await engine(
            requests([(0, "a", 100), (10, "a", 140), (400, "b", 30), (410, "b", 50)])
        )
        let answer = try rate(engine)
        #expect(answer.increase == .integer(60))
        #expect(answer.coveredSeconds == 20)
        #expect(answer.resets == 0)
        let wide = try rate(engine, gap: 600_000)
        #expect(wide.increase == .integer(90))
        #expect(wide.coveredSeconds == 410)
        #expect(wide.resets == 1)
        // Exactly as far apart as the gap is no gap.
        #expect(try rate(engine, gap: 390_000).resets == 1)
        #expect(try rate(engine, gap: 389_999).resets == 0)
        // A range within the silence: the pair between the runs covers it, where there is one.
        #expect(try rate(engine, "requests", 100, 139, gap: 600_000).increase == .integer(3))
        #expect(try rate(engine, "requests", 100, 139).rate == nil)
    }

    @Test("silence within a run is no gap")
    func silence() async throws {
        let engine = try await engine(requests([(0, "a", 100), (3600, "a", 460)]))
        #expect(try rate(engine).increase == .integer(360))
        #expect(try rate(engine).rate == 0.1)
        #expect(try rate(engine, "requests", 1000, 1010).increase == .integer(1))
    }

    @Test("a new key of a map counts from 0, a new top-level variable starts where it is first seen")
    func births() async throws {
        let engine = try await engine([
            (0, "a", ["\"requests\": {\"/a\": 5}"]),
            (10, "a", ["\"requests\": {\"/a\": 6, \"/b\": 3}", "\"late\": 7"]),
            (20, "a", ["\"requests\": {\"/a\": 6, \"/b\": 4}", "\"late\": 9"]),
        ])
        let key = try rate(engine, "requests./b")
        #expect(key.increase == .integer(4))
        #expect(key.coveredSeconds == 20)
        #expect(key.resets == 0)
        let late = try rate(engine, "late")
        #expect(late.increase == .integer(2))
        #expect(late.coveredSeconds == 10)
    }

    @Test("processes that take turns are counted each, and the time that both cover once")
    func alternating() async throws {
        let engine = try await engine(
            requests([(0, "a", 10), (10, "b", 100), (20, "a", 30), (30, "b", 140)])
        )
        let answer = try rate(engine)
        #expect(answer.increase == .integer(160))
        #expect(answer.resets == 1)
        #expect(answer.coveredSeconds == 30)
        #expect(try engine.targets().first?.isAlternating == true)
        #expect(try engine.targets().first?.runs.count == 2)
    }

    @Test("at another URL a counter starts, and nothing is taken from the time between")
    func moved() async throws {
        let database = try TemporaryDatabase()
        for (url, rows) in [
            ("http://a:6060", [(0, 100), (10, 140)]), ("http://b:6060", [(20, 5000), (30, 5010)]),
        ] {
            // Nothing in memstats falls from one to the other.
            var process = MadeUpProcess("service")
            for _ in 0..<rows[0].1 { process.collect(endNanoseconds: 1, pauseNanoseconds: 1) }
            let scrapes = rows.map { seconds, requests in
                (Int64(0), Scrape(at: Int64(seconds) * 1000, process.body(["\"requests\": \(requests)"])))
            }
            try await database.insert(scrapes, url: url)
        }
        let answer = try rate(database.engine())
        #expect(answer.increase == .integer(50))
        #expect(answer.coveredSeconds == 20)
        #expect(answer.resets == 0)
        #expect(try rate(database.engine(), gap: 1 << 40).increase == .integer(50))
        #expect(try database.engine().targets().first?.restarts.isEmpty == true)
    }

    @Test("a counter that falls within a run begins again, and takes nothing below 0")
    func falling() async throws {
        let engine = try await engine(requests([(0, "a", 10), (10, "a", 4), (20, "a", -3)]))
        let answer = try rate(engine)
        #expect(answer.increase == .integer(4))
        #expect(answer.resets == 2)
        #expect(answer.coveredSeconds == 20)
        #expect(try engine.series(["requests"]).first?.kind == .gauge)
    }

    @Test("nothing is taken across a step of the clock, not even in one run")
    func clockStep() async throws {
        let bodies = requests([(0, "a", 100), (10, "a", 140), (5, "a", 150), (15, "a", 170)])
        let engine = try await engine(bodies, epochs: [0, 0, 1, 1])
        let answer = try rate(engine)
        #expect(answer.increase == .integer(60))
        #expect(answer.resets == 0)
        // [0, 10) before the step and [5, 15) after it: the wall clock showed 15 s.
        #expect(answer.coveredSeconds == 15)
    }

    @Test("a step that only the boot clock shows is a gap, too")
    func bootClockStep() async throws {
        let database = try TemporaryDatabase()
        let writer = try await VaultWriter.open(path: database.path, create: true)
        let target = TargetDescription(name: "api", origin: Origin(url: nil))
        var process = MadeUpProcess("service")
        process.collect(endNanoseconds: 1, pauseNanoseconds: 1)
        // The wall clock gains an hour between the second and the third scrape, 10 s apart.
        for (wall, boot, requests) in [(0, 0, 100), (10, 10, 140), (3620, 20, 150), (3630, 30, 170)] {
            var scrape = Scrape(at: Int64(wall) * 1000, process.body(["\"requests\": \(requests)"]))
            scrape.bootID = "boot"
            scrape.bootNanoseconds = Int64(boot) * 1_000_000_000
            _ = try await writer.append([(target, scrape)])
        }
        try await writer.close()
        let engine = try database.engine()
        #expect(try rate(engine).increase == .integer(60))
        #expect(try rate(engine).coveredSeconds == 20)
        #expect(try rate(engine, "requests", 100, 200).rate == nil)
        #expect(try engine.targets().first?.clockSteps.map(\.milliseconds) == [3_600_000])
    }

    @Test("values: the mean is rounded once, and failed scrapes are down")
    func values() async throws {
        let database = try TemporaryDatabase()
        var scrapes: [(epoch: Int64, scrape: Scrape)] = [1, 2, 4].enumerated().map { index, value in
            (
                0,
                Scrape(
                    at: Int64(index) * 10_000,
                    "{\n\"queue\": \(value)\n}\n",
                    durationNanoseconds: 2_000_000
                )
            )
        }
        scrapes.append(
            (
                0,
                Scrape(
                    time: Timestamp(milliseconds: 30_000),
                    durationNanoseconds: 5_000_000_000,
                    outcome: .failure(reason: "deadline", body: [])
                )
            )
        )
        try await database.insert(scrapes)
        let engine = try database.engine()
        let queue = try #require(try engine.values(["queue"], step: StepGrid(stepMilliseconds: 20_000)).first)
        #expect(queue.count == 3)
        #expect(queue.min == .integer(1) && queue.max == .integer(4))
        #expect(queue.mean == 2.3333333333333335)
        #expect(queue.first == .integer(1) && queue.last == .integer(4))
        #expect(queue.points?.map(\.count) == [2, 1])
        #expect(queue.points?.map(\.mean) == [1.5, 4])
        let up = try #require(try engine.values(["up"]).first)
        #expect(up.count == 4)
        #expect(up.mean == 0.75)
        #expect(up.last == .integer(0))
        let duration = try #require(try engine.values(["scrape.duration_seconds"]).first)
        #expect(duration.unit == .seconds)
        #expect(duration.max == .real(5))
        #expect(duration.min == .real(0.002))
        let listed = try engine.series()
        #expect(listed.map(\.series) == ["queue", "scrape.duration_seconds", "up"])
        #expect(listed.map(\.kind) == [.counter, .gauge, .state])
        #expect(listed.map(\.points) == [3, 4, 4])
        #expect(listed.map(\.value) == [.integer(4), .real(5), .integer(0)])
        #expect(listed.map(\.lastSeen.milliseconds) == [20_000, 30_000, 30_000])
    }

    @Test("of 300 collections between two scrapes 44 are missed")
    func missed() async throws {
        var process = MadeUpProcess("a")
        for n in 1...10 { process.collect(endNanoseconds: UInt64(n) * 1_000_000, pauseNanoseconds: 100) }
        let first = process.body([])
        for n in 11...310 {
            process.collect(endNanoseconds: UInt64(n) * 1_000_000, pauseNanoseconds: UInt64(n))
        }
        let database = try TemporaryDatabase()
        try await database.insert([(0, Scrape(at: 20, first)), (0, Scrape(at: 400, process.body([])))])
        let percentiles = try ["50", "99.9"].map { try DecimalPercentile($0) }
        let answer = try #require(try database.engine().pauses(percentiles: percentiles).first).summary
        #expect(answer.count == 266)
        #expect(answer.missed == .integer(44))
        // 11 + 12 + … + 54 ns.
        #expect(answer.missedNanoseconds == .integer(1430))
        // 10 × 100 and 55 + 56 + … + 310 ns.
        #expect(answer.totalNanoseconds == .integer(47_720))
        #expect(answer.minNanoseconds == 55)
        #expect(answer.percentiles == [177, 310])
        let early = try #require(
            try database.engine().pauses(
                range: TimeRange(since: nil, until: Timestamp(milliseconds: 400)),
                percentiles: []
            ).first
        ).summary
        #expect(early.count == 266)
        #expect(early.missed == .integer(0))
    }
}
