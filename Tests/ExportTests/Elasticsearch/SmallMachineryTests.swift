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

    @Test("generations of backing indices are told from their names")
    func generations() {
        #expect(ReplayMachine.generation(".ds-logs-golang.heap-default-2026.01.02-000007") == 7)
        #expect(ReplayMachine.generation(".ds-logs-golang.heap-default-000123") == 123)
        #expect(ReplayMachine.generation("other") == nil)
    }
}
