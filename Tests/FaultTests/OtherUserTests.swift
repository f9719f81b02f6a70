import TestBasics
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// A service's database, and root's commands beside it.
@Suite(
    "a database of another user",
    .enabled(if: geteuid() == 0, "only root can be somebody else"),
    .timeLimit(.minutes(20))
)
struct OtherUserTests {
    private static let user: uid_t = 65_534

    /// A directory of that user's, with a database that the user made; cancels the test where the user cannot run the binary.
    private static func database() async throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        chown(directory.path, user, user)
        let version = try await run(["--version"])
        if version.status != 0 { try Test.cancel("another user cannot run the binary: \(version.error)") }
        let line = #"{"ts":1767323040000,"target":"api","url":"http://a","body":"{\"n\": 1}"}"# + "\n"
        let lines = try directory.write(line.utf8, to: "lines")
        chown(lines, user, user)
        let made = try await run(["import", "--db", directory.file("a.db"), lines])
        try #require(made.status == 0, "\(made.error)")
        return directory
    }

    /// Runs the binary as that user.
    private static func run(
        _ words: [String],
        umask: String = "022"
    ) async throws -> ChildProcess.Outcome {
        try await ChildProcess.run(
            "/usr/bin/setpriv",
            [
                "--reuid", "\(user)", "--regid", "\(user)", "--clear-groups", "/bin/sh", "-c",
                "umask \(umask); exec \"$@\"", "sh", Expvault.binary,
            ] + words
        )
    }

    private static func mode(_ path: String) -> (owner: uid_t, mode: mode_t)? {
        var status = stat()
        return lstat(path, &status) == 0 ? (status.st_uid, status.st_mode & 0o7777) : nil
    }

    private static func once(_ path: String, _ target: ExpvarServer) -> [String] {
        ["record", "--db", path, "--interval", "1s", "--count", "1", "there=\(target.url())"]
    }

    private static func serve() async throws -> ExpvarServer {
        try await ExpvarServer.start { .body("{\"number\": \($0.number)}\n") }
    }

    @Test("root's commands leave nothing beside it that its owner cannot use, also when they are killed")
    func root() async throws {
        let directory = try await Self.database()
        let path = directory.file("a.db")
        let server = try await ElasticsearchServer.start()
        let target = try await Self.serve()
        let export = ["export", "elasticsearch", "--url", server.url, "--db", path]
        unlink(path + "-lock")
        for words in [["compact", "--db", path], Self.once(path, target), export] {
            let outcome = try await ChildProcess.run(Expvault.binary, words)
            #expect(outcome.status == 0, "\(words) \(outcome.error)")
        }
        let recorder = try Expvault.start([
            "record", "--db", path, "--interval", "20ms", "--log-level", "debug", "gone=http://127.0.0.1:1",
        ])
        #expect(await recorder.waitForError("stored target=gone"))
        recorder.signal(SIGKILL)
        _ = try await recorder.wait()
        let names = directory.names.filter { $0.hasPrefix("a.db") }
        #expect(Set(names).isSuperset(of: ["a.db-export", "a.db-lock", "a.db-wal", "a.db-shm"]), "\(names)")
        for name in names {
            let found = try #require(Self.mode(directory.file(name)))
            #expect(found.owner == Self.user && found.mode == 0o600, "\(name): \(found)")
        }
        for words in [Self.once(path, target), export, ["compact", "--db", path], ["check", "--db", path]] {
            let outcome = try await Self.run(words)
            #expect(outcome.status == 0, "\(words) \(outcome.error)")
        }
        try await server.stop()
        await target.stop()
    }

    @Test("a lock that an older root command left is its owner's again after the next one")
    func oldLock() async throws {
        let directory = try await Self.database()
        let path = directory.file("a.db")
        chown(path + "-lock", 0, 0)
        let refused = try await Self.run(["compact", "--db", path])
        #expect(refused.status == 77 && refused.error.contains("a.db-lock"), "\(refused.error)")
        #expect(try await Expvault.run("compact", "--db", path).status == 0)
        let outcome = try await Self.run(["compact", "--db", path])
        #expect(outcome.status == 0, "\(outcome.error)")
    }

    @Test(
        "what a user may not use is 77, and the file is named that it is about",
        arguments: [
            ("a.db", ["targets"]), ("a.db-export", ["export", "rejected"]), ("a.db-shm", ["targets"]),
            ("a.db-wal", ["targets"]),
        ]
    )
    func named(name: String, words: [String]) async throws {
        let directory = try await Self.database()
        let path = directory.file("a.db")
        let server = try await ElasticsearchServer.start()
        let export = try await Expvault.run("export", "elasticsearch", "--url", server.url, "--db", path)
        #expect(export.status == 0, "\(export.error)")
        let recorder = try Expvault.start([
            "record", "--db", path, "--interval", "20ms", "--log-level", "debug", "gone=http://127.0.0.1:1",
        ])
        #expect(await recorder.waitForError("stored target=gone"))
        recorder.signal(SIGKILL)
        _ = try await recorder.wait()
        try #require(chown(directory.file(name), 0, 0) == 0)
        let outcome = try await Self.run(words + ["--db", path])
        #expect(outcome.status == 77, "\(outcome.error)")
        #expect(outcome.error.contains("no permission to use \(directory.file(name));"), "\(outcome.error)")
        try await server.stop()
    }

    @Test("a directory that a user may not write to is 77 and named, and one that is not there 66")
    func directory() async throws {
        let directory = try await Self.database()
        let path = directory.file("a.db")
        for suffix in ["-lock", "-wal", "-shm"] { unlink(path + suffix) }
        chown(directory.path, 0, 0)
        chmod(directory.path, 0o755)
        let written = try await Self.run(["compact", "--db", path])
        #expect(written.status == 77, "\(written.error)")
        #expect(written.error.contains("no permission"), "\(written.error)")
        let read = try await Self.run(["targets", "--db", path])
        #expect(read.status == 0, "\(read.error)")
        let missing = try await Self.run(["targets", "--db", directory.file("nowhere/a.db")])
        #expect(missing.status == 66, "\(missing.error)")
    }

    @Test("a umask of 777 leaves a database that is its owner's to use, with a lock that is")
    func umask() async throws {
        let directory = try await Self.database()
        let path = directory.file("new/b.db")
        let target = try await Self.serve()
        for _ in 0..<2 {
            let outcome = try await Self.run(Self.once(path, target), umask: "777")
            #expect(outcome.status == 0, "\(outcome.error)")
        }
        #expect(Self.mode(directory.file("new"))?.mode == 0o700)
        for name in TemporaryDirectory.names(in: directory.file("new")) {
            #expect(Self.mode(directory.file("new/\(name)"))?.mode == 0o600, "\(name)")
        }
        let out = directory.file("out")
        let exported = try await Self.run(["export", "raw", "--db", path, "--out", out], umask: "777")
        #expect(exported.status == 0, "\(exported.error)")
        #expect(Self.mode(out)?.mode == 0o600)
        await target.stop()
    }
}
