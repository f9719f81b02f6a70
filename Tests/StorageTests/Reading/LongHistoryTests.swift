import Model
import SQLite
import TestBasics
import Testing

@testable import Storage

@Suite("Pages and batches")
struct LongHistoryTests {
    @Test("a history of many pages is read, followed and pruned in batches without losing its place")
    func long() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("test.db")
        let writer = try await VaultWriter.open(path: path, create: true)
        let count = 6000
        for start in stride(from: 0, to: count, by: 500) {
            let lines = (start..<start + 500).map { index in
                ImportedScrape(
                    target: "sample",
                    origin: origin,
                    scrape: scrape(Int64(index) * 1000, body(index))
                )
            }
            _ = try await writer.insert(lines)
        }
        let snapshot = try Vault.openReader(path: path).snapshot()
        let target = try #require(try snapshot.targets().first)
        // More than `seq` can be looked up by, and less.
        for after in [Int64(0), 100, 1903, 1905, 5990, 6000] {
            let cursor = try snapshot.scrapes(of: target.id, in: .all, afterSeq: after, failures: false)
            var next = after
            while let record = try cursor.next() {
                next += 1
                #expect(record.seq == next)
            }
            #expect(next == Int64(count))
        }
        let range = TimeRange(
            since: Timestamp(milliseconds: 1_000_000),
            until: Timestamp(milliseconds: 4_000_000)
        )
        let series = try #require(try snapshot.series(of: target.id).first)
        let cursor = try snapshot.seriesBlocks(of: target.id, series: [series.id], in: range)
        var values: [Int64] = []
        while let block = try cursor.next() {
            guard case .integers(let column) = block.columns[0] else {
                Issue.record("\(block.columns[0])")
                return
            }
            values += column
        }
        #expect(values == Array(999...4000))

        let policy = RetentionPolicy(ageMilliseconds: 1_000_000, now: Timestamp(milliseconds: 6_000_000))
        var calls = 0
        var summary = PruneSummary()
        repeat {
            summary = try await writer.prune(policy)
            calls += 1
        } while summary.isUnfinished
        #expect(calls > 1)
        try await writer.close()
        let left = try everything(path)
        #expect(left.map(\.record.seq) == Array(5001...6000))
        #expect(left.map(\.body) == (5000..<6000).map { body($0) })
        #expect(try IntegrityCheck(snapshot: Vault.openReader(path: path).snapshot()).findings().isEmpty)
    }

    @Test("a check names the slot whose bytes were changed, and goes on")
    func check() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("test.db")
        try await makeDatabase(path, scrapes: 150)
        let session = try WriterSession(path: path, create: false)
        try session.connection.execute(
            "UPDATE tail SET bytes = substr(bytes, 1, 99) || x'55' || substr(bytes, 101) WHERE slot = 2"
        )
        try session.connection.execute("UPDATE runs SET scrape_count = scrape_count + 1 WHERE id = 1")
        try session.close()
        let findings = try IntegrityCheck(snapshot: Vault.openReader(path: path).snapshot()).findings()
        let words = findings.map(\.description)
        #expect(words.contains { $0.hasPrefix("slot 2 of the newest scrapes cannot be read") })
        #expect(words.contains("run 1 contradicts its checksum"))
        // Of those after it some are written against one that is gone.
        #expect(words.contains { $0.hasPrefix("scrape ") && $0.contains(" cannot be reached") })
    }
}
