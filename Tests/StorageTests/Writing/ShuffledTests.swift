import Expvar
import Model
import SQLite
import TestBasics
import Testing

@testable import Storage

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A process whose statistics are maps that it ranges over, as Kapacitor's and InfluxDB's are.
struct ShuffledService {
    private var process = SampleProcess()
    private var counts: [Int]
    private var orders: SeededGenerator
    private var values: SeededGenerator
    /// What the orders of all bodies so far hold, in bits.
    private(set) var entropy = 0.0
    var isShuffled: Bool

    init(members: Int = 24, isShuffled: Bool, seed: UInt64 = 1) {
        counts = (0..<members).map { $0 * 1000 }
        orders = SeededGenerator(seed: seed)
        values = SeededGenerator(seed: 2)
        self.isShuffled = isShuffled
    }

    mutating func next(_ time: Int64) -> [UInt8] {
        for index in counts.indices where values.percent(60) { counts[index] += values.below(9) }
        process.run(collections: values.below(2), until: UInt64(time) * 1_000_000, using: &values)
        var members: [String] = []
        for (index, count) in counts.enumerated() {
            let tags = object(["\"host\": \"edge-\(index)\"", "\"task.a\": \"t\"", "\"kind\": \"window\""])
            let numbers = object(["\"errors\": 0", "\"points.received\": \(count)"])
            members.append("\"node-\(index)\": \(object(["\"tags\": \(tags)", "\"values\": \(numbers)"]))")
        }
        process.variables = [("nodes", object(members)), ("requests", "\(counts[0])")]
        return process.body
    }

    private mutating func object(_ members: [String]) -> String {
        guard isShuffled else { return "{\(members.joined(separator: ", "))}" }
        entropy += lgamma(Double(members.count + 1)) / log(2)
        return "{\(members.shuffled(using: &orders).joined(separator: ", "))}"
    }
}

@Suite("A document whose members come in another order each time")
struct ShuffledTests {
    private let directory: TemporaryDirectory
    private static let count = 620

    init() throws { directory = try TemporaryDirectory() }

    /// Records the service, and gives what was served.
    private func record(_ service: inout ShuffledService, to path: String) async throws -> [[UInt8]] {
        let writer = try await VaultWriter.open(path: path, create: true)
        var bodies: [[UInt8]] = []
        for index in 0..<Self.count {
            bodies.append(service.next(Int64(index) * 10_000))
            _ = try await writer.append([(sample, scrape(Int64(index) * 10_000, bodies[index]))])
        }
        try await writer.close()
        return bodies
    }

    private func compact(_ path: String) throws {
        let session = try WriterSession(path: path, create: false)
        try session.sealAll()
        try session.loadTargets()
        let history = try session.loadHistory(of: #require(session.targets["sample"]).id)
        try session.transaction {
            var batch = try ChunkBatch(session, target: history.target, level: .cold)
            try batch.make(merging: history.chunks[...])
            for chunk in history.chunks { try chunk.delete(on: session.connection) }
            try batch.finish()
        }
        try session.close()
    }

    private func number(_ sql: String, _ path: String) throws -> Int64 {
        let session = try WriterSession(path: path, create: false)
        defer { try? session.close() }
        return try session.connection.integer(sql) ?? 0
    }

    @Test("has one shape, and takes what it takes in order and what its orders hold, byte for byte")
    func size() async throws {
        var (ordered, shuffled) = (ShuffledService(isShuffled: false), ShuffledService(isShuffled: true))
        let paths = ["ordered.db", "shuffled.db"].map(directory.file)
        let inOrder = try await record(&ordered, to: paths[0])
        let served = try await record(&shuffled, to: paths[1])
        #expect(inOrder.map(\.count) == served.map(\.count))
        let entropy = Int64(shuffled.entropy / 8)
        #expect(try number("SELECT count(*) FROM shapes", paths[1]) == 1)
        #expect(try everything(paths[1]).map(\.body) == served)
        // While recording: what is sealed, and what the slots of the tail hold.
        let used = "SELECT (SELECT sum(length(bytes)) FROM chunk_bytes) + (SELECT count(*) * 4096 FROM tail)"
        let recorded = try paths.map { try number(used, $0) }
        #expect(recorded[1] <= recorded[0] + 2 * entropy)
        for path in paths { try compact(path) }
        let sealed = "SELECT sum(length(bytes)) FROM chunk_bytes"
        let sizes = try paths.map { try number(sealed, $0) }
        #expect(sizes[1] <= sizes[0] + entropy * 12 / 10, "\(sizes), entropy \(entropy)")
        #expect(try everything(paths[1]).map(\.body) == served)
        // And it answers what it answers in order.
        let answers = try paths.map { try askEverything($0, "sample", seed: 3) }
        #expect(answers[0].series == answers[1].series)
        #expect(answers[0].collections == answers[1].collections)
        #expect(answers[0].others == answers[1].others)
        #expect(
            try IntegrityCheck(snapshot: Vault.openReader(path: paths[1]).snapshot()).findings().isEmpty
        )
    }

    @Test("costs the tail what its orders hold, and nothing where the order is that of the scrape before")
    func tail() async throws {
        func bytes(
            _ service: inout ShuffledService,
            _ change: (Int, inout ShuffledService) -> Void
        ) async throws
            -> Int64
        {
            let path = directory.file("\(UInt64.random(in: 0 ... .max)).db")
            let writer = try await VaultWriter.open(path: path, create: true)
            for index in 0..<64 {
                change(index, &service)
                let body = service.next(Int64(index) * 10_000)
                _ = try await writer.append([(sample, scrape(Int64(index) * 10_000, body))])
            }
            try await writer.close()
            let session = try WriterSession(path: path, create: false)
            defer { try? session.close() }
            let places = try session.store.tailIndex().places.values
            return Int64(places.reduce(0) { $0 + $1.range.count })
        }
        var (ordered, shuffled) = (ShuffledService(isShuffled: false), ShuffledService(isShuffled: true))
        let inOrder = try await bytes(&ordered) { _, _ in }
        let inNone = try await bytes(&shuffled) { _, _ in }
        #expect(inNone <= inOrder + Int64(shuffled.entropy / 8 * 2))
    }

    @Test("is the same document once the program starts again in another order that stays")
    func restarted() async throws {
        let path = directory.file("restarted.db")
        let writer = try await VaultWriter.open(path: path, create: true)
        var bodies: [[UInt8]] = []
        for index in 0..<40 {
            let keys = index < 20 ? ["a", "b", "c", "d", "e", "f"] : ["d", "f", "a", "c", "b", "e"]
            let members = keys.map { "\"\($0)\": \(index)" }.joined(separator: ", ")
            bodies.append(Array("{\n\"map\": {\(members)}\n}\n".utf8))
            _ = try await writer.append([(sample, scrape(Int64(index) * 1000, bodies[index]))])
        }
        try await writer.close()
        #expect(try everything(path).map(\.body) == bodies)
        #expect(try number("SELECT count(*) FROM shapes", path) == 1)
        try compact(path)
        #expect(try everything(path).map(\.body) == bodies)
    }
}
