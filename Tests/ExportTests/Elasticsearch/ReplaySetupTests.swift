import Export
import JSON
import TestSupport
import Testing

@Suite("Preparing a cluster")
struct ReplaySetupTests {
    private func request(_ method: String, _ path: String, _ body: String = "") -> ElasticsearchRequest {
        ElasticsearchRequest(
            method: method,
            uri: path,
            headers: ["content-type": "application/json"],
            body: Array(body.utf8)
        )
    }

    /// The integration's template, as far as it matters here.
    private func install(into cluster: inout ElasticsearchCluster) {
        let template = #"""
            {"index_patterns":["logs-golang.heap-*"],"priority":200,"data_stream":{},
             "composed_of":["logs-golang.heap@package","logs-golang.heap@custom"],
             "ignore_missing_component_templates":["logs-golang.heap@custom"]}
            """#
        let package =
            #"{"template":{"mappings":{"properties":{"golang":{"properties":{"heap":{"properties":{"mallocs":{"properties":{"count":{"type":"long"}}}}}}}}}}}"#
        #expect(
            cluster.answer(request("PUT", "/_component_template/logs-golang.heap@package", package)).status
                == 200
        )
        #expect(cluster.answer(request("PUT", "/_index_template/logs-golang.heap", template)).status == 200)
    }

    private func hasHistograms(_ server: ElasticsearchServer) throws -> Bool {
        let stored = try server.contents().documents["logs-golang.heap-default"] ?? [:]
        return stored.values.contains { $0[path: ["golang", "heap", "gc", "pause", "histogram"]] != nil }
    }

    @Test("without a mapping the histogram stays at home, and the report says so; after the setup it is sent")
    func before() async throws {
        let service = try RecordedService()
        try await service.record(6)
        let server = try await ElasticsearchServer.start()
        let first = try await server.export(service).run()
        #expect(first.exitStatus == 0)
        #expect(first.notes.first?.contains("golang.heap.gc.pause.histogram") == true)
        #expect(try !hasHistograms(server))
        let done = try await server.export(service).setUp()
        #expect(done.count == 7, "\(done)")
        try await service.record(6, from: 6)
        let second = try await server.export(service).run()
        #expect(second.exitStatus == 0)
        #expect(second.notes.isEmpty)
        #expect(try hasHistograms(server))
        try await server.stop()
    }

    @Test("where the integration composes @custom, the field goes there, beside what is there already")
    func integration() async throws {
        var cluster = ElasticsearchCluster()
        install(into: &cluster)
        let mine =
            #"{"template":{"mappings":{"properties":{"team":{"type":"keyword"}}}},"_meta":{"by":"us"}}"#
        _ = cluster.answer(request("PUT", "/_component_template/logs-golang.heap@custom", mine))
        let server = try await ElasticsearchServer.start(cluster)
        let service = try RecordedService()
        try await service.record(6)
        for _ in 0..<2 { #expect(try await server.export(service).setUp().count == 4) }
        let answer = server.with {
            $0.cluster.answer(request("GET", "/_component_template/logs-golang.heap@custom"))
        }
        let template = try JSONReader.value(of: answer.body)["component_templates"]?.elements?.first?[
            "component_template"
        ]
        #expect(template?[path: ["template", "mappings", "properties", "team", "type"]]?.string == "keyword")
        #expect(template?[path: ["_meta", "by"]]?.string == "us")
        let report = try await server.export(service).run()
        #expect(report.exitStatus == 0)
        #expect(report.notes.isEmpty)
        #expect(try server.contents().documents == service.documents(includesHistogram: true))
        try await server.stop()
    }

    @Test("on a cluster without any template the setup makes data streams")
    func bare() async throws {
        for version in [(7, 10, 2), (8, 15, 0)] {
            var cluster = ElasticsearchCluster(version: version)
            cluster.removeTemplates()
            let server = try await ElasticsearchServer.start(cluster)
            let service = try RecordedService()
            try await service.record(6)
            #expect(try await server.export(service).setUp().count == 4)
            let report = try await server.export(service).run()
            #expect(report.exitStatus == 0, "\(report.complaint ?? "")")
            #expect(try server.contents().documents == service.documents(includesHistogram: true))
            try await server.stop()
        }
    }

    @Test("where a stream exists, its write index is what shows the mapping to a server before 8.2")
    func existingStream() async throws {
        for version in [(7, 10, 2), (8, 1, 0), (8, 15, 0)] {
            let server = try await ElasticsearchServer.start(ElasticsearchCluster(version: version))
            let service = try RecordedService()
            try await service.record(6)
            _ = try await server.export(service).run()
            // The second time the streams lack nothing.
            for count in [7, 5] {
                let done = try await server.export(service).setUp()
                #expect(done.count == count, "\(done)")
                let proof = version == (8, 15, 0) ? "a new index of" : "writes to"
                #expect(done.last?.contains(proof) == true, "\(done)")
            }
            try await service.record(6, from: 6)
            let report = try await server.export(service).run()
            #expect(report.exitStatus == 0, "\(report.complaint ?? "")")
            #expect(report.notes.isEmpty)
            #expect(try hasHistograms(server))
            try await server.stop()
        }
    }

    @Test("a stream that maps the field as something else is told how to mend that")
    func conflict() async throws {
        let service = try RecordedService()
        try await service.record(6)
        let server = try await ElasticsearchServer.start()
        // Sent by force where nothing maps it, it becomes two arrays of numbers.
        _ = try await server.export(service) { $0.pauseHistogram = .on }.run()
        let stop = await #expect(throws: ReplayStop.self) { try await server.export(service).setUp() }
        #expect(stop?.description.contains("_rollover") == true)
        server.with { $0.cluster.rollOver("logs-golang.heap-default") }
        _ = try await server.export(service).setUp()
        try await server.stop()
    }

    @Test("a key that may not is refused clearly")
    func refused() async throws {
        let service = try RecordedService()
        try await service.record(2)
        var weak = ElasticsearchCluster()
        weak.privileges = [.monitor, .createDoc, .autoConfigure]
        let server = try await ElasticsearchServer.start(weak)
        let stop = await #expect(throws: ReplayStop.self) { try await server.export(service).setUp() }
        #expect(stop?.exitStatus == 77)
        #expect(stop?.description.contains("manage_index_templates") == true, "\(stop?.description ?? "")")
        try await server.stop()
    }

    @Test("dynamic templates of others stay behind ours, in a component as in a stream")
    func dynamicTemplates() async throws {
        let theirs =
            #"[{"words":{"match_mapping_type":"string","mapping":{"type":"keyword"}}},{"all":{"match_mapping_type":"long","mapping":{"type":"long"}}}]"#
        var cluster = ElasticsearchCluster()
        let template = #"""
            {"index_patterns":["logs-golang.expvar-*"],"priority":200,"data_stream":{},
             "composed_of":["logs-golang.expvar@custom"]}
            """#
        _ = cluster.answer(
            request(
                "PUT",
                "/_component_template/logs-golang.expvar@custom",
                #"{"template":{"mappings":{"dynamic_templates":\#(theirs)}}}"#
            )
        )
        #expect(cluster.answer(request("PUT", "/_index_template/logs-golang.expvar", template)).status == 200)
        let server = try await ElasticsearchServer.start(cluster)
        let service = try RecordedService()
        try await service.record(3, custom: { n in #""ratio": \#(n == 0 ? "0" : "0.5")"# })
        for _ in 0..<2 { _ = try await server.export(service).setUp() }
        let answer = server.with {
            $0.cluster.answer(request("GET", "/_component_template/logs-golang.expvar@custom"))
        }
        let component = try JSONReader.value(of: answer.body)["component_templates"]?.elements?.first
        let list = component?[path: ["component_template", "template", "mappings", "dynamic_templates"]]
        #expect(
            list?.elements?.compactMap { $0.members?.first?.key } == [
                "expvault_custom_long", "expvault_custom_double", "words", "all",
            ]
        )
        let report = try await server.export(service).run()
        #expect(report.summary.cut == 0)
        let types = server.with { $0.cluster.types(of: "logs-golang.expvar-default") }
        #expect(types["golang.expvar.custom.ratio"] == "double")
        try await server.stop()
    }
}
