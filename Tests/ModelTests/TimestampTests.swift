import Model
import Testing

@Suite("Times")
struct TimestampTests {
    @Test("adding saturates at the ends of Int64")
    func advanced() {
        #expect(Timestamp(milliseconds: 5).advanced(byMilliseconds: -7).milliseconds == -2)
        #expect(Timestamp(milliseconds: .max).advanced(byMilliseconds: 1).milliseconds == .max)
        #expect(Timestamp(milliseconds: .min).advanced(byMilliseconds: -1).milliseconds == .min)
    }

    @Test("a range holds its beginning and not its end, and open ends hold everything")
    func range() {
        let range = TimeRange(since: Timestamp(milliseconds: 10), until: Timestamp(milliseconds: 20))
        #expect(
            [9, 10, 19, 20].map { range.contains(Timestamp(milliseconds: $0)) } == [false, true, true, false]
        )
        #expect(TimeRange.all.contains(Timestamp(milliseconds: .min)))
        let nanoseconds: [UInt64] = [9_999_999, 10_000_000, 19_999_999, 20_000_000, .max]
        #expect(nanoseconds.map { range.contains(nanoseconds: $0) } == [false, true, true, false, false])
    }

    @Test("steps begin at whole multiples since 1970, before it too")
    func grid() {
        let grid = StepGrid(stepMilliseconds: 60_000)
        let starts = [0, 1, 59_999, 60_000, -1, -60_000, -60_001].map {
            grid.start(of: Timestamp(milliseconds: $0)).milliseconds
        }
        #expect(starts == [0, 0, 0, 60_000, -60_000, -60_000, -120_000])
    }

    @Test("positions are ordered by epoch before time")
    func positions() {
        let early = ScrapePosition(epoch: 0, time: Timestamp(milliseconds: 100))
        let late = ScrapePosition(epoch: 1, time: Timestamp(milliseconds: 50))
        #expect(early < late && !(late < early))
    }
}
