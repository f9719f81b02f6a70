import Expvar
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

/// The versions of the format that are read, and how one becomes the next.
///
/// From the first release on every version is read for ever; until then those back to `Migrations.oldestVersion` are.
/// `Tests/Fixtures/vaults/vN.db` holds what `makeDatabase` below makes, written by the version N of the format. To
/// write the fixture of a new version: `EXPVAULT_WRITE_FIXTURE=1 swift test --filter FormatTests`. An old one is never
/// written again.
@Suite("The format of the file")
struct FormatTests {
    /// Of how many bytes the header of an SQLite file is.
    private static let headerBytes = 100

    private static func fixture(_ version: Int64) -> String {
        Repository.root + "/Tests/Fixtures/vaults/v\(version).db"
    }

    @Test(
        "a database of each version reads as the history that was stored in it",
        arguments: Array(Migrations.oldestVersion...Migrations.currentVersion)
    )
    func fixtures(version: Int64) async throws {
        let directory = try TemporaryDirectory()
        let fresh = directory.file("fresh.db")
        try await makeDatabase(fresh)
        if version == Migrations.currentVersion, getenv("EXPVAULT_WRITE_FIXTURE") != nil {
            try setHost("fixture", of: fresh)
            try sealSome(fresh)
            write(contents(of: fresh), to: Self.fixture(version))
        }
        let copy = directory.file("copy.db")
        write(contents(of: Self.fixture(version)), to: copy)
        try expectSame(copy, fresh)
        // And so it does once a writer has migrated it.
        let writer = try await VaultWriter.open(path: copy, create: false)
        try await writer.close()
        try expectSame(copy, fresh)
        #expect(try IntegrityCheck(snapshot: Vault.openReader(path: copy).snapshot()).findings().isEmpty)
    }

    /// Seals one target, so that the file has a chunk, and a tail.
    private func sealSome(_ path: String) throws {
        let session = try WriterSession(path: path, create: false)
        try session.loadTargets()
        try session.transaction { try session.seal(#require(session.targets["sample"])) }
        try session.close()
    }

    private func expectSame(_ a: String, _ b: String) throws {
        for name in ["sample", "other"] {
            let (old, new) = (try everything(a, name), try everything(b, name))
            #expect(old.count == new.count)
            for (left, right) in zip(old, new) {
                #expect(left.body == right.body)
                #expect(left.record == right.record)
            }
        }
        let snapshots = try [a, b].map { try Vault.openReader(path: $0).snapshot() }
        let targets = try snapshots.map { try $0.targets() }
        for (old, new) in zip(targets[0], targets[1]) {
            #expect("\(old)" == "\(new)")
            #expect(try snapshots[0].runs(of: old.id) == snapshots[1].runs(of: new.id))
            #expect(try snapshots[0].series(of: old.id) == snapshots[1].series(of: new.id))
        }
    }

    private func setHost(_ name: String, of path: String) throws {
        let session = try WriterSession(path: path, create: false)
        var meta = try MetaValues(connection: session.connection, path: path)
        meta.recordingHost = name
        try session.connection.transaction { try meta.store(on: session.connection) }
        try session.close()
    }

    @Test("the first bytes say what the file is: our application id and the version")
    func header() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("test.db")
        try await VaultWriter.open(path: path, create: true).close()
        let header = contents(of: path).prefix(Self.headerBytes)
        #expect(Array(header[68..<72]) == Array("expv".utf8))
        #expect(Array(header[60..<64]) == [0, 0, 0, UInt8(Migrations.currentVersion)])
        // Page size 4096, and WAL for reading and writing.
        #expect(Array(header[16..<20]) == [0x10, 0x00, 2, 2])
    }

    @Test("a migration that fails leaves the old version, and one that works is in the file")
    func migrations() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("test.db")
        try await makeDatabase(path, scrapes: 5)
        let session = try WriterSession(path: path, create: false)
        defer { try? session.close() }
        struct Stop: Error {}
        let step = Migrations.Step(
            version: Migrations.currentVersion + 1,
            run: { connection in
                try connection.execute("CREATE TABLE more(a)")
                throw Stop()
            },
            objects: []
        )
        let connection = session.connection
        #expect(throws: Stop.self) {
            try connection.transaction {
                try Migrations.run([step], on: connection, from: Migrations.currentVersion)
            }
        }
        #expect(try connection.integer("PRAGMA user_version") == Migrations.currentVersion)
        #expect(try connection.integer("SELECT count(*) FROM sqlite_schema WHERE name = 'more'") == 0)
        var good = step
        good.run = { try $0.execute("CREATE TABLE more(a)") }
        try connection.transaction {
            try Migrations.run([good], on: connection, from: Migrations.currentVersion)
        }
        #expect(try connection.integer("PRAGMA user_version") == Migrations.currentVersion + 1)
    }
}
