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

    @Test(
        "--setup on a stream of 7.10.2 that exists does its work, proves it by the write index, and ends with 0"
    )
    func setupOfExisting() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory, scrapes: 4)
        let server = try await ElasticsearchServer.start(ElasticsearchCluster(version: (7, 10, 2)))
        let export = ["export", "elasticsearch", "--url", server.url, "--db", db]
        let first = try await ChildProcess.run(Expvault.binary, export)
        #expect(first.status == 0, "\(first.error)")
        #expect(first.error.contains("golang.heap.gc.pause.histogram"))
        let setup = try await ChildProcess.run(Expvault.binary, export + ["--setup"])
        #expect(setup.status == 0, "\(setup.error)")
        #expect(
            setup.text.contains("verified: the index that logs-golang.heap-default writes to has every")
        )
        let second = try await ChildProcess.run(Expvault.binary, export)
        #expect(second.status == 0, "\(second.error)")
        #expect(!second.error.contains("golang.heap.gc.pause.histogram"))
        try await server.stop()
    }

    @Test("--via-pipeline in a namespace that has the documents sends all of it beside them, and says so")
    func bothModes() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory, scrapes: 5)
        let server = try await ElasticsearchServer.start()
        server.with { $0.cluster.defaultPipeline = "logs-golang-1.6.0" }
        let export = ["export", "elasticsearch", "--url", server.url, "--db", db, "--format", "json"]
        let first = try await ChildProcess.run(Expvault.binary, export)
        #expect(try JSONText.lines(first.text).first?["sent"]?.integer == 10)
        let second = try await ChildProcess.run(Expvault.binary, export + ["--via-pipeline"])
        #expect(second.status == 0, "\(second.error)")
        let summary = try JSONText.lines(second.text).first
        #expect(summary?["sent"]?.integer == 10)
        #expect(summary?["there_before"]?.integer == 0)
        #expect(second.error.contains("without --via-pipeline before"), "\(second.error)")
        let stored = ids(in: server)
        #expect(stored.count == 20)
        #expect(Set(stored).count == 20)
        try await server.stop()
    }

    @Test("what was left out is said: which variable, of how many documents, which was the first, and why")
    func leftOut() async throws {
        let directory = try TemporaryDirectory()
        let bodies = (0..<6).map { n in
            let body = CommandLineTests.body(requests: n)
            return n < 4
                ? body : String(body.replacing("\"requests\": \(n)", with: #""requests": {"total": 1}"#))
        }
        let file = try directory.write(CommandLineTests.lines(bodies).utf8, to: "lines.ndjson")
        let db = directory.file("replay.db")
        _ = try await Expvault.output("import", "--db", db, file)
        let server = try await ElasticsearchServer.start()
        let export = ["export", "elasticsearch", "--url", server.url, "--db", db]
        let outcome = try await ChildProcess.run(Expvault.binary, export + ["--format", "json"])
        #expect(outcome.status == 0)
        let words =
            "left out golang.expvar.custom.requests of 2 documents, first of api at 2026-01-02T03:04:40.000Z: "
        #expect(outcome.error.contains(words), "\(outcome.error)")
        let summary = try JSONText.lines(outcome.text).first
        #expect(summary?["left_out"]?.integer == 2)
        let path = summary?["left_out_paths"]?.elements?.first
        #expect(path?["path"]?.string == "golang.expvar.custom.requests")
        #expect(path?["documents"]?.integer == 2)
        #expect(path?["reason"]?.string?.contains("golang.expvar.custom.requests") == true)
        try await server.stop()
    }

    @Test(
        "a namespace that no stream can have is refused by both exports, one that is odd is sent to as it is"
    )
    func namespaces() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory, scrapes: 2)
        for bad in ["Prod", "a-b", "a b", "a/b", String(repeating: "n", count: 101)] {
            let file = directory.file("documents.ndjson")
            for arguments in [
                ["export", "elasticsearch", "--url", "http://127.0.0.1:1", "--namespace", bad, "--db", db],
                ["export", "file", "--out", file, "--namespace", bad, "--db", db],
            ] {
                let outcome = try await ChildProcess.run(Expvault.binary, arguments)
                #expect(outcome.status == 78, "\(bad): \(outcome.error)")
                #expect(outcome.error.contains("--namespace"), "\(outcome.error)")
            }
            #expect(TemporaryDirectory.contents(of: file) == nil)
        }
        for odd in ["a%2fb", "größe&x=1"] {
            // 7.10 is asked by path for everything, also to make the streams.
            let server = try await ElasticsearchServer.start(ElasticsearchCluster(version: (7, 10, 2)))
            let export = ["export", "elasticsearch", "--url", server.url, "--namespace", odd, "--db", db]
            let outcome = try await ChildProcess.run(Expvault.binary, export)
            #expect(outcome.status == 0, "\(outcome.error)")
            #expect(
                server.with { $0.cluster.streamNames } == [
                    "logs-golang.expvar-\(odd)", "logs-golang.heap-\(odd)",
                ]
            )
            #expect(server.with { $0.cluster.documents(of: "logs-golang.heap-\(odd)").count } == 2)
            try await server.stop()
        }
    }

    @Test(
        "export file --bulk loads by hand, into both streams, and an export afterwards finds all of it there"
    )
    func bulkFile() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory, scrapes: 20)
        let file = directory.file("bulk.ndjson")
        let written = try await Expvault.run(
            "export",
            "file",
            "--bulk",
            "--no-pauses",
            "--out",
            file,
            "--db",
            db
        )
        #expect(written.status == 0, "\(written.error)")
        let body = TemporaryDirectory.contents(of: file) ?? []
        #expect(body.split(separator: 0x0A).count == 80)
        let server = try await ElasticsearchServer.start()
        let answer = server.with {
            $0.cluster.answer(
                ElasticsearchRequest(
                    method: "POST",
                    uri: "/_bulk?pipeline=_none",
                    headers: ["content-type": "application/x-ndjson"],
                    body: body
                )
            )
        }
        #expect(answer.status == 200)
        #expect(try JSONReader.value(of: answer.body)["errors"]?.boolean == false)
        #expect(ids(in: server).count == 40)
        let export = [
            "export", "elasticsearch", "--url", server.url, "--no-pauses", "--db", db, "--format", "json",
        ]
        let outcome = try await ChildProcess.run(Expvault.binary, export)
        #expect(outcome.status == 0, "\(outcome.error)")
        let summary = try JSONText.lines(outcome.text).first
        #expect(summary?["there_before"]?.integer == 40)
        #expect(summary?["sent"]?.integer == 0)
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
