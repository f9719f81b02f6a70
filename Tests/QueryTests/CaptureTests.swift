import Model
import Storage
import TestBasics
import Testing

@testable import Query

/// A capture of a range answers for the range as the whole recording does.
///
/// The histories are those that make counting hard: processes that take turns and restart, series that are absent for a
/// while or begin late, clocks that are set back. The range cuts them anywhere, also where no scrape lies in it.
@Suite struct CaptureTests {
    @Test("several targets whose chunks are all cut keep apart what is made new for each")
    func severalTargets() async throws {
        let database = try TemporaryDatabase()
        let names = ["a", "b", "c"]
        for name in names {
            var process = MadeUpProcess(name)
            var scrapes: [(epoch: Int64, scrape: Scrape)] = []
            for t in 0..<60 as Range<Int64> {
                if t % 3 == 0 {
                    process.collect(
                        endNanoseconds: UInt64(t) * 1_000_000 + 7,
                        pauseNanoseconds: UInt64(t) + 1
                    )
                }
                scrapes.append((0, Scrape(at: t, process.body(["\"n\": \(t * 2)"]))))
            }
            try await database.insert(scrapes, target: name)
        }
        try await database.compact()
        let range = TimeRange(since: Timestamp(milliseconds: 20), until: Timestamp(milliseconds: 41))
        let path = database.path + "-capture"
        let summary = try Capture.run(from: database.path, to: path, range: range)
        #expect(summary.targets == 3)
        #expect(summary.scrapes == 63)
        let whole = try database.engine()
        let vault = try Vault.openReader(path: path)
        let capture = QueryEngine(try vault.snapshot())
        #expect(IntegrityCheck(snapshot: try vault.snapshot()).findings().isEmpty)
        #expect(try whole.rate(["*"], range: range) == capture.rate(["*"], range: range))
        #expect(try whole.values(["*"], range: range) == capture.values(["*"], range: range))
        #expect(try whole.series(range: range) == capture.series(range: range))
        #expect(
            try whole.pauses(range: range, percentiles: []) == capture.pauses(range: range, percentiles: [])
        )
    }

    @Test(
        "a capture answers for its range as the whole recording, sealed or not",
        arguments: 0..<8 as Range<UInt64>
    )
    func equalsWhole(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        var scrapes = GeneratedHistory.scrapes(Int.random(in: 2...60, using: &generator), using: &generator)
        for index in scrapes.indices where index > 0 {
            scrapes[index].isAfterStep = scrapes[index].epoch != scrapes[index - 1].epoch
        }
        let bodies = Self.bodies(of: scrapes, &generator)
        let database = try TemporaryDatabase()
        // In two parts, so that there is more than one chunk to be cut.
        let middle = bodies.count / 2
        try await database.insert(Array(bodies[..<middle]))
        if generator.oneIn(2) { try await database.compact() }
        try await database.insert(Array(bodies[middle...]))
        if generator.oneIn(2) { try await database.compact() }
        for round in 0..<2 {
            let times = scrapes.map(\.t)
            let span = (times.min() ?? 0) - 20...(times.max() ?? 0) + 20
            let ends = [0, 0].map { _ in Int64.random(in: span, using: &generator) }.sorted()
            let range = TimeRange(
                since: generator.oneIn(5) ? nil : Timestamp(milliseconds: ends[0]),
                until: generator.oneIn(5) ? nil : Timestamp(milliseconds: ends[1])
            )
            let path = database.path + "-capture\(round)"
            let summary = try Capture.run(from: database.path, to: path, range: range)
            let whole = try database.engine()
            let vault = try Vault.openReader(path: path)
            let capture = QueryEngine(try vault.snapshot())
            let label: Comment = "seed \(seed) round \(round) \(range)"
            #expect(IntegrityCheck(snapshot: try vault.snapshot()).findings().isEmpty, label)
            #expect(try vault.snapshot().capturedRange == range, label)
            for gap in [0, 30, 1000] as [Int64] {
                let step = StepGrid(stepMilliseconds: 7)
                let a = try whole.rate(["*"], range: range, step: step, gapMilliseconds: gap)
                let b = try capture.rate(["*"], range: range, step: step, gapMilliseconds: gap)
                for (a, b) in zip(a, b) where a != b {
                    let points = zip(a.points ?? [], b.points ?? []).filter { $0 != $1 }
                    Issue.record(
                        "\(label) gap \(gap) \(a.series): \(a.increase) \(b.increase) \(a.resets) \(b.resets) \(a.coveredSeconds) \(b.coveredSeconds) \(points)"
                    )
                }
                #expect(a.count == b.count, label)
            }
            let percentiles = [try DecimalPercentile("50"), try DecimalPercentile("99.9")]
            #expect(
                try whole.values(["*"], range: range, step: StepGrid(stepMilliseconds: 11))
                    == capture.values(["*"], range: range, step: StepGrid(stepMilliseconds: 11)),
                label
            )
            #expect(
                try whole.pauses(range: range, percentiles: percentiles)
                    == capture.pauses(range: range, percentiles: percentiles),
                label
            )
            #expect(try whole.series(range: range) == capture.series(range: range), label)
            #expect(try Self.lines(whole, range) == Self.lines(capture, range), label)
            #expect(try Self.lines(whole, range).count == Int(summary.scrapes), label)
            let target = try #require(try capture.targets().first)
            #expect(target.scrapes + target.failures == summary.scrapes, label)
            #expect(target.runs.reduce(0) { $0 + $1.scrapes } == target.scrapes, label)
            try #expect(
                Self.lines(capture, .all).count == Int(summary.scrapes + summary.marginScrapes),
                label
            )
        }
    }

    @Test("a capture of a capture is one of the range that both have")
    func captureOfCapture() async throws {
        let database = try TemporaryDatabase()
        try await database.insert(
            (0..<20).map { (0, Scrape(at: $0 * 10, #"{"cmdline": ["a"], "n": \#($0 * 3)}"#)) }
        )
        func range(_ since: Int64, _ until: Int64) -> TimeRange {
            TimeRange(since: Timestamp(milliseconds: since), until: Timestamp(milliseconds: until))
        }
        _ = try Capture.run(from: database.path, to: database.path + "-1", range: range(50, 150))
        let second = try Capture.run(
            from: database.path + "-1",
            to: database.path + "-2",
            range: range(0, 100)
        )
        #expect(second.scrapes == 5, "what the first has beside its range is no part of the second's")
        let snapshot = try Vault.openReader(path: database.path + "-2").snapshot()
        #expect(snapshot.capturedRange == range(50, 100))
        #expect(
            try QueryEngine(snapshot).rate(["n"], range: range(50, 100))
                == database.engine().rate(["n"], range: range(50, 100))
        )
    }

    @Test("the source is left as it is, and what exists is not replaced unless that is asked for")
    func exists() async throws {
        let database = try TemporaryDatabase()
        try await database.insert([(0, Scrape(at: 1, #"{"cmdline": ["a"], "n": 1}"#))])
        let path = database.path + "-capture"
        _ = try Capture.run(from: database.path, to: path)
        #expect(throws: StorageError.self) { try Capture.run(from: database.path, to: path) }
        #expect(throws: StorageError.self) {
            try Capture.run(from: database.path, to: database.path, replaces: true)
        }
        _ = try Capture.run(from: database.path, to: path, replaces: true)
        #expect(try Self.lines(QueryEngine(Vault.openReader(path: path).snapshot()), .all).count == 1)
    }

    @Test("a capture that something is added to answers for all that it has")
    func added() async throws {
        let database = try TemporaryDatabase()
        try await database.insert((0..<9).map { (0, Scrape(at: $0, #"{"cmdline": ["a"], "n": \#($0)}"#)) })
        let path = database.path + "-capture"
        let range = TimeRange(since: Timestamp(milliseconds: 3), until: Timestamp(milliseconds: 6))
        _ = try Capture.run(from: database.path, to: path, range: range)
        let writer = try await VaultWriter.open(path: path, create: false)
        _ = try await writer.compact()
        #expect(try Vault.openReader(path: path).snapshot().capturedRange == range)
        let next = Scrape(at: 20, #"{"cmdline": ["a"], "n": 30}"#)
        let stored = try await writer.append([
            (TargetDescription(name: "api", origin: Origin(url: nil)), next)
        ])
        try await writer.close()
        // Not a number that the recorder may have given since.
        #expect(stored.first?.seq == 10)
        #expect(try Vault.openReader(path: path).snapshot().capturedRange == .all)
    }

    /// Every scrape as the database has it, with its run's number and its body.
    static func lines(_ engine: QueryEngine, _ range: TimeRange) throws -> [String] {
        var lines: [String] = []
        for target in try engine.snapshot.targets() {
            let scrapes = try engine.snapshot.scrapes(of: target.id, in: range, failures: true)
            while let scrape = try scrapes.next() {
                lines.append("\(scrape) \(String(decoding: try scrapes.body(), as: UTF8.self))")
            }
        }
        return lines
    }

    private static func bodies(
        of scrapes: [NaiveScrape],
        _ generator: inout SeededGenerator
    ) -> [(epoch: Int64, scrape: Scrape)] {
        var processes: [Int64: MadeUpProcess] = [:]
        var ended: UInt64 = 0
        return scrapes.enumerated().map { index, scrape in
            if generator.oneIn(9) {
                let failure = ScrapeOutcome.failure(reason: "reason \(index % 3)", body: Array("gone".utf8))
                let time = Timestamp(milliseconds: scrape.t)
                return (scrape.epoch, Scrape(time: time, status: 500, outcome: failure))
            }
            var process = processes[scrape.run] ?? MadeUpProcess("service")
            // Ends lie near the scrapes, now and then by another clock, and sometimes more than a ring of them.
            for _ in 0..<(generator.oneIn(12) ? 300 : Int.random(in: 1...3, using: &generator)) {
                let near = (scrape.t + Int64.random(in: -30...5, using: &generator)) * 1_000_000
                ended = max(ended &+ 1, UInt64(max(1, near)))
                process.collect(
                    endNanoseconds: ended,
                    pauseNanoseconds: .random(in: 1...999, using: &generator)
                )
            }
            processes[scrape.run] = process
            return (scrape.epoch, Scrape(at: scrape.t, process.body(scrape.variables(\.text))))
        }
    }
}

extension Number {
    /// As JSON has it.
    fileprivate var text: String {
        switch self {
        case .integer(let integer): "\(integer)"
        case .unsigned(let integer): "\(integer)"
        case .real(let real): "\(real)"
        }
    }
}
