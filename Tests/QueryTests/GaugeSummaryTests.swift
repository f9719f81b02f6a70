import Model
import TestBasics
import Testing

@testable import Query

/// 2⁻¹⁰⁷⁴, the lowest bit that a double can have.
private let tiny = Double.leastNonzeroMagnitude

@Suite struct GaugeSummaryTests {
    private func mean(_ values: [Number]) -> Double? {
        var summary = GaugeSummary()
        for value in values { summary.add(value) }
        return summary.mean
    }

    @Test(
        "a mean is the exact sum over the count, rounded once",
        arguments: [
            ([1, 2, 4], 2.3333333333333335),
            // Summed up in order, the 1 is lost and the mean is 0.
            ([1e16, 1, -1e16], 0.3333333333333333),
            // The sum is beyond the range of double, the mean is not.
            ([1.7e308, 1.7e308, 1.7e308], 1.7e308),
            ([-1.7e308, -1.7e308, 1.7e308], -5.666666666666667e307),
            // A third of the smallest double is nearer to 0, two thirds to it.
            ([tiny, 0, 0], 0),
            ([tiny, tiny, 0], tiny),
            // Half of it is a tie, and ties go to the even.
            ([tiny, 0], 0),
            ([tiny, 2 * tiny], 2 * tiny),
            ([2.2250738585072014e-308, 0], 1.1125369292536007e-308),
            // 2⁵³ + 1 and 2⁵³ + 3 are no doubles: the mean of 2⁵³ and 2⁵³ + 2 is a tie, 2⁵³ is even.
            ([9007199254740992, 9007199254740994], 9007199254740992),
            ([0.1, 0.2, 0.3], 0.2),
            ([0, -0.0], 0),
        ] as [([Double], Double)]
    )
    func roundedOnce(values: [Double], want: Double) {
        #expect(mean(values.map { .real($0) }) == want)
        #expect(mean(values.map { .real(-$0) }) == -want)
    }

    @Test("integers are summed exactly over all of their range, also beside doubles")
    func integers() {
        #expect(mean([.unsigned(.max), .unsigned(.max), .integer(1)]) == 0x1.5555555555555p63)
        #expect(mean([.integer(.min), .integer(.max)]) == -0.5)
        // 2⁶³ + 2⁶³ − 1 + 0.5 over 2: 0.25 below 2⁶³ rounds to it.
        #expect(mean([.unsigned(1 << 63), .integer(.max), .real(0.5), .real(0)]) == 0x1p62)
        #expect(mean([.unsigned(.max), .real(-0x1p64)]) == -0.5)
        #expect(mean([]) == nil)
    }

    @Test("the mean of small fractions is nearest to their exact mean", arguments: 0..<40 as Range<UInt64>)
    func nearest(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        // Multiples of 2⁻²⁰ below 2⁴⁰: their sums are exact in 128-bit integers.
        let units = (0..<Int.random(in: 1...50, using: &generator)).map { _ in
            Int64.random(in: -(1 << 52)...1 << 52, using: &generator)
        }
        let sum = units.reduce(0 as Int128) { $0 + Int128($1) }
        guard let got = mean(units.map { .real(Double($0) * 0x1p-20) }) else { return }
        func distance(_ candidate: Double) -> Int128 {
            // candidate × 2⁶⁰ × count is an integer: doubles of this size have at most 52 + 20 places, so that
            // only candidates too small for this test would need more.
            let scaled = Int128((candidate * 0x1p60).rounded()) * Int128(units.count)
            return (scaled - sum << 40).magnitude > Int128.max.magnitude ? .max : abs(scaled - sum << 40)
        }
        guard got.magnitude > 0x1p-7 else { return }
        #expect(distance(got) <= distance(got.nextUp), "seed \(seed)")
        #expect(distance(got) <= distance(got.nextDown), "seed \(seed)")
    }

    @Test("whole columns give what single samples give", arguments: 0..<40 as Range<UInt64>)
    func columns(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let integers = (0..<Int.random(in: 1...60, using: &generator)).map { _ in
            Int64.random(in: generator.oneIn(3) ? .min ... .max : -9...9, using: &generator)
        }
        let reals = integers.map { Double($0) / 7 }
        var columns = GaugeSummary()
        columns.add(integers[...])
        columns.add(reals[...])
        var singles = GaugeSummary()
        for value in integers { singles.add(.integer(value)) }
        for value in reals { singles.add(.real(value)) }
        #expect(columns.mean == singles.mean, "seed \(seed)")
        #expect(columns.min == singles.min && columns.max == singles.max, "seed \(seed)")
        #expect(columns.first == singles.first && columns.last == singles.last, "seed \(seed)")
        #expect(columns.count == singles.count, "seed \(seed)")
    }

    @Test("the highest of two uint64 values that share a double is the higher integer")
    func extremes() {
        var summary = GaugeSummary()
        for value in [.unsigned(.max - 1), .unsigned(.max), .unsigned(.max - 2)] as [Number] {
            summary.add(value)
        }
        #expect(summary.max == .unsigned(.max))
        #expect(summary.min == .unsigned(.max - 2))
    }
}
