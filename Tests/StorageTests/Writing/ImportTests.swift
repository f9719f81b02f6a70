import Model
import TestBasics
import Testing

@testable import Storage

@Suite("Imported lines")
struct ImportTests {
    let directory: TemporaryDirectory
    let path: String

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.file("test.db")
    }

    private func line(_ time: Int64, _ outcome: ScrapeOutcome, epoch: Int64? = nil) -> ImportedScrape {
        ImportedScrape(
            target: "sample",
            epoch: epoch,
            origin: origin,
            scrape: Scrape(time: Timestamp(milliseconds: time), outcome: outcome)
        )
    }

    @Test("a line that is there is skipped, another body at its place is a conflict, and the first is kept")
    func duplicates() async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        let first = try await writer.insert([line(1, .document(body(1))), line(2, .document(body(2)))])
        #expect(first == [.stored, .stored])
        let second = try await writer.insert([
            line(1, .document(body(1))), line(2, .document(body(3))), line(2, .document(body(2)), epoch: 1),
            line(2, .document(body(4)), epoch: 0), line(2, .document(body(2))),
        ])
        // The third line opens epoch 1, which the last one then names by default.
        #expect(second == [.skipped, .conflict, .stored, .conflict, .skipped])
        try await writer.close()
        #expect(try everything(path).map(\.body) == [body(1), body(2), body(2)])
    }

    @Test("a body that is no document becomes a failed scrape, and is compared by what is kept of it")
    func failures() async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        let long = Array(String(repeating: "no document ", count: 10_000).utf8)
        let outcome = try await writer.insert([line(1, .document(long))])
        guard case .storedAsFailure(let reason) = outcome[0] else {
            Issue.record("\(outcome)")
            return
        }
        let kept = Array(long.prefix(64 * 1024))
        let again = try await writer.insert([
            line(1, .document(long)), line(1, .failure(reason: reason, body: kept)), line(1, .document(kept)),
            line(1, .failure(reason: "other", body: [])),
        ])
        #expect(again == [.skipped, .skipped, .skipped, .conflict])
        let refused = try await writer.insert([line(2, .failure(reason: "refused", body: []))])
        #expect(refused == [.stored])
        try await writer.close()
        #expect(try everything(path).map(\.record.failure) == [reason, "refused"])
    }

    @Test("what is recorded after an import goes on from it, and keeps its own origin")
    func recordedAfterImport() async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        _ = try await writer.insert([line(1000, .document(body(1)), epoch: 4)])
        let elsewhere = TargetDescription(
            name: "sample",
            origin: Origin(url: "http://elsewhere/", labels: [:])
        )
        let stored = try await writer.append([(elsewhere, scrape(2000, body(2)))])
        #expect(stored[0].position == ScrapePosition(epoch: 4, time: Timestamp(milliseconds: 2000)))
        try await writer.close()
        let all = try everything(path)
        #expect(all.map(\.record.origin) == [origin, elsewhere.origin])
        let target = try #require(try Vault.openReader(path: path).snapshot().targets().first)
        #expect(target.origin == elsewhere.origin)
    }

    @Test("all that is known of a scrape is kept")
    func everythingKnown() async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        let full = Scrape(
            time: Timestamp(milliseconds: 5000),
            durationNanoseconds: 77,
            status: 200,
            serverDate: Timestamp(milliseconds: 4000),
            bootID: "boot",
            bootNanoseconds: 99,
            outcome: .document(body(1))
        )
        let bare = Scrape(time: Timestamp(milliseconds: 6000), outcome: .document(body(2)))
        _ = try await writer.append([(sample, full), (sample, bare)])
        try await writer.close()
        let records = try everything(path).map(\.record)
        #expect(records[0].durationNanoseconds == 77)
        #expect(records[0].status == 200)
        #expect(records[0].serverDate?.milliseconds == 4000)
        #expect(records[0].bootID == "boot")
        #expect(records[0].bootNanoseconds == 99)
        #expect(records[1].durationNanoseconds == nil && records[1].status == nil && records[1].bootID == nil)
        let target = try #require(try Vault.openReader(path: path).snapshot().targets().first)
        #expect(target.clockSkewMilliseconds == -1000)
    }

    @Test("names beyond the first document's and a thousand new ones a day are left out, until the next day")
    func newNames() async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        func names(_ prefix: String, _ count: Int) -> [UInt8] {
            let lines = (0..<count).map { "\"\(prefix)\($0)\": \($0)" }.joined(separator: ",\n")
            return Array("{\n\(lines)\n}\n".utf8)
        }
        func count() throws -> Int {
            let snapshot = try Vault.openReader(path: path).snapshot()
            let target = try #require(try snapshot.targets().first)
            return try snapshot.series(of: target.id).count
        }
        let day: Int64 = 86_400_000
        _ = try await writer.append([(sample, scrape(0, names("a", 1500)))])
        #expect(try count() == 1500)
        _ = try await writer.append([(sample, scrape(1000, names("b", 700)))])
        #expect(try count() == 2200)
        #expect(try Vault.openReader(path: path).snapshot().targets()[0].isSeriesLimited == false)
        _ = try await writer.append([(sample, scrape(2000, names("c", 700)))])
        #expect(try count() == 2500)
        #expect(try Vault.openReader(path: path).snapshot().targets()[0].isSeriesLimited == true)
        try await writer.close()
        let second = try await VaultWriter.open(path: path, create: false)
        _ = try await second.append([(sample, scrape(3000, names("c", 700)))])
        #expect(try count() == 2500)
        _ = try await second.append([(sample, scrape(day + 1, names("c", 700)))])
        #expect(try count() == 2900)
        try await second.close()
    }

    @Test("large and odd bodies come back byte for byte")
    func oddBodies() async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        var bodies: [[UInt8]] = [
            Array("{}".utf8), Array("{\n\"x\": NaN\n}\n".utf8),
            Array("{\n\"x\": 18446744073709551615,\n\"y\": -0,\n\"z\": 1e+06\n}\n".utf8),
            Array("{\n\"k\": ".utf8) + [0xff, 0xfe] + Array("\n}\n".utf8),
        ]
        bodies.append(Array("{\n\"big\": \"\(String(repeating: "ab", count: 1 << 20))\"\n}\n".utf8))
        bodies.append(
            Array("{\n\"big\": \"\(String(repeating: "ab", count: 1 << 20))\",\n\"n\": 1\n}\n".utf8)
        )
        for (index, body) in bodies.enumerated() {
            _ = try await writer.append([(sample, scrape(Int64(index), body))])
        }
        try await writer.close()
        #expect(try everything(path).map(\.body) == bodies)
        #expect(try IntegrityCheck(snapshot: Vault.openReader(path: path).snapshot()).findings().isEmpty)
    }
}
