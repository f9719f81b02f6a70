import JSON
import TestBasics
import TestSupport
import Testing

/// What a destination's mapping does to documents, seen from the command line.
@Suite struct ReplayMappingTests {
    static let heap = "logs-golang.heap-default"
    static let expvar = "logs-golang.expvar-default"

    /// A body with those members, and with these of memstats.
    private static func body(_ custom: String, memstats: String = #""NumGC":0"#) -> String {
        "{\n\"cmdline\": [\"api\"],\n\"memstats\": {\"HeapAlloc\":1000,\"Sys\":7,\(memstats)},\n\(custom)\n}\n"
    }

    static func database(_ directory: TemporaryDirectory, _ bodies: [String]) async throws -> String {
        let file = try directory.write(CommandLineTests.lines(bodies).utf8, to: "lines.ndjson")
        let db = directory.file("replay.db")
        _ = try await Expvault.output("import", "--db", db, "--url", "api=http://127.0.0.1:6060", file)
        return db
    }

    /// What an export printed as JSON, and its exit status.
    static func export(
        _ server: ElasticsearchServer,
        _ db: String,
        _ options: String...
    ) async throws -> (summary: JSONValue?, status: Int32, error: String) {
        let outcome = try await ChildProcess.run(
            Expvault.binary,
            ["export", "elasticsearch", "--url", server.url, "--db", db, "--format", "json"] + options
        )
        return (try JSONText.lines(outcome.text).first, outcome.status, outcome.error)
    }

    static func setUp(
        _ server: ElasticsearchServer,
        _ db: String,
        _ options: String...
    ) async throws -> String {
        let arguments = ["export", "elasticsearch", "--url", server.url, "--db", db, "--setup"] + options
        let outcome = try await ChildProcess.run(Expvault.binary, arguments)
        #expect(outcome.status == 0, "\(outcome.error)")
        return outcome.text
    }

    private static func sources(_ server: ElasticsearchServer, _ stream: String) throws -> [JSONValue] {
        try server.with { $0.cluster.documents(of: stream).map(\.source) }.map {
            try JSONReader.value(of: $0)
        }
    }

    @Test(
        "a document at odds with the mapping in six places arrives without them: exit 0, told; with --strict 1"
    )
    func sixConflicts() async throws {
        let names = (0..<6).map { "v\($0)" }
        let bodies = (0..<200).map { n in
            Self.body(
                names.map { "\"\($0)\": \(n == 0 ? "1" : "{\"x\":2}")" }.joined(separator: ",\n")
                    + ",\n\"other\": 5,\n\"looks\": \(n == 0 ? "3" : #""[golang.expvar.custom.other] of type [long]""#)"
            )
        }
        for options in [[], ["--strict"]] {
            let directory = try TemporaryDirectory()
            let db = try await Self.database(directory, bodies)
            let server = try await ElasticsearchServer.start(ElasticsearchCluster(version: (7, 10, 2)))
            let outcome = try await ChildProcess.run(
                Expvault.binary,
                ["export", "elasticsearch", "--url", server.url, "--db", db, "--format", "json"] + options
            )
            #expect(outcome.status == (options.isEmpty ? 0 : 1), "\(outcome.error)")
            let summary = try JSONText.lines(outcome.text).first
            #expect(summary?["sent"]?.integer == 400)
            #expect(summary?["refused"]?.integer == 0)
            #expect(summary?["left_out"]?.integer == 199)
            let paths = summary?["left_out_paths"]?.elements?.compactMap { $0["path"]?.string } ?? []
            #expect(Set(paths) == Set((names + ["looks"]).map { "golang.expvar.custom.\($0)" }))
            // What one refusal teaches is remembered: not one a document, but for those sent together.
            #expect(server.with { $0.requests.count { $0.contains("_bulk") } } < 30)
            let stored = try Self.sources(server, Self.expvar)
            #expect(stored.count == 200)
            for document in stored {
                #expect(document[path: ["golang", "expvar", "custom", "other"]]?.integer == 5)
                #expect(document[path: ["golang", "expvar", "obtained", "total", "bytes"]]?.integer == 7)
            }
            try await server.stop()
        }
    }

    @Test("past the limit of fields what is mapped still arrives, and only new names are left out")
    func limitOfFields() async throws {
        let directory = try TemporaryDirectory()
        let many = (0..<1_100).map { "\"w\($0)\": 1" }.joined(separator: ",\n")
        let db = try await Self.database(
            directory,
            [Self.body("\"old\": 1")] + (0..<20).map { Self.body("\"old\": \($0),\n\(many)") }
        )
        let server = try await ElasticsearchServer.start()
        let export = try await Self.export(server, db)
        #expect(export.status == 0, "\(export.error)")
        #expect(export.summary?["refused"]?.integer == 0)
        #expect(export.summary?["left_out"]?.integer == 20)
        #expect(export.error.contains("Limit of total fields [1000] has been exceeded"))
        let stored = try Self.sources(server, Self.expvar)
        #expect(stored.count == 21)
        for document in stored {
            #expect(document[path: ["golang", "expvar", "custom", "old"]] != nil)
            #expect(document[path: ["golang", "expvar", "obtained", "total", "bytes"]]?.integer == 7)
        }
        try await server.stop()
    }

    @Test("NextGC with GOGC=off is left out and told, all else arrives, from both exports alike")
    func beyondInt64() async throws {
        let directory = try TemporaryDirectory()
        let bodies = (0..<3).map {
            Self.body("\"n\": \($0)", memstats: #""NumGC":0,"NextGC":18446744073709551615"#)
        }
        let db = try await Self.database(directory, bodies)
        let server = try await ElasticsearchServer.start()
        let export = try await Self.export(server, db)
        #expect(export.status == 0, "\(export.error)")
        #expect(export.summary?["refused"]?.integer == 0)
        #expect(export.summary?["left_out"]?.integer == 3)
        let words = "left out golang.heap.gc.next_gc_limit of 3 documents"
        #expect(export.error.contains(words), "\(export.error)")
        let stored = try Self.sources(server, Self.heap)
        #expect(stored.count == 3)
        let file = try await Expvault.output("export", "file", "--out", "-", "--db", db)
        let written = try JSONText.lines(file).filter {
            $0[path: ["event", "dataset"]]?.string == "golang.heap"
        }
        #expect(written.count == 3)
        for document in stored + written {
            #expect(document["tags"]?.elements?.last == "expvault-left-out")
            #expect(
                document[path: ["error", "message"]]?.string
                    == "golang.heap.gc.next_gc_limit is 18446744073709551615, more than its field holds"
            )
            #expect(document[path: ["golang", "heap", "gc", "next_gc_limit"]] == nil)
            #expect(document[path: ["golang", "heap", "allocations", "object", "bytes"]]?.integer == 1_000)
        }
        try await server.stop()
    }

    @Test("a scrape without memstats makes one document, and is counted")
    func withoutMemstats() async throws {
        let directory = try TemporaryDirectory()
        let db = try await Self.database(directory, ["{\n\"n\": 1\n}\n", Self.body("\"n\": 2")])
        let server = try await ElasticsearchServer.start()
        let export = try await Self.export(server, db)
        #expect(export.status == 0, "\(export.error)")
        #expect(export.summary?["sent"]?.integer == 3)
        #expect(export.summary?["without_memstats"]?.integer == 1)
        #expect(try Self.sources(server, Self.heap).count == 1)
        try await server.stop()
    }

    @Test("0 first and 0.338 later: cut where nobody set up, and told once a field; whole after --setup")
    func fractions() async throws {
        for version in [(7, 10, 2), (8, 15, 0)] {
            let directory = try TemporaryDirectory()
            let bodies = (0..<10).map { n in
                Self.body(
                    "\"hit_ratio\": \(n == 0 ? "0" : "0.338")",
                    memstats: #""NumGC":0,"GCCPUFraction":\#(n == 0 ? "0" : "0.0125")"#
                )
            }
            let db = try await Self.database(directory, bodies)
            let plain = try await ElasticsearchServer.start(ElasticsearchCluster(version: version))
            let cut = try await Self.export(plain, db)
            #expect(cut.status == 0, "\(cut.error)")
            #expect(cut.summary?["cut"]?.integer == 18)
            let paths = cut.summary?["cut_paths"]?.elements?.compactMap { $0["path"]?.string } ?? []
            #expect(paths.sorted() == ["golang.expvar.custom.hit_ratio", "golang.heap.gc.cpu_fraction"])
            #expect(cut.error.contains("cut golang.expvar.custom.hit_ratio of 9 documents, first of api"))
            // The next export says so before it sends anything, and so does --setup, which cannot mend that index.
            let again = try await Self.export(plain, db)
            #expect(
                again.error.contains("maps golang.heap.gc.cpu_fraction as whole numbers"),
                "\(again.error)"
            )
            let told = try await Self.setUp(plain, db)
            #expect(told.contains("golang.heap.gc.cpu_fraction so that fractions are cut"), "\(told)")
            #expect(told.contains("golang.expvar.custom.hit_ratio so that fractions are cut"), "\(told)")
            #expect(told.contains("POST /\(Self.heap)/_rollover"))
            try await plain.stop()

            // Another cluster, though it has the same id: the ledger would say that it has everything.
            TemporaryDirectory.remove(directory.file("replay.db-export"))
            let prepared = try await ElasticsearchServer.start(ElasticsearchCluster(version: version))
            _ = try await Self.setUp(prepared, directory.file("replay.db"))
            let whole = try await Self.export(prepared, db)
            #expect(whole.status == 0, "\(whole.error)")
            #expect(whole.summary?["cut"]?.integer == 0)
            #expect(!whole.error.contains("cut"), "\(whole.error)")
            let heap = prepared.with { $0.cluster.types(of: Self.heap) }
            #expect(heap["golang.heap.gc.cpu_fraction"] == "float")
            #expect(heap["golang.heap.gc.pause.histogram"] == "histogram")
            #expect(heap["golang.heap.cmdline"] == "keyword")
            let expvar = prepared.with { $0.cluster.types(of: Self.expvar) }
            #expect(expvar["golang.expvar.custom.hit_ratio"] == "double")
            #expect(expvar["golang.expvar.pointer.lookups"] == "long")
            try await prepared.stop()
        }
    }

    @Test("--setup --dry-run says what it would change, and changes nothing")
    func drySetup() async throws {
        let directory = try TemporaryDirectory()
        let db = try await Self.database(directory, [Self.body("\"n\": 1")])
        let server = try await ElasticsearchServer.start()
        _ = try await Self.export(server, db)
        server.with { $0.requests = [] }
        let said = try await Self.setUp(server, db, "--dry-run")
        #expect(said.contains("would put the index template expvault-golang.heap"), "\(said)")
        #expect(said.contains("would add"), "\(said)")
        #expect(!server.with { $0.requests }.contains { $0.hasPrefix("PUT") })
        try await server.stop()
    }

    @Test("a fresh OpenSearch needs two commands, and has every pause as a value")
    func openSearch() async throws {
        let directory = try TemporaryDirectory()
        let bodies = (0..<5).map { CommandLineTests.body(requests: $0, collections: $0 * 2) }
        let db = try await Self.database(directory, bodies)
        let server = try await ElasticsearchServer.start(.openSearch())
        let first = try await Self.export(server, db)
        #expect(first.status == 69)
        #expect(first.error.contains("run --setup"), "\(first.error)")
        let setup = try await Self.setUp(server, db)
        #expect(setup.contains("knows no field type histogram"), "\(setup)")
        let export = try await Self.export(server, db)
        #expect(export.status == 0, "\(export.error)")
        #expect(export.error.isEmpty, "\(export.error)")
        let stored = try Self.sources(server, Self.heap)
        #expect(stored.count == 5)
        let path = ["golang", "heap", "gc", "pause", "ns"]
        #expect(stored.last?[path: path] == .array([.number("7000"), .number("8000")]))
        #expect(stored.allSatisfy { $0[path: ["golang", "heap", "gc", "pause", "histogram"]] == nil })
        #expect(server.with { $0.cluster.types(of: Self.heap)["golang.heap.gc.pause.ns"] } == "long")
        // By force it would be two useless arrays there.
        let forced = try await Self.export(server, db, "--pause-histogram", "on")
        #expect(forced.status == 69)
        #expect(forced.error.contains("--pause-histogram on"), "\(forced.error)")
        try await server.stop()
    }

    @Test("--pause-values on sends each pause beside the histogram, off none of them")
    func pauseValues() async throws {
        let directory = try TemporaryDirectory()
        let db = try await Self.database(
            directory,
            (0..<3).map { CommandLineTests.body(requests: $0, collections: $0) }
        )
        for (when, isThere) in [("on", true), ("off", false), ("auto", false)] {
            TemporaryDirectory.remove(directory.file("replay.db-export"))
            let server = try await ElasticsearchServer.start()
            let said = try await Self.setUp(server, db)
            let export = try await Self.export(server, db, "--pause-values", when)
            #expect(export.status == 0, "\(export.error)")
            let last = try Self.sources(server, Self.heap).last
            #expect((last?[path: ["golang", "heap", "gc", "pause", "ns"]] != nil) == isThere)
            #expect(
                last?[path: ["golang", "heap", "gc", "pause", "histogram"]] != nil,
                "\(said) \(export.error)"
            )
            try await server.stop()
        }
    }
}
