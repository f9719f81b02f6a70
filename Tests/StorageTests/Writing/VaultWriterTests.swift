import Expvar
import Model
import TestBasics
import Testing

@testable import Storage

let origin = Origin(url: "http://localhost:6060/debug/vars", labels: ["zone": "a"], serviceAddress: nil)
let sample = TargetDescription(name: "sample", origin: origin)

/// Everything that a snapshot has of a target, in order.
func everything(
    _ path: String,
    _ name: String = "sample",
    failures: Bool = true
) throws -> [(
    record: ScrapeRecord, body: [UInt8]
)] {
    let snapshot = try Vault.openReader(path: path).snapshot()
    let target = try #require(try snapshot.targets().first { $0.name == name })
    let cursor = try snapshot.scrapes(of: target.id, in: .all, failures: failures)
    var all: [(record: ScrapeRecord, body: [UInt8])] = []
    while let record = try cursor.next() { all.append((record, try cursor.body())) }
    return all
}

@Suite("Writing and reading scrapes")
struct VaultWriterTests {
    let directory: TemporaryDirectory
    let path: String

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.file("test.db")
    }

    @Test("what was appended is read back, byte for byte, after the file was closed and opened")
    func roundTrip() async throws {
        var generator = SeededGenerator(seed: 1)
        var process = SampleProcess()
        let writer = try await VaultWriter.open(path: path, create: true)
        var bodies: [[UInt8]] = []
        for index in 0..<200 {
            process.run(collections: index % 3, until: UInt64(index + 1) * 1_000_000_000, using: &generator)
            bodies.append(process.body)
            let stored = try await writer.append([(sample, scrape(Int64(index) * 1000, process.body))])
            #expect(stored.map(\.seq) == [Int64(index + 1)])
            #expect(stored[0].failure == nil)
        }
        try await writer.close()
        let all = try everything(path)
        #expect(all.map(\.body) == bodies)
        #expect(all.map(\.record.position.time.milliseconds) == (0..<200).map { Int64($0) * 1000 })
        #expect(all.allSatisfy { $0.record.origin == origin && $0.record.status == 200 })
        #expect(Set(all.map(\.record.run)).count == 1)
    }

    @Test("a body that is no document is kept as a failed scrape, cut to 64 KiB, with the reason")
    func failedBody() async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        let html = Array("<html>\(String(repeating: "x", count: 100_000))</html>".utf8)
        let stored = try await writer.append([(sample, scrape(1, html)), (sample, scrape(2, body(1)))])
        let reason = try #require(stored[0].failure)
        #expect(!reason.isEmpty)
        try await writer.close()
        let all = try everything(path)
        #expect(all[0].record.failure == reason)
        #expect(all[0].record.run == nil)
        #expect(all[0].body == Array(html.prefix(64 * 1024)))
        #expect(all[1].body == body(1))
        let target = try #require(try Vault.openReader(path: path).snapshot().targets().first)
        #expect(target.failureCount == 1)
        #expect(target.scrapeCount == 1)
        #expect(target.lastFailure?.reason == reason)
        #expect(target.lastFailure?.time.milliseconds == 1)
    }
}
