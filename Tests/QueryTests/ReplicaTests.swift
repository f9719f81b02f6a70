import Model
import Storage
import TestBasics
import Testing

@testable import Query

/// Hundreds of processes behind one URL, against a count that knows which of them answered.
@Suite("Replicas behind one URL")
struct ReplicaTests {
    /// 2023: PauseEnd is a Unix time.
    private static let start: Int64 = 1_700_000_000_000

    /// One of them, as its /debug/vars shows it; it has lived for an hour when it is met first.
    private struct Replica {
        private var collections = 0
        private var pauses = [UInt64](repeating: 0, count: 256)
        private var ends = [UInt64](repeating: 0, count: 256)
        private var pauseTotal: UInt64 = 0
        private(set) var requests: Int
        /// Sets it apart: no two of them pause or end alike.
        private let number: UInt64

        init(_ number: Int, using generator: inout SeededGenerator) {
            self.number = UInt64(number)
            requests = Int.random(in: 0...1_000_000, using: &generator)
            let count = Int.random(in: 2...400, using: &generator)
            collect(count, from: ReplicaTests.start - 3_600_000, to: ReplicaTests.start, using: &generator)
        }

        /// Collects so often between two times, in milliseconds.
        mutating func collect(_ count: Int, from: Int64, to: Int64, using generator: inout SeededGenerator) {
            for index in 0..<count {
                let slot = collections % 256
                collections += 1
                pauses[slot] = UInt64.random(in: 10_000...5_000_000, using: &generator)
                let time = from + (to - from) * Int64(index) / Int64(count)
                ends[slot] = UInt64(time) * 1_000_000 + number
                pauseTotal += pauses[slot]
            }
            requests += Int.random(in: 0...100, using: &generator)
        }

        /// The collections that its rings hold: end and pause of each.
        var held: [[UInt64]] { zip(ends, pauses).filter { $0.0 > 0 }.map { [$0.0, $0.1] } }

        var body: String {
            let fields = [
                "\"TotalAlloc\":\(collections * 4096 + 1)", "\"Mallocs\":\(collections * 9 + 1)",
                "\"Frees\":\(collections * 8)", "\"PauseTotalNs\":\(pauseTotal)",
                "\"PauseNs\":[\(pauses.map(String.init).joined(separator: ","))]",
                "\"PauseEnd\":[\(ends.map(String.init).joined(separator: ","))]", "\"NumGC\":\(collections)",
            ]
            return "{\n\"cmdline\": [\"api\"],\n\"memstats\": {\(fields.joined(separator: ","))},\n"
                + "\"requests\": \(requests)\n}\n"
        }
    }

    /// What somebody counted who knows which replica answered.
    private struct Count {
        var requests = 0
        var collections: Set<[UInt64]> = []
        var met: Set<Int> = []
    }

    private func record(
        _ count: Int,
        scrapes: Int,
        isRandom: Bool,
        seed: UInt64,
        into database: TemporaryDatabase,
        reopenedEvery batch: Int
    ) async throws -> Count {
        var generator = SeededGenerator(seed: seed)
        var replicas = (0..<count).map { Replica($0, using: &generator) }
        var asked = [Int64](repeating: Self.start, count: count)
        var naive = Count()
        var waiting: [(epoch: Int64, scrape: Scrape)] = []
        for number in 0..<scrapes {
            let time = Self.start + Int64(number + 1) * 1000
            let next = isRandom ? Int.random(in: 0..<count, using: &generator) : number % count
            let before = replicas[next].requests
            // It has collected lately when it is met first, and its rings overlap from turn to turn.
            let least = naive.met.contains(next) ? 0 : 1
            let collections =
                Bool.random(using: &generator) ? least : Int.random(in: least...254, using: &generator)
            replicas[next].collect(collections, from: asked[next], to: time, using: &generator)
            asked[next] = time
            if naive.met.insert(next).inserted {
                // What it counted before it was met, nobody knows.
            } else {
                naive.requests += replicas[next].requests - before
            }
            naive.collections.formUnion(replicas[next].held)
            waiting.append((0, Scrape(at: time, replicas[next].body)))
            if waiting.count == batch || number == scrapes - 1 {
                try await database.insert(waiting)
                waiting.removeAll()
            }
        }
        return naive
    }

    @Test(
        "rate, collections and percentiles are those of an independent count",
        arguments: [2, 16, 17, 20, 100, 500],
        [false, true]
    )
    func counted(count: Int, isRandom: Bool) async throws {
        let seed = UInt64.random(in: 0...(.max))
        let database = try TemporaryDatabase()
        let scrapes = max(200, count * 3)
        let naive = try await record(
            count,
            scrapes: scrapes,
            isRandom: isRandom,
            seed: seed,
            into: database,
            // What a recorder remembers it has from the rows of its runs, sealed or not, when it begins anew.
            reopenedEvery: 173
        )
        let engine = try database.engine()
        let target = try #require(try engine.targets().first)
        #expect(target.runs.count == naive.met.count, "seed \(seed)")
        #expect(target.isAlternating && target.unproven == 0 && target.runsForgotten == 0, "seed \(seed)")
        let rate = try #require(try engine.rate(["requests"]).first)
        #expect(rate.increase == .integer(Int64(naive.requests)) && rate.resets == 0, "seed \(seed)")
        let percentiles = try ["50", "90", "99", "99.9"].map { try DecimalPercentile($0) }
        let pauses = try #require(try engine.pauses(percentiles: percentiles).first).summary
        let sorted = naive.collections.map { $0[1] }.sorted()
        #expect(pauses.count == sorted.count && pauses.missed == .integer(0), "seed \(seed)")
        // ceil(p / 100 × k) in tenths of a percent.
        let ranks = [500, 900, 990, 999].map { ($0 * sorted.count + 999) / 1000 }
        #expect(pauses.percentiles == ranks.map { sorted[$0 - 1] }, "seed \(seed)")
    }
}
