import Export
import JSON
import Model
import Storage
import TestBasics
import TestSupport

/// A database with the scrapes of an imagined service, in a directory of its own.
final class RecordedService: Sendable {
    let directory: String
    var path: String { directory + "/v.db" }
    static let begin: Int64 = 1_767_323_045_678

    init() throws {
        directory = try TemporaryDirectory.make()
    }

    deinit { TemporaryDirectory.remove(directory) }

    /// A body as Go serves it, of the service's n-th scrape.
    static func body(_ n: Int, custom: String = #""requests": 7, "cache": {"hits": 3}"#) -> [UInt8] {
        let collections = n / 2
        let ring = { (value: (Int) -> Int) in
            (0..<256).map { slot -> String in
                // The newest collection in each slot: n with (n + 255) % 256 = slot.
                let newest = collections - (collections + 255 - slot) % 256
                return newest >= 1 ? String(value(newest)) : "0"
            }.joined(separator: ",")
        }
        let ends = ring { Int(begin) * 1_000_000 + $0 * 20_000_000_000 + 123 }
        let pauses = ring { 10_000 + $0 * 7 }
        let pauseTotal = (0..<(collections + 1)).dropFirst().reduce(0) { $0 + 10_000 + $1 * 7 }
        return Array(
            """
            {
            "cmdline": ["/usr/bin/shop","-v"],
            \(custom),
            "memstats": {"Alloc":\(1_000 + n),"TotalAlloc":\(10_000 + n * 11),"Sys":70000,"Lookups":0,"Mallocs":\(500 + n),\
            "Frees":\(100 + n),"HeapAlloc":\(1_000 + n),"HeapSys":60000,"HeapIdle":20000,"HeapInuse":40000,"HeapReleased":5,\
            "HeapObjects":400,"StackInuse":300,"StackSys":300,"MSpanInuse":20,"MSpanSys":30,"MCacheInuse":4,"MCacheSys":5,\
            "BuckHashSys":6,"GCSys":7,"OtherSys":8,"NextGC":90000,"LastGC":\(
                collections > 0 ? Int(begin) * 1_000_000 + collections * 20_000_000_000 + 123 : 0),\
            "PauseTotalNs":\(pauseTotal),"PauseNs":[\(pauses)],"PauseEnd":[\(ends)],"NumGC":\(collections),"NumForcedGC":0,\
            "GCCPUFraction":1.5e-05,"EnableGC":true,"DebugGC":false,"BySize":[]}
            }

            """.utf8
        )
    }

    /// Stores `count` more scrapes of each target, ten seconds apart, from the `from`-th on.
    func record(
        _ count: Int,
        from: Int = 0,
        targets: [String] = ["shop"],
        custom: (Int) -> String = { _ in
            #""requests": 7, "cache": {"hits": 3}"#
        }
    ) async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        for n in from..<(from + count) {
            _ = try await writer.append(
                targets.map { target in
                    (
                        TargetDescription(
                            name: target,
                            origin: Origin(url: "http://localhost:6060/debug/vars")
                        ),
                        Scrape(
                            time: Timestamp(milliseconds: Self.begin + Int64(n) * 10_000),
                            durationNanoseconds: 1_000_000,
                            status: 200,
                            bootID: "boot",
                            bootNanoseconds: Int64(n) * 10_000_000_000,
                            outcome: .document(Self.body(n, custom: custom(n)))
                        )
                    )
                }
            )
        }
        try await writer.close()
    }

    /// The documents that the database yields, by stream and id; what must be in the server.
    func documents(
        includesHistogram: Bool = false,
        includesPauseValues: Bool = false,
        namespace: String = "default"
    ) throws -> [String: [String: JSONValue]] {
        let vault = try Vault.openReader(path: path)
        let snapshot = try vault.snapshot()
        let context = DocumentContext(
            namespace: namespace,
            agentID: snapshot.databaseUUID,
            agentName: snapshot.recordingHost,
            agentVersion: "1.0.0",
            includesHistogram: includesHistogram,
            includesPauseValues: includesPauseValues
        )
        var documents: [String: [String: JSONValue]] = [:]
        var maker = DocumentMaker(context: context)
        for target in try snapshot.targets() {
            let stream = DocumentStream(vault: vault, target: target)
            while let scrape = try stream.next() {
                let made = maker.documents(for: scrape)
                for kind in DocumentKind.allCases {
                    guard let bytes = made[kind] else { continue }
                    let id = DocumentID.text(of: kind, for: scrape, in: context)
                    documents[kind.stream(namespace: namespace), default: [:]][id] =
                        try JSONReader.value(of: bytes)
                }
            }
        }
        return documents
    }
}

extension ElasticsearchServer {
    /// What lies in the streams, by stream and id; and how many documents there are, copies counted.
    func contents() throws -> (documents: [String: [String: JSONValue]], count: Int) {
        let raw = with { state in
            state.cluster.streamNames.map { name in (name, state.cluster.documents(of: name)) }
        }
        var documents: [String: [String: JSONValue]] = [:]
        var count = 0
        for (stream, stored) in raw {
            for (id, source) in stored {
                documents[stream, default: [:]][id] = try JSONReader.value(of: source)
                count += 1
            }
        }
        return (documents, count)
    }

    /// An export to this server, with waits that a test can bear.
    func export(
        _ service: RecordedService,
        _ change: (inout ReplayConfiguration) throws -> Void = { _ in }
    ) throws -> ElasticsearchReplay {
        var configuration = ReplayConfiguration(vaultPath: service.path, url: try ElasticsearchURL(url))
        configuration.version = "1.0.0"
        configuration.client.requestTimeout = 5_000
        configuration.waitMax = 120_000
        configuration.requestBytesMax = 20_000
        try change(&configuration)
        return try ElasticsearchReplay(configuration)
    }
}
