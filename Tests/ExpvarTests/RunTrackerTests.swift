import Expvar
import Model
import Testing

/// Feeds a tracker as a store does, and tells which run each scrape was given to.
private struct Feed {
    var tracker = RunTracker()
    var begun: Int64 = 0
    var time: Int64 = 0

    var place: ScrapePosition { ScrapePosition(epoch: 0, time: Timestamp(milliseconds: time)) }

    mutating func run(of state: ProcessState, after milliseconds: Int64 = 10_000) -> Int64 {
        let run: RunID
        time += milliseconds
        switch tracker.judge(state, at: place).decision {
        case .continues(let id):
            run = id
        case .begins:
            begun += 1
            run = RunID(begun)
        }
        tracker.note(state, in: run, at: place)
        return run.value
    }
}

@Suite("Runs")
struct RunTrackerTests {
    private func process(_ collections: Int, born: UInt64 = 1_700_000_000_000_000_000) -> SampleProcess {
        var process = SampleProcess()
        process.collect(collections, from: born)
        return process
    }

    @Test("a process that goes on stays one run, whether it collects or not")
    func goesOn() {
        var feed = Feed()
        var process = process(0)
        for count in [0, 1, 0, 255, 256, 257, 600, 0] {
            process.collect(count)
            #expect(feed.run(of: process.state) == 1)
        }
    }

    @Test("a counter that falls begins a run, and one that a scrape lacks is not compared")
    func falls() throws {
        let fields: [WritableKeyPath<ProcessState, UInt64?>] = [
            \.collectionCount, \.totalAllocatedBytes, \.mallocs, \.frees, \.pauseTotalNanoseconds,
        ]
        for field in fields {
            var feed = Feed()
            var state = process(3).state
            #expect(feed.run(of: state) == 1)
            #expect(feed.run(of: state) == 1)
            let value = try #require(state[keyPath: field])
            state[keyPath: field] = value - 1
            #expect(feed.run(of: state) == 2)
            state[keyPath: field] = nil
            #expect(feed.run(of: state) == 2)
            state[keyPath: field] = 0
            #expect(feed.run(of: state) == 2)
        }
    }

    @Test("other arguments begin a run, and missing ones do not")
    func arguments() {
        var feed = Feed()
        var process = process(3)
        #expect(feed.run(of: process.state) == 1)
        process.commandLine = ["/srv/api", "-v"]
        #expect(feed.run(of: process.state) == 2)
        process.commandLine = nil
        #expect(feed.run(of: process.state) == 2)
        process.commandLine = []
        #expect(feed.run(of: process.state) == 2)
        process.commandLine = ["\u{E9}"]
        #expect(feed.run(of: process.state) == 3)
        process.commandLine = ["e\u{301}"]
        #expect(feed.run(of: process.state) == 4)
    }

    @Test("a ring that contradicts the one before shows a restart that has counted past its predecessor")
    func contradiction() {
        for change in [\.pauseRing, \.endRing] as [WritableKeyPath<ProcessState, [UInt64]?>] {
            var feed = Feed()
            _ = feed.run(of: process(10).state)
            var later = process(12)
            later.totalAlloc += 10_000
            var state = later.state
            state[keyPath: change]?[9] += 1
            #expect(feed.run(of: state) == 2)
        }
        // What one of both does not hold any more cannot contradict.
        var feed = Feed()
        _ = feed.run(of: process(10).state)
        var state = process(266).state
        #expect(feed.run(of: state) == 1)
        state = process(10).state
        var feed2 = Feed()
        _ = feed2.run(of: state)
        var later = process(266, born: 5).state
        later.pauseTotalNanoseconds = 1 << 60
        #expect(feed2.run(of: later) == 1)
        // One less, and collection 10 is held by both.
        var feed3 = Feed()
        _ = feed3.run(of: state)
        later = process(265, born: 5).state
        #expect(feed3.run(of: later) == 2)
    }

    @Test("slots that no collection has filled yet are not compared")
    func unusedSlots() {
        var feed = Feed()
        let a = process(3).state
        var b = a
        b.pauseRing?[200] = 77
        #expect(feed.run(of: a) == 1)
        #expect(feed.run(of: b) == 1)
    }

    // a: |1 . 2 . . 3 .      one process
    // b: |. 1 . 2 3 . 4      another behind the same URL, born later
    @Test("processes that take turns keep a run each")
    func alternation() {
        var feed = Feed()
        var a = process(5)
        var b = process(4, born: 1_800_000_000_000_000_000)
        #expect(feed.run(of: a.state) == 1)
        #expect(feed.run(of: b.state) == 2)
        a.collect(3)
        #expect(feed.run(of: a.state) == 1)
        b.collect(1, from: 1_800_000_000_000_000_000)
        #expect(feed.run(of: b.state) == 2)
        #expect(feed.run(of: b.state) == 2)
        a.collect(200)
        #expect(feed.run(of: a.state) == 1)
        #expect(feed.run(of: b.state) == 2)
    }

    @Test(
        "an earlier run does not go on where a counter is below its last, its arguments differ, or nothing is shared"
    )
    func noAlternation() {
        let other = process(4, born: 1_800_000_000_000_000_000)
        let begin = { (next: SampleProcess) -> Int64 in
            var feed = Feed()
            _ = feed.run(of: process(8).state)
            _ = feed.run(of: other.state)
            return feed.run(of: next.state)
        }
        #expect(begin(process(8)) == 1)
        var lower = process(8)
        lower.mallocs -= 1
        lower.totalAlloc = 0
        #expect(begin(lower) == 3)
        var renamed = process(8)
        renamed.commandLine = ["other"]
        #expect(begin(renamed) == 3)
        #expect(begin(process(600, born: 7)) != 1)
        // Before its first collection a process shares nothing with anyone, nor does anything contradict it.
        var feed = Feed()
        _ = feed.run(of: process(0).state)
        _ = feed.run(of: other.state)
        #expect(feed.begun == 1)
        #expect(feed.run(of: process(0).state) == 2)
    }

    @Test("another scheme, host, port or path begins a run, and the way back leads to the run that was there")
    func elsewhere() {
        var feed = Feed()
        var process = process(5)
        func state(_ endpoint: String?) -> ProcessState {
            var state = process.state
            state.endpoint = endpoint
            return state
        }
        #expect(feed.run(of: state("http://a/")) == 1)
        // An imported line may lack it: then it is not compared.
        #expect(feed.run(of: state(nil)) == 1)
        #expect(feed.tracker.beginning(with: state("http://b/")) == .elsewhere)
        #expect(feed.run(of: state("http://b/")) == 2)
        process.collect(1)
        #expect(feed.run(of: state("http://b/")) == 2)
        #expect(feed.run(of: state("http://a/")) == 1)
    }

    // a: |5 . 9 . 12      few collections
    // b: |. 900 . 950 .   many, so that no counter falls from a to b, and their rings do not overlap
    @Test(
        "a process that collected before the other's newest collection is another, however large its numbers are"
    )
    func besides() {
        var feed = Feed()
        let first: UInt64 = 1_700_000_000_000_000_000
        var a = process(5, born: first + 800_000_000)
        var b = process(900, born: first)
        b.totalAlloc = 1 << 40
        b.mallocs = 1 << 40
        b.frees = 1 << 39
        #expect(feed.run(of: a.state) == 1)
        #expect(feed.tracker.beginning(with: b.state) == .beside)
        #expect(feed.run(of: b.state) == 2)
        a.collect(4, from: first + 800_000_000)
        #expect(feed.run(of: a.state) == 1)
        b.collect(50, from: first)
        #expect(feed.run(of: b.state) == 2)
    }

    @Test("the last 1000 runs are remembered, by their latest scrape, and for a day")
    func thousand() {
        var feed = Feed()
        let first: UInt64 = 1_700_000_000_000_000_000
        let processes = (0..<1001).map { process(3, born: first + UInt64($0) * 1_001) }
        for process in processes { _ = feed.run(of: process.state) }
        #expect(feed.begun == 1001 && feed.tracker.runs.count == 1000)
        #expect(feed.run(of: processes[1].state) == 2)
        #expect(feed.run(of: processes[500].state) == 501)
        #expect(feed.run(of: processes[0].state) == 1002)
        #expect(RunTracker(runs: feed.tracker.runs + feed.tracker.runs).runs.count == 1000)
        // Not a day after it was seen last, and no longer.
        let day = RunTracker.ageMaxMilliseconds
        #expect(feed.run(of: processes[9].state, after: 0) == 10)
        #expect(feed.run(of: processes[10].state, after: 0) == 11)
        #expect(feed.run(of: processes[10].state, after: day) == 11)
        // These two, and the one that was seen at the same time.
        #expect(feed.tracker.runs.count == 3)
        #expect(feed.run(of: processes[9].state, after: 1) == 1003)
    }

    @Test("processes that have not collected yet are told apart by their arguments, for five minutes")
    func argumentsOfTurns() {
        var feed = Feed()
        var processes = (0..<20).map { index in
            var process = process(0)
            process.commandLine = ["/srv/api", "-shard", "\(index)"]
            process.totalAlloc = UInt64(5000 * (20 - index))
            return process
        }
        for _ in 0..<5 {
            for index in processes.indices {
                processes[index].collect(0)
                #expect(feed.run(of: processes[index].state) == Int64(index + 1))
            }
        }
        #expect(feed.begun == 20)
        let turn = RunTracker.turnMaxMilliseconds
        // 19 others were seen since, 10 s apart.
        #expect(feed.run(of: processes[0].state, after: turn - 190_000) == 1)
        #expect(feed.run(of: processes[1].state, after: turn) == 21)
        // One that counts less is another, whatever its arguments.
        #expect(feed.run(of: processes[0].state) == 22)
        processes[1].totalAlloc = 0
        #expect(feed.run(of: processes[1].state) == 23)
        #expect(feed.run(of: processes[0].state) == 22)
    }

    @Test("what nothing proves is told: without a collection in common, where processes take turns")
    func unproven() {
        var feed = Feed()
        let first: UInt64 = 1_700_000_000_000_000_000
        var (a, b) = (process(5, born: first), process(9, born: first + 77))
        func isProven(_ process: SampleProcess) -> Bool {
            let place = ScrapePosition(epoch: 0, time: Timestamp(milliseconds: feed.time))
            return feed.tracker.judge(process.state, at: place).isProven
        }
        for process in [a, b, a, b] {
            #expect(isProven(process))
            _ = feed.run(of: process.state)
        }
        a.collect(255, from: first)
        #expect(isProven(a))
        // Its ring turned over: it may be either, or another that counts on.
        b.collect(300, from: first + 77)
        #expect(!isProven(b))
        // One process may do what it likes.
        var alone = Feed()
        _ = alone.run(of: a.state)
        a.collect(1000, from: first)
        #expect(alone.tracker.judge(a.state, at: alone.place).isProven)
    }

    @Test("where memstats is missing the last that had it stands in")
    func standIn() {
        var feed = Feed()
        var process = process(5)
        #expect(feed.run(of: process.state) == 1)
        #expect(feed.run(of: ProcessState(commandLine: process.commandLine)) == 1)
        #expect(feed.tracker.memory(of: RunID(1))?.collectionCount == 5)
        process.collect(2)
        #expect(feed.run(of: process.state) == 1)
        #expect(feed.run(of: ProcessState()) == 1)
        #expect(feed.run(of: self.process(6).state) == 2)
    }

    @Test("a tracker that was rebuilt decides as the one it was taken from")
    func rebuilt() {
        var feed = Feed()
        let a = process(5).state
        let b = process(4, born: 1_800_000_000_000_000_000).state
        _ = feed.run(of: a)
        _ = feed.run(of: b)
        let rebuilt = RunTracker(runs: feed.tracker.runs)
        for state in [a, b, process(9, born: 3).state, ProcessState()] {
            #expect(
                rebuilt.judge(state, at: feed.place).decision
                    == feed.tracker.judge(state, at: feed.place).decision
            )
        }
    }

    @Test("numbers at the end of their range neither trap nor loop")
    func hostile() {
        var feed = Feed()
        var state = process(256).state
        state.collectionCount = .max
        #expect(feed.run(of: state) == 1)
        #expect(feed.run(of: state) == 1)
        state.collectionCount = .max - 300
        #expect(feed.run(of: state) == 2)
        state.pauseRing = []
        #expect(feed.run(of: state) == 2)
    }
}
