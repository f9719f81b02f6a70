import HostFiles
import TestBasics
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

@Suite struct OutputPlaceTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        for name in ["db", "db-lock", "file"] { try directory.write("x".utf8, to: name) }
        link(directory.file("db"), directory.file("hard"))
        symlink(directory.file("db"), directory.file("soft"))
        symlink(directory.file("file"), directory.file("other-soft"))
        symlink(directory.file("nowhere"), directory.file("dangling"))
        symlink(directory.file("db-export"), directory.file("dangling-ledger"))
        symlink(directory.path, directory.file("here"))
        mkfifo(directory.file("pipe"), 0o600)
        symlink(directory.file("pipe"), directory.file("pipe-soft"))
        mkdir(directory.file("inner"), 0o700)
    }

    private func occupant(_ name: String, replaces: Bool = true) throws -> OutputPlace.Occupant {
        let protected = ProtectedFiles(
            base: directory.file("db"),
            suffixes: ["-wal", "-lock"],
            prefixes: ["-export"]
        )
        return try OutputPlace(directory.file(name), replaces: replaces, protecting: protected).admit()
    }

    @Test(
        "what is read is never replaced: by its name, another, a link that leads there, or before it is there",
        arguments: [
            "db", "db-lock", "db-wal", "db-export", "db-export-0123-lock", "hard", "soft", "here/db",
            "inner/../db",
        ]
    )
    func protected(_ name: String) {
        #expect { _ = try occupant(name) } throws: { error in
            guard case OutputError.cannotCreate(_, let detail) = error else { return false }
            return detail.contains("database")
        }
    }

    @Test(
        "a link is neither followed nor replaced, nor is a directory, also with --force",
        arguments: ["other-soft", "dangling", "dangling-ledger", "inner", "here"]
    )
    func links(_ name: String) {
        #expect(throws: OutputError.self) { try occupant(name) }
    }

    @Test("a file is left alone unless it is to be replaced; a pipe is written to, also through a link")
    func admitted() throws {
        #expect(try occupant("file") == .file)
        #expect(throws: OutputError.self) { try occupant("file", replaces: false) }
        #expect(try occupant("new", replaces: false) == .nothing)
        #expect(try occupant("db-report.html", replaces: false) == .nothing)
        #expect(try occupant("pipe", replaces: false) == .stream)
        #expect(try occupant("pipe-soft", replaces: false) == .stream)
        #expect(throws: OutputError.self) { try occupant("nowhere/new") }
        #expect(throws: OutputError.self) { try occupant("") }
    }
}
