import TestBasics
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// Where outputs go, and what they never take the place of: one rule for all commands.
@Suite struct OutputTests {
    static let commands = [
        "export file --out", "export raw --out", "capture --out", "report --out", "check --salvage",
    ]

    private func database(_ directory: TemporaryDirectory, scrapes: Int = 3) async throws -> String {
        let bodies = (0..<scrapes).map { CommandLineTests.body(requests: $0 * 7) }
        let file = try directory.write(CommandLineTests.lines(bodies).utf8, to: "lines.ndjson")
        let db = directory.file("a.db")
        _ = try await Expvault.output("import", "--db", db, "--url", "api=http://localhost:6060", file)
        return db
    }

    private func run(
        _ command: String,
        _ out: String,
        db: String,
        force: Bool
    ) async throws
        -> ChildProcess.Outcome
    {
        let words = command.split(separator: " ").map(String.init)
        return try await ChildProcess.run(
            Expvault.binary,
            words + [out, "--db", db] + (force ? ["--force"] : [])
        )
    }

    @Test(
        "an export whose reader stands still keeps no snapshot: the WAL is cut beside it, and it goes on whole",
        arguments: [["export", "raw"], ["export", "file"], ["export", "file", "--bulk"]]
    )
    func stalledReader(export: [String]) async throws {
        let directory = try TemporaryDirectory()
        let db = directory.file("a.db")
        // Each target is more than a pipe and the export's own buffer hold.
        let bodies = (0..<400).map { CommandLineTests.body(requests: $0 * 7, collections: 200) }
        for target in ["api", "web"] {
            let lines = CommandLineTests.lines(bodies, target: target)
            _ = try await Expvault.output("import", "--db", db, try directory.write(lines.utf8, to: target))
        }
        // As the capture of one moment, whatever is sealed meanwhile.
        let whole = try await ChildProcess.run(Expvault.binary, export + ["--out", "-", "--db", db])
        #expect(whole.status == 0 && whole.output.count > 1 << 19)
        let pipe = directory.file("pipe")
        try #require(mkfifo(pipe, 0o600) == 0)
        let stalled = try Expvault.start(export + ["--out", pipe, "--db", db])
        let reader = open(pipe, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        defer { close(reader) }
        var read = await Self.read(reader, from: stalled, atMost: 1)
        #expect(read.count == 1)
        let later = CommandLineTests.lines(bodies.suffix(3), target: "later")
        _ = try await Expvault.output("import", "--db", db, try directory.write(later.utf8, to: "later"))
        let isCut = await Waiting.until {
            // What fails here fails by its limit.
            _ = try? await Expvault.run("compact", "--db", db)
            return directory.read("a.db-wal").isEmpty
        }
        #expect(isCut && stalled.isRunning)
        read += await Self.read(reader, from: stalled, atMost: .max)
        #expect(try await stalled.wait().status == 0)
        #expect(read == whole.output)
    }

    /// What comes out of a pipe until its writer has ended, or so many bytes of it.
    private static func read(_ pipe: Int32, from writer: ChildProcess, atMost bytesMax: Int) async -> [UInt8]
    {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        _ = await Waiting.until {
            while bytes.count < bytesMax {
                // Whether it runs is asked first: what it wrote before its end is then there to be read.
                let isRunning = writer.isRunning
                let count = Glibc.read(pipe, &buffer, min(buffer.count, bytesMax - bytes.count))
                guard count > 0 else { return !isRunning }
                bytes += buffer[..<count]
            }
            return true
        }
        return bytes
    }

    @Test(
        "no output takes the place of the database or of what belongs to it, by whatever name and also with --force",
        arguments: commands
    )
    func database(command: String) async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let before = directory.read("a.db")
        try directory.write("ledger".utf8, to: "a.db-export")
        link(db, directory.file("hard.db"))
        symlink(db, directory.file("soft.db"))
        symlink(directory.file("a.db-wal"), directory.file("dangling"))
        symlink(directory.path, directory.file("here"))
        let names = directory.names
        for name in [
            "a.db", "a.db-wal", "a.db-shm", "a.db-lock", "a.db-export", "a.db-key", "hard.db", "soft.db",
            "dangling",
            "here/a.db",
        ] {
            let outcome = try await run(command, directory.file(name), db: db, force: true)
            #expect(outcome.status == 73, "\(name): \(outcome.error)")
            #expect(outcome.error.split(separator: "\n").count == 1, "\(outcome.error)")
        }
        #expect(directory.read("a.db") == before)
        #expect(directory.read("a.db-export") == Array("ledger".utf8))
        // What a reader leaves beside a database aside.
        #expect(directory.names.filter { !["a.db-wal", "a.db-shm"].contains($0) } == names)
        #expect(FileKind.isLink(directory.file("soft.db")) && FileKind.isLink(directory.file("dangling")))
    }

    @Test("what exists is left alone with 73 and named, unless there is --force", arguments: commands)
    func exists(command: String) async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let out = try directory.write("mine".utf8, to: "out")
        let refused = try await run(command, out, db: db, force: false)
        #expect(refused.status == 73, "\(refused.error)")
        #expect(refused.error.contains(out) && refused.error.contains("--force"), "\(refused.error)")
        #expect(directory.read("out") == Array("mine".utf8))
        #expect(try await run(command, out, db: db, force: true).status == 0)
        #expect(directory.read("out") != Array("mine".utf8))
        #expect(!directory.names.contains { $0.hasPrefix("out.") }, "\(directory.names)")
        symlink(directory.file("nowhere"), directory.file("dangling"))
        #expect(try await run(command, directory.file("dangling"), db: db, force: true).status == 73)
        #expect(access(directory.file("nowhere"), F_OK) != 0)
    }

    /// The first is stopped in the middle, where there is one: then the second begins and ends.
    ///
    /// Whoever is first, the file is one of theirs from its first byte to its last.
    @Test("two exports to one path never publish a half file, and one of them is refused")
    func twoExports() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory, scrapes: 1200)
        let whole = try await Expvault.output("export", "raw", "--db", db, "--out", "-")
        let out = directory.file("out.ndjson")
        let words = ["export", "raw", "--db", db, "--out", out]
        let first = try Expvault.start(words)
        _ = await Waiting.until {
            !first.isRunning || directory.names.contains { $0.hasPrefix("out.ndjson.partial-") }
        }
        first.signal(SIGSTOP)
        let second = try await ChildProcess.run(Expvault.binary, words)
        first.signal(SIGCONT)
        let statuses = [try await first.wait().status, second.status].sorted()
        #expect(statuses == [0, 73])
        #expect(String(decoding: directory.read("out.ndjson"), as: UTF8.self) == whole)
        #expect(!directory.names.contains { $0.hasPrefix("out.ndjson.") }, "\(directory.names)")
    }
}

/// What stands at a path.
private enum FileKind {
    static func isLink(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }
}
