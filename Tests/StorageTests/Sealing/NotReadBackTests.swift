import Expvar
import Model
import SQLite
import TestBasics
import Testing

@testable import Storage

/// A mistake of ours in coding a column that no document is part of: what is read back is not what was put in.
@Suite("A chunk that does not read back")
struct NotReadBackTests {
    let directory: TemporaryDirectory
    let path: String

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.file("test.db")
    }

    /// Encoders that code another number for the last scrape than it has.
    private static func broken(
        _ level: ChunkLevel,
        _ shape: @escaping (ShapeID) throws -> Shape
    ) -> ChunkEncoder {
        ChunkEncoder(level: level, shape: shape) { table in
            let last = table.streams[ChunkStream.seq].count - 1
            table.streams[ChunkStream.seq][last] += 1
        }
    }

    @Test("is never handed out, whether it has documents or failed scrapes alone")
    func neverHandedOut() throws {
        let history = ChunkHistory(count: 20, traits: [], seed: 1)
        #expect(throws: ChunkError.notReadBack) {
            try Self.broken(.quick, history.shape).encode(history.scrapes)
        }
        var failures = history
        for row in failures.scrapes.indices {
            failures.setOutcome(row, .failure(reason: "no answer", body: []))
        }
        #expect(throws: ChunkError.notReadBack) {
            try Self.broken(.quick, failures.shape).encode(failures.scrapes)
        }
        let sound = try ChunkEncoder(level: .quick, shape: failures.shape).encode(failures.scrapes)
        #expect(!sound.isEmpty)
    }

    @Test("leaves its scrapes in the tail, is told of once, and holds up no other work")
    func staysInTail() async throws {
        try await makeDatabase(path, scrapes: 260)
        let before = try everything(path)
        let session = try WriterSession(path: path, create: false)
        session.makeEncoder = Self.broken
        #expect(throws: StorageError.self) { _ = try session.maintain(RetentionPolicy()) }
        _ = try session.maintain(RetentionPolicy())
        let stored = try session.append([(sample, scrape(9_000_000, body(1)))])
        #expect(stored.count == 1)
        try session.close()
        let snapshot = try Vault.openReader(path: path).snapshot()
        #expect(try snapshot.store.connection.integer("SELECT count(*) FROM chunks") == 0)
        #expect(try everything(path).map(\.body).dropLast() == before.map(\.body)[...])
        #expect(IntegrityCheck(snapshot: snapshot).findings().isEmpty)
    }

    @Test("`compact` does all else, and says that these scrapes stay as they are")
    func compacting() async throws {
        try await makeDatabase(path, scrapes: 60)
        let before = try everything(path)
        let session = try WriterSession(path: path, create: false)
        session.makeEncoder = Self.broken
        let words = try #require(throws: StorageError.self) {
            _ = try session.compact(RetentionPolicy())
        }
        #expect(words.description.contains("would not read back the same"))
        try session.close()
        #expect(try everything(path).map(\.body) == before.map(\.body))
        // A program without the mistake seals them.
        let writer = try await VaultWriter.open(path: path, create: false)
        _ = try await writer.compact()
        try await writer.close()
        #expect(try everything(path).map(\.body) == before.map(\.body))
    }
}
