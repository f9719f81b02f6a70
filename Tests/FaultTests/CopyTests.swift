import TestBasics
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// Databases that somebody copied, restored or moved with `cp`, with and without what stands beside them.
@Suite("a copied database", .timeLimit(.minutes(10)))
struct CopyTests {
    private static func serve() async throws -> ExpvarServer {
        try await ExpvarServer.start { .body("{\"cmdline\": [\"a\", \"-b\"], \"number\": \($0.number)}\n") }
    }

    private static func copy(_ from: String, _ to: String) throws {
        guard let bytes = TemporaryDirectory.contents(of: from) else {
            unlink(to)
            return
        }
        let text = to.split(separator: "/").last.map(String.init) ?? ""
        let parent = String(to.dropLast(text.count + 1))
        let descriptor = open(parent + "/" + text, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        defer { close(descriptor) }
        try #require(bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } == bytes.count)
    }

    private static func count(_ path: String) async throws -> Int {
        try await Expvault.output("export", "raw", "--failures", "--db", path, "--out", "-")
            .split(separator: "\n").count
    }

    /// A recording that goes on, with so many scrapes stored at least.
    private static func start(_ path: String, _ server: ExpvarServer, count: Int) async throws -> ChildProcess
    {
        let recorder = try Expvault.start([
            "record", "--db", path, "--interval", "10ms", "--log-level", "debug", "api=\(server.url())",
        ])
        func stored() -> Int {
            recorder.errorSoFar.split(separator: "\n").count { $0.contains("stored target=") }
        }
        try #require(await Waiting.until { stored() >= count })
        return recorder
    }

    @Test(
        "copied alone while it is recorded: every command says that its WAL is missing, `check` ends with 65"
    )
    func alone() async throws {
        let directory = try TemporaryDirectory()
        let (path, other) = (directory.file("a.db"), directory.file("copy.db"))
        let server = try await Self.serve()
        let recorder = try await Self.start(path, server, count: 20)
        try Self.copy(path, other)
        recorder.signal(SIGTERM)
        #expect(try await recorder.wait().status == 0)
        let question = try await Expvault.run("targets", "--db", other)
        #expect(question.status == 0 && question.error.contains("without its WAL"), "\(question.error)")
        let check = try await Expvault.run("check", "--db", other)
        #expect(check.status == 65 && check.text.contains("without its WAL"), "\(check.text)")
        let again = try await Expvault.run(
            "record",
            "--db",
            other,
            "--interval",
            "500ms",
            "--count",
            "2",
            "api=\(server.url())"
        )
        #expect(again.status == 0 && again.error.contains("without its WAL"), "\(again.error)")
        let after = try await Expvault.run("check", "--db", other)
        #expect(after.status == 0, "\(after.text)")
        // At rest the file is all there is.
        try Self.copy(path, other)
        #expect(try await Expvault.run("check", "--db", other).status == 0)
        await server.stop()
    }

    @Test("killed and copied with its WAL: all of it is there")
    func together() async throws {
        let directory = try TemporaryDirectory()
        let (path, other) = (directory.file("a.db"), directory.file("copy.db"))
        let server = try await Self.serve()
        let recorder = try await Self.start(path, server, count: 20)
        recorder.signal(SIGKILL)
        _ = try await recorder.wait()
        for suffix in ["", "-wal"] { try Self.copy(path + suffix, other + suffix) }
        #expect(try await Expvault.run("check", "--db", other).status == 0)
        #expect(try await Self.count(other) == Self.count(path))
        await server.stop()
    }

    @Test("a backup copied over a file whose WAL was left is refused by every command, and nothing is lost")
    func backup() async throws {
        let directory = try TemporaryDirectory()
        let (path, backup) = (directory.file("a.db"), directory.file("backup.db"))
        let server = try await Self.serve()
        let first = try await Self.start(path, server, count: 10)
        first.signal(SIGTERM)
        _ = try await first.wait()
        try Self.copy(path, backup)
        let before = try await Self.count(backup)
        let second = try await Self.start(path, server, count: 30)
        second.signal(SIGKILL)
        _ = try await second.wait()
        let all = try await Self.count(path)
        let (file, wal) = (
            TemporaryDirectory.contents(of: path), TemporaryDirectory.contents(of: path + "-wal")
        )
        try Self.copy(backup, path)
        for command in [
            ["targets"], ["check"], ["compact"], ["record", "--count", "1", "api=\(server.url())"],
        ] {
            let done = try await ChildProcess.run(Expvault.binary, command + ["--db", path])
            #expect(done.status == 65, "\(command): \(done.error)")
            #expect(done.error.contains("does not belong to"), "\(done.error)")
        }
        #expect(TemporaryDirectory.contents(of: path) == TemporaryDirectory.contents(of: backup))
        #expect(TemporaryDirectory.contents(of: path + "-wal") == wal)
        // Either of the ways that the sentence names.
        rename(path + "-wal", directory.file("kept"))
        unlink(path + "-shm")
        #expect(try await Self.count(path) == before)
        rename(directory.file("kept"), path + "-wal")
        unlink(path + "-shm")
        try directory.write(file ?? [], to: "a.db")
        #expect(try await Self.count(path) == all)
        await server.stop()
    }

    @Test(
        "a copy without the key of its redacted arguments is refused with a sentence, and goes on where told to"
    )
    func key() async throws {
        let directory = try TemporaryDirectory()
        let (path, other) = (directory.file("a.db"), directory.file("copy.db"))
        let server = try await Self.serve()
        func record(_ path: String) async throws -> ChildProcess.Outcome {
            try await Expvault.run(
                "record",
                "--db",
                path,
                "--interval",
                "500ms",
                "--count",
                "2",
                "--redact-cmdline",
                "api=\(server.url())"
            )
        }
        let first = try await record(path)
        try #require(first.status == 0, "\(first.error)")
        try Self.copy(path, other)
        let refused = try await record(other)
        #expect(refused.status == 78 && refused.error.contains("copy.db-key"), "\(refused.error)")
        try Self.copy(path + "-key", other + "-key")
        #expect(try await record(other).status == 0)
        let runs = try await Expvault.output("sql", "--db", other, "SELECT count(*) FROM runs")
        #expect(runs.contains("1") && !runs.contains("2"), "no restart is made up: \(runs)")
        unlink(other + "-key")
        try TemporaryDirectory.write("", to: other + "-key")
        #expect(try await record(other).status == 0)
        await server.stop()
    }
}
