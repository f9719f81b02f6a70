import Model
import Storage
import TestBasics
import Testing

@testable import Query

/// The same properties as over arrays, through bodies, runs and rows of real database files.
@Suite struct RealFileTests {
    @Test(
        "rates and values of a real file are what the naive reference counts",
        arguments: 0..<12 as Range<UInt64>
    )
    func equalsReference(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        // At most 16 runs are remembered, and these histories must not outlive that.
        var scrapes = GeneratedHistory.scrapes(Int.random(in: 2...40, using: &generator), using: &generator)
        // Raw lines tell of epochs, but not of steps within one.
        for index in scrapes.indices where index > 0 {
            scrapes[index].isAfterStep = scrapes[index].epoch != scrapes[index - 1].epoch
        }
        let database = try TemporaryDatabase()
        try await database.insert(Self.bodies(of: scrapes))
        let engine = try database.engine()
        for _ in 0..<6 {
            let times = scrapes.map(\.t)
            let span = (times.min() ?? 0) - 20...(times.max() ?? 0) + 20
            let ends = [0, 0].map { _ in Int64.random(in: span, using: &generator) }.sorted()
            let range = TimeRange(
                since: generator.oneIn(4) ? nil : Timestamp(milliseconds: ends[0]),
                until: generator.oneIn(4) ? nil : Timestamp(milliseconds: ends[1])
            )
            let gap = [0, 5, 30, 1000].randomElement(using: &generator) ?? 30
            let reference = NaiveReference(scrapes: scrapes, gap: Int64(gap))
            let since = range.since?.milliseconds ?? .min
            let until = range.until?.milliseconds ?? .max
            for answer in try engine.rate(
                ["*"],
                range: range,
                step: StepGrid(stepMilliseconds: 7),
                gapMilliseconds: Int64(gap)
            ) where GeneratedHistory.series.contains(answer.series) {
                let label: Comment = "seed \(seed) \(answer.series) \(range) gap \(gap)"
                let want = reference.rate(answer.series, since: since, until: until)
                if let whole = want.wholeIncrease {
                    #expect(answer.increase == Number(nearest: whole), label)
                } else {
                    let off = abs(answer.increase.double - want.increase)
                    #expect(off <= 1e-9 * max(1, abs(want.increase)), label)
                }
                #expect(answer.resets == want.resets, label)
                #expect(answer.coveredSeconds == Double(want.coveredMilliseconds) / 1000, label)
                #expect(answer.rate == nil || answer.coveredSeconds > 0, label)
                let sum = (answer.points ?? []).reduce(0) { $0 + ($1.increase?.double ?? 0) }
                #expect(abs(sum - want.increase) <= 1e-9 * max(1, abs(want.increase)), label)
            }
            for answer in try engine.values(["*"], range: range, step: StepGrid(stepMilliseconds: 7))
            where GeneratedHistory.series.contains(answer.series) {
                let label: Comment = "seed \(seed) \(answer.series) \(range)"
                let want = scrapes.filter { since <= $0.t && $0.t < until }.compactMap {
                    $0.values[answer.series]
                }
                #expect(answer.count == want.count, label)
                #expect(answer.min == want.min(), label)
                #expect(answer.max == want.max(), label)
                #expect(answer.first == want.first, label)
                #expect(answer.last == want.last, label)
                #expect((answer.points ?? []).reduce(0) { $0 + $1.count } == want.count, label)
            }
        }
    }

    @Test(
        "pauses of a real file are those that a scrape could see, and the rest is missed",
        arguments: 0..<5 as Range<UInt64>
    )
    func pauses(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        var process = MadeUpProcess("a")
        var ended: UInt64 = 1_000_000_000
        var scrapes: [(epoch: Int64, scrape: Scrape)] = []
        var seen: [Collection] = []
        var missed: [(t: Int64, count: UInt64, nanoseconds: UInt64)] = []
        var known = 0
        for index in 0..<30 {
            if index > 0, generator.oneIn(8) {
                process = MadeUpProcess("p\(index)")
                known = 0
            }
            let count =
                generator.oneIn(5)
                ? Int.random(in: 200...700, using: &generator) : Int.random(in: 1...20, using: &generator)
            for _ in 0..<count {
                ended += UInt64.random(in: 1...9_000_000, using: &generator)
                process.collect(
                    endNanoseconds: ended,
                    pauseNanoseconds: .random(in: 1...1_000_000, using: &generator)
                )
            }
            ended += 1_000_000
            let t = Int64(ended / 1_000_000)
            scrapes.append((0, Scrape(at: t, process.body([]))))
            let new = process.collections[known...]
            let lost = new.dropLast(256)
            seen += new.suffix(256)
            if !lost.isEmpty, index > 0 {
                missed.append((t, UInt64(lost.count), lost.reduce(0) { $0 + $1.pauseNanoseconds }))
            }
            known = process.collections.count
        }
        let database = try TemporaryDatabase()
        try await database.insert(scrapes)
        let engine = try database.engine()
        let texts = ["50", "90", "99.9", "0", "100"]
        let percentiles = try texts.map { try DecimalPercentile($0) }
        for round in 0..<5 {
            let ends = [0, 0].map { _ in Int64.random(in: 1000...Int64(ended / 1_000_000), using: &generator)
            }.sorted()
            let range =
                round == 0
                ? TimeRange.all
                : TimeRange(since: Timestamp(milliseconds: ends[0]), until: Timestamp(milliseconds: ends[1]))
            let since = range.since?.milliseconds ?? .min
            let until = range.until?.milliseconds ?? .max
            let answer = try #require(
                try engine.pauses(
                    range: range,
                    percentiles: percentiles,
                    step: StepGrid(stepMilliseconds: 50)
                ).first
            )
            func check(_ summary: PauseSummary, _ since: Int64, _ until: Int64, isStep: Bool) {
                let label: Comment = "seed \(seed) [\(since), \(until))"
                let want = seen.filter { collection in
                    let ms = Int64(collection.endNanoseconds / 1_000_000)
                    return since <= ms && ms < until
                }.map(\.pauseNanoseconds).sorted()
                let late = missed.filter { since <= $0.t && $0.t < until }
                #expect(summary.count == want.count, label)
                #expect(summary.missed == Number(late.reduce(0) { $0 + $1.count }), label)
                #expect(summary.minNanoseconds == want.first, label)
                #expect(summary.maxNanoseconds == want.last, label)
                if !isStep || !want.isEmpty || !late.isEmpty {
                    #expect(summary.totalNanoseconds == Number(want.reduce(0, +)), label)
                    #expect(
                        summary.missedNanoseconds == Number(late.reduce(0) { $0 + $1.nanoseconds }),
                        label
                    )
                } else {
                    #expect(summary.totalNanoseconds == nil && summary.missedNanoseconds == nil, label)
                }
                guard !want.isEmpty else { return }
                #expect(summary.meanNanoseconds == Double(want.reduce(0, +)) / Double(want.count), label)
                let ranks = [
                    (want.count + 1) / 2, (want.count * 9 + 9) / 10, (want.count * 999 + 999) / 1000, 1,
                    want.count,
                ]
                #expect(summary.percentiles == ranks.map { want[max(1, $0) - 1] }, label)
            }
            check(answer.summary, since, until, isStep: false)
            for point in try #require(answer.points) {
                let start = point.start.milliseconds
                check(point.summary, max(since, start), min(until, start + 50), isStep: true)
            }
        }
    }

    /// Bodies that show those runs and those values.
    private static func bodies(of scrapes: [NaiveScrape]) -> [(epoch: Int64, scrape: Scrape)] {
        var processes: [Int64: MadeUpProcess] = [:]
        return scrapes.enumerated().map { index, scrape in
            // All runs share a command line, so that only their rings tell them apart.
            var process = processes[scrape.run] ?? MadeUpProcess("service")
            process.collect(endNanoseconds: UInt64(1000 + index), pauseNanoseconds: UInt64(scrape.run))
            processes[scrape.run] = process
            return (scrape.epoch, Scrape(at: scrape.t, process.body(scrape.variables(spelled))))
        }
    }

    private static func spelled(_ value: Number) -> String {
        switch value {
        case .integer(let integer): "\(integer)"
        case .unsigned(let integer): "\(integer)"
        case .real(let real): "\(real)"
        }
    }
}
