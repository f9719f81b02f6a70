import JSON
import TestBasics
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// What `export elasticsearch` says and does while the server is away, run as a user runs it.
@Suite struct ReplayWaitingTests {
    private func database(_ directory: TemporaryDirectory, scrapes: Int) async throws -> String {
        let bodies = (0..<scrapes).map { CommandLineTests.body(requests: $0) }
        let file = try directory.write(CommandLineTests.lines(bodies).utf8, to: "lines.ndjson")
        let db = directory.file("replay.db")
        _ = try await Expvault.output("import", "--db", db, file)
        return db
    }

    @Test(
        "an outage is told once, with since when, why and how much is unsent; ended in it --follow says what is left: 69"
    )
    func outage() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory, scrapes: 30)
        let taken = try TakenPort()
        let export = try Expvault.start(
            ["export", "elasticsearch", "--url", "http://127.0.0.1:\(taken.port)", "--db", db, "--follow"]
        )
        #expect(await export.waitForError("waiting since "))
        let line = export.errorSoFar
        #expect(line.contains("connection refused; up to 60 documents are not sent yet"), "\(line)")
        export.signal(SIGTERM)
        let outcome = try await export.wait()
        #expect(outcome.status == 69)
        #expect(outcome.error.split(separator: "\n").count { $0.contains("waiting since ") } == 1)
        let last = outcome.error.split(separator: "\n").last ?? ""
        #expect(
            last.contains("ended while waiting for http://127.0.0.1:\(taken.port): connection refused; "),
            "\(outcome.error)"
        )
        #expect(last.contains("up to 60 documents are not sent yet"), "\(outcome.error)")
        taken.close()
    }

    @Test("when the server is back that is told, everything is sent, and a signal then is no failure")
    func back() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory, scrapes: 30)
        let server = try await ElasticsearchServer.start()
        server.with { $0.standing = .whole(status: 503) }
        let export = try Expvault.start(
            ["export", "elasticsearch", "--url", server.url, "--db", db, "--follow", "--format", "json"]
        )
        #expect(await export.waitForError("waiting since "))
        #expect(
            export.errorSoFar.contains(": 503; up to 60 documents are not sent yet"),
            "\(export.errorSoFar)"
        )
        server.with { $0.standing = .none }
        #expect(await export.waitForError("going on after "))
        #expect(
            await Waiting.until {
                server.with { $0.cluster.documents(of: "logs-golang.expvar-default").count } == 30
            }
        )
        // Once more, after all was well: what is recorded in the outage counts as well.
        server.with { $0.standing = .whole(status: 503) }
        let more = try directory.write(
            CommandLineTests.lines((0..<5).map { CommandLineTests.body(requests: $0) }, target: "late").utf8,
            to: "more.ndjson"
        )
        _ = try await Expvault.output("import", "--db", db, more)
        #expect(
            await Waiting.until {
                export.errorSoFar.split(separator: "\n").count { $0.contains("waiting since ") } == 2
            }
        )
        export.signal(SIGTERM)
        let outcome = try await export.wait()
        #expect(outcome.status == 69, "\(outcome.error)")
        let summary = try JSONText.lines(outcome.text).first
        #expect(summary?["sent"]?.integer == 60)
        #expect(summary?["pending"]?.integer == 10)
        server.with { $0.standing = .none }
        let last = try await Expvault.run("export", "elasticsearch", "--url", server.url, "--db", db)
        #expect(last.status == 0, "\(last.error)")
        #expect(server.with { $0.cluster.documents(of: "logs-golang.expvar-default").count } == 35)
        try await server.stop()
    }

    @Test("a question before the first document is put again as a document would be")
    func questions() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory, scrapes: 3)
        // Each of the questions in turn: GET /, the mapping, the streams (7.10), the write indices.
        for place in 0..<5 {
            let server = try await ElasticsearchServer.start(ElasticsearchCluster(version: (7, 10, 2)))
            server.with { state in
                state.questionFaults =
                    Array(repeating: .none, count: place) + [.whole(status: 503), .long]
            }
            let outcome = try await Expvault.run(
                "export",
                "elasticsearch",
                "--url",
                server.url,
                "--db",
                db,
                "--namespace",
                "question\(place)"
            )
            #expect(outcome.status == 0, "\(place): \(outcome.error)")
            #expect(server.with { $0.questionFaults.isEmpty })
            #expect(server.with { $0.cluster.documents(of: "logs-golang.heap-question\(place)").count } == 3)
            try await server.stop()
        }
    }

    @Test("an answer of more than 16 MiB counts as cut: its documents are sent again, and lie there once")
    func longAnswer() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory, scrapes: 1)
        let server = try await ElasticsearchServer.start()
        // Also to a single document, of which there is no half.
        server.with { $0.faults = Array(repeating: .long, count: 3) }
        let outcome = try await Expvault.run("export", "elasticsearch", "--url", server.url, "--db", db)
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(server.with { $0.faults.isEmpty })
        let stored = server.with { state in
            ["heap", "expvar"].flatMap { kind in
                state.cluster.documents(of: "logs-golang.\(kind)-default").map { "\(kind)/\($0.id)" }
            }
        }
        #expect(stored.count == 2)
        #expect(Set(stored).count == 2)
        try await server.stop()
    }

    @Test("a look-up that has to wait says so, and for how long")
    func lookUp() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory, scrapes: 5)
        let server = try await ElasticsearchServer.start()
        server.with { $0.faults = [.cutAndRollOver()] }
        let export = try Expvault.start(
            [
                "export", "elasticsearch", "--url", server.url, "--db", db, "--request-timeout", "10m",
                "--max-wait", "1h",
            ]
        )
        #expect(await export.waitForError("can be looked up only once that request is over"))
        #expect(export.errorSoFar.contains("waiting for 9 m "), "\(export.errorSoFar)")
        export.signal(SIGTERM)
        let outcome = try await export.wait()
        // The server is there: this is no outage.
        #expect(outcome.status == 0)
        #expect(outcome.error.contains("up to 10 documents are not sent yet"), "\(outcome.error)")
        try await server.stop()
    }
}
