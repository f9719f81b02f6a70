import Codec
import Compression
import Model
import SQLite
import Synchronization
import TestBasics
import Testing

@testable import Storage

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What goes wrong seldom: rows that somebody changed, files in odd places, and the sentence for each error.
@Suite("Seldom trodden paths")
struct ErrorPathTests {
    /// Changes that a file may have suffered, as SQL; those of tables that are not there are left out.
    private static let damages = [
        "UPDATE meta SET value = value || '0' WHERE key = 'target_count'",
        "UPDATE targets SET failure_count = failure_count + 1",
        "UPDATE targets SET failure_count = failure_count + 1 WHERE failure_count > 0",
        "DELETE FROM targets WHERE id = 1",
        "UPDATE runs SET last_t = last_t + 1",
        "DELETE FROM runs WHERE id = 1",
        "UPDATE series SET name = name || 'x' WHERE id = 1",
        "DELETE FROM series WHERE id = 1",
        "UPDATE origins SET url = 'http://elsewhere'",
        "UPDATE origins SET labels = x'ff'",
        "UPDATE boots SET boot_id = 'another'",
        "DELETE FROM boots",
        "UPDATE shapes SET skeleton = x'00'",
        "UPDATE shapes SET hash = hash + 1",
        "DELETE FROM shapes",
        "UPDATE command_lines SET arguments = x'ff'",
        "DELETE FROM command_lines",
        "UPDATE clock_steps SET milliseconds = milliseconds + 1",
        "DELETE FROM clock_steps",
        "UPDATE chunks SET size = size + 1",
        "UPDATE chunks SET runs = x'ff'",
        "DELETE FROM chunks WHERE id = (SELECT min(id) FROM chunks)",
        "DELETE FROM chunk_bytes WHERE id = (SELECT min(id) FROM chunk_bytes)",
        "UPDATE chunk_bytes SET bytes = x'0102'",
        "UPDATE chunk_bytes SET bytes = substr(bytes, 1, length(bytes) - 1)",
        "UPDATE tail SET bytes = x'00' WHERE slot = 1",
        "DELETE FROM tail WHERE slot = 1",
        "UPDATE tail_ends SET ordinal = ordinal + 1",
        "DELETE FROM tail_ends",
    ]

    @Test("bytes that do not decode are damage, want of memory is none, whichever module says so")
    func decodingErrors() {
        func wrapped(_ error: any Error) -> String {
            do throws(StorageError) {
                try StorageError.wrapping("x") { throw error }
                return "nothing"
            } catch {
                switch error {
                case .damaged: return "damaged"
                case .inputOutput: return "input or output"
                default: return "\(error)"
                }
            }
        }
        for error in [
            CodecError.checksum, CodecError.cutShort(offset: 3), ChunkError.damaged("y"),
            ChunkError.unknownShape(7),
            CompressionError.cutShort, CompressionError.damaged(detail: "z"),
        ] as [any Error] {
            #expect(wrapped(error) == "damaged", "\(error)")
        }
        for error in [ChunkError.unavailable("y"), CompressionError.unavailable(detail: "z")] as [any Error] {
            #expect(wrapped(error) == "input or output", "\(error)")
        }
    }

    @Test(
        "a row that was changed or is gone is missed: answers end in an error, check finds it",
        arguments: [false, true]
    )
    func changedRows(isSealed: Bool) async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("test.db")
        try await makeDatabase(path)
        if isSealed {
            let writer = try await VaultWriter.open(path: path, create: false)
            try await writer.compact()
            try await writer.close()
        }
        let bytes = contents(of: path)
        var tried = 0
        for sql in Self.damages {
            let copy = directory.file("copy.db")
            for suffix in ["", "-wal", "-shm", "-lock"] { unlink(copy + suffix) }
            write(bytes, to: copy)
            // Of a tail that is sealed nothing is needed any more.
            guard !(isSealed && sql.contains(" tail")), try Self.change(copy, sql) else { continue }
            tried += 1
            do {
                _ = try answers(copy)
                Issue.record("an answer after \(sql)")
            } catch {
                guard case StorageError.damaged = error else {
                    Issue.record("\(error) after \(sql)")
                    continue
                }
            }
            if let snapshot = try? Vault.openReader(path: copy).snapshot() {
                #expect(!IntegrityCheck(snapshot: snapshot).findings().isEmpty, "\(sql)")
            }
            // The writer puts it aside or records on: what it stores can be read in any case, or it says what is wrong.
            let asides = Mutex(0)
            let writer = try await VaultWriter.open(path: copy, create: true) { _ in
                asides.withLock { $0 += 1 }
            }
            do {
                _ = try await writer.append([(sample, scrape(9_000_000, body(1)))])
            } catch {
                #expect(await writer.replaceDamaged(after: error), "\(error) after \(sql)")
                _ = try await writer.append([(sample, scrape(9_000_000, body(1)))])
            }
            try await writer.close()
            let isReference = ["targets", "runs", "series"].contains { sql.contains(" \($0) ") }
            if isReference { #expect(asides.withLock { $0 } == 1, "\(sql)") }
        }
        #expect(tried >= 14, "\(tried)")
    }

    /// Runs the statement in a file that nobody has open; whether it changed a row.
    private static func change(_ path: String, _ sql: String) throws -> Bool {
        let connection = try Connection(path: path, role: .writer(create: false), busyMilliseconds: 0)
        defer { connection.close() }
        let table = sql.split(separator: " ")[sql.hasPrefix("UPDATE") ? 1 : 2]
        let isThere = try connection.integer("SELECT count(*) FROM sqlite_schema WHERE name = '\(table)'")
        guard isThere == 1 else { return false }
        try connection.execute(sql)
        return connection.changes > 0
    }

    @Test("every error is one sentence that names the file or what was asked for")
    func sentences() {
        let errors: [StorageError] = [
            .notFound(path: "/d/a.db"), .notOurs(path: "/d/a.db"), .newer(path: "/d/a.db", version: 9),
            .older(path: "/d/a.db", version: 2),
            .damaged(path: "/d/a.db", detail: "x"), .locked(path: "/d/a.db", holder: "record, pid 1"),
            .permissionDenied(path: "/d/a.db"), .cannotCreate(path: "/d/a.db", detail: "x"),
            .diskFull(path: "/d/a.db"), .inputOutput(path: "/d/a.db", detail: "x"), .unknownTarget("/d/a.db"),
            .targetExists("/d/a.db"), .invalidTargetName("/d/a.db"), .closed(path: "/d/a.db"),
        ]
        for error in errors {
            #expect(error.description.contains("/d/a.db") && !error.description.contains("\n"))
            #expect(!error.description.hasSuffix("."))
        }
        #expect(Set(errors.map(\.description)).count == errors.count)
    }

    @Test("a path where no database can be is an error of its kind, and nothing is left behind")
    func oddPaths() async throws {
        let directory = try TemporaryDirectory()
        write(Array("x".utf8), to: directory.file("file"))
        mkdir(directory.file("directory.db"), 0o700)
        mkfifo(directory.file("fifo.db"), 0o600)
        symlink("nowhere", directory.file("link.db"))
        let before = TemporaryDirectory.names(in: directory.path)
        for name in ["file/a.db", "directory.db", "fifo.db", "link.db", "file", ""] {
            await #expect(throws: StorageError.self, "\(name)") {
                _ = try await VaultWriter.open(path: directory.path + "/" + name, create: true)
            }
            #expect(throws: StorageError.self, "\(name)") {
                _ = try Vault.openReader(path: directory.path + "/" + name)
            }
        }
        #expect(TemporaryDirectory.names(in: directory.path) == before)
        // A lock that is a link, or a directory, is none.
        try await makeDatabase(directory.file("a.db"), scrapes: 2)
        unlink(directory.file("a.db-lock"))
        symlink(directory.file("file"), directory.file("a.db-lock"))
        await #expect(throws: StorageError.self) {
            _ = try await VaultWriter.open(path: directory.file("a.db"), create: true)
        }
        #expect(contents(of: directory.file("file")) == Array("x".utf8))
        unlink(directory.file("a.db-lock"))
        mkdir(directory.file("a.db-lock"), 0o700)
        await #expect(throws: StorageError.self) {
            _ = try await VaultWriter.open(path: directory.file("a.db"), create: true)
        }
        // The draft of a new one cannot be made where a directory has its name.
        mkdir(directory.file("b.db-new"), 0o700)
        await #expect(throws: StorageError.self) {
            _ = try await VaultWriter.open(path: directory.file("b.db"), create: true)
        }
    }

    @Test("maintenance seals what has become enough, and leaves alone what has not")
    func maintenanceSeals() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("test.db")
        let writer = try await VaultWriter.open(path: path, create: true)
        let other = TargetDescription(name: "other", origin: Origin(url: nil))
        _ = try await writer.append([(other, scrape(0, body(0)))])
        for start in stride(from: 0, to: SealLimits.rowsMin, by: 60) {
            _ = try await writer.append(
                (start..<start + 60).map { (sample, scrape(Int64($0) * 1000, body($0))) }
            )
        }
        try await writer.maintain()
        let before = try answers(path)
        // A day later the other one is old enough as well.
        _ = try await writer.append([(other, scrape(SealLimits.ageMax + 1, body(1)))])
        try await writer.maintain()
        try await writer.close()
        #expect(try answers(path) != before)
        let connection = try Connection(path: path, role: .reader, busyMilliseconds: 0)
        #expect(try connection.integer("SELECT count(DISTINCT target) FROM chunks") == 2)
    }
}
