import TestBasics
import Testing

@testable import Recorder

@Suite struct ScrapeScheduleTests {
    private static let second: Int64 = 1_000_000_000

    /// Follows a schedule with scrapes that take no time, and returns when they were.
    private func ticks(_ schedule: ScrapeSchedule, start: Int64, count: Int) -> [Int64] {
        var schedule = schedule
        var now = start
        var ticks: [Int64] = []
        while ticks.count < count, let tick = schedule.next(now: now) {
            now = max(now, tick.at)
            ticks.append(tick.at)
        }
        return ticks
    }

    @Test("a hundred thousand ticks do not drift")
    func noDrift() {
        let start: Int64 = 123_456_789
        let interval = 10 * Self.second
        let schedule = ScrapeSchedule(name: "api", interval: interval, start: start)
        let ticks = ticks(schedule, start: start, count: 100_000)
        let grid = start + ScrapeSchedule.phase(of: "api", interval: interval)
        #expect(ticks.dropFirst().allSatisfy { ($0 - grid) % interval == 0 })
        #expect(zip(ticks.dropFirst(), ticks.dropFirst(2)).allSatisfy { $1 - $0 == interval })
    }

    @Test("slow scrapes do not move the grid")
    func slowScrapesKeepTheGrid() {
        var generator = SeededGenerator(seed: 42)
        var schedule = ScrapeSchedule(name: "api", interval: Self.second, start: 0)
        let phase = ScrapeSchedule.phase(of: "api", interval: Self.second)
        var now: Int64 = 0
        for _ in 0..<1000 {
            guard let tick = schedule.next(now: now) else { return }
            #expect((tick.at - phase) % Self.second == 0)
            now = max(now, tick.at) + Int64.random(in: 0..<3 * Self.second, using: &generator)
        }
    }

    @Test("the first tick comes within a second, and none within half an interval after it")
    func firstTick() {
        for number in 0..<200 {
            for interval in [
                Self.second / 100, Self.second / 2, Self.second, 10 * Self.second, 3600 * Self.second,
            ] {
                let schedule = ScrapeSchedule(name: "target-\(number)", interval: interval, start: 77)
                let ticks = ticks(schedule, start: 77, count: 3)
                #expect((77..<77 + min(interval, Self.second)).contains(ticks[0]))
                #expect(ticks[1] - ticks[0] >= interval / 2)
                #expect(ticks[1] - ticks[0] <= interval * 3 / 2)
                #expect(ticks[2] - ticks[1] == interval)
            }
        }
    }

    @Test("a hundred targets are spread over the interval")
    func spread() {
        let interval = 10 * Self.second
        var tenths = [Int](repeating: 0, count: 10)
        for number in 0..<100 {
            tenths[Int(ScrapeSchedule.phase(of: "target-\(number)", interval: interval) * 10 / interval)] += 1
        }
        // Evenly would be 10 each; a hash gives a binomial with a deviation of 3.
        #expect(tenths.allSatisfy { (1...22).contains($0) }, "\(tenths)")
    }

    @Test("after an hour of standing still there is one scrape, and the rest is counted")
    func noBurst() {
        let interval = 10 * Self.second
        var schedule = ScrapeSchedule(name: "api", interval: interval, start: 0)
        for _ in 0..<5 { _ = schedule.next(now: 0) }
        guard let before = schedule.next(now: 0) else { return }
        for rest in [0, interval / 2, interval / 2 + 1, interval - 1] {
            var stopped = schedule
            let now = before.at + 3600 * Self.second + rest
            let tick = stopped.next(now: now)
            let after = stopped.next(now: now)
            // 360 ticks passed; the last one is taken late if less than half an interval has gone since.
            #expect(tick?.skipped == (rest > interval / 2 ? 360 : 359))
            #expect((tick?.at ?? 0) - now >= -interval / 2)
            #expect((after?.at ?? 0) > now)
            #expect(after?.skipped == 0)
        }
    }

    @Test("a scrape that takes the whole interval does not cost the next tick")
    func wholeInterval() {
        var schedule = ScrapeSchedule(name: "api", interval: Self.second, start: 0)
        var now: Int64 = 0
        for _ in 0..<100 {
            guard let tick = schedule.next(now: now) else { return }
            #expect(tick.skipped == 0)
            now = max(now, tick.at) + Self.second + 1000
            // Each is late by another microsecond; far from half an interval.
        }
    }

    @Test("it ends after the count, and before the end")
    func ends() {
        let counted = ScrapeSchedule(name: "api", interval: Self.second, start: 0, count: 3)
        #expect(ticks(counted, start: 0, count: 10).count == 3)
        let timed = ScrapeSchedule(name: "api", interval: Self.second, start: 0, until: 10 * Self.second)
        let ticks = ticks(timed, start: 0, count: 100)
        #expect(ticks.count == 10)
        #expect(ticks.allSatisfy { $0 < 10 * Self.second })
    }
}
