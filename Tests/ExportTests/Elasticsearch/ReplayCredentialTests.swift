import Export
import JSON
import Model
import Storage
import TestBasics
import TestSupport
import Testing

/// A canary stands for every credential; it must come back nowhere.
@Suite("Credentials stay out of everything")
struct ReplayCredentialTests {
    private func hunt(_ authentication: Authentication, canaries: [String]) async throws {
        let service = try RecordedService()
        try await service.record(10)
        var cluster = ElasticsearchCluster()
        cluster.authorization = authentication.header
        let server = try await ElasticsearchServer.start(cluster)
        // A refusal whose reason repeats the request's bytes, as real servers do.
        server.with { state in
            state.faults = [
                .items(
                    status: 400,
                    type: "mapper_parsing_exception",
                    reason: "at [Source: POST /_bulk HTTP/1.1 Authorization: \(authentication.header ?? "")]",
                    every: 5
                )
            ]
        }
        var said: [String] = []
        let report = try await server.export(service) { $0.client.authentication = authentication }.run()
        #expect(report.summary.refused > 0)
        said.append("\(report)")
        server.with { $0.cluster.authorization = "other" }
        let refused = try await server.export(service) { $0.client.authentication = authentication }.run()
        #expect(refused.exitStatus == 77)
        said.append("\(refused)")
        try ElasticsearchReplay.forEachRejected(vaultPath: service.path) { said.append("\($0)") }
        for (_, documents) in try server.contents().documents {
            for document in documents.values { said.append(String(decoding: document.bytes, as: UTF8.self)) }
        }
        // The database and the ledger, byte for byte.
        for suffix in ["", "-export", "-wal"] {
            guard let bytes = try? CredentialText.bytes(of: service.path + suffix, mustBePrivate: false)
            else { continue }
            said.append(String(decoding: bytes, as: UTF8.self))
        }
        for canary in canaries {
            for text in said { #expect(!text.contains(canary), "\(canary) in \(text.prefix(200))") }
        }
        try await server.stop()
    }

    @Test("an API key")
    func apiKey() async throws {
        try await hunt(.apiKey("id:canary-key"), canaries: ["canary", "Y2FuYXJ5LWtleQ", "aWQ6Y2FuYXJ5"])
    }

    @Test("a password")
    func password() async throws {
        try await hunt(
            .basic(user: "elastic", password: "canary-pw"),
            canaries: ["canary", "ZWxhc3RpYzpjYW5hcnktcHc="]
        )
    }

    @Test("a token")
    func token() async throws {
        try await hunt(.bearer("canary.token"), canaries: ["canary"])
    }

    @Test("a file that others may read, an empty one, one of two lines are refused by name")
    func files() throws {
        let directory = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(directory) }
        let path = directory + "/key"
        try TemporaryDirectory.write("secret-key\n", to: path)
        #expect(try CredentialText.line(of: path) == "secret-key")
        try TemporaryDirectory.write("secret-key\n", to: path, mode: 0o640)
        let open = #expect(throws: ExportSetupError.self) { try CredentialText.line(of: path) }
        #expect(open?.description.contains("chmod 600") == true)
        for bad in ["", "\n\n", "secret\nkey\n"] {
            try TemporaryDirectory.write(bad, to: path)
            let error = #expect(throws: ExportSetupError.self) { try CredentialText.line(of: path) }
            #expect(error?.description.contains("secret") == false)
        }
        #expect(throws: ExportSetupError.self) { try CredentialText.line(of: directory + "/none") }
        #expect(throws: ExportSetupError.self) { try CredentialText.line(of: directory) }
    }

    @Test("without read, view_index_metadata and maintenance an ambiguous request is sent again, and counted")
    func weakKey() async throws {
        let service = try RecordedService()
        try await service.record(10)
        var cluster = ElasticsearchCluster()
        cluster.privileges = [.monitor, .createDoc, .autoConfigure]
        let server = try await ElasticsearchServer.start(cluster)
        server.with { $0.faults = [.cut(applies: false)] }
        let first = try await server.export(service) { $0.inFlightMax = 1 }.run()
        #expect(first.exitStatus == 0, "\(first.complaint ?? "")")
        // By its name it is the stream's first index, and knows them all.
        #expect(first.summary.possiblyTwice == 0)
        server.with { state in
            for name in state.cluster.streamNames { state.cluster.rollOver(name) }
            state.faults = [.cut(applies: false)]
        }
        try await service.record(5, from: 10)
        let report = try await server.export(service) { $0.inFlightMax = 1 }.run()
        #expect(report.exitStatus == 0, "\(report.complaint ?? "")")
        #expect(report.summary.possiblyTwice == 10)
        #expect(try server.contents().documents == service.documents())
        try await server.stop()
    }
}
