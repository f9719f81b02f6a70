import Export
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Against a real cluster, where one is named.
///
///     EXPVAULT_TEST_ES_URL=https://es:9200 EXPVAULT_ES_API_KEY=… swift test --filter ReplayLiveTests
@Suite("Against a real cluster")
struct ReplayLiveTests {
    private static func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    @Test(
        "sets up, sends, and finds everything sent the second time",
        .enabled(if: environment("EXPVAULT_TEST_ES_URL") != nil, "EXPVAULT_TEST_ES_URL names no cluster")
    )
    func live() async throws {
        let url = try ElasticsearchURL(try #require(Self.environment("EXPVAULT_TEST_ES_URL")))
        let service = try RecordedService()
        try await service.record(20)
        var configuration = ReplayConfiguration(vaultPath: service.path, url: url)
        // A namespace of its own, so that nothing is mixed with what lies there.
        configuration.namespace = "expvaulttest\(getpid())"
        configuration.client.tls.caFile = Self.environment("EXPVAULT_TEST_ES_CA_FILE")
        if let key = Self.environment("EXPVAULT_ES_API_KEY") {
            configuration.client.authentication = .apiKey(key)
        }
        let replay = try ElasticsearchReplay(configuration)
        _ = try await replay.setUp()
        let first = try await replay.run()
        #expect(first.exitStatus == 0, "\(first.complaint ?? "")")
        #expect(first.summary.sent == 40)
        // As if the ledger had been lost: the ids say that everything is there.
        unlink(service.path + "-export")
        let second = try await replay.run()
        #expect(second.summary.thereBefore == 40)
    }
}
