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
        #expect(!directory.names.contains { $0.hasPrefix("out.") }, "\(directory.names)")
    }

    /// Files of older versions, with chunks of their time and a tail in the form that it had then.
    @Test(
        "a source of any version of the format is captured as it is, sealed or not",
        arguments: [3, 4]
    )
    func oldVersions(_ version: Int) async throws {
        let directory = try TemporaryDirectory()
        let db = directory.file("old.db")
        let fixture = Programs.root + "/Tests/Fixtures/vaults/v\(version).db"
        let copied = try await ChildProcess.run("/bin/cp", [fixture, db])
        try #require(copied.status == 0)
        let before = try await ChildProcess.run("/usr/bin/cksum", [db]).text
        let extent = try await output(
            ["sql", "SELECT min(t) AS first, max(t) AS last FROM scrapes", "--format", "json"],
            db
        )
        let row = try #require(try JSONReader.value(of: Array(extent.utf8)).elements?.first)
        let ends = try ["first", "last"].map { Int64(try #require(row[$0]?.integer)) }
        let span = ends[1] - ends[0]
        for (index, (from, to)) in [(0.0, 1.001), (0.25, 0.75), (0.6, 0.61), (0.9, 2.0)].enumerated() {
            let capture = directory.file("capture\(index).db")
            let range = [
                "--since", String(ends[0] + Int64(Double(span) * from)),
                "--until", String(ends[0] + Int64(Double(span) * to)),
            ]
            let told = try await ChildProcess.run(
                Expvault.binary,
                ["capture", "--db", db, "--out", capture] + range
            )
            try #require(told.status == 0, "\(told.error)")
            _ = try await output(["check"], capture)
            for words in [
                ["rate", "*", "--step", "1m", "--format", "json"], ["values", "*", "--format", "json"],
                ["pauses", "--format", "json"], ["series", "--format", "json"],
                ["export", "raw", "--failures", "--out", "-"], ["export", "file", "--out", "-"],
            ] {
                let whole = try await output(words, db, range)
                #expect(try await output(words, capture, range) == whole, "\(words) \(range)")
                #expect(try await output(words, capture) == whole, "\(words) \(range)")
            }
        }
        // The source was read, and neither migrated nor touched.
        #expect(try await ChildProcess.run("/usr/bin/cksum", [db]).text == before)
    }

    /// It comes a little later each time, until the command gets through before.
    @Test(
        "a signal that ends it leaves nothing beside the file, and is what the command ends by",
        arguments: ["capture", "report", "export raw", "export file"],
        [SIGINT, SIGTERM, SIGHUP]
    )
    func ended(command: String, by number: Int32) async throws {
        let directory = try TemporaryDirectory()
        let bodies = (0..<1500).map { CommandLineTests.body(requests: 100 + $0 * 7, collections: 20 + $0) }
        let file = try directory.write(CommandLineTests.lines(bodies).utf8, to: "lines.ndjson")
        let db = directory.file("source.db")
        _ = try await Expvault.output("import", "--db", db, file)
        var ended = 0
        for delay in [0, 300, 1000, 3000, 10_000, 30_000] as [UInt32] {
            let out = directory.file("out\(delay)")
            let child = try ChildProcess.start(
                Expvault.binary,
                command.split(separator: " ").map(String.init) + ["--db", db, "--out", out]
            )
            // From the moment on that there is something to be left; without a pause that others could make longer.
            let draft = "out\(delay).partial-"
            while child.isRunning, !directory.names.contains(where: { $0.hasPrefix(draft) }) {
                usleep(100)  // clock: short, or the file's life is missed
            }
            usleep(delay)  // clock: the moment of the signal
            child.signal(number)
            let outcome = try await child.wait()
            let left = directory.names.filter { $0.hasPrefix("out\(delay).") }
            #expect(left.isEmpty, "\(left) after \(delay) µs")
            if outcome.status == 0 { continue }
            #expect(outcome.status == 128 + number || outcome.status == -number, "\(outcome)")
            #expect(access(out, F_OK) != 0)
            ended += 1
        }
        #expect(ended > 0)
    }

    @Test("what kill -9 left of a capture does not stand in the way of the next one")
    func afterKill() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let out = directory.file("out.db")
        // As far as one can get: everything that is there meanwhile, with whatever in it.
        let suffixes = [
            "", ".db", ".db-wal", ".db-shm", ".db-lock", ".db-new", ".db-new-journal", ".old", ".old-wal",
        ].map { ".partial-0123abcd" + $0 }
        for suffix in suffixes { _ = try directory.write(Array("left over".utf8), to: "out.db" + suffix) }
        let told = try await Expvault.run("capture", "--db", db, "--out", out)
        #expect(told.status == 0, "\(told.error)")
        #expect(suffixes.allSatisfy { access(out + $0, F_OK) != 0 })
        _ = try await output(["check"], out)
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
