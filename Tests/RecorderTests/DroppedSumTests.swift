import Storage
import Testing

@testable import Recorder

@Suite("What retention dropped")
struct DroppedSumTests {
    private func summary(_ deleted: Int64, protected: Int64 = 0) -> PruneSummary {
        var summary = PruneSummary()
        summary.deleted = deleted
        summary.deletedProtected = protected
        return summary
    }

    @Test("is said at once, then once an hour in sum, and at the end")
    func hourly() {
        var sum = DroppedSum()
        let minute: Int64 = 60_000_000_000
        #expect(sum.note(summary(0), at: 0) == nil)
        #expect(sum.note(summary(3), at: minute)?.text == "retention dropped the oldest: 3 scrapes")
        for number in 2..<61 { #expect(sum.note(summary(10), at: Int64(number) * minute) == nil) }
        let line = sum.note(summary(1, protected: 1), at: 61 * minute)
        #expect(line?.text == "retention dropped the oldest: 591 scrapes, 1 of them not exported yet")
        #expect(line?.isLoss == true)
        #expect(sum.rest() == nil)
        #expect(sum.note(summary(1), at: 62 * minute) == nil)
        #expect(sum.rest()?.text == "retention dropped the oldest: 1 scrape")
    }
}
