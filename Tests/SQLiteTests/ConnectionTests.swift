import TestBasics
import Testing

@testable import SQLite

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

@Suite("A connection")
final class ConnectionTests {
    let directory: TemporaryDirectory
    var path: String { directory.file("test.db") }

    init() throws { directory = try TemporaryDirectory() }

    private func writer() throws -> Connection {
        let connection = try Connection(path: path, role: .writer(create: true), busyMilliseconds: 0)
        _ = try connection.integer("PRAGMA journal_mode = WAL")
        return connection
    }

    @Test("integers, texts and bytes come back as they went in, the empty and the odd ones too")
    func values() throws {
        let connection = try writer()
        try connection.execute("CREATE TABLE t(i INTEGER, s TEXT, b BLOB)")
        let rows: [(Int64?, String?, [UInt8]?)] = [
            (nil, nil, nil), (0, "", []), (.min, "a\0b", [0]), (.max, "ü😀", [UInt8](0...255)),
            (-1, "x", [1, 2]),
        ]
        for (integer, text, bytes) in rows {
            try connection.statement("INSERT INTO t VALUES (?1, ?2, ?3)")
                .bind(1, integer).bind(2, text).bind(3, bytes).run()
        }
        let statement = try connection.statement("SELECT i, s, b FROM t ORDER BY rowid")
        for (integer, text, bytes) in rows {
            #expect(try statement.step())
            #expect(statement.optionalInteger(0) == integer)
            #expect(statement.optionalText(1) == text)
            #expect(statement.isNull(2) == (bytes == nil))
            #expect(statement.bytes(2) == bytes ?? [])
        }
        #expect(try !statement.step())
    }

    @Test("a transaction that throws leaves nothing, and the next one works")
    func rollback() throws {
        struct Stop: Error {}
        let connection = try writer()
        try connection.execute("CREATE TABLE t(i INTEGER UNIQUE)")
        #expect(throws: Stop.self) {
            try connection.transaction {
                try connection.execute("INSERT INTO t VALUES (1)")
                throw Stop()
            }
        }
        #expect(throws: SQLiteError.self) {
            try connection.transaction { try connection.execute("INSERT INTO t VALUES (2), (2)") }
        }
        try connection.transaction { try connection.execute("INSERT INTO t VALUES (3)") }
        #expect(try connection.integer("SELECT sum(i) FROM t") == 3)
    }

    @Test("an error tells the extended code, the words and the statement")
    func error() throws {
        let connection = try writer()
        try connection.execute("CREATE TABLE t(i INTEGER UNIQUE); INSERT INTO t VALUES (1)")
        let error = #expect(throws: SQLiteError.self) { try connection.execute("INSERT INTO t VALUES (1)") }
        #expect(error?.code == 2067)
        #expect(error?.primary == .constraint)
        #expect(error?.sql == "INSERT INTO t VALUES (1)")
        #expect(error?.description == "UNIQUE constraint failed: t.i (SQLite code 2067)")
    }

    @Test("a reader reads, beside the writer, and can change nothing")
    func reader() throws {
        let writer = try writer()
        try writer.execute("CREATE TABLE t(i); INSERT INTO t VALUES (1)")
        let reader = try Connection(path: path, role: .reader, busyMilliseconds: 0)
        #expect(try reader.integer("SELECT i FROM t") == 1)
        let error = #expect(throws: SQLiteError.self) { try reader.execute("INSERT INTO t VALUES (2)") }
        #expect(error?.primary == .readOnly)
        #expect(throws: SQLiteError.self) { try reader.execute("CREATE TABLE u(i)") }
        try reader.execute("BEGIN")
        #expect(try reader.integer("SELECT count(*) FROM t") == 1)
        try writer.execute("INSERT INTO t VALUES (2)")
        #expect(try reader.integer("SELECT count(*) FROM t") == 1)
        try reader.execute("COMMIT")
        #expect(try reader.integer("SELECT count(*) FROM t") == 2)
    }

    @Test("the last reader leaves the WAL as it is")
    func readerLeavesWAL() throws {
        let writer = try writer()
        try writer.execute("CREATE TABLE t(i)")
        let reader = try Connection(path: path, role: .reader, busyMilliseconds: 0)
        #expect(try reader.integer("SELECT count(*) FROM t") == 0)
        var before = stat()
        #expect(stat(path + "-wal", &before) == 0)
        reader.close()
        var after = stat()
        #expect(stat(path + "-wal", &after) == 0)
        #expect(before.st_size == after.st_size)
        #expect(writer.pagesInWAL > 0)
        #expect(try writer.checkpoint(.truncate) == 0)
        #expect(writer.pagesInWAL == 0)
    }

    @Test("a symbolic link is not opened, and bytes that mean something in a URI are bytes of the name")
    func names() throws {
        try writer().close()
        let link = directory.file("link.db")
        symlink(path, link)
        #expect(throws: SQLiteError.self) {
            _ = try Connection(path: link, role: .writer(create: false), busyMilliseconds: 0)
        }
        let odd = directory.file("a?b%23#c.db")
        let connection = try Connection(path: odd, role: .writer(create: true), busyMilliseconds: 0)
        try connection.execute("CREATE TABLE t(i)")
        connection.close()
        #expect(access(odd, F_OK) == 0)
    }

    @Test("the same SQL gives the same statement, reset and unbound")
    func cache() throws {
        let connection = try writer()
        let first = try connection.statement("SELECT ?1")
        try first.bind(1, 5)
        #expect(try first.step())
        let second = try connection.statement("SELECT ?1")
        #expect(first === second)
        #expect(try second.step())
        #expect(second.isNull(0))
        #expect(try connection.ownStatement("SELECT ?1") !== second)
    }
}
