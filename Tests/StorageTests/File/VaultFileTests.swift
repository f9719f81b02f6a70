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

@Suite("The file from outside")
struct VaultFileTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// What opening for reading and for writing says.
    private func errors(_ path: String) async -> [StorageError?] {
        var errors: [StorageError?] = []
        do {
            _ = try Vault.openReader(path: path)
            errors.append(nil)
        } catch {
            errors.append(error as? StorageError)
        }
        for create in [false, true] {
            do {
                try await VaultWriter.open(path: path, create: create).close()
                errors.append(nil)
            } catch {
                errors.append(error as? StorageError)
            }
        }
        return errors
    }

    @Test("a missing file is not found, and only `create` makes it")
    func missing() async throws {
        let path = directory.file("sub/dir/test.db")
        let found = await errors(path)
        guard case .notFound? = found[0], case .notFound? = found[1], found[2] == nil else {
            Issue.record("\(found)")
            return
        }
        #expect(permissions(of: directory.file("sub")) == 0o700)
        #expect(permissions(of: directory.file("sub/dir")) == 0o700)
    }

    @Test("something else than a database is refused and left as it is")
    func foreign() async throws {
        let text = directory.file("text.db")
        write(
            Array("SQLite format 4, no, 3, but a text that is longer than a header has to be\n".utf8),
            to: text
        )
        let other = directory.file("other.db")
        let connection = try Connection(path: other, role: .writer(create: true), busyMilliseconds: 0)
        try connection.execute("PRAGMA journal_mode = WAL; CREATE TABLE a(b); INSERT INTO a VALUES (1)")
        connection.close()
        for path in [text, other] {
            let before = contents(of: path)
            let namesBefore = TemporaryDirectory.names(in: directory.path)
            for error in await errors(path) {
                guard case .notOurs? = error else {
                    Issue.record("\(String(describing: error))")
                    continue
                }
            }
            #expect(contents(of: path) == before)
            #expect(TemporaryDirectory.names(in: directory.path) == namesBefore)
        }
    }

    @Test("a newer version is refused and left as it is")
    func newer() async throws {
        let path = directory.file("test.db")
        try await VaultWriter.open(path: path, create: true).close()
        // The file's user_version stands at byte 60 (https://sqlite.org/fileformat.html).
        write([0, 0, 0, 99], to: path, at: 60)
        let before = contents(of: path)
        for error in await errors(path) {
            guard case .newer(_, 99)? = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
        }
        #expect(contents(of: path) == before)
    }

    @Test(
        "an older version than any that is read is refused with the way to carry it over, and left as it is"
    )
    func older() async throws {
        let path = directory.file("test.db")
        try await VaultWriter.open(path: path, create: true).close()
        write([0, 0, 0, UInt8(Migrations.oldestVersion - 1)], to: path, at: 60)
        let before = contents(of: path)
        for error in await errors(path) {
            guard case .older(_, Migrations.oldestVersion - 1)? = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(error?.description.contains("export raw") == true)
        }
        #expect(contents(of: path) == before)
    }

    @Test("an empty file is no database, and becomes one where one may be made")
    func empty() async throws {
        let path = directory.file("test.db")
        write([], to: path)
        let found = await errors(path)
        guard case .notOurs? = found[0], case .notOurs? = found[1], found[2] == nil else {
            Issue.record("\(found)")
            return
        }
        _ = try Vault.openReader(path: path)
    }

    @Test("a symbolic link is not followed")
    func symbolicLink() async throws {
        let path = directory.file("test.db")
        try await VaultWriter.open(path: path, create: true).close()
        let link = directory.file("link.db")
        symlink(path, link)
        for error in await errors(link) { #expect(error != nil) }
        let dangling = directory.file("dangling.db")
        symlink(directory.file("nowhere.db"), dangling)
        for error in await errors(dangling) { #expect(error != nil) }
        #expect(!TemporaryDirectory.names(in: directory.path).contains("nowhere.db"))
    }

    @Test("a directory behind a symbolic link is fine")
    func linkedDirectory() async throws {
        let link = directory.path + "-link"
        symlink(directory.path, link)
        defer { unlink(link) }
        try await VaultWriter.open(path: link + "/test.db", create: true).close()
        _ = try Vault.openReader(path: link + "/test.db")
    }

    @Test("all files are 0600, also under umask 000")
    func modes() async throws {
        let old = umask(0)
        defer { umask(old) }
        let path = directory.file("test.db")
        let writer = try await VaultWriter.open(path: path, create: true)
        _ = try await writer.append([(sample, scrape(1, body(1)))])
        let present = TemporaryDirectory.names(in: directory.path)
        #expect(present == ["test.db", "test.db-lock", "test.db-shm", "test.db-wal"])
        for name in present { #expect(permissions(of: directory.file(name)) == 0o600, "\(name)") }
        try await writer.close()
    }

    @Test("a second writer is told who writes, and may once the first has let go")
    func secondWriter() async throws {
        let path = directory.file("test.db")
        let first = try await VaultWriter.open(path: path, create: true)
        do {
            _ = try await VaultWriter.open(path: path, create: true)
            Issue.record("two writers")
        } catch let error as StorageError {
            guard case .locked(_, let holder) = error else { throw error }
            #expect(holder.contains("pid \(getpid())"))
            #expect(holder.contains("since 20"))
        }
        try await first.close()
        try await VaultWriter.open(path: path, create: false).close()
        await #expect(throws: StorageError.self) {
            _ = try await first.append([(sample, scrape(1, body(1)))])
        }
    }

    @Test("a hand-made schema is refused")
    func handMadeSchema() async throws {
        let path = directory.file("test.db")
        try await VaultWriter.open(path: path, create: true).close()
        let connection = try Connection(path: path, role: .writer(create: false), busyMilliseconds: 0)
        try connection.execute(
            "CREATE TRIGGER evil AFTER UPDATE ON tail BEGIN DELETE FROM tail WHERE slot < new.slot; END"
        )
        connection.close()
        for error in await errors(path) {
            guard case .damaged? = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
        }
    }

    @Test("what a crash left of a half-made database is in nobody's way")
    func halfMade() async throws {
        let path = directory.file("test.db")
        write(Array("half".utf8), to: path + "-new")
        try await VaultWriter.open(path: path, create: true).close()
        #expect(!TemporaryDirectory.names(in: directory.path).contains("test.db-new"))
    }

    @Test("a copy of file and WAL as a crash leaves them has every committed scrape")
    func crashCopy() async throws {
        let path = directory.file("test.db")
        let writer = try await VaultWriter.open(path: path, create: true)
        for index in 0..<20 { _ = try await writer.append([(sample, scrape(Int64(index), body(index)))]) }
        let copy = directory.file("copy.db")
        write(contents(of: path), to: copy)
        write(contents(of: path + "-wal"), to: copy + "-wal")
        #expect(try everything(copy).count == 20)
        let second = try await VaultWriter.open(path: copy, create: false)
        _ = try await second.append([(sample, scrape(100, body(100)))])
        try await second.close()
        #expect(try everything(copy).map(\.body) == (Array(0..<20) + [100]).map { body($0) })
        try await writer.close()
    }

    @Test("a reader of a file without WAL in a directory that it may not write needs nothing beside it")
    func immutable() async throws {
        let path = directory.file("test.db")
        let writer = try await VaultWriter.open(path: path, create: true)
        _ = try await writer.append([(sample, scrape(1, body(1)))])
        try await writer.close()
        let before = TemporaryDirectory.names(in: directory.path)
        let connection = try Connection(path: path, role: .immutableReader, busyMilliseconds: 0)
        #expect(try connection.integer("SELECT count(*) FROM targets") == 1)
        connection.close()
        #expect(TemporaryDirectory.names(in: directory.path) == before)
    }
}
