import Expvar
import Model
import Testing

@Suite("New collections")
struct PauseRingTests {
    private func process(_ collections: Int) -> SampleProcess {
        var process = SampleProcess()
        process.collect(collections)
        return process
    }

    /// Whatever the two counts: seen and missed together are exactly the new ones, each once, and so are pauses.
    @Test(
        "between two scrapes of a run every collection is seen once or missed",
        arguments: [0, 1, 2, 255, 256, 257, 300, 511, 512, 513, 1000],
        [0, 1, 2, 254, 255, 256, 257, 258, 600]
    )
    func pairs(before: Int, growth: Int) {
        let a = process(before)
        let b = process(before + growth)
        let new = PauseRing.newCollections(in: b.state, after: .scrape(a.state))
        let firstSeen = max(before + 1, before + growth - 255)
        let expected = (firstSeen..<max(firstSeen, before + growth + 1)).map { n in
            Collection(n: UInt64(n), endNanoseconds: b.ends[n - 1], pauseNanoseconds: b.pauses[n - 1])
        }
        #expect(new.seen == expected)
        let lost = b.pauses[before..<max(before, firstSeen - 1)]
        let missed = MissedCollections(count: UInt64(lost.count), pauseNanoseconds: lost.reduce(0, +))
        #expect(new.missed == (lost.isEmpty ? nil : missed))
    }

    @Test("a run that begins while it is watched is ours from its first collection on")
    func runBegin() {
        let begun = process(300)
        let new = PauseRing.newCollections(in: begun.state, after: .runBegin)
        #expect(new.seen.map(\.n) == Array(45...300))
        #expect(
            new.missed == MissedCollections(count: 44, pauseNanoseconds: begun.pauses[..<44].reduce(0, +))
        )
    }

    @Test("a target's first scrape keeps what its ring holds and misses nothing")
    func unknown() {
        let new = PauseRing.newCollections(in: process(300).state, after: .unknown)
        #expect(new.seen.map(\.n) == Array(45...300) && new.missed == nil)
        #expect(PauseRing.newCollections(in: process(0).state, after: .unknown) == NewCollections())
    }

    @Test("without rings or a count nothing is said, and without a count before it nothing is missed")
    func lacking() {
        var state = process(10).state
        let full = state
        state.endRing = nil
        #expect(PauseRing.newCollections(in: state, after: .runBegin) == NewCollections())
        state = full
        state.collectionCount = nil
        #expect(PauseRing.newCollections(in: state, after: .runBegin) == NewCollections())
        #expect(PauseRing.newCollections(in: full, after: .scrape(state)).seen.count == 10)
        state = full
        state.pauseRing?.removeLast()
        #expect(PauseRing.newCollections(in: state, after: .runBegin) == NewCollections())
    }

    @Test("hostile counters neither trap nor loop, and a missed pause is never below nothing")
    func hostile() {
        var state = process(256).state
        state.collectionCount = .max
        let all = PauseRing.newCollections(in: state, after: .runBegin)
        #expect(all.seen.count == 256 && all.seen.last?.n == .max)
        #expect(all.missed == MissedCollections(count: .max - 256, pauseNanoseconds: 0))
        state.pauseRing = Array(repeating: .max, count: 256)
        state.pauseTotalNanoseconds = .max
        #expect(PauseRing.newCollections(in: state, after: .runBegin).missed?.pauseNanoseconds == 0)
        var before = process(1).state
        before.pauseTotalNanoseconds = .max
        before.collectionCount = .max - 1
        #expect(PauseRing.newCollections(in: state, after: .scrape(before)).seen.map(\.n) == [.max])
        before.collectionCount = .max
        #expect(PauseRing.newCollections(in: state, after: .scrape(before)) == NewCollections())
        #expect(PauseRing.newCollections(in: process(5).state, after: .scrape(state)) == NewCollections())
    }

    @Test("where PauseTotalNs is not known the missed ones have no pause")
    func noTotal() {
        var state = process(300).state
        state.pauseTotalNanoseconds = nil
        #expect(
            PauseRing.newCollections(in: state, after: .runBegin).missed
                == MissedCollections(count: 44, pauseNanoseconds: 0)
        )
    }
}
