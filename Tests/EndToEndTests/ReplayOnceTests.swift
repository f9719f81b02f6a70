import JSON
import TestBasics
import TestSupport
import Testing

/// Documents that somebody else may have sent: another ledger, a capture, a central database; each is in the stream once, also where
/// the stream rolled over in between, so that no index alone knows.
@Suite struct ReplayOnceTests {
    private let directory: TemporaryDirectory
    private let db: String

    init() throws {
        directory = try TemporaryDirectory()
        db = directory.file("replay.db")
    }

    /// Adds so many scrapes to the database.
    private func add(_ scrapes: Range<Int>) async throws {
        let bodies = (0..<scrapes.upperBound).map {
            CommandLineTests.body(requests: $0, collections: min($0, 256))
        }
        let lines = CommandLineTests.lines(bodies).split(separator: "\n").dropFirst(scrapes.lowerBound)
        let file = try directory.write((lines.joined(separator: "\n") + "\n").utf8, to: "lines.ndjson")
        _ = try await Expvault.output("import", "--db", db, "--url", "api=http://127.0.0.1:6060", file)
    }

    /// Exports a database; its summary.
    @discardableResult
    private func export(
        _ db: String,
        to server: ElasticsearchServer,
        _ further: [String] = [],
        status: Int32 = 0
    ) async throws -> JSONValue {
        let outcome = try await ChildProcess.run(
            Expvault.binary,
            ["export", "elasticsearch", "--url", server.url, "--db", db, "--format", "json"] + further
        )
        #expect(outcome.status == status, "\(outcome.error)")
        return try #require(try JSONText.lines(outcome.text).first)
    }

    private func rollOver(_ server: ElasticsearchServer) {
        server.with { state in
            for name in state.cluster.streamNames { state.cluster.rollOver(name) }
        }
    }

    /// The ids in a server, for both streams together.
    private func ids(in server: ElasticsearchServer) -> [String] {
        server.with { state in
            state.cluster.streamNames.flatMap { stream in
                state.cluster.documents(of: stream).map { "\(stream)/\($0.id)" }
            }
        }
    }

    /// Expects so many documents, each once.
    private func expect(_ count: Int, in server: ElasticsearchServer) {
        let stored = ids(in: server)
        #expect(stored.count == count)
        #expect(Set(stored).count == count)
    }

    private func copy(_ from: String, to: String) async throws {
        let copied = try await ChildProcess.run("/bin/cp", [from, to])
        try #require(copied.status == 0, "\(copied.error)")
    }

    @Test("an older ledger that was put back sends nothing twice, also after a rollover")
    func olderLedger() async throws {
        let server = try await ElasticsearchServer.start()
        try await add(0..<10)
        try await export(db, to: server)
        try await copy(db + "-export", to: directory.file("old"))
        try await add(10..<310)
        try await export(db, to: server)
        try await copy(directory.file("old"), to: db + "-export")
        rollOver(server)
        let summary = try await export(db, to: server)
        #expect(summary["there_before"]?.integer == 600)
        #expect(summary["sent"]?.integer == 0)
        #expect(summary["possibly_twice"]?.integer == 0)
        expect(620, in: server)
        try await server.stop()
    }

    @Test("a capture and its source send each document once, in either order, also after a rollover")
    func captures() async throws {
        for captureFirst in [true, false] {
            var cluster = ElasticsearchCluster()
            cluster.clusterUUID = "capture-first-\(captureFirst)"
            let server = try await ElasticsearchServer.start(cluster)
            if captureFirst { try await add(0..<30) }
            let capture = directory.file("capture-\(captureFirst).db")
            _ = try await Expvault.output("capture", "--db", db, "--out", capture)
            let order = captureFirst ? [capture, db] : [db, capture]
            try await export(order[0], to: server)
            rollOver(server)
            let summary = try await export(order[1], to: server)
            #expect(summary["there_before"]?.integer == 60, "\(captureFirst)")
            #expect(summary["possibly_twice"]?.integer == 0, "\(captureFirst)")
            expect(60, in: server)
            try await server.stop()
        }
    }

    @Test("a target that gets another name after a request without an answer sends nothing twice")
    func renamed() async throws {
        let server = try await ElasticsearchServer.start()
        try await add(0..<20)
        server.with {
            $0.faults = [.cut(applies: true)]
            $0.standing = .whole(status: 503)
        }
        try await export(db, to: server, ["--max-wait", "2s"], status: 69)
        server.with { $0.standing = .none }
        #expect(!ids(in: server).isEmpty)
        _ = try await Expvault.output("targets", "rename", "api", "checkout", "--db", db)
        let summary = try await export(db, to: server)
        #expect(summary["possibly_twice"]?.integer == 0)
        expect(40, in: server)
        // What is recorded under the new name is named by that, what was under the old one stays.
        try await add(20..<22)
        _ = try await Expvault.output("targets", "rename", "checkout", "shop", "--db", db)
        _ = try await Expvault.output("targets", "rename", "shop", "till", "--db", db)
        try FileTools.remove(db + "-export")
        rollOver(server)
        try await export(db, to: server)
        expect(44, in: server)
        try await server.stop()
    }

    @Test("a central database sends what it was brought as the host does that recorded it, and once")
    func central() async throws {
        let server = try await ElasticsearchServer.start()
        try await add(0..<20)
        _ = try await Expvault.output("targets", "rename", "api", "checkout", "--db", db)
        try await export(db, to: server)
        let raw = directory.file("raw.ndjson")
        _ = try await Expvault.output("export", "raw", "--db", db, "--out", raw)
        let central = directory.file("central.db")
        _ = try await Expvault.output("import", "--db", central, raw)
        rollOver(server)
        let summary = try await export(central, to: server)
        #expect(summary["there_before"]?.integer == 40)
        expect(40, in: server)
        // Byte for byte the same, and brought back home it is the host's own again.
        let documents = try await Expvault.output("export", "file", "--db", db, "--out", "-")
        #expect(try await Expvault.output("export", "file", "--db", central, "--out", "-") == documents)
        let back = directory.file("back.ndjson")
        _ = try await Expvault.output("export", "raw", "--db", central, "--out", back)
        #expect(TemporaryDirectory.contents(of: back) == TemporaryDirectory.contents(of: raw))
        try await server.stop()
    }

    @Test("where the key may not look, what may be there twice is counted")
    func blind() async throws {
        var cluster = ElasticsearchCluster()
        cluster.privileges = [.monitor, .createDoc, .autoConfigure]
        let server = try await ElasticsearchServer.start(cluster)
        try await add(0..<15)
        #expect(try await export(db, to: server)["possibly_twice"]?.integer == 0)
        try FileTools.remove(db + "-export")
        rollOver(server)
        #expect(try await export(db, to: server)["possibly_twice"]?.integer == 30)
        #expect(ids(in: server).count == 60)
        try await server.stop()
    }

    @Test("a stream of one index is asked nothing but what it writes to, once")
    func oneIndex() async throws {
        let server = try await ElasticsearchServer.start()
        try await add(0..<200)
        try await export(db, to: server)
        let requests = server.with { $0.requests }
        #expect(!requests.contains { $0.contains("/_search") || $0.contains("/_refresh") })
        #expect(requests.count { $0.contains("GET /_data_stream/") } == 2, "\(requests)")
        try await server.stop()
    }

    @Test("two exports of the same scrapes are the same documents, byte for byte")
    func sameTwice() async throws {
        try await add(0..<5)
        let first = try await Expvault.output("export", "file", "--db", db, "--out", "-")
        #expect(first.contains("\"ephemeral_id\":\""))
        #expect(try await Expvault.output("export", "file", "--db", db, "--out", "-") == first)
    }
}

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Files that a test takes away.
private enum FileTools {
    private struct Failed: Error {}

    static func remove(_ path: String) throws {
        guard unlink(path) == 0 else { throw Failed() }
    }
}
