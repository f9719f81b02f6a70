import TestBasics
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// Files that lost something, and the command that the log and `check` name for them, word for word.
@Suite("a file that lost something", .timeLimit(.minutes(10)))
struct LostPagesTests {
    /// The words of the command that a line names.
    private static func command(in text: String) throws -> [String] {
        let start = try #require(text.firstRange(of: "expvault check --db"), "no command in: \(text)")
        let line = text[start.lowerBound...].prefix { $0 != "\n" }
        return line.split(separator: " ").dropFirst().map(String.init)
    }

    private static func scrapes(_ path: String) async throws -> Int {
        try await Expvault.output("export", "raw", "--failures", "--db", path, "--out", "-")
            .split(separator: "\n").count
    }

    /// Records and stops in good order; then records `count` acknowledged scrapes more and kills, where asked.
    private static func record(_ path: String, count: Int, kills: Bool) async throws -> Int {
        let server = try await ExpvarServer.start { .body("{\"number\": \($0.number)}\n") }
        defer { Task { await server.stop() } }
        if !kills {
            let done = try await Expvault.run(
                "record",
                "--db",
                path,
                "--interval",
                "10ms",
                "--count",
                "\(count)",
                "api=\(server.url())"
            )
            try #require(done.status == 0, "\(done.error)")
            return count
        }
        let recorder = try Expvault.start([
            "record", "--db", path, "--interval", "10ms", "--log-level", "debug", "api=\(server.url())",
        ])
        func stored() -> Int {
            recorder.errorSoFar.split(separator: "\n").count { $0.contains("stored target=") }
        }
        try #require(await Waiting.until { stored() >= count })
        recorder.signal(SIGKILL)
        _ = try await recorder.wait()
        return stored()
    }

    @Test("two pages cut off: `check` names the command in one line, and it brings nearly all")
    func cut() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("a.db")
        let count = try await Self.record(path, count: 400, kills: false)
        let size = try #require(TemporaryDirectory.contents(of: path)?.count)
        truncate(path, off_t(size - 2 * 4096))
        #expect(try await Expvault.run("targets", "--db", path).status == 65)
        let check = try await Expvault.run("check", "--db", path)
        #expect(check.status == 65 && check.text.split(separator: "\n").count == 1, "\(check.text)")
        let command = try Self.command(in: check.error)
        let salvage = try await ChildProcess.run(Expvault.binary, command)
        #expect(salvage.status == 65, "\(salvage.error)")
        let rescued = try #require(command.last)
        #expect(try await Self.scrapes(rescued) > count / 2, "\(salvage.error)\(salvage.text)")
        #expect(try await Expvault.run("check", "--db", rescued).status == 0)
    }

    @Test(
        "the file gone or emptied beside its WAL: `record` names the command, and it brings what the WAL has"
    )
    func orphan() async throws {
        for isEmptied in [false, true] {
            let directory = try TemporaryDirectory()
            let path = directory.file("a.db")
            let count = try await Self.record(path, count: 60, kills: true)
            if isEmptied { truncate(path, 0) } else { unlink(path) }
            let question = try await Expvault.run("targets", "--db", path)
            #expect(question.status == 65 && question.error.contains("WAL"), "\(question.error)")
            let server = try await ExpvarServer.start { .body("{\"number\": \($0.number)}\n") }
            let again = try await Expvault.run(
                "record",
                "--db",
                path,
                "--interval",
                "10ms",
                "--count",
                "3",
                "api=\(server.url())"
            )
            await server.stop()
            let command = try Self.command(in: again.error)
            let salvage = try await ChildProcess.run(Expvault.binary, command)
            #expect(salvage.status == 65, "\(salvage.error)")
            #expect(try await Self.scrapes(try #require(command.last)) >= count, "\(salvage.error)")
            #expect(try await Self.scrapes(path) == 3)
        }
    }

    @Test(
        "one flipped bit is told of in few lines of bounded length, with the command that gets the rest out"
    )
    func fewLines() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("a.db")
        _ = try await Self.record(path, count: 80, kills: false)
        let whole = try #require(TemporaryDirectory.contents(of: path))
        var found = 0
        // In each page, behind its head.
        for page in stride(from: 4096, to: whole.count, by: 4096 * 3) {
            var bytes = whole
            bytes[page + 200] ^= 4
            let copy = try directory.write(bytes, to: "copy.db")
            let check = try await Expvault.run("check", "--db", copy)
            let lines = check.text.split(separator: "\n")
            guard check.status != 0 else { continue }
            found += 1
            #expect(check.status == 65)
            #expect((1...6).contains(lines.count), "page \(page / 4096): \(check.text)")
            #expect(lines.allSatisfy { $0.count < 800 })
            #expect(check.error.contains("--salvage"), "\(check.error)")
        }
        #expect(found > 3)
    }

    @Test("a sound file is told of in words: what it holds, from when to when, and who records into it")
    func sound() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("a.db")
        let server = try await ExpvarServer.start { .body("{\"number\": \($0.number)}\n") }
        let recorder = try Expvault.start([
            "record", "--db", path, "--interval", "10ms", "--log-level", "debug", "api=\(server.url())",
        ])
        try #require(await recorder.waitForError("stored target=api"))
        let during = try await Expvault.run("check", "--db", path)
        #expect(during.status == 0, "\(during.text)")
        #expect(
            during.error.contains("of 1 target, from ")
                && during.error.contains("is being written (record, pid")
        )
        recorder.signal(SIGTERM)
        _ = try await recorder.wait()
        await server.stop()
        let after = try await Expvault.run("check", "--db", path)
        #expect(after.error.contains("nobody records into it now"), "\(after.error)")
        // What somebody looks at who means another file.
        let empty = directory.file("empty.db")
        let none = try await ExpvarServer.start { .body("{\"number\": \($0.number)}\n") }
        _ = try await Expvault.run("record", "--db", empty, "--for", "1ms", "api=\(none.url())")
        await none.stop()
        let nothing = try await Expvault.run("check", "--db", empty)
        #expect(nothing.status == 0 && nothing.error.contains("It holds "), "\(nothing.error)")
    }
}
