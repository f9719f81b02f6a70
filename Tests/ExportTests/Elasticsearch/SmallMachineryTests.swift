import Model
import TestBasics
import Testing

@testable import Export

@Suite("The small machinery of a replay")
struct SmallMachineryTests {
    @Test("a token bucket lets through its rate, and no burst after a pause")
    func bucket() {
        var bucket = TokenBucket(bytesPerSecond: 1_000, now: 0)
        #expect(bucket.take(1_000, now: 0) == 0)
        #expect(bucket.take(500, now: 0) == 500)
        #expect(bucket.take(500, now: 0) == 1_000)
        // After a long pause one second's worth is there, not more.
        #expect(bucket.take(1_000, now: 60_000) == 0)
        #expect(bucket.take(1_000, now: 60_000) == 1_000)
        // Over a long time exactly the rate.
        var steady = TokenBucket(bytesPerSecond: 10_000, now: 0)
        var now: Int64 = 0
        var sent = 0
        while now < 100_000 {
            now += steady.take(777, now: now)
            sent += 777
        }
        #expect((990_000...1_020_000).contains(sent))
    }

    @Test("Retry-After: seconds or a date, anything else is none")
    func retryAfter() {
        let now = Timestamp(milliseconds: 784_111_777_000)
        #expect(RetryAfter.milliseconds("120", now: now) == 120_000)
        #expect(RetryAfter.milliseconds("0", now: now) == 0)
        #expect(RetryAfter.milliseconds("99999999999999999999", now: now) == 600_000)
        #expect(RetryAfter.milliseconds("Sun, 06 Nov 1994 08:50:37 GMT", now: now) == 60_000)
        #expect(RetryAfter.milliseconds("Sun, 06 Nov 1994 08:00:00 GMT", now: now) == 0)
        for bad in ["", "-1", "1.5", "soon", "Sunday, 06-Nov-94 08:49:37 GMT"] {
            #expect(RetryAfter.milliseconds(bad, now: now) == nil)
        }
    }

    @Test("what is left is told in whole seconds, and not at all once everything was read")
    func secondsLeft() {
        func left(_ remaining: Int64?, rate: Double) -> Double? {
            ReplayProgress(summary: ReplaySummary(), remaining: remaining, documentsPerSecond: rate)
                .secondsLeft
        }
        #expect(left(0, rate: 100) == nil)
        #expect(left(nil, rate: 100) == nil)
        #expect(left(5, rate: 0) == nil)
        #expect(left(1, rate: 1_000_000) == 1)
        #expect(left(250, rate: 100) == 3)
    }

    @Test("a cursor is never past what is open, in any order of answers")
    func answeredSeqs() {
        var chance = SeededGenerator(seed: 3)
        for _ in 0..<300 {
            var seqs = AnsweredSeqs(cursor: 10)
            var open: [Int64] = (0..<40).map { _ in Int64(11 + chance.below(30)) }
            for seq in open { seqs.opened(seq) }
            seqs.advanceFrontier(to: 45)
            open.shuffle(using: &chance)
            while let seq = open.popLast() {
                seqs.answered(seq)
                #expect(seqs.cursor == min(45, (open.min() ?? 46) - 1))
            }
        }
    }

    @Test("by runs of numbers, a frontier is as high as it can be and never too high")
    func seqRuns() {
        var chance = SeededGenerator(seed: 5)
        for round in 0..<500 {
            var order = (1...40).map(Int64.init)
            if round % 3 == 1 {
                let cut = chance.below(40)
                order = Array(order[cut...] + order[..<cut])
            } else if round % 3 == 2 {
                order.shuffle(using: &chance)
            }
            var runs = SeqRuns()
            for seq in order { runs.note(seq) }
            runs.finish()
            for (index, seq) in order.enumerated() {
                let frontier = runs.frontier(after: seq) ?? 0
                let nextLowest = order[(index + 1)...].min() ?? .max
                #expect(frontier < nextLowest)
                // In order, it follows at once.
                if round % 3 == 0 { #expect(frontier == seq) }
            }
        }
    }

    @Test("a standstill is told on each change, not of what is over in a moment, and never twice the same")
    func standstills() {
        var watch = StandstillWatch()
        let refused = "connection refused"
        #expect(watch.event(nil, now: 0) == nil)
        #expect(watch.event(.failing(reason: refused, since: 0, until: 1_000), now: 100) == nil)
        #expect(watch.event(nil, now: 1_100) == nil)
        #expect(watch.event(.failing(reason: refused, since: 2_000, until: 3_000), now: 2_000) == nil)
        #expect(
            watch.event(.failing(reason: refused, since: 2_000, until: 4_500), now: 3_000)
                == .waiting(sinceMilliseconds: 1_000, reason: refused)
        )
        #expect(watch.event(.failing(reason: refused, since: 2_000, until: 9_000), now: 5_000) == nil)
        #expect(
            watch.event(.failing(reason: "503", since: 2_000, until: 9_000), now: 6_000)
                == .waiting(sinceMilliseconds: 4_000, reason: "503")
        )
        #expect(watch.event(.lookUp(until: 60_000), now: 7_000) == .lookUp(milliseconds: 53_000))
        #expect(watch.event(.lookUp(until: 61_000), now: 8_000) == nil)
        #expect(watch.event(nil, now: 62_000) == .goingOn(afterMilliseconds: 60_000))
        #expect(watch.event(nil, now: 63_000) == nil)
        // One long wait is said at once, a short one not at all.
        #expect(watch.event(.lookUp(until: 64_000), now: 63_500) == nil)
        #expect(watch.event(nil, now: 64_000) == nil)
        #expect(
            watch.event(.failing(reason: "429", since: 64_000, until: 664_000), now: 64_000)
                == .waiting(sinceMilliseconds: 0, reason: "429")
        )
        // Silence of a minute is known only when it is over, and then said at the first failure.
        #expect(watch.event(nil, now: 700_000) == .goingOn(afterMilliseconds: 636_000))
        #expect(
            watch.event(.failing(reason: "no answer", since: 700_000, until: 760_900), now: 760_000)
                == .waiting(sinceMilliseconds: 60_000, reason: "no answer")
        )
    }

    @Test("of paths that were left out twenty are told apart, and a long one is cut")
    func leftOutPaths() {
        var paths = LeftOutPaths()
        let document = ReplayDocument(
            id: "x",
            seq: 1,
            target: TargetID(1),
            targetName: "t",
            time: Timestamp(milliseconds: 0),
            kind: .expvar,
            bytes: []
        )
        for n in 0..<50 {
            for _ in 0...(n % 20) { paths.note("p\(n)", of: document, reason: "r") }
        }
        #expect(paths.entries.count == LeftOutPaths.countMax)
        #expect(paths.entries.map(\.documents) == (1...20).reversed())
        #expect(paths.othersCount == (20..<50).reduce(0) { $0 + $1 % 20 + 1 })
        var long = LeftOutPaths()
        long.note(String(repeating: "x", count: 5_000), of: document, reason: "r")
        #expect(long.entries.first?.path.count == LeftOutPaths.pathCharactersMax + 1)
    }

    @Test("a part of a path is percent-encoded, whatever it is")
    func segments() {
        #expect(URLText.segment("logs-golang.heap-a_b~1") == "logs-golang.heap-a_b~1")
        #expect(URLText.segment("a%2fb/?#&=+ @é") == "a%252fb%2F%3F%23%26%3D%2B%20%40%C3%A9")
    }

    @Test("generations of backing indices are told from their names")
    func generations() {
        #expect(WriteIndex.generation(".ds-logs-golang.heap-default-2026.01.02-000007") == 7)
        #expect(WriteIndex.generation(".ds-logs-golang.heap-default-000123") == 123)
        #expect(WriteIndex.generation("other") == nil)
    }
}
