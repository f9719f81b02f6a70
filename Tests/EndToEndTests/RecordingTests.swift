import JSON
import TestBasics
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// The built binary against a running Go service: the main job.
@Suite struct RecordingTests {
    @Test("a restart is one reset and one new run, and rates stay true across it")
    func restart() async throws {
        let directory = try TemporaryDirectory()
        let db = directory.file("restart.db")
        let first = try await GoService.start("-seed", "7", "-load", "400", "-stop-after", "600")
        let recorder = try Expvault.start(
            ["record", "--db", db, "--interval", "100ms", "--log-level", "debug", "api=\(first.url)"]
        )
        // Idle after 600 requests: from then on the counts are known exactly.
        try await waitForCount(600, db: db)
        let port = first.port
        try await first.stop()
        let second = try await GoService.start(port: port, "-seed", "7", "-load", "400", "-stop-after", "300")
        try await waitForCount(300, db: db)
        recorder.signal(SIGTERM)
        let outcome = try await recorder.wait()
        #expect(outcome.status == 0, "\(outcome.error)")
        try await second.stop()

        let rates = try JSONText.array(
            try await Expvault.output("rate", "requests_total", "--db", db, "--format", "json")
        )
        #expect(rates.count == 1)
        #expect(rates.first?["resets"]?.integer == 1)
        // From the first scrape's count to 600, and 300 after the restart.
        let values = try JSONText.array(
            try await Expvault.output("values", "requests_total", "--db", db, "--format", "json")
        )
        let began = try #require(values.first?["first"]?.integer)
        #expect(rates.first?["increase"]?.integer == 600 - began + 300)

        let targets = try JSONText.array(try await Expvault.output("targets", "--db", db, "--format", "json"))
        let target = try #require(targets.first)
        #expect(target["runs"]?.elements?.count == 2)
        #expect(target["url"]?.string == first.url + "/debug/vars")
        let scrapes = try #require(target["scrapes"]?.integer)
        let failures = try #require(target["failures"]?.integer)
        let stored = outcome.error.split(separator: "\n").filter { $0.contains("stored target=api t=") }
        #expect(Int64(stored.count) == scrapes + failures, "every scrape is acknowledged once")
        #expect(try await Expvault.run("check", "--db", db).status == 0)
    }

    @Test("more than 256 collections between two scrapes are counted as missed, and the sums stay exact")
    func missedCollections() async throws {
        let directory = try TemporaryDirectory()
        let db = directory.file("storm.db")
        let service = try await GoService.start("-load", "20", "-pause-storm", "1s")
        /// One scrape into a database, and how many collections it shows in all.
        func collections(into path: String) async throws -> Int64 {
            let outcome = try await Expvault.run(
                "record",
                "--db",
                path,
                "--interval",
                "60s",
                "--timeout",
                "60s",
                "--count",
                "1",
                "api=\(service.url)"
            )
            try #require(outcome.status == 0, "\(outcome.error)")
            let values = try JSONText.array(
                try await Expvault.output("values", "memstats.NumGC", "--db", path, "--format", "json")
            )
            return try #require(values.first?["last"]?.integer)
        }
        // Each scrape is asked for once enough collections have passed, however slow the machine is.
        var last = try await collections(into: db)
        for round in 0..<3 {
            let probe = directory.file("probe-\(round).db")
            #expect(try await Waiting.until { try await collections(into: probe) > last + 300 })
            last = try await collections(into: db)
        }
        try await service.stop()

        let answers = try JSONText.array(try await Expvault.output("pauses", "--db", db, "--format", "json"))
        let pauses = try #require(answers.first)
        let missed = try #require(pauses["missed"]?.integer)
        #expect(missed > 0)
        // Seen between the first and last scrape, missed, and nothing else: what NumGC grew by.
        let grown = try JSONText.array(
            try await Expvault.output(
                "rate",
                "memstats.NumGC",
                "memstats.PauseTotalNs",
                "--db",
                db,
                "--format",
                "json"
            )
        )
        let counted = try #require(
            grown.first { $0["series"]?.string == "memstats.NumGC" }?["increase"]?.integer
        )
        let documents = try JSONText.lines(
            try await Expvault.output("export", "file", "--db", db, "--out", "-")
        )
        let inDocuments = documents.compactMap {
            $0[path: ["golang", "heap", "gc", "pause", "count"]]?.integer
        }
        #expect(inDocuments.reduce(0, +) == counted)
        let sums = documents.compactMap { $0[path: ["golang", "heap", "gc", "pause", "sum", "ns"]]?.integer }
        let total = try #require(
            grown.first { $0["series"]?.string == "memstats.PauseTotalNs" }?["increase"]?.integer
        )
        #expect(sums.reduce(0, +) == total)
    }

    @Test("what was served comes back byte for byte, through show, export raw and import")
    func roundTrip() async throws {
        let directory = try TemporaryDirectory()
        let db = directory.file("a.db")
        let service = try await GoService.start("-chaos", "-load", "50")
        let recorded = try await Expvault.run(
            "record",
            "--db",
            db,
            "--interval",
            "500ms",
            "--count",
            "12",
            "--label",
            "site=north",
            "api=\(service.url)"
        )
        #expect(recorded.status == 0, "\(recorded.error)")
        try await service.stop()

        let lines = try await Expvault.output("export", "raw", "--db", db, "--out", "-")
        let all = try JSONText.lines(lines)
        let last = try #require(all.last)
        let shown = try await Expvault.output("show", "--db", db, "--target", "api")
        if let body = last["body"]?.string { #expect(body == shown) }
        #expect(last["labels"]?["site"]?.string == "north")

        for ending in ["ndjson", "ndjson.gz", "ndjson.zst"] {
            let file = directory.file("raw.\(ending)")
            let copy = directory.file("copy-\(ending).db")
            _ = try await Expvault.output("export", "raw", "--db", db, "--out", file)
            _ = try await Expvault.output("import", "--db", copy, file)
            #expect(try await Expvault.output("export", "raw", "--db", copy, "--out", "-") == lines)
            // A second time everything is there already.
            let again = try await Expvault.run("import", "--db", copy, file)
            #expect(again.status == 0)
            // Where the machine is busy, some of the twelve were answered too late, and failed.
            #expect(again.error.contains("\(all.count) there already"), "\(again.error)")
        }
    }

    @Test("any number of readers work while one records, and a second writer is told who does")
    func readersAndWriters() async throws {
        let directory = try TemporaryDirectory()
        let db = directory.file("busy.db")
        let service = try await GoService.start("-load", "50")
        let recorder = try Expvault.start(
            ["record", "--db", db, "--interval", "50ms", "--log-level", "debug", "api=\(service.url)"]
        )
        #expect(await recorder.waitForError("stored target=api"))
        try await withThrowingTaskGroup(of: Int32.self) { group in
            for index in 0..<8 {
                group.addTask {
                    let command = index % 2 == 0 ? ["rate", "memstats.*"] : ["pauses"]
                    return try await ChildProcess.run(Expvault.binary, command + ["--db", db]).status
                }
            }
            for try await status in group { #expect(status == 0) }
        }
        let second = try await Expvault.run("record", "--db", db, "--count", "1", "api=\(service.url)")
        #expect(second.status == 75)
        #expect(second.error.contains("\(recorder.pid)"), "\(second.error)")
        let importer = try await Expvault.run("import", "--db", db, "/dev/null")
        #expect(importer.status == 75)
        recorder.signal(SIGINT)
        #expect(try await recorder.wait().status == 0)
        try await service.stop()
    }

    @Test("SIGHUP brings new targets, and a bad file changes nothing")
    func reload() async throws {
        let directory = try TemporaryDirectory()
        let service = try await GoService.start("-load", "20")
        func configuration(_ names: [String]) -> String {
            "database: \(directory.file("hup.db"))\ninterval: 100ms\ntargets:\n"
                + names.map { "  - name: \($0)\n    url: \(service.url)\n" }.joined()
        }
        let file = try directory.write(configuration(["one"]).utf8, to: "expvault.yaml")
        let recorder = try Expvault.start(["record", "--config", file, "--log-level", "debug"])
        #expect(await recorder.waitForError("stored target=one"))
        try directory.write("targets: [{nam: x}]\n".utf8, to: "expvault.yaml")
        recorder.signal(SIGHUP)
        #expect(await recorder.waitForError("kept as it was"))
        try directory.write(configuration(["one", "two"]).utf8, to: "expvault.yaml")
        recorder.signal(SIGHUP)
        #expect(await recorder.waitForError("stored target=two"))
        recorder.signal(SIGTERM)
        #expect(try await recorder.wait().status == 0)
        try await service.stop()
    }

    @Test("a reload says what was added, removed and changed, and what waits for a restart")
    func reloadLine() async throws {
        let directory = try TemporaryDirectory()
        let server = try await ExpvarServer.start { .body("{\"n\": \($0.number)}") }
        func configure(_ database: String, _ settings: String, _ targets: [String]) throws {
            let text =
                "database: \(directory.file(database))\ninterval: 100ms\n\(settings)\ntargets:\n"
                + targets.map { "  - {\($0)}\n" }.joined()
            try directory.write(text.utf8, to: "expvault.yaml")
        }
        let url = server.url()
        let file = directory.file("expvault.yaml")
        try configure(
            "a.db",
            "",
            ["name: stays, url: \"\(url)\"", "name: moves, url: \"\(url)\"", "name: goes, url: \"\(url)\""]
        )
        let recorder = try Expvault.start(["record", "--config", file, "--log-level", "debug"])
        for name in ["stays", "moves", "goes"] {
            #expect(await recorder.waitForError("stored target=\(name)"))
        }
        try configure(
            "b.db",
            "retain: 30d",
            [
                "name: stays, url: \"\(url)\"", "name: moves, url: \"\(url)/x\", interval: 50ms",
                "name: comes, url: \"\(url)\"",
            ]
        )
        recorder.signal(SIGHUP)
        #expect(await recorder.waitForError("stored target=comes"))
        #expect(await recorder.waitForError("target moves came from \(url) before"))
        recorder.signal(SIGHUP)
        #expect(await recorder.waitForError("3 target(s); database stays as it was until a restart"))
        recorder.signal(SIGTERM)
        let outcome = try await recorder.wait()
        await server.stop()
        #expect(
            outcome.error.contains(
                "3 target(s); added comes; removed goes; changed moves (url, interval); set retain; "
                    + "database stays as it was until a restart"
            ),
            "\(outcome.error)"
        )
        #expect(!directory.names.contains("b.db"))
    }

    @Test("a recording that was to take so many scrapes, or so long, ends with 1 where none succeeded")
    func nothingSucceeded() async throws {
        let directory = try TemporaryDirectory()
        let server = try await ExpvarServer.start { $0.path == "/ok" ? .body("{\"n\": 1}") : .status(500) }
        func status(_ limit: [String], _ path: String...) async throws -> Int32 {
            let targets = path.map { "t\($0.dropFirst())=\(server.url($0))" }
            return try await ChildProcess.run(
                Expvault.binary,
                ["record", "--db", directory.file("a.db"), "--interval", "5s"] + limit + targets
            ).status
        }
        #expect(try await status(["--count", "2"], "/bad") == 1)
        #expect(try await status(["--for", "300ms"], "/bad") == 1)
        #expect(try await status(["--count", "2"], "/bad", "/ok") == 0)
        #expect(try await status(["--count", "1"], "/ok") == 0)
        let recorder = try Expvault.start(
            ["record", "--db", directory.file("a.db"), "--interval", "50ms", "bad=\(server.url("/bad"))"]
        )
        #expect(await recorder.waitForError("target bad failed"))
        recorder.signal(SIGTERM)
        #expect(
            try await recorder.wait().status == 0,
            "told to stop, it did what it was told"
        )
        await server.stop()
    }

    /// Waits until the newest recorded `requests_total` is that.
    private func waitForCount(_ count: Int64, db: String) async throws {
        let hasCome = try await Waiting.until {
            let outcome = try await Expvault.run("show", "--db", db, "--target", "api")
            return outcome.text.contains("\"requests_total\": \(count),")
                || outcome.text.contains("\"requests_total\": \(count)\n")
        }
        #expect(hasCome, "the service never came to \(count) requests")
    }
}
