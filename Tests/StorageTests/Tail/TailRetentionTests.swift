import Model
import SQLite
import TestBasics
import Testing

@testable import Storage

/// Taking the oldest scrapes out of the tail, again and again, while more come in and after the file was opened anew.
@Suite("Retention of scrapes that are not sealed")
struct TailRetentionTests {
    @Test(
        "the oldest go at the cost of a few pages, however long the tail, and what is left comes back byte for byte"
    )
    func oldest() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("test.db")
        let seed = UInt64.random(in: 0...(.max))
        var generator = SeededGenerator(seed: seed)
        let names = ["a", "b", "c"]
        var processes = names.map { _ in SampleProcess() }
        /// By target, time and body of all that must be there.
        var expected = names.map { _ in [(time: Int64, body: [UInt8])]() }
        var session = try WriterSession(path: path, create: true)
        var now: Int64 = 0
        func record(_ rounds: Int) throws {
            for _ in 0..<rounds {
                now += 1000
                var batch: [(TargetDescription, Scrape)] = []
                for index in names.indices {
                    processes[index].run(
                        collections: Int.random(in: 0..<3, using: &generator),
                        until: UInt64(now) * 1_000_000,
                        using: &generator
                    )
                    var scraped = processes[index].body
                    // Some stand apart, some are of another shape, some fail.
                    switch Int.random(in: 0..<40, using: &generator) {
                    case 0:
                        scraped = Array(
                            "{\"large\": \"\((0..<3000).map { "\(Int64($0) &* now)" }.joined())\"}\n".utf8
                        )
                    case 1: scraped = body(Int(now))
                    case 2: scraped = Array("no document \(now)".utf8)
                    default: break
                    }
                    batch.append(
                        (
                            TargetDescription(name: names[index], origin: Origin(url: nil)),
                            scrape(now, scraped)
                        )
                    )
                    expected[index].append((now, scraped))
                }
                _ = try session.append(batch)
            }
        }
        func compare(_ words: String) throws {
            for (index, name) in names.enumerated() {
                let found = try everything(path, name)
                #expect(
                    found.map(\.record.position.time.milliseconds) == expected[index].map(\.time),
                    "seed \(seed), \(words)"
                )
                #expect(found.map(\.body) == expected[index].map(\.body), "seed \(seed), \(words)")
            }
            let findings = IntegrityCheck(snapshot: try Vault.openReader(path: path).snapshot()).findings()
            #expect(findings == [], "seed \(seed), \(words)")
        }
        try record(140)
        var most = 0
        for round in 0..<7 {
            let age = Int64.random(in: 40_000..<130_000, using: &generator)
            let before = session.connection.pagesInWAL
            _ = try session.prune(RetentionPolicy(ageMilliseconds: age, now: Timestamp(milliseconds: now)))
            if session.connection.pagesInWAL > before {
                most = max(most, session.connection.pagesInWAL - before)
            }
            for index in names.indices { expected[index].removeAll { now - $0.time > age } }
            try compare("round \(round)")
            if round % 3 == 1 {
                try session.close()
                session = try WriterSession(path: path, create: false)
                try compare("round \(round), opened anew")
            }
            try record(12)
        }
        // meta, targets, runs, ends, and what hangs on them; the tail has some 200 pages.
        #expect(most < 40, "seed \(seed)")
        print("retention of the tail: \(most) pages at most, seed \(seed)")
        _ = try session.compact(RetentionPolicy())
        try compare("sealed")
        try session.close()
    }
}
