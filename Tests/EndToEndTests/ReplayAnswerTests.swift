import JSON
import TestBasics
import TestSupport
import Testing

/// The rows of docs/elasticsearch.md's answer table that stop an export, or that it waits out, seen from the command line.
@Suite struct ReplayAnswerTests {
    private func database(_ directory: TemporaryDirectory, scrapes: Int = 3) async throws -> String {
        try await ReplayMappingTests.database(
            directory,
            (0..<scrapes).map { CommandLineTests.body(requests: $0, collections: $0) }
        )
    }

    @Test(
        "a whole answer that no waiting helps stops the export, and the next one sends everything",
        arguments: [(401, 77), (403, 77), (404, 69), (400, 1), (405, 1), (406, 1), (302, 1)] as [(Int, Int32)]
    )
    func wholeAnswers(status: Int, exit: Int32) async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let server = try await ElasticsearchServer.start()
        server.with { $0.faults = [.whole(status: status, body: #"{"error":"no","status":\#(status)}"#)] }
        let export = try await ReplayMappingTests.export(server, db)
        #expect(export.status == exit, "\(export.error)")
        #expect(export.error.contains("\(status)"), "\(export.error)")
        #expect(export.summary?["sent"]?.integer == 0)
        let again = try await ReplayMappingTests.export(server, db)
        #expect(again.status == 0, "\(again.error)")
        #expect(again.summary?["sent"]?.integer == 6)
        try await server.stop()
    }

    @Test("a disk past its flood stage is waited out, since the server lifts that block by itself")
    func floodStage() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let server = try await ElasticsearchServer.start()
        let reason =
            "index [.ds-logs-golang.heap-default-000001] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded "
            + "flood-stage watermark, index has read-only-allow-delete block];"
        server.with {
            $0.faults = [
                .items(status: 429, type: "cluster_block_exception", reason: reason),
                .whole(
                    status: 429,
                    body: #"{"error":{"type":"cluster_block_exception","reason":"x"},"status":429}"#
                ),
            ]
        }
        let export = try await ReplayMappingTests.export(server, db)
        #expect(export.status == 0, "\(export.error)")
        #expect(export.summary?["sent"]?.integer == 6)
        #expect(export.summary?["resent"]?.integer == 12)
        try await server.stop()
    }

    @Test("a document that met another with the same new field is sent again as it is, and taken")
    func newFieldTwice() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let server = try await ElasticsearchServer.start()
        let reason = "mapper [golang.heap.gc.cpu_fraction] cannot be changed from type [long] to [float]"
        server.with {
            $0.faults = [.items(status: 400, type: "illegal_argument_exception", reason: reason, every: 2)]
        }
        let export = try await ReplayMappingTests.export(server, db)
        #expect(export.status == 0, "\(export.error)")
        #expect(export.summary?["sent"]?.integer == 6)
        #expect(export.summary?["left_out"]?.integer == 0)
        try await server.stop()
    }

    @Test("a closed older index stops no look-up, and what may lie in it is counted")
    func closedIndex() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let server = try await ElasticsearchServer.start()
        let first = try await ReplayMappingTests.export(server, db)
        #expect(first.status == 0, "\(first.error)")
        server.with { state in
            for stream in state.cluster.streamNames {
                state.cluster.rollOver(stream)
                state.cluster.closeOlderIndices(of: stream)
            }
        }
        TemporaryDirectory.remove(directory.file("replay.db-export"))
        let second = try await ReplayMappingTests.export(server, db)
        #expect(second.status == 0, "\(second.error)")
        #expect(second.summary?["sent"]?.integer == 6)
        #expect(second.summary?["possibly_twice"]?.integer == 6)
        #expect(server.with { $0.requests }.contains { $0.contains("_refresh?ignore_unavailable=true") })
        try await server.stop()
    }

    @Test("--via-pipeline where no pipeline is stops before a body is stored as text")
    func viaPipeline() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        for isThere in [false, true] {
            // Each time another cluster, though it has the same id: the ledger would say that it has everything.
            TemporaryDirectory.remove(directory.file("replay.db-export"))
            let server = try await ElasticsearchServer.start()
            if isThere { _ = try await ReplayMappingTests.export(server, db) }
            let before = server.with { $0.cluster.documents(of: ReplayMappingTests.heap).count }
            let without = try await ReplayMappingTests.export(server, db, "--via-pipeline")
            #expect(without.status == 69)
            #expect(without.error.contains("has no default pipeline"), "\(without.error)")
            #expect(server.with { $0.cluster.documents(of: ReplayMappingTests.heap).count } == before)
            server.with { $0.cluster.defaultPipeline = "logs-golang-1.6.0" }
            let with = try await ReplayMappingTests.export(server, db, "--via-pipeline")
            #expect(with.status == 0, "\(with.error)")
            #expect(with.summary?["sent"]?.integer == 6)
            let bulk = server.with { $0.requests.last { $0.contains("_bulk") } } ?? ""
            #expect(!bulk.contains("pipeline=_none"))
            try await server.stop()
        }
    }

    @Test("a plain index under a stream's name is said to be one, by the export and by --setup")
    func plainIndex() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let server = try await ElasticsearchServer.start(.openSearch())
        server.with { $0.cluster.makePlainIndex(ReplayMappingTests.heap) }
        for options in [[], ["--setup"]] {
            let outcome = try await ChildProcess.run(
                Expvault.binary,
                ["export", "elasticsearch", "--url", server.url, "--db", db] + options
            )
            #expect(outcome.status == 69)
            #expect(outcome.error.contains("is a plain index and no data stream"), "\(outcome.error)")
        }
        try await server.stop()
    }

    @Test("a server that answers a version but no cluster is named for what it is")
    func noCluster() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let server = try await ElasticsearchServer.start()
        server.with { $0.questionFaults = [.whole(status: 200, body: #"{"version":{"number":"8.9.0"}}"#)] }
        let export = try await ReplayMappingTests.export(server, db)
        #expect(export.status == 69)
        #expect(export.error.contains("8.9.0") && export.error.contains("cluster_uuid"), "\(export.error)")
        try await server.stop()
    }

    @Test("--rate-limit holds on the wire: so many bytes take so long at least")
    func rateLimit() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory, scrapes: 200)
        let server = try await ElasticsearchServer.start()
        let clock = ContinuousClock()
        let begun = clock.now
        let export = try await ReplayMappingTests.export(
            server,
            db,
            "--rate-limit",
            "20KB",
            "--gzip-level",
            "0"
        )
        let took = clock.now - begun
        #expect(export.status == 0, "\(export.error)")
        let bytes = server.with { $0.bulkBytes }
        #expect(bytes > 60_000)
        // The bucket is full at the beginning: a second's worth.
        #expect(took >= .milliseconds((bytes - 20_000) / 20 - 500), "\(bytes) bytes in \(took)")
        try await server.stop()
    }
}
