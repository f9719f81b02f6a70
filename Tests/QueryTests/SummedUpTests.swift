import Model
import Storage
import TestBasics
import Testing

@testable import Query

/// Answers from what chunks say of their parts, against answers from each scrape.
///
/// A day of a target in a sealed, compacted file, with restarts, failed scrapes, steps of the clock, a map that grows,
/// doubles and large integers; ranges and steps at random, mostly on the hours that parts end at.
@Suite struct SummedUpTests {
    private static let start: Int64 = 1_700_006_400_000
    private static let count = 1100

    /// Some 18 hours, about a minute apart: parts of 12 hours.
    private static func scrapes(_ generator: inout SeededGenerator) -> [(epoch: Int64, scrape: Scrape)] {
        var process = MadeUpProcess("p0")
        var (requests, hits, seconds, level) = (0, 0, 0.0, 0.0)
        var t = start + Int64.random(in: 0..<3_600_000, using: &generator)
        var epoch: Int64 = 0
        return (0..<count).map { index in
            t += 57_600 + Int64.random(in: -20...20, using: &generator)
            if generator.oneIn(300) { t += 3_600_000 }
            if generator.oneIn(900) { (epoch, t) = (epoch + 1, t - 7_200_000) }
            if generator.oneIn(200) {
                process = MadeUpProcess("p\(index)")
                (requests, hits, seconds) = (0, 0, 0)
            }
            for _ in 0..<Int.random(in: 0...2, using: &generator) {
                process.collect(
                    endNanoseconds: UInt64(t) * 1_000_000 - 1_000_000 + UInt64(index),
                    pauseNanoseconds: .random(in: 1...1_000_000, using: &generator)
                )
            }
            requests += Int.random(in: 0...40, using: &generator)
            if generator.oneIn(90) { hits += 1 }
            seconds += Double(Int.random(in: 0...90_000, using: &generator)) / 1e5
            level = generator.oneIn(40) ? 0 : level + Double.random(in: -1...1, using: &generator)
            var variables = [
                "\"requests\": \(requests)", "\"seconds\": \(seconds)", "\"level\": \(level)",
                "\"large\": \(UInt64.max - UInt64(requests))", "\"negative\": \(-requests)",
                "\"word\": \"\(index / 400)\"", "\"flag\": \(index % 700 < 650)", "\"constant\": 0.25",
            ]
            if hits > 0 {
                variables.append("\"map\": {\"hits\": \(hits)}")
            } else {
                variables.append("\"map\": {}")
            }
            if generator.oneIn(400) { variables.append("\"rare\": \(index)") }
            let outcome: ScrapeOutcome =
                generator.oneIn(60)
                ? .failure(reason: "no answer \(index % 3)", body: [])
                : .document(Array(process.body(variables).utf8))
            let scrape = Scrape(
                time: Timestamp(milliseconds: t),
                durationNanoseconds: generator.oneIn(500)
                    ? nil : .random(in: 1...9_000_000, using: &generator),
                outcome: outcome
            )
            return (epoch, scrape)
        }
    }

    @Test(
        "what chunks say of their parts answers as the scrapes do",
        arguments: 0..<4 as Range<UInt64>
    )
    func equal(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        let database = try TemporaryDatabase()
        try await database.insert(Self.scrapes(&generator))
        // Half of them with an hour's chunks as they were sealed, half with those of a day.
        if seed % 2 == 0 { try await database.compact() }
        let vault = try Vault.openReader(path: database.path)
        let (short, long) = (
            QueryEngine(try vault.snapshot()), QueryEngine(try vault.snapshot(), sumsUp: false)
        )
        if seed % 2 == 0 {
            let target = try #require(try short.snapshot.targets().first)
            let blocks = try short.snapshot.seriesBlocks(of: target.id, series: [], in: .all) { _ in true }
            var count = 0
            while let stretch = try blocks.nextStretch() {
                if case .summary(let summary) = stretch { count += summary.count }
            }
            #expect(count > Self.count / 2)
        }
        let hour: Int64 = 3_600_000
        for round in 0..<5 {
            let ends = [0, 0].map { _ in
                Self.start + Int64.random(in: -1...30, using: &generator) * hour
                    + (generator.oneIn(2) ? 0 : Int64.random(in: 0..<hour, using: &generator))
            }.sorted()
            let range = TimeRange(
                since: round == 0 || generator.oneIn(4) ? nil : Timestamp(milliseconds: ends[0]),
                until: round == 0 || generator.oneIn(4) ? nil : Timestamp(milliseconds: ends[1])
            )
            let hours: Int64 = [1, 3, 6, 12, 24].randomElement(using: &generator) ?? 1
            let grid = StepGrid(stepMilliseconds: hours * hour)
            let step = round == 0 || generator.oneIn(3) ? nil : grid
            let label: Comment = "seed \(seed) \(range) step \(String(describing: step))"
            #expect(
                try short.values(["*"], range: range, step: step)
                    == long.values(["*"], range: range, step: step),
                label
            )
            #expect(
                try short.rate(["*"], range: range, step: step) == long.rate(["*"], range: range, step: step),
                label
            )
            #expect(try short.series(range: range) == long.series(range: range), label)
        }
    }
}
