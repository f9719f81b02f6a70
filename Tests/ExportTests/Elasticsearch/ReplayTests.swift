import Export
import JSON
import Model
import Storage
import TestBasics
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// A real database, a real server on loopback with one fault or several, and afterwards: the documents in the server
/// are those that the database yields, each once.
@Suite("Replaying a database")
struct ReplayTests {
    /// Runs an export against a server with these faults, and compares.
    private func expectAll(
        after faults: [ElasticsearchFault],
        scrapes: Int = 30,
        version: (Int, Int, Int) = (8, 15, 0),
        _ change: (inout ReplayConfiguration) throws -> Void = { _ in }
    ) async throws -> ReplayReport {
        let service = try RecordedService()
        try await service.record(scrapes)
        let server = try await ElasticsearchServer.start(ElasticsearchCluster(version: version))
        server.with { $0.faults = faults }
        let report = try await server.export(service, change).run()
        #expect(report.end == .done, "\(report.complaint ?? "")")
        let contents = try server.contents()
        #expect(try contents.documents == service.documents())
        #expect(contents.count == scrapes * 2)
        let summary = report.summary
        #expect(summary.read == summary.sent + summary.thereBefore + summary.refused + summary.unanswered)
        #expect(server.with { $0.faults }.isEmpty)
        try await server.stop()
        return report
    }

    @Test("a healthy server gets every document, and a second export finds them all sent")
    func healthy() async throws {
        let service = try RecordedService()
        try await service.record(50, targets: ["shop", "cart"])
        let server = try await ElasticsearchServer.start()
        let first = try await server.export(service).run()
        #expect(first.exitStatus == 0)
        #expect(first.summary.sent == 200)
        #expect(try server.contents().documents == service.documents())
        let second = try await server.export(service).run()
        #expect(second.exitStatus == 0)
        #expect(second.summary.read == 0)
        try await service.record(5, from: 50, targets: ["shop"])
        let third = try await server.export(service).run()
        #expect(third.summary.sent == 10)
        #expect(try server.contents().documents == service.documents())
        try await server.stop()
    }

    @Test(
        "one fault costs nothing but time",
        arguments: [
            ElasticsearchFault.whole(status: 429, retryAfter: "1"), .whole(status: 503),
            .whole(status: 502, applies: true),
            .whole(status: 408),
            .items(status: 429, type: "es_rejected_execution_exception", reason: "queue", every: 2),
            .items(status: 503, type: "unavailable_shards_exception", reason: "primary", every: 3),
            .cut(applies: false), .cut(applies: true), .silence(applies: false), .silence(applies: true),
            .half, .noJSON, .noItems, .fewerItems, .otherOrder, .slow(milliseconds: 300), .long,
        ]
    )
    func oneFault(_ fault: ElasticsearchFault) async throws {
        let report = try await expectAll(after: [fault])
        #expect(report.exitStatus == 0)
        #expect(report.summary.possiblyTwice == 0)
    }

    @Test("an ambiguous request and then a rollover: ids are looked up before anything is sent again")
    func rollover() async throws {
        for applies in [true, false] {
            let service = try RecordedService()
            try await service.record(20)
            let server = try await ElasticsearchServer.start()
            server.with { $0.faults = [.cutAndRollOver(applies: applies)] }
            let report = try await server.export(service) { $0.inFlightMax = 1 }.run()
            #expect(report.exitStatus == 0)
            #expect(try server.contents().documents == service.documents())
            #expect(try server.contents().count == 40)
            if applies {
                #expect(server.with { $0.requests.contains { $0.contains("/_search") } })
                #expect(report.summary.thereBefore > 0)
            }
            try await server.stop()
        }
    }

    /// The pieces of two bodies go out between one another, on one thread; by two queues a body once left before its head.
    @Test(
        "with a limit of bytes a second, requests on the way at once arrive framed, each head before its body"
    )
    func framing() async throws {
        let server = try await ElasticsearchServer.start()
        server.with { $0.isSink = true }
        var settings = ElasticsearchClient.Settings(url: try ElasticsearchURL(server.url))
        settings.rateLimit = 256 << 10
        let client = try await ElasticsearchClient.open(settings)
        // More than the bucket holds at first, and each in several pieces.
        let line = #"{"create":{"_index":"logs-golang.heap-default","_id":"x"}}"# + "\n{}\n"
        let body = Array(String(repeating: line, count: (96 << 10) / line.utf8.count).utf8)
        let statuses = await withTaskGroup(of: Int?.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let outcome = await client.send("POST", ["_bulk"], body: body)
                    guard case .answer(let answer) = outcome else { return nil }
                    return answer.status
                }
            }
            var statuses: [Int?] = []
            for await status in group { statuses.append(status) }
            return statuses
        }
        #expect(statuses == [200, 200, 200, 200])
        #expect(server.with { $0.malformedRequests } == 0)
        #expect(server.with { $0.bulkBytes } == 4 * body.count)
        await client.close()
        try await server.stop()
    }

    @Test("413 halves the batch; a document that is still too large goes to quarantine and blocks nothing")
    func tooLarge() async throws {
        let service = try RecordedService()
        try await service.record(
            12,
            custom: { n in n == 5 ? #""blob": "\#(String(repeating: "x", count: 9_000))""# : #""requests": 7"#
            }
        )
        var cluster = ElasticsearchCluster()
        cluster.requestBytesMax = 8_000
        let server = try await ElasticsearchServer.start(cluster)
        let report = try await server.export(service) { $0.gzipLevel = 0 }.run()
        #expect(report.exitStatus == 1)
        #expect(report.summary.refused == 1)
        #expect(report.summary.sent == 23)
        var listed: [RejectedEntry] = []
        try ElasticsearchReplay.forEachRejected(vaultPath: service.path) { listed.append($0) }
        #expect(listed.map(\.status) == [413])
        #expect(listed.first?.stream == "logs-golang.expvar-default")
        #expect(listed.first?.time.milliseconds == RecordedService.begin + 50_000)
        // Once the server takes more, what was refused is offered again.
        server.with { $0.cluster.requestBytesMax = 1 << 20 }
        let retried = try await server.export(service) { $0.retriesRejected = true }.run()
        #expect(retried.exitStatus == 0)
        #expect(retried.summary.sent == 1)
        #expect(try server.contents().documents == service.documents())
        listed = []
        try ElasticsearchReplay.forEachRejected(vaultPath: service.path) { listed.append($0) }
        #expect(listed.isEmpty)
        try await server.stop()
    }

    @Test("a variable that contradicts the mapping is left out, and the standard fields arrive")
    func customLeftOut() async throws {
        let service = try RecordedService()
        try await service.record(
            6,
            custom: { n in n < 3 ? #""cache": 5, "ok": 1"# : #""cache": {"hits": 3}, "ok": 1"# }
        )
        let server = try await ElasticsearchServer.start()
        let report = try await server.export(service).run()
        #expect(report.exitStatus == 0)
        #expect(report.summary.leftOut == 3)
        // One refusal teaches all documents to come.
        #expect(report.summary.resent <= 3)
        let path = report.summary.leftOutPaths.entries.first
        #expect(report.summary.leftOutPaths.entries.count == 1)
        #expect(path?.path == "golang.expvar.custom.cache")
        #expect(path?.documents == 3)
        #expect(path?.target == "shop")
        #expect(path?.time.milliseconds == RecordedService.begin + 30_000)
        #expect(report.summary.refused == 0)
        let stored = try server.contents().documents["logs-golang.expvar-default"] ?? [:]
        #expect(stored.count == 6)
        let shortened = stored.values.filter {
            $0["tags"]?.elements?.contains(.string(CustomVariables.tag)) == true
        }
        #expect(shortened.count == 3)
        for document in shortened {
            #expect(document[path: ["golang", "expvar", "custom", "ok"]]?.integer == 1)
            #expect(document[path: ["golang", "expvar", "custom", "cache"]] == nil)
            #expect(
                document[path: ["error", "message"]]?.string?.contains("golang.expvar.custom.cache") == true
            )
            #expect(document[path: ["golang", "expvar", "obtained", "total", "bytes"]]?.integer == 70_000)
        }
        try await server.stop()
    }

    @Test("what the failure store took is not delivered, but in quarantine")
    func failureStore() async throws {
        let service = try RecordedService()
        try await service.record(4)
        let server = try await ElasticsearchServer.start()
        server.with { $0.faults = [.failureStore(every: 4)] }
        let report = try await server.export(service).run()
        #expect(report.exitStatus == 1)
        #expect(report.summary.refused == 2)
        #expect(report.summary.sent == 6)
        try await server.stop()
    }

    @Test(
        "a key that expires in the middle stops the export with 77, quarantines nothing, and a new one ends it"
    )
    func expiredKey() async throws {
        let service = try RecordedService()
        try await service.record(60)
        var cluster = ElasticsearchCluster()
        cluster.authorization = "ApiKey Y2FuYXJ5OmtleTEyMw=="
        cluster.expiresAfter = 4
        let server = try await ElasticsearchServer.start(cluster)
        let change: (inout ReplayConfiguration) -> Void = {
            $0.client.authentication = .apiKey("canary:key123")
        }
        let report = try await server.export(service, change).run()
        #expect(report.exitStatus == 77)
        #expect(report.summary.refused == 0)
        #expect(report.summary.unanswered > 0)
        #expect(report.complaint?.contains("key123") == false)
        #expect(report.complaint?.contains("Y2FuYXJ5OmtleTEyMw") == false)
        server.with { $0.cluster.expiresAfter = nil }
        let second = try await server.export(service, change).run()
        #expect(second.exitStatus == 0)
        #expect(try server.contents().documents == service.documents())
        #expect(try server.contents().count == 120)
        try await server.stop()
    }

    @Test(
        "errors about the index and the key stop the export, whatever their status",
        arguments: [
            ("index_closed_exception", 400, Int32(69)), ("cluster_block_exception", 403, 69),
            ("index_not_found_exception", 404, 69),
            ("security_exception", 400, 77), ("whatever", 401, 77), ("whatever", 404, 69),
        ]
    )
    func stops(_ type: String, _ status: Int, _ exit: Int32) async throws {
        let service = try RecordedService()
        try await service.record(3)
        let server = try await ElasticsearchServer.start()
        server.with { $0.standing = .items(status: status, type: type, reason: "no") }
        let report = try await server.export(service).run()
        #expect(report.exitStatus == exit)
        #expect(report.summary.refused == 0)
        server.with { $0.standing = .none }
        _ = try await server.export(service).run()
        #expect(try server.contents().documents == service.documents())
        try await server.stop()
    }

    @Test("any other whole answer stops and is shown", arguments: [302, 400, 405, 406])
    func otherAnswers(_ status: Int) async throws {
        let service = try RecordedService()
        try await service.record(3)
        let server = try await ElasticsearchServer.start()
        server.with {
            $0.standing = .whole(status: status, body: #"{"error":{"type":"odd","reason":"so it is"}}"#)
        }
        let report = try await server.export(service).run()
        #expect(report.exitStatus == 1)
        #expect(report.complaint?.contains("\(status)") == true)
        try await server.stop()
    }

    @Test("a server that stays away is given up after --max-wait, with 69")
    func givesUp() async throws {
        let service = try RecordedService()
        try await service.record(3)
        let server = try await ElasticsearchServer.start()
        server.with { $0.standing = .whole(status: 503) }
        // On a machine that is busy the shortest wait may be over before all was read and sent.
        var unanswered = 0
        for waitMax in [1_500, 6_000, 24_000] as [Int64] {
            let begun = ContinuousClock.now
            let report = try await server.export(service) { $0.waitMax = waitMax }.run()
            #expect(report.exitStatus == 69)
            #expect(begun.duration(to: .now) >= .milliseconds(waitMax))
            unanswered = report.summary.unanswered
            if unanswered == 6 { break }
        }
        #expect(unanswered == 6)
        try await server.stop()
        let taken = try TakenPort()
        var configuration = ReplayConfiguration(
            vaultPath: service.path,
            url: try ElasticsearchURL("http://127.0.0.1:\(taken.port)")
        )
        configuration.waitMax = 1_000
        let refused = try await ElasticsearchReplay(configuration).run()
        #expect(refused.exitStatus == 69)
        #expect(refused.complaint?.contains("connection refused") == true, "\(refused.complaint ?? "")")
        taken.close()
    }

    @Test("every version from 7.10 on, and OpenSearch, is sent what it knows")
    func versions() async throws {
        for version in [(7, 10, 2), (7, 17, 0), (8, 12, 2), (8, 13, 0), (9, 1, 0)] {
            _ = try await expectAll(after: [], scrapes: 3, version: version)
        }
        let service = try RecordedService()
        try await service.record(3)
        let server = try await ElasticsearchServer.start(.openSearch((2, 11, 0)))
        #expect(try await server.export(service).run().exitStatus == 69)
        _ = try await server.export(service).setUp()
        let report = try await server.export(service).run()
        #expect(report.exitStatus == 0)
        #expect(report.server == "OpenSearch 2.11.0")
        #expect(report.notes.isEmpty)
        #expect(try server.contents().documents == service.documents(includesPauseValues: true))
        try await server.stop()
    }

    @Test("what is no Elasticsearch, or too old, is sent nothing")
    func strangers() async throws {
        let service = try RecordedService()
        try await service.record(3)
        var old = ElasticsearchCluster(version: (7, 9, 3))
        old.clusterUUID = "x"
        var proxied = ElasticsearchCluster()
        proxied.sendsProductHeader = false
        for cluster in [old, proxied] {
            let server = try await ElasticsearchServer.start(cluster)
            let report = try await server.export(service).run()
            #expect(report.exitStatus == 69)
            #expect(server.with { $0.requests } == ["GET /"])
            try await server.stop()
        }
    }

    @Test("without a template that makes data streams nothing is sent")
    func noTemplate() async throws {
        let service = try RecordedService()
        try await service.record(3)
        for version in [(7, 10, 2), (8, 15, 0)] {
            var cluster = ElasticsearchCluster(version: version)
            cluster.removeTemplates()
            let server = try await ElasticsearchServer.start(cluster)
            let report = try await server.export(service).run()
            #expect(report.exitStatus == 69)
            #expect(try server.contents().count == 0)
            try await server.stop()
        }
    }

    @Test("a second export to the same destination says who is at it")
    func locked() async throws {
        let service = try RecordedService()
        try await service.record(3)
        let server = try await ElasticsearchServer.start()
        server.with { $0.standing = .silence(applies: false) }
        let first = try server.export(service) { $0.client.requestTimeout = 60_000 }
        async let running = first.run()
        #expect(
            await Waiting.until {
                server.with {
                    $0.cluster.bulkRequestCount > 0 || $0.requests.contains { $0.contains("_bulk") }
                }
            }
        )
        await #expect(throws: StorageError.self) { try await server.export(service).run() }
        first.cancel()
        let report = try await running
        #expect(report.end == .cancelled)
        try await server.stop()
    }

    @Test("one who follows sends what is recorded meanwhile, and waits while the server is away")
    func follows() async throws {
        let service = try RecordedService()
        try await service.record(5)
        let server = try await ElasticsearchServer.start()
        let replay = try server.export(service) { configuration in
            configuration.follows = true
            configuration.followInterval = 50
        }
        async let running = replay.run()
        func waitFor(_ count: Int) async throws {
            #expect(try await Waiting.until { try server.contents().count >= count })
        }
        try await waitFor(10)
        server.with { $0.faults = [.cut(applies: true), .whole(status: 503)] }
        try await service.record(5, from: 5)
        try await waitFor(20)
        // What was cut off is there; it must also be known to be.
        let uuid = try Vault.openReader(path: service.path).snapshot().databaseUUID
        let now = Timestamp(milliseconds: RecordedService.begin)
        #expect(
            try await Waiting.until {
                try ReplayLedger.protectedAfterSeq(vaultPath: service.path, databaseUUID: uuid, now: now)
                    == 10
            }
        )
        replay.cancel()
        let report = try await running
        #expect(report.exitStatus == 0)
        #expect(try server.contents().documents == service.documents())
        #expect(try server.contents().count == 20)
        try await server.stop()
    }

    @Test("a range neither reads nor moves the cursor, and what it sent is not sent twice after a rollover")
    func range() async throws {
        let service = try RecordedService()
        try await service.record(10)
        let server = try await ElasticsearchServer.start()
        let range = TimeRange(
            since: Timestamp(milliseconds: RecordedService.begin + 20_000),
            until: Timestamp(milliseconds: RecordedService.begin + 50_000)
        )
        let part = try await server.export(service) { $0.range = range }.run()
        #expect(part.summary.sent == 6)
        server.with { state in
            for name in state.cluster.streamNames { state.cluster.rollOver(name) }
        }
        let whole = try await server.export(service).run()
        #expect(whole.exitStatus == 0)
        #expect(whole.summary.sent == 14)
        #expect(whole.summary.thereBefore == 6)
        #expect(try server.contents().count == 20)
        let again = try await server.export(service) { $0.range = range }.run()
        #expect(again.summary.thereBefore == 6)
        #expect(try server.contents().count == 20)
        try await server.stop()
    }

    @Test("an import of old scrapes is exported, too")
    func oldImport() async throws {
        let service = try RecordedService()
        try await service.record(5, from: 100)
        let server = try await ElasticsearchServer.start()
        _ = try await server.export(service).run()
        let writer = try await VaultWriter.open(path: service.path, create: false)
        _ = try await writer.insert(
            (0..<5).map { n in
                ImportedScrape(
                    target: "shop",
                    epoch: nil,
                    origin: Origin(url: nil),
                    scrape: Scrape(
                        time: Timestamp(milliseconds: RecordedService.begin + Int64(n) * 10_000),
                        outcome: .document(RecordedService.body(n))
                    )
                )
            }
        )
        try await writer.close()
        let report = try await server.export(service).run()
        #expect(report.summary.sent == 10)
        #expect(try server.contents().count == 20)
        try await server.stop()
    }

    @Test("a preview counts, shows the first documents, and asks the server nothing")
    func preview() async throws {
        let service = try RecordedService()
        try await service.record(10)
        let server = try await ElasticsearchServer.start()
        let preview = try await server.export(service).preview()
        #expect(preview.documents == 20)
        #expect(preview.scrapes == 10)
        #expect(preview.first.keys.sorted() == ["logs-golang.expvar-default", "logs-golang.heap-default"])
        #expect(server.with { $0.requests }.isEmpty)
        _ = try await server.export(service).run()
        #expect(try await server.export(service).preview().documents == 0)
        try await server.stop()
    }
}
