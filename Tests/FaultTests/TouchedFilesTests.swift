import JSON
import TestBasics
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// Somebody removes, moves or replaces the files of a database while it is recorded.
///
///     recorder                          somebody
///     stored …, stored …                rm a.db
///     looks before and after a commit
///     "a.db was removed"; begins anew
///     stored …, stored …
///
/// What was acknowledged before the line is in the file that was taken away, where it still is; what was acknowledged after
/// it is in the file that stands at the path.
@Suite("files that are touched while they are recorded", .timeLimit(.minutes(20)))
struct TouchedFilesTests {
    private static func serve() async throws -> ExpvarServer {
        try await ExpvarServer.start { .body("{\"number\": \($0.number)}\n") }
    }

    private static func record(_ path: String, _ server: ExpvarServer) throws -> ChildProcess {
        try Expvault.start([
            "record", "--db", path, "--interval", "20ms", "--log-level", "debug", "api=\(server.url())",
        ])
    }

    private static func times(_ log: some StringProtocol) -> Set<Int64> {
        Set(
            log.split(separator: "\n").compactMap { line in
                guard line.contains("stored target=api"), let range = line.firstRange(of: " t=") else {
                    return nil
                }
                return Int64(line[range.upperBound...].prefix { $0.isNumber })
            }
        )
    }

    /// What was acknowledged before and after the line with those words.
    private static func acknowledged(
        _ log: String,
        around words: String
    ) throws -> (before: Set<Int64>, after: Set<Int64>) {
        let place = try #require(log.firstRange(of: words), "\(log)")
        return (times(log[..<place.lowerBound]), times(log[place.upperBound...]))
    }

    private static func stored(_ path: String) async throws -> Set<Int64> {
        #expect(try await Expvault.run("check", "--db", path).status == 0)
        let lines = try await Expvault.output("export", "raw", "--failures", "--db", path, "--out", "-")
        let all = try JSONText.lines(lines).compactMap { $0["ts"]?.integer }
        #expect(all.count == Set(all).count, "none twice")
        return Set(all)
    }

    /// Records, lets `touch` happen, waits until the log has those words and ten more scrapes are acknowledged, and stops.
    private static func touch(
        _ path: String,
        _ server: ExpvarServer,
        until words: String,
        _ touch: () throws -> Void
    ) async throws -> String {
        let recorder = try record(path, server)
        #expect(await Waiting.until { times(recorder.errorSoFar).count >= 5 || !recorder.isRunning })
        try touch()
        #expect(await recorder.waitForError(words), "\(recorder.errorSoFar)")
        #expect(
            await Waiting.until {
                let log = recorder.errorSoFar
                let place = log.firstRange(of: words)
                return !recorder.isRunning || place.map { times(log[$0.upperBound...]).count >= 10 } ?? false
            }
        )
        recorder.signal(SIGTERM)
        let outcome = try await recorder.wait()
        #expect(outcome.status == 0, "\(outcome.error)")
        return outcome.error
    }

    @Test(
        "removed, the recorder says so and begins anew, and acknowledges nothing that is nowhere",
        arguments: [[""], ["", "-wal", "-shm"], ["", "-lock"], ["", "-wal", "-shm", "-lock"]]
    )
    func removed(suffixes: [String]) async throws {
        let directory = try TemporaryDirectory()
        let server = try await Self.serve()
        let path = directory.file("a.db")
        let log = try await Self.touch(path, server, until: "was removed while it was recorded") {
            for suffix in suffixes { unlink(path + suffix) }
        }
        let (_, after) = try Self.acknowledged(log, around: "a.db was removed while it was recorded")
        #expect(try await Self.stored(path).isSuperset(of: after))
        await server.stop()
    }

    @Test(
        "moved, with its WAL or without, what was acknowledged is whole under the new name, and what follows in a new one",
        arguments: [[""], ["", "-wal", "-shm"]]
    )
    func moved(suffixes: [String]) async throws {
        let directory = try TemporaryDirectory()
        let server = try await Self.serve()
        let (path, new) = (directory.file("a.db"), directory.file("moved.db"))
        let log = try await Self.touch(path, server, until: "was moved to \(new)") {
            for suffix in suffixes { rename(path + suffix, new + suffix) }
        }
        let (before, after) = try Self.acknowledged(log, around: "was moved to")
        #expect(try await Self.stored(new).isSuperset(of: before))
        #expect(try await Self.stored(path).isSuperset(of: after))
        await server.stop()
    }

    @Test("its directory moved, a new one is made, and nothing that was acknowledged is lost")
    func directoryMoved() async throws {
        let directory = try TemporaryDirectory()
        let server = try await Self.serve()
        let path = directory.file("old/a.db")
        let log = try await Self.touch(path, server, until: "was moved to") {
            rename(directory.file("old"), directory.file("new"))
        }
        let (before, after) = try Self.acknowledged(log, around: "was moved to")
        #expect(try await Self.stored(directory.file("new/a.db")).isSuperset(of: before))
        #expect(try await Self.stored(path).isSuperset(of: after))
        await server.stop()
    }

    @Test("replaced by another database, recording goes on into that one")
    func replaced() async throws {
        let directory = try TemporaryDirectory()
        let server = try await Self.serve()
        let (path, other) = (directory.file("a.db"), directory.file("b.db"))
        let first = try await Expvault.run(
            "record",
            "--db",
            other,
            "--interval",
            "20ms",
            "--count",
            "5",
            "--log-level",
            "debug",
            "api=\(server.url())"
        )
        try #require(first.status == 0, "\(first.error)")
        let log = try await Self.touch(path, server, until: "what stands there now is recorded into") {
            rename(other, path)
        }
        let (_, after) = try Self.acknowledged(log, around: "what stands there now is recorded into")
        #expect(try await Self.stored(path).isSuperset(of: after.union(Self.times(first.error))))
        await server.stop()
    }

    @Test(
        "replaced by something else, nothing is acknowledged and that is left as it is; gone again, recording goes on"
    )
    func foreign() async throws {
        let directory = try TemporaryDirectory()
        let server = try await Self.serve()
        let path = directory.file("a.db")
        let recorder = try Self.record(path, server)
        #expect(await Waiting.until { Self.times(recorder.errorSoFar).count >= 5 || !recorder.isRunning })
        try directory.write("not a database".utf8, to: "other")
        rename(directory.file("other"), path)
        #expect(await recorder.waitForError("is no expvault database"))
        // Acknowledged is nothing from that line on, however many scrapes there are.
        let asked = server.requests.count
        #expect(await Waiting.until { server.requests.count > asked + 20 })
        let (_, meanwhile) = try Self.acknowledged(recorder.errorSoFar, around: "is no expvault database")
        #expect(meanwhile.isEmpty)
        #expect(directory.read("a.db") == Array("not a database".utf8))
        unlink(path)
        #expect(await recorder.waitForError("storing again"), "\(recorder.errorSoFar)")
        recorder.signal(SIGTERM)
        let outcome = try await recorder.wait()
        #expect(outcome.status == 0, "\(outcome.error)")
        let (_, after) = try Self.acknowledged(outcome.error, around: "is no expvault database")
        #expect(after.count > 20)
        #expect(try await Self.stored(path).isSuperset(of: after))
        await server.stop()
    }

    @Test(
        "its WAL or the WAL's index removed, what was acknowledged is in the database, through kill -9",
        arguments: ["-wal", "-shm"]
    )
    func log(suffix: String) async throws {
        let directory = try TemporaryDirectory()
        let server = try await Self.serve()
        let path = directory.file("a.db")
        let recorder = try Self.record(path, server)
        #expect(await Waiting.until { Self.times(recorder.errorSoFar).count >= 5 || !recorder.isRunning })
        unlink(path + suffix)
        let words = "was removed while it was recorded"
        #expect(await recorder.waitForError(words), "\(recorder.errorSoFar)")
        #expect(
            await Waiting.until {
                let log = recorder.errorSoFar
                return log.firstRange(of: words).map { Self.times(log[$0.upperBound...]).count >= 5 } ?? false
            }
        )
        recorder.signal(SIGKILL)
        let log = try await recorder.wait().error
        #expect(try await Self.stored(path).isSuperset(of: Self.times(log)))
        await server.stop()
    }

    @Test("its lock file removed, a second recorder does not get in, and the first makes the lock anew")
    func lockRemoved() async throws {
        let directory = try TemporaryDirectory()
        let server = try await Self.serve()
        let path = directory.file("a.db")
        let recorder = try Self.record(path, server)
        #expect(await Waiting.until { Self.times(recorder.errorSoFar).count >= 5 || !recorder.isRunning })
        for _ in 0..<3 {
            unlink(path + "-lock")
            let second = try await Expvault.run("record", "--db", path, "--count", "1", "api=\(server.url())")
            #expect(second.status == 75, "\(second.error)")
            #expect(second.error.contains("\(recorder.pid)"), "\(second.error)")
        }
        #expect(await recorder.waitForError("a.db-lock was removed"))
        recorder.signal(SIGTERM)
        let outcome = try await recorder.wait()
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(try await Self.stored(path).isSuperset(of: Self.times(outcome.error)))
        await server.stop()
    }

    @Test(
        "the same file by a hard link has one writer, and the second is told who; one after the other is fine"
    )
    func hardLink() async throws {
        let directory = try TemporaryDirectory()
        mkdir(directory.file("elsewhere"), 0o700)
        let server = try await Self.serve()
        let (path, other) = (directory.file("a.db"), directory.file("elsewhere/b.db"))
        let recorder = try Self.record(path, server)
        #expect(await Waiting.until { Self.times(recorder.errorSoFar).count >= 5 || !recorder.isRunning })
        try #require(link(path, other) == 0)
        for words in [
            ["record", "--count", "1", "api=\(server.url())"], ["import", "/dev/null"], ["compact"],
        ] {
            let second = try await ChildProcess.run(Expvault.binary, words + ["--db", other])
            #expect(second.status == 75, "\(words) \(second.error)")
            #expect(second.error.contains("process \(recorder.pid)"), "\(second.error)")
        }
        recorder.signal(SIGTERM)
        let outcome = try await recorder.wait()
        #expect(outcome.status == 0, "\(outcome.error)")
        let again = try await Expvault.run(
            "record",
            "--db",
            other,
            "--interval",
            "20ms",
            "--count",
            "3",
            "--log-level",
            "debug",
            "api=\(server.url())"
        )
        #expect(again.status == 0, "\(again.error)")
        #expect(
            try await Self.stored(path).isSuperset(
                of: Self.times(outcome.error).union(Self.times(again.error))
            )
        )
        await server.stop()
    }

    /// As a container has it: the file alone is mounted, under another name.
    @Test(
        "a file that is mounted has one writer on both sides, and is recorded into, empty at first or not",
        .enabled(if: geteuid() == 0, "mounting a file needs root")
    )
    func mounted() async throws {
        let directory = try TemporaryDirectory()
        mkdir(directory.file("inside"), 0o700)
        let server = try await Self.serve()
        let (path, inside) = (try directory.write([], to: "a.db"), try directory.write([], to: "inside/b.db"))
        func mounted(_ count: Int) async throws -> ChildProcess.Outcome {
            let script = """
                mount --bind "$1" "$2" || exit 99
                exec "$3" record --db "$2" --interval 20ms --count \(count) --log-level debug "api=$4"
                """
            return try await ChildProcess.run(
                "/usr/bin/unshare",
                ["-m", "/bin/sh", "-c", script, "sh", path, inside, Expvault.binary, server.url()]
            )
        }
        let first = try await mounted(5)
        if first.status == 99 || first.error.contains("unshare") { try Test.cancel("\(first.error)") }
        // 1 where a busy machine lets none succeed within the interval; they are stored all the same.
        #expect([0, 1].contains(first.status), "\(first.error)")
        #expect(Self.times(first.error).count == 5)
        let recorder = try Self.record(path, server)
        #expect(await Waiting.until { Self.times(recorder.errorSoFar).count >= 5 || !recorder.isRunning })
        let second = try await mounted(1)
        #expect(second.status == 75, "\(second.error)")
        #expect(second.error.contains("process \(recorder.pid)"), "\(second.error)")
        recorder.signal(SIGTERM)
        let outcome = try await recorder.wait()
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(
            try await Self.stored(path).isSuperset(
                of: Self.times(first.error).union(Self.times(outcome.error))
            )
        )
        await server.stop()
    }
}
