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

@Suite("A WAL is tied to its database")
struct WALTieTests {
    let directory: TemporaryDirectory
    let path: String

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.file("test.db")
    }

    private func copy(_ name: String, wal: Bool) -> String {
        let copy = directory.file(name)
        for suffix in ["", "-wal", "-shm", "-lock"] { unlink(copy + suffix) }
        // In this order, as `cp` has it.
        write(contents(of: path), to: copy)
        if wal { write(contents(of: path + "-wal"), to: copy + "-wal") }
        return copy
    }

    private func snapshot(_ path: String) throws -> VaultSnapshot {
        try Vault.openReader(path: path).snapshot()
    }

    private func isForeign(_ error: any Error) -> Bool {
        if case StorageError.foreignWAL = error { true } else { false }
    }

    @Test(
        "a file that was copied alone while it was in use says that its WAL is missing; one at rest is whole"
    )
    func alone() async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        for number in 0..<6 {
            _ = try await writer.append([(sample, scrape(Int64(number) * 1000, body(number)))])
            #expect(try snapshot(copy("alone.db", wal: false)).lacksWAL, "\(number)")
            let both = copy("both.db", wal: true)
            #expect(try !snapshot(both).lacksWAL && everything(both).count == number + 1)
            if number % 2 == 1 { try await writer.checkpoint() }
        }
        try await writer.close()
        let rest = copy("rest.db", wal: false)
        #expect(try !snapshot(rest).lacksWAL && everything(rest).count == 6)
        // Whoever records into the copy goes on with what is there, and it is whole from then on.
        let alone = directory.file("alone.db")
        let second = try await VaultWriter.open(path: alone, create: false)
        #expect(await second.lacksWAL)
        _ = try await second.append([(sample, scrape(100_000, body(100)))])
        try await second.close()
        #expect(try !snapshot(alone).lacksWAL)
    }

    @Test(
        "a WAL that a crash cut anywhere, through checkpoints and generations, is never taken for another's"
    )
    func cutAnywhere() async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        var number = 0
        for round in 0..<5 {
            for _ in 0..<4 {
                _ = try await writer.append([(sample, scrape(Int64(number) * 1000, body(number)))])
                number += 1
            }
            if round == 3 { _ = try await writer.compact() } else { try await writer.checkpoint() }
            for _ in 0..<2 {
                let main = contents(of: path)
                let wal = contents(of: path + "-wal")
                let copy = copy("cut.db", wal: true)
                for size in Array(stride(from: 1, through: wal.count, by: 1371)) + [wal.count] {
                    for suffix in ["-shm", "-lock"] { unlink(copy + suffix) }
                    write(main, to: copy)
                    write(Array(wal[..<size]), to: copy + "-wal")
                    #expect(try !snapshot(copy).lacksWAL, "round \(round), \(size) of \(wal.count)")
                }
                _ = try await writer.append([(sample, scrape(Int64(number) * 1000, body(number)))])
                number += 1
            }
        }
        try await writer.close()
    }

    @Test(
        "an older file, or another one, beside a WAL that was left is refused by all, and all is left as it is"
    )
    func foreign() async throws {
        try await makeDatabase(path, scrapes: 10)
        let older = contents(of: path)
        let other = directory.file("other.db")
        try await makeDatabase(other, scrapes: 5)
        let writer = try await VaultWriter.open(path: path, create: false)
        for number in 0..<10 {
            _ = try await writer.append([(sample, scrape(Int64(number + 100) * 10_000, body(number)))])
        }
        try await writer.checkpoint()
        _ = try await writer.append([(sample, scrape(9_000_000, body(1)))])
        let copy = copy("copy.db", wal: true)
        try await writer.close()
        let wal = contents(of: copy + "-wal")
        for file in [older, contents(of: other), contents(of: path)] {
            write(file, to: copy)
            unlink(copy + "-shm")
            #expect(performing: { _ = try snapshot(copy) }, throws: isForeign)
            for told in [false, true] {
                @Sendable func ignore(_ aside: PutAside) {}
                let tell: (@Sendable (PutAside) -> Void)? = told ? ignore : nil
                await #expect(
                    performing: { _ = try await VaultWriter.open(path: copy, create: true, putAside: tell) },
                    throws: { isForeign($0) }
                )
            }
            #expect(contents(of: copy) == file && contents(of: copy + "-wal") == wal)
            let rescued = directory.file("rescued.db")
            unlink(rescued)
            let summary = try Salvage.run(from: copy, to: rescued)
            #expect(summary.lost == 0 && summary.findings.contains { $0.description.contains("WAL") })
            rename(copy + "-wal", copy + "-kept")
            #expect(try !snapshot(copy).lacksWAL)
            rename(copy + "-kept", copy + "-wal")
        }
    }

    @Test("what SQLite itself copies while it is recorded is whole")
    func vacuumInto() async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        for number in 0..<5 {
            _ = try await writer.append([(sample, scrape(Int64(number) * 1000, body(number)))])
            if number == 2 { try await writer.checkpoint() }
            let copy = directory.file("copy\(number).db")
            let connection = try Connection(path: path, role: .writer(create: false), busyMilliseconds: 1000)
            connection.leaveWAL()
            try connection.execute("VACUUM INTO '\(copy)'")
            connection.close()
            #expect(try !snapshot(copy).lacksWAL && everything(copy).count == number + 1)
        }
        try await writer.close()
    }

    @Test("a kill while the file is opened, closed or written back leaves nothing that is refused")
    func everyState() async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        _ = try await writer.append([(sample, scrape(0, body(0)))])
        try await writer.close()
        let closed = contents(of: path)
        let session = try WriterSession(path: path, create: false)
        _ = try session.append([(sample, scrape(1000, body(1)))])
        // Begun, with the mark in the WAL alone: the file is as it was before.
        let copy = directory.file("copy.db")
        write(contents(of: path + "-wal"), to: copy + "-wal")
        let scan = try WALScan(path: path + "-wal")
        let first = try #require(scan.ties.first)
        #expect(first.kind == .base || first.kind == .kept)
        try session.closeWAL {}
        _ = session.abandon()
        #expect(try !snapshot(path).lacksWAL)
        #expect(closed.count > 0)
    }

    @Test("files of earlier programs, which know of no tie, are read as before")
    func earlier() async throws {
        let session = try WriterSession(path: path, create: true)
        _ = try session.append([(sample, scrape(0, body(0)))])
        try session.transaction { try session.connection.execute("DELETE FROM meta WHERE key = 'wal'") }
        session.tie = WALTieState(isKnown: true)
        try session.truncateWAL()
        let alone = copy("alone.db", wal: false)
        #expect(try !snapshot(alone).lacksWAL)
        try session.close()
        let writer = try await VaultWriter.open(path: alone, create: false)
        _ = try await writer.append([(sample, scrape(1000, body(1)))])
        try await writer.close()
        #expect(try everything(alone).count == 2)
    }
}
