import JSON
import TestBasics
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// `capture` and `report` of the built binary, on a recording with a restart and a failed scrape.
@Suite struct CaptureCommandTests {
    private static let begin = 1_767_323_040_000
    /// From the middle of a pair, over the failure and the restart, to the middle of another.
    private static let range = ["--since", String(begin + 5_000), "--until", String(begin + 75_000)]

    private func database(_ directory: TemporaryDirectory) async throws -> String {
        let bodies = (0..<10).map { index in
            // A new process from the sixth on.
            index < 6
                ? CommandLineTests.body(requests: 100 + index * 7, collections: 20 + index)
                : CommandLineTests.body(requests: 3 + index, collections: index - 5)
        }
        var lines = CommandLineTests.lines(bodies)
        lines +=
            #"{"ts":\#(Self.begin + 35_000),"target":"api","status":500,"error":"status 500","body":"no"}"#
            + "\n"
        let file = try directory.write(lines.utf8, to: "lines.ndjson")
        let db = directory.file("source.db")
        _ = try await Expvault.output("import", "--db", db, "--url", "api=http://localhost:6060", file)
        return db
    }

    private func output(_ words: [String], _ db: String, _ range: [String] = []) async throws -> String {
        let outcome = try await ChildProcess.run(Expvault.binary, words + ["--db", db] + range)
        try #require(outcome.status == 0, "\(words) \(outcome.error)")
        return outcome.text
    }

    @Test("a capture answers as the whole does for its range, with the range given or not")
    func answers() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let capture = directory.file("incident.db")
        let told = try await ChildProcess.run(
            Expvault.binary,
            ["capture", "--db", db, "--out", capture] + Self.range
        )
        try #require(told.status == 0, "\(told.error)")
        #expect(told.error.contains("8 scrapes of 1 targets"))
        _ = try await output(["check"], capture)
        for words in [
            ["rate", "*", "--step", "10s", "--format", "json"], ["values", "*", "--format", "json"],
            ["pauses", "--format", "json"], ["series", "--format", "json"],
            ["export", "raw", "--failures", "--out", "-"],
        ] {
            let whole = try await output(words, db, Self.range)
            #expect(try await output(words, capture, Self.range) == whole, "\(words)")
            #expect(try await output(words, capture) == whole, "\(words)")
        }
        let shown = ["show", "--target", "api"]
        let last = try await output(shown, db, ["--at", String(Self.begin + 74_999)])
        #expect(try await output(shown, capture) == last)
        let targets = try JSONReader.value(
            of: Array(try await output(["targets", "--format", "json"], capture).utf8)
        )
        let target = try #require(targets.elements?.first)
        #expect(target["scrapes"]?.integer == 7)
        #expect(target["failures"]?.integer == 1)
        #expect(target["runs"]?.elements?.count == 2)
        #expect(target["url"]?.string == "http://localhost:6060")
        var status = stat()
        #expect(stat(capture, &status) == 0 && status.st_mode & 0o777 == 0o600)
    }

    @Test("what exists is left alone with 73, unless there is --force", arguments: ["capture", "report"])
    func exists(command: String) async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let out = directory.file("out")
        let words = [command, "--db", db, "--out", out]
        try #require(try await ChildProcess.run(Expvault.binary, words).status == 0)
        let refused = try await ChildProcess.run(Expvault.binary, words)
        #expect(refused.status == 73)
        #expect(refused.error.contains("--force"))
        #expect(try await ChildProcess.run(Expvault.binary, words + ["--force"]).status == 0)
        #expect(
            try await ChildProcess.run(Expvault.binary, words + ["--target", "nobody", "--force"]).status
                == 66
        )
        // Neither half a file nor a lock is left beside it.
        #expect(access(out + ".partial", F_OK) != 0 && access(out + ".partial-lock", F_OK) != 0)
    }

    @Test("while somebody writes, a capture is taken all the same")
    func locked() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let recorder = try Expvault.start([
            "record", "--db", db, "--interval", "1s", "--log-level", "debug", "gone=http://127.0.0.1:1",
        ])
        #expect(await recorder.waitForError("stored target=gone"))
        let outcome = try await Expvault.run("capture", "--db", db, "--out", directory.file("live.db"))
        #expect(outcome.status == 0, "\(outcome.error)")
        recorder.signal(SIGTERM)
        _ = try await recorder.wait()
    }

    @Test("a report goes to standard output as one document")
    func report() async throws {
        let directory = try TemporaryDirectory()
        let page = try await output(["report", "--out", "-"], try await database(directory), Self.range)
        #expect(page.hasPrefix("<!doctype html>"))
        #expect(page.hasSuffix("</html>\n"))
        #expect(page.contains("status 500"))
    }
}
