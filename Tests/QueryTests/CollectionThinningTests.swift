import Model
import Storage
import Testing

@testable import Query

@Suite struct CollectionThinningTests {
    @Test("of a million pauses the one long one stays, and no more are shown than asked for")
    func extremes() {
        let all: [SingleCollection] = (0..<100_000).map { (index: Int) -> SingleCollection in
            var pause = UInt64(1000 + index % 100)
            if index == 77_777 { pause = 9_000_000 }
            if index == 5 { pause = 1 }
            return SingleCollection(endNanoseconds: UInt64(index) * 1_000_000, pauseNanoseconds: pause)
        }
        func shown(_ collections: [SingleCollection]) -> [SingleCollection] {
            var fold = PauseFold(nil, CollectionThinning(of: 0...99_999_000_000, max: 4000))
            for part in stride(from: 0, to: collections.count, by: 1 << 14) {
                let part = collections[part..<min(collections.count, part + 1 << 14)]
                let columns = PauseColumns(
                    ends: part.map { Int64($0.endNanoseconds) },
                    pauses: part.map { Int64($0.pauseNanoseconds) }
                )
                fold.add(.columns(columns))
            }
            return fold.thinning?.shown ?? []
        }
        let inOrder = shown(all)
        let shown = shown(all.shuffled())
        #expect(shown == inOrder)
        #expect(shown.count <= 4000)
        #expect(shown.count > 2000)
        #expect(shown.contains { $0.pauseNanoseconds == 9_000_000 })
        #expect(shown.contains { $0.pauseNanoseconds == 1 })
        #expect(zip(shown, shown.dropFirst()).allSatisfy { $0.endNanoseconds < $1.endNanoseconds })
    }

    @Test("pauses at the ends of what there can be have their bucket")
    func buckets() {
        let pauses: [UInt64] = [0, 1, 2, 5, 9, 10, 999, .max, .max - 1]
        let buckets = PauseBucket.buckets(of: SortedPauses(pauses))
        #expect(buckets.reduce(0) { $0 + $1.count } == pauses.count)
        for pause in pauses.dropLast(2) {
            #expect(buckets.contains { $0.from <= pause && pause < $0.below && $0.count > 0 })
        }
        #expect(PauseBucket.buckets(of: SortedPauses([UInt64]())) == [])
    }
}
