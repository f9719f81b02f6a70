import JSON
import TestBasics
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// `expvault export elasticsearch`, run as a user runs it, against the strict stand-in.
@Suite struct ReplayTests {
    /// A database of so many scrapes, made by import.
    private func database(_ directory: TemporaryDirectory, scrapes: Int) async throws -> String {
        let bodies = (0..<scrapes).map { CommandLineTests.body(requests: $0, collections: min($0, 256)) }
        let file = try directory.write(CommandLineTests.lines(bodies).utf8, to: "lines.ndjson")
        let db = directory.file("replay.db")
        _ = try await Expvault.output("import", "--db", db, "--url", "api=http://127.0.0.1:6060", file)
        return db
    }

    /// The ids in a server, for both streams together.
    private func ids(in server: ElasticsearchServer) -> [String] {
        server.with { state in
            ["logs-golang.heap-default", "logs-golang.expvar-default"].flatMap { stream in
                state.cluster.documents(of: stream).map { "\(stream)/\($0.id)" }
            }
        }
    }

    @Test("every document arrives once, and a second export sends nothing")
    func onceOnly() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory, scrapes: 300)
        let server = try await ElasticsearchServer.start()
        let first = try await Expvault.run(
            "export",
            "elasticsearch",
            "--url",
            server.url,
            "--db",
            db,
            "--format",
            "json"
        )
        #expect(first.status == 0, "\(first.error)")
        let summary = try JSONText.lines(first.text)
        #expect(summary.first?["sent"]?.integer == 600)
        let second = try await Expvault.run(
            "export",
            "elasticsearch",
            "--url",
            server.url,
            "--db",
            db,
            "--format",
            "json"
        )
        #expect(second.status == 0, "\(second.error)")
        #expect(try JSONText.lines(second.text).first?["sent"]?.integer == 0)
        let stored = ids(in: server)
        #expect(stored.count == 600)
        #expect(Set(stored).count == 600)
        try await server.stop()
    }

    @Test("kill -9 at random moments loses nothing and repeats nothing")
    func kills() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory, scrapes: 400)
        let server = try await ElasticsearchServer.start()
        server.with { $0.standing = .slow(milliseconds: 15) }
        for round in 0..<8 {
            let export = try Expvault.start(
                ["export", "elasticsearch", "--url", server.url, "--db", db, "--rate-limit", "2MiB"]
            )
            await Waiting.pause(milliseconds: 20 + 35 * round)
            export.signal(SIGKILL)
            _ = try await export.wait()
        }
        let last = try await Expvault.run("export", "elasticsearch", "--url", server.url, "--db", db)
        #expect(last.status == 0, "\(last.error)")
        let stored = ids(in: server)
        #expect(stored.count == 800)
        #expect(Set(stored).count == 800)
        try await server.stop()
    }

    @Test("a wrong key stops the export with 77, and the key is nowhere to be read")
    func wrongKey() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory, scrapes: 3)
        let key = try directory.write("canary-id:canary-secret-5f21\n".utf8, to: "key")
        let server = try await ElasticsearchServer.start()
        server.with { $0.cluster.authorization = "ApiKey something-else" }
        let outcome = try await Expvault.run(
            "export",
            "elasticsearch",
            "--url",
            server.url,
            "--db",
            db,
            "--api-key-file",
            key
        )
        #expect(outcome.status == 77, "\(outcome.error)")
        #expect(!outcome.error.contains("canary-secret"))
        for path in [db, db + "-export"] {
            let bytes = TemporaryDirectory.contents(of: path) ?? []
            #expect(!String(decoding: bytes, as: UTF8.self).contains("canary-secret"))
        }
        try await server.stop()
    }

    @Test("what is refused is listed, and sent again once the mapping is mended")
    func rejected() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory, scrapes: 5)
        let server = try await ElasticsearchServer.start()
        server.with {
            $0.faults = [
                .items(status: 400, type: "document_parsing_exception", reason: "no such thing", every: 2)
            ]
        }
        let first = try await Expvault.run("export", "elasticsearch", "--url", server.url, "--db", db)
        #expect(first.status == 1, "\(first.error)")
        let list = try await Expvault.output("export", "rejected", "--db", db, "--format", "json")
        let entries = try JSONText.array(list)
        #expect(!entries.isEmpty)
        #expect(entries.first?["type"]?.string == "document_parsing_exception")
        let again = try await Expvault.run(
            "export",
            "elasticsearch",
            "--url",
            server.url,
            "--db",
            db,
            "--retry-rejected"
        )
        #expect(again.status == 0, "\(again.error)")
        #expect(
            try JSONText.array(
                try await Expvault.output("export", "rejected", "--db", db, "--format", "json")
            ).isEmpty
        )
        #expect(Set(ids(in: server)).count == 10)
        try await server.stop()
    }

    @Test("--dry-run counts and sends nothing")
    func dryRun() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory, scrapes: 7)
        let outcome = try await Expvault.run(
            "export",
            "elasticsearch",
            "--url",
            "http://127.0.0.1:1",
            "--db",
            db,
            "--dry-run",
            "--format",
            "json"
        )
        #expect(outcome.status == 0, "\(outcome.error)")
        let preview = try JSONText.lines(outcome.text).first
        #expect(preview?["documents"]?.integer == 14)
        #expect(preview?["first"]?["logs-golang.heap-default"]?["golang"] != nil)
    }
}
