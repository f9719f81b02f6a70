import Model
import TestBasics
import Testing

@testable import Storage

@Suite("The clock of a target's scrapes")
struct ScrapeClockTests {
    /// Feeds wall and boot clock readings in milliseconds, and gives where they went.
    private func place(_ readings: [(wall: Int64, boot: Int64)], id: String? = "b") -> [ScrapeClock.Placement]
    {
        var last: ScrapeClock.Last?
        return readings.map { wall, boot in
            let reading = ScrapeClock.Reading(
                wall: Timestamp(milliseconds: wall),
                bootID: id,
                bootNanoseconds: boot * 1_000_000
            )
            let placement = ScrapeClock.place(reading, after: last)
            last = ScrapeClock.Last(position: placement.position, reading: reading)
            return placement
        }
    }

    private func times(_ placements: [ScrapeClock.Placement]) -> [Int64] {
        placements.map(\.position.time.milliseconds)
    }

    @Test("t is the wall clock while both clocks keep pace")
    func pace() {
        let placed = place([(1000, 0), (11_003, 10_001), (21_000, 20_002)])
        #expect(times(placed) == [1000, 11_003, 21_000])
        #expect(placed.allSatisfy { $0.stepMilliseconds == nil && $0.position.epoch == 0 })
    }

    @Test("a step back of 30 s lets t go on with the boot clock, until the wall clock has caught up")
    func smallStepBack() {
        let placed = place([
            (100_000, 0), (80_000, 10_000), (90_000, 20_000), (130_500, 30_000), (140_500, 40_000),
        ])
        #expect(times(placed) == [100_000, 110_000, 120_000, 130_500, 140_500])
        #expect(placed.allSatisfy { $0.stepMilliseconds == nil && $0.position.epoch == 0 })
    }

    @Test("a step back that keeps the order is one too")
    func smallStepBackWithinTheInterval() {
        #expect(times(place([(100_000, 0), (105_000, 10_000)])) == [100_000, 110_000])
    }

    @Test("a step back of exactly a minute is none, a millisecond more opens a new epoch")
    func stepBackAtTheLimit() {
        let small = place([(100_000, 0), (50_000, 10_000)])
        #expect(small[1].position == ScrapePosition(epoch: 0, time: Timestamp(milliseconds: 110_000)))
        let large = place([(100_000, 0), (49_999, 10_000)])
        #expect(large[1].position == ScrapePosition(epoch: 1, time: Timestamp(milliseconds: 49_999)))
        #expect(large[1].stepMilliseconds == -60_001)
    }

    @Test("a step forward is recorded and stays in the epoch")
    func stepForward() {
        let placed = place([(1000, 0), (864_000_000, 10_000)])
        #expect(placed[1].position == ScrapePosition(epoch: 0, time: Timestamp(milliseconds: 864_000_000)))
        #expect(placed[1].stepMilliseconds == Int64(863_989_000))
    }

    @Test("two scrapes in one millisecond do not share it")
    func sameMillisecond() {
        #expect(times(place([(1000, 0), (1000, 0), (1000, 0)])) == [1000, 1001, 1002])
    }

    @Test("across a restart of the host forward is time that passed, and back counts by the wall clock alone")
    func restart() {
        let first = ScrapeClock.Last(
            position: ScrapePosition(epoch: 3, time: Timestamp(milliseconds: 1_000_000)),
            reading: ScrapeClock.Reading(
                wall: Timestamp(milliseconds: 1_000_000),
                bootID: "a",
                bootNanoseconds: 5_000_000_000
            )
        )
        func after(_ wall: Int64) -> ScrapeClock.Placement {
            let reading = ScrapeClock.Reading(
                wall: Timestamp(milliseconds: wall),
                bootID: "b",
                bootNanoseconds: 1_000_000
            )
            return ScrapeClock.place(reading, after: first)
        }
        #expect(after(900_000_000).stepMilliseconds == nil)
        #expect(after(900_000_000).position.time.milliseconds == 900_000_000)
        #expect(after(940_000).position == ScrapePosition(epoch: 3, time: Timestamp(milliseconds: 1_000_001)))
        #expect(after(939_999).position == ScrapePosition(epoch: 4, time: Timestamp(milliseconds: 939_999)))
        #expect(after(939_999).stepMilliseconds == -60_001)
    }

    @Test(
        "positions always rise, whatever the clocks do, and a step is exactly a parting by more than a minute"
    )
    func property() {
        let seed = UInt64.random(in: 0...(.max))
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            var last: ScrapeClock.Last?
            var wall: Int64 = 1_000_000_000
            var boot: Int64 = 0
            for _ in 0..<50 {
                let elapsed = Int64.random(in: 0...20_000, using: &generator)
                let jumps: [Int64] = [
                    0, 0, 0, 0, 0, -500, -20_000, -59_000, -61_000, 59_000, 61_000, -864_000_000,
                ]
                let jump = jumps.randomElement(using: &generator) ?? 0
                boot += elapsed
                wall += elapsed + jump
                let reading = ScrapeClock.Reading(
                    wall: Timestamp(milliseconds: wall),
                    bootID: "b",
                    bootNanoseconds: boot * 1_000_000
                )
                let placement = ScrapeClock.place(reading, after: last)
                if let last {
                    #expect(last.position < placement.position, "seed \(seed)")
                    #expect((placement.stepMilliseconds != nil) == (abs(jump) > 60_000), "seed \(seed)")
                    #expect(
                        (placement.position.epoch > last.position.epoch) == (jump < -60_000),
                        "seed \(seed)"
                    )
                }
                #expect(placement.position.time >= reading.wall, "seed \(seed)")
                last = ScrapeClock.Last(position: placement.position, reading: reading)
            }
        }
    }

    @Test("times at the ends of Int64 do not trap")
    func extremes() {
        let extremes: [Int64] = [.min, .min + 1, -1, 0, 1, .max - 1, .max]
        for a in extremes {
            for b in extremes {
                let last = ScrapeClock.Last(
                    position: ScrapePosition(epoch: .max, time: Timestamp(milliseconds: a)),
                    reading: ScrapeClock.Reading(
                        wall: Timestamp(milliseconds: b),
                        bootID: "b",
                        bootNanoseconds: a
                    )
                )
                let now = ScrapeClock.Reading(
                    wall: Timestamp(milliseconds: b),
                    bootID: "b",
                    bootNanoseconds: b
                )
                _ = ScrapeClock.place(now, after: last)
            }
        }
    }
}
