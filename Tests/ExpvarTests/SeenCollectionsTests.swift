import Model
import TestBasics
import Testing

@testable import Expvar

@Suite("Collections that were shown before")
struct SeenCollectionsTests {
    /// The collections that scrapes were the first to show, each run found as a store finds it.
    private func shown(_ states: [ProcessState]) -> [Collection] {
        var tracker = RunTracker()
        var all: [Collection] = []
        var runs: Int64 = 0
        var time: Int64 = 0
        for state in states {
            var before: RunMemory?
            time += 10_000
            let place = ScrapePosition(epoch: 0, time: Timestamp(milliseconds: time))
            let run: RunID
            switch tracker.judge(state, at: place).decision {
            case .continues(let id):
                run = id
                before = tracker.memory(of: id)
            case .begins:
                runs += 1
                run = RunID(runs)
            }
            let found = PauseRing.newCollections(
                in: state,
                after: before.map { .run($0) } ?? .unknown,
                newestKnown: tracker.newestKnown(in: state)
            )
            all += found.seen
            tracker.note(state, in: run, at: place)
        }
        return all
    }

    /// Two to four processes, one of them so fast that its ring turns over between its turns, in a random order.
    @Test("however fast processes that take turns collect, each collection is new once", arguments: 0..<40)
    func turns(round: Int) {
        let seed = UInt64.random(in: 0...(.max))
        var generator = SeededGenerator(seed: seed)
        let count = Int.random(in: 2...4, using: &generator)
        var processes = (0..<count).map { _ in SampleProcess() }
        let rates = (0..<count).map {
            $0 == 0 ? 300 : [0, 1, 3, 40, 290].randomElement(using: &generator) ?? 1
        }
        var states: [ProcessState] = []
        var held: Set<[UInt64]> = []
        for turn in 0..<60 {
            for index in processes.indices {
                let born = 1_700_000_000_000_000_000 + UInt64(index) * 77_000_000_001
                processes[index].collect(rates[index], from: born)
            }
            // Never so long that one is forgotten: 16 others would have to come in between.
            let next = turn % 8 < count ? turn % 8 : Int.random(in: 0..<count, using: &generator)
            let state = processes[next].state
            states.append(state)
            for n in state.heldCollections ?? 1...1 where state.heldCollections != nil {
                let slot = PauseRing.slot(of: n)
                held.insert([state.endRing?[slot] ?? 0, state.pauseRing?[slot] ?? 0])
            }
        }
        let new = shown(states)
        #expect(Set(new.map { [$0.endNanoseconds, $0.pauseNanoseconds] }) == held, "seed \(seed)")
        #expect(new.count == held.count, "seed \(seed)")
    }

    @Test("what another scrape of the process showed is neither new nor missed")
    func known() {
        var process = SampleProcess()
        process.collect(300)
        let before = process.state
        process.collect(500)
        let new = PauseRing.newCollections(in: process.state, after: .scrape(before), newestKnown: 790)
        #expect(new.seen.map(\.n) == Array(791...800) && new.missed == nil)
        let nothing = PauseRing.newCollections(in: process.state, after: .runBegin, newestKnown: 800)
        #expect(nothing == NewCollections())
        // What the run's own last scrape showed decides where it was the newer one.
        let own = PauseRing.newCollections(in: process.state, after: .scrape(process.state), newestKnown: 790)
        #expect(own == NewCollections())
    }
}
