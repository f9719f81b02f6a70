import SQLite
import TestBasics
import TestSupport
import Testing

/// What the built binary says of a target whose runs are still to be found: an import out of order was killed.
@Suite struct UnsettledTests {
    @Test(
        "runs that are not settled are told of by questions, keep exports waiting, and are found by the next writer"
    )
    func unsettled() async throws {
        let directory = try TemporaryDirectory()
        let lines = (1...3).map {
            "{\"ts\":\(1_700_000_000_000 + $0 * 1000),\"target\":\"api\",\"body\":\"{\\\"n\\\": \($0)}\"}\n"
        }
        let file = directory.file("lines.ndjson")
        try TemporaryDirectory.write(lines.joined(), to: file)
        let db = directory.file("a.db")
        let imported = try await Expvault.run("import", "--db", db, file)
        try #require(imported.status == 0, "\(imported.error)")
        let connection = try Connection(path: db, role: .writer(create: false), busyMilliseconds: 0)
        try connection.execute("INSERT INTO stale_runs(target, epoch, t) VALUES (1, 0, 0)")
        _ = try connection.checkpoint(.truncate)
        connection.close()

        let words = "scrapes were imported in between"
        for question in [["rate", "n"], ["pauses"]] {
            let outcome = try await ChildProcess.run(Expvault.binary, question + ["--db", db])
            #expect(outcome.status == 0)
            #expect(outcome.error.contains("api: \(words)"), "\(outcome.error)")
        }
        #expect(try await Expvault.output("targets", "--db", db).contains(words))
        let report = directory.file("report.html")
        _ = try await Expvault.output("report", "--db", db, "--out", report)
        let html = String(decoding: TemporaryDirectory.contents(of: report) ?? [], as: UTF8.self)
        #expect(html.contains(words))
        let waiting = try await Expvault.run("export", "file", "--db", db, "--out", "-")
        #expect(waiting.status == 75, "\(waiting.error)")
        #expect(waiting.error.contains("expvault compact"))
        // The bodies as they are say nothing of runs.
        #expect(try await Expvault.run("export", "raw", "--db", db, "--out", "-").status == 0)

        #expect(try await Expvault.run("compact", "--db", db).status == 0)
        let settled = try await Expvault.run("rate", "n", "--db", db)
        #expect(settled.status == 0 && settled.error.isEmpty, "\(settled.error)")
        #expect(try await Expvault.run("export", "file", "--db", db, "--out", "-").status == 0)
    }
}
