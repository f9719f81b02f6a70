import Model
import SQLite
import TestBasics
import Testing

@testable import Storage

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

@Suite("A file that lost something")
struct CutFileTests {
    let directory: TemporaryDirectory
    let path: String

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.file("test.db")
    }

    /// How many scrapes of all targets a database has.
    private func count(_ path: String) throws -> Int64 {
        try Vault.openReader(path: path).snapshot().targets()
            .reduce(0) { $0 + $1.scrapeCount + $1.failureCount }
    }

    @Test("pages that are cut off cost what stood in them: the rest is rescued, and what is lost is counted")
    func cut() async throws {
        try await makeDatabase(path, scrapes: 200)
        let whole = contents(of: path)
        let all = try count(path)
        for pages in [1, 2, 5] {
            let cut = directory.file("cut\(pages).db")
            write(Array(whole[..<(whole.count - pages * 4096)]), to: cut)
            #expect(throws: StorageError.self) { _ = try Vault.openReader(path: cut) }
            let rescued = directory.file("rescued\(pages).db")
            let summary = try Salvage.run(from: cut, to: rescued)
            #expect(try count(rescued) == summary.scrapes)
            #expect(summary.scrapes + summary.lost == all, "\(summary)")
            #expect(summary.findings.contains { $0.description.contains("cut off") })
            let snapshot = try Vault.openReader(path: rescued).snapshot()
            #expect(IntegrityCheck(snapshot: snapshot).findings().isEmpty)
        }
    }

    @Test("what a file says of its length is not believed where it cannot be")
    func hugeLength() async throws {
        try await makeDatabase(path, scrapes: 40)
        let all = try count(path)
        write([0xff, 0xff, 0xff, 0xff], to: path, at: 28)
        let rescued = directory.file("rescued.db")
        #expect(try Salvage.run(from: path, to: rescued).scrapes == all)
    }

    @Test("a file that ends within its first 100 bytes is damaged where it is ours, else foreign")
    func short() async throws {
        try await makeDatabase(path, scrapes: 3)
        let whole = contents(of: path)
        write(Array(whole[..<90]), to: path)
        #expect(try VaultFile(path: path).inspect() == .damaged("it is cut off after 90 bytes"))
        write(Array(whole[..<50]), to: path)
        #expect(try VaultFile(path: path).inspect() == .foreign)
    }

    /// A database of which the WAL is all that is left, as `mv` or `rm` of the file leaves it; how many scrapes it had.
    private func makeOrphan(sealed: Int, recent: Int) async throws -> Int64 {
        let live = directory.file("live.db")
        if sealed > 0 {
            try await makeDatabase(live, scrapes: sealed)
            try await VaultWriter.open(path: live, create: false).close()
        }
        let writer = try await VaultWriter.open(path: live, create: true)
        for number in 0..<recent {
            _ = try await writer.append([(sample, scrape(Int64(1_000_000 + number) * 1000, body(number)))])
        }
        write(contents(of: live + "-wal"), to: path + "-wal")
        let all = try count(live)
        try await writer.close()
        return all
    }

    @Test("of a WAL without its file all that it has is rescued")
    func orphan() async throws {
        let all = try await makeOrphan(sealed: 0, recent: 30)
        for isEmpty in [false, true] {
            if isEmpty { write([], to: path) }
            do {
                _ = try Vault.openReader(path: path)
                Issue.record("opened")
            } catch StorageError.damaged(_, let detail) {
                #expect(detail.contains("WAL"))
            }
            let rescued = directory.file("rescued\(isEmpty).db")
            let summary = try Salvage.run(from: path, to: rescued)
            #expect(summary.scrapes == all && !summary.findings.isEmpty, "\(summary)")
            #expect(try count(rescued) == all)
        }
    }

    @Test("also what stands in slots that nothing of the WAL leads to")
    func orphanSlots() async throws {
        _ = try await makeOrphan(sealed: 100, recent: 20)
        let rescued = directory.file("rescued.db")
        let summary = try Salvage.run(from: path, to: rescued)
        #expect(summary.scrapes >= 20, "\(summary)")
        let snapshot = try Vault.openReader(path: rescued).snapshot()
        #expect(IntegrityCheck(snapshot: snapshot).findings().isEmpty)
    }

    @Test("several holes in a table hide only what is in them")
    func holes() async throws {
        try await makeDatabase(path, scrapes: 300)
        let right = try count(path)
        var bytes = contents(of: path)
        // Every fourth slot's page becomes zeros.
        var hit = 0
        for (number, page) in (1..<bytes.count / 4096).map({ $0 * 4096 }).enumerated() where number % 4 == 0 {
            guard let (_, slot) = TailSlot.ofPage(Array(bytes[page..<(page + 4096)])),
                try !TailSlot.decode(slot).records.isEmpty
            else { continue }
            bytes.replaceSubrange(page..<(page + 4096), with: [UInt8](repeating: 0, count: 4096))
            hit += 1
        }
        try #require(hit > 1)
        write(bytes, to: path)
        let rescued = directory.file("rescued.db")
        let summary = try Salvage.run(from: path, to: rescued)
        #expect(summary.scrapes > right / 3, "\(summary), \(hit) pages, \(right) scrapes")
        #expect(try count(rescued) == summary.scrapes)
    }

    @Test("a chunk that hides epochs stops the questions that may need them")
    func hiddenEpochs() async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        let lines = (0..<9).map { number in
            ImportedScrape(
                target: "sample",
                epoch: Int64(number / 3),
                origin: Origin(url: nil),
                scrape: scrape(Int64(number) * 10_000, body(number))
            )
        }
        _ = try await writer.insert(lines)
        try await writer.finishImport()
        _ = try await writer.compact()
        try await writer.close()
        let range = TimeRange(since: Timestamp(milliseconds: 35_000), until: Timestamp(milliseconds: 45_000))
        func ask() throws -> Int {
            let snapshot = try Vault.openReader(path: path).snapshot()
            let target = try #require(try snapshot.targets().first)
            let cursor = try snapshot.scrapes(of: target.id, in: range, failures: true)
            var count = 0
            while try cursor.next() != nil { count += 1 }
            return count
        }
        #expect(try ask() == 1)
        let connection = try Connection(path: path, role: .writer(create: false), busyMilliseconds: 0)
        try connection.execute("UPDATE chunk_bytes SET bytes = zeroblob(length(bytes))")
        connection.close()
        #expect(throws: StorageError.self) { _ = try ask() }
    }

    @Test("a clock step that cannot be read stops sealing: a chunk would lack it for good")
    func damagedStep() async throws {
        try await makeDatabase(path, scrapes: 60)
        let connection = try Connection(path: path, role: .writer(create: false), busyMilliseconds: 0)
        try #require(try connection.integer("SELECT count(*) FROM clock_steps") ?? 0 > 0)
        try connection.execute("UPDATE clock_steps SET milliseconds = milliseconds + 1")
        connection.close()
        let session = try WriterSession(path: path, create: false)
        defer { try? session.close() }
        #expect(throws: StorageError.self) { try session.sealAll() }
        #expect(try connectionCount("chunks") == 0)
    }

    private func connectionCount(_ table: String) throws -> Int64? {
        let connection = try Connection(path: path, role: .reader, busyMilliseconds: 1000)
        defer { connection.close() }
        return try connection.integer("SELECT count(*) FROM \(table)")
    }
}
