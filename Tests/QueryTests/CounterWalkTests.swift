import Model
import TestBasics
import Testing

@testable import Query

/// Rates of generated histories against the naive reference.
@Suite struct CounterWalkTests {
    private static let seeds: Range<UInt64> = 0..<120

    private struct Case {
        var scrapes: [NaiveScrape]
        var gap: Int64
        var since: Int64?
        var until: Int64?
        var history: MemoryHistory

        init(seed: UInt64) {
            var generator = SeededGenerator(seed: seed)
            scrapes = GeneratedHistory.scrapes(Int.random(in: 1...60, using: &generator), using: &generator)
            gap = [0, 5, 30, 1000].randomElement(using: &generator) ?? 30
            let times = scrapes.map(\.t)
            let span = (times.min() ?? 0) - 20...(times.max() ?? 0) + 20
            let ends = [Int64.random(in: span, using: &generator), Int64.random(in: span, using: &generator)]
                .sorted()
            since = generator.oneIn(4) ? nil : ends[0]
            until = generator.oneIn(4) ? nil : ends[1]
            history = MemoryHistory(scrapes: scrapes, series: GeneratedHistory.series, seed: seed)
        }

        func window(_ since: Int64?, _ until: Int64?, step: Int64? = nil) throws -> QueryWindow {
            let times = scrapes.map(\.t)
            let extent = (first: times.min() ?? 0, last: times.max() ?? 0)
            return try QueryWindow(
                TimeRange(
                    since: since.map { Timestamp(milliseconds: $0) },
                    until: until.map { Timestamp(milliseconds: $0) }
                ),
                ends: (Timestamp(milliseconds: extent.first), Timestamp(milliseconds: extent.last)),
                extent: extent,
                grid: step.map { StepGrid(stepMilliseconds: $0) }
            )
        }
    }

    @Test("a rate is what the naive reference counts, in the range and in each step", arguments: seeds)
    func equalsReference(seed: UInt64) throws {
        let one = Case(seed: seed)
        let reference = NaiveReference(scrapes: one.scrapes, gap: one.gap)
        let window = try one.window(one.since, one.until, step: 7)
        let tallies = try CounterWalk.tallies(one.history, in: window, gap: one.gap)
        let span = try #require(window.steps)
        for (name, tally) in zip(GeneratedHistory.series, tallies) {
            let pairs = reference.pairs(name)
            let want = NaiveReference.rate(pairs, since: window.since, until: window.until)
            #expect(isNear(tally.total, want), "seed \(seed) \(name): \(tally.total.number), not \(want)")
            #expect(tally.resets == want.resets, "seed \(seed) \(name)")
            #expect(tally.covered.milliseconds == want.coveredMilliseconds, "seed \(seed) \(name)")
            let covered = tally.covered.milliseconds(in: span)
            for index in 0..<span.count {
                let start = span.start(of: index)
                let step = NaiveReference.rate(
                    pairs,
                    since: max(start, window.since),
                    until: min(start + 7, window.until)
                )
                #expect(isNear(tally.steps[index], step), "seed \(seed) \(name) step \(index)")
                #expect(
                    covered[index] == Int64(step.coveredMilliseconds),
                    "seed \(seed) \(name) step \(index)"
                )
            }
        }
    }

    @Test("splitting a range changes nothing", arguments: seeds)
    func splits(seed: UInt64) throws {
        let one = Case(seed: seed)
        var generator = SeededGenerator(seed: seed &+ 1)
        let times = one.scrapes.map(\.t)
        let cut = Int64.random(in: (times.min() ?? 0) - 5...(times.max() ?? 0) + 5, using: &generator)
        if let since = one.since, cut < since { return }
        if let until = one.until, cut > until { return }
        let whole = try CounterWalk.tallies(one.history, in: one.window(one.since, one.until), gap: one.gap)
        let left = try CounterWalk.tallies(one.history, in: one.window(one.since, cut), gap: one.gap)
        let right = try CounterWalk.tallies(one.history, in: one.window(cut, one.until), gap: one.gap)
        for (index, name) in GeneratedHistory.series.enumerated() {
            let sum = left[index].total.double + right[index].total.double
            let want = whole[index].total.double
            #expect(abs(sum - want) <= 1e-9 * max(1, abs(want)), "seed \(seed) \(name): \(sum), not \(want)")
            #expect(left[index].resets + right[index].resets == whole[index].resets, "seed \(seed) \(name)")
            let covered = left[index].covered.milliseconds + right[index].covered.milliseconds
            #expect(covered == whole[index].covered.milliseconds, "seed \(seed) \(name)")
        }
    }

    @Test(
        "without a range the increase of integers is an exact integer, and its steps add up",
        arguments: seeds
    )
    func steps(seed: UInt64) throws {
        let one = Case(seed: seed)
        let reference = NaiveReference(scrapes: one.scrapes, gap: one.gap)
        let tallies = try CounterWalk.tallies(one.history, in: one.window(nil, nil, step: 13), gap: one.gap)
        for (name, tally) in zip(GeneratedHistory.series, tallies) {
            if let want = reference.rate(name, since: .min, until: .max).wholeIncrease {
                #expect(tally.total.number == Number(nearest: want), "seed \(seed) \(name)")
            }
            let sum = tally.steps.reduce(0) { $0 + $1.double }
            let want = tally.total.double
            #expect(abs(sum - want) <= 1e-9 * max(1, abs(want)), "seed \(seed) \(name)")
        }
    }

    private func isNear(_ sum: IncreaseSum, _ want: NaiveReference.Rate) -> Bool {
        if let whole = want.wholeIncrease { return sum.number == Number(nearest: whole) }
        return abs(sum.double - want.increase) <= 1e-9 * max(1, abs(want.increase))
    }
}
