import Model
import SQLite
import TestBasics
import Testing

@testable import Storage

@Suite("Calls that fail")
struct FailureTests {
    let directory: TemporaryDirectory
    let path: String

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.file("test.db")
    }

    @Test("a full disk loses the call and nothing else, and the writer goes on once there is room")
    func full() async throws {
        let session = try WriterSession(path: path, create: true)
        var generator = SeededGenerator(seed: 3)
        // Incompressible bodies, so that the file grows.
        func noise(_ time: Int64) -> (TargetDescription, Scrape) {
            let text = (0..<600).map { _ in String(generator.next(), radix: 36) }.joined()
            return (sample, scrape(time, Array("{\n\"noise\": \"\(text)\"\n}\n".utf8)))
        }
        var kept: [Int64] = []
        let pages = try #require(try session.connection.integer("PRAGMA page_count"))
        _ = try session.connection.integer("PRAGMA max_page_count = \(pages + 40)")
        var failures = 0
        for time in 0..<60 {
            let outcome = Result { () throws(StorageError) in try session.append([noise(Int64(time))]) }
            switch outcome {
            case .success(let stored): kept += stored.map(\.position.time.milliseconds)
            case .failure(.diskFull): failures += 1
            case .failure(let error): throw error
            }
        }
        #expect(failures > 0)
        _ = try session.connection.integer("PRAGMA max_page_count = 1000000")
        for time in 60..<70 {
            kept += try session.append([noise(Int64(time))]).map(\.position.time.milliseconds)
        }
        try session.close()
        let all = try everything(path)
        #expect(all.map(\.record.position.time.milliseconds) == kept)
        #expect(all.map(\.record.seq) == (1...Int64(kept.count)).map { $0 })
        #expect(try IntegrityCheck(snapshot: Vault.openReader(path: path).snapshot()).findings().isEmpty)
    }

    @Test("a call of which one scrape is refused stores none of it")
    func allOrNothing() async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        _ = try await writer.append([(sample, scrape(1, body(1)))])
        let bad = TargetDescription(name: "a=b", origin: origin)
        await #expect(throws: StorageError.self) {
            _ = try await writer.append([(sample, scrape(2, body(2))), (bad, scrape(2, body(2)))])
        }
        try await writer.close()
        #expect(try everything(path).count == 1)
    }

    @Test("a target is renamed, keeps its scrapes, and names stay unique")
    func rename() async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        let other = TargetDescription(name: "other", origin: origin)
        _ = try await writer.append([(sample, scrape(1, body(1))), (other, scrape(1, body(2)))])
        try await writer.renameTarget("sample", to: "new")
        await #expect(throws: StorageError.self) { try await writer.renameTarget("sample", to: "x") }
        await #expect(throws: StorageError.self) { try await writer.renameTarget("new", to: "other") }
        await #expect(throws: StorageError.self) { try await writer.renameTarget("new", to: "a=b") }
        _ = try await writer.append([(TargetDescription(name: "new", origin: origin), scrape(2, body(3)))])
        try await writer.close()
        #expect(try everything(path, "new").map(\.body) == [body(1), body(3)])
        #expect(try Vault.openReader(path: path).snapshot().targets().map(\.name) == ["new", "other"])
    }

    @Test("a snapshot sees what was committed before it, whatever the writer does meanwhile")
    func snapshotIsStable() async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        for index in 0..<10 { _ = try await writer.append([(sample, scrape(Int64(index), body(index)))]) }
        let vault = try Vault.openReader(path: path)
        let snapshot = try vault.snapshot()
        let target = try #require(try snapshot.targets().first)
        for index in 10..<20 { _ = try await writer.append([(sample, scrape(Int64(index), body(index)))]) }
        try await writer.checkpoint()
        #expect(snapshot.lastSeq == 10)
        let cursor = try snapshot.scrapes(of: target.id, in: .all, failures: true)
        var count = 0
        while try cursor.next() != nil { count += 1 }
        #expect(count == 10)
        #expect(try vault.snapshot().lastSeq == 20)
        try await writer.close()
    }
}

@Suite("Readers beside a writer")
struct ReadersTests {
    @Test(
        "readers see a growing prefix, whole and without an error, while one writes, checkpoints and prunes"
    )
    func readers() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("test.db")
        let writer = try await VaultWriter.open(path: path, create: true)
        _ = try await writer.append([(sample, scrape(0, body(0)))])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    var last: Int64 = 0
                    while last < 300 {
                        let snapshot = try Vault.openReader(path: path).snapshot()
                        #expect(snapshot.lastSeq >= last)
                        last = snapshot.lastSeq
                        let target = try #require(try snapshot.targets().first)
                        let cursor = try snapshot.scrapes(of: target.id, in: .all, failures: true)
                        var seq: Int64 = 0
                        while let record = try cursor.next() {
                            #expect(try cursor.body() == body(Int(record.seq) - 1))
                            seq = record.seq
                        }
                        #expect(seq == last)
                        await Task.yield()
                    }
                }
            }
            group.addTask {
                for index in 1..<300 {
                    _ = try await writer.append([(sample, scrape(Int64(index), body(index)))])
                    if index % 40 == 0 { try await writer.checkpoint() }
                    if index % 70 == 0 {
                        let now = Timestamp(milliseconds: Int64(index))
                        try await writer.prune(RetentionPolicy(ageMilliseconds: 100, now: now))
                    }
                }
            }
            try await group.waitForAll()
        }
        try await writer.close()
    }

    /// A recorder that is told to end has five seconds; waiting for readers once took all of them.
    @Test("a reader that keeps its snapshot does not keep the writer from closing, and sees it as it was")
    func closing() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("test.db")
        let writer = try await VaultWriter.open(path: path, create: true)
        _ = try await writer.append([(sample, scrape(0, body(0)))])
        let snapshot = try Vault.openReader(path: path).snapshot()
        let target = try #require(try snapshot.targets().first)
        for index in 1..<20 { _ = try await writer.append([(sample, scrape(Int64(index), body(index)))]) }
        let began = ContinuousClock.now
        try await writer.close()
        #expect(ContinuousClock.now - began < .seconds(4))
        #expect(snapshot.lastSeq == 1)
        let cursor = try snapshot.scrapes(of: target.id, in: .all, failures: true)
        #expect(try cursor.next()?.seq == 1)
        #expect(try cursor.next() == nil)
    }
}
