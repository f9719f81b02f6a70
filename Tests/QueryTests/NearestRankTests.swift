import TestBasics
import Testing

@testable import Query

@Suite struct NearestRankTests {
    @Test(
        "the p-th percentile of k is number ceil(p / 100 × k), at least 1",
        arguments: [
            ("50", 1, 1), ("50", 2, 1), ("50", 3, 2), ("50", 4, 2), ("90", 10, 9), ("99", 100, 99),
            ("99.9", 1000, 999), ("99.9", 1001, 1000), ("99.99", 10_000, 9999), ("0", 5, 1), ("0.0", 5, 1),
            ("0.0001", 5, 1), ("100", 7, 7), ("100.000", 7, 7), ("29", 100, 29), ("57", 100, 57),
            ("99.999999999999", 1_000_000, 1_000_000), ("050", 4, 2),
        ]
    )
    func rank(text: String, count: Int, want: Int) throws {
        #expect(try DecimalPercentile(text).rank(of: count) == want)
    }

    @Test("a rank is the lowest that holds p percent, counted out", arguments: [1, 7, 100, 1000, 4096])
    func counted(count: Int) throws {
        for tenths in 0...1000 {
            let percentile = try DecimalPercentile("\(tenths / 10).\(tenths % 10)")
            let want = (1...count).first { $0 * 1000 >= tenths * count }
            #expect(percentile.rank(of: count) == want, "\(percentile.text) of \(count)")
        }
    }

    @Test(
        "what is no decimal number from 0 to 100 is refused",
        arguments: [
            "", ".", ".5", "5.", "-1", "+1", "1e1", "100.1", "101", "1000", "99,9", "50%", "NaN", " 5",
            "9.9.9",
            "99.9999999999999", String(repeating: "0", count: 41), "٥٠",
        ]
    )
    func refused(text: String) {
        #expect(throws: QueryError.badPercentile(text)) { try DecimalPercentile(text) }
    }
}

@Suite struct SortedPausesTests {
    @Test(
        "pauses in slices have the ranks and counts that they have in one",
        arguments: 0..<20 as Range<UInt64>
    )
    func slices(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let count = Int.random(in: 1...4000, using: &generator)
        let bits = UInt64.random(in: 1...64, using: &generator)
        let pauses = (0..<count).map { _ in UInt64.random(in: 0...(.max >> (64 - bits)), using: &generator) }
        var starts = (0..<Int.random(in: 0...4, using: &generator)).map { _ in
            Int.random(in: 0...count, using: &generator)
        }.sorted()
        starts = [0] + starts + [count]
        let sorted = pauses.sorted()
        let sliced = SortedPauses(zip(starts, starts.dropFirst()).map { PauseSlice(pauses[$0..<$1]) })
        for sliced in [SortedPauses(pauses), sliced] {
            #expect(sliced.total == pauses.reduce(0) { $0 + Int128($1) })
            #expect(sliced.min == sorted.first && sliced.max == sorted.last)
            for rank in [1, count, Int.random(in: 1...count, using: &generator)] {
                #expect(sliced.value(rank: rank) == sorted[rank - 1], "seed \(seed) rank \(rank)")
            }
            let bound = pauses.randomElement(using: &generator) ?? 0
            #expect(sliced.count(below: bound) == sorted.count { $0 < bound }, "seed \(seed)")
        }
        for index in 0..<sliced.sliceCount {
            let want = pauses[starts[index]..<starts[index + 1]]
            #expect(sliced.slice(index).min == want.min() && sliced.slice(index).count == want.count)
        }
    }
}
