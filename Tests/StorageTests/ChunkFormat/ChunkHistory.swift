import Expvar
import Model
import TestBasics

@testable import Storage

/// A made-up history of a target, with all that a chunk must stand: restarts, processes that take turns, failures,
/// variables that come and go and change their form, and bodies that are hardly documents.
struct ChunkHistory {
    /// What happens in it.
    struct Traits: OptionSet {
        let rawValue: Int
        static let restarts = Self(rawValue: 1)
        static let turns = Self(rawValue: 2)
        static let failures = Self(rawValue: 4)
        static let shapes = Self(rawValue: 8)
        static let spellings = Self(rawValue: 16)
        static let metadata = Self(rawValue: 32)
        static let strangeRings = Self(rawValue: 64)
        static let all = Self(rawValue: 127)
    }

    private(set) var scrapes: [ChunkScrape] = []
    private(set) var shapes: [Shape] = []
    /// By row, the collections that are new with it.
    private(set) var collections: [[Collection]] = []
    private var shapeIDs: [[UInt8]: Int] = [:]

    func shape(_ id: ShapeID) throws -> Shape {
        guard shapes.indices.contains(Int(id.value)) else { throw ChunkError.unknownShape(id.value) }
        return shapes[Int(id.value)]
    }

    init(count: Int, traits: Traits, seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var processes = [SampleProcess(), SampleProcess(arguments: ["/bin/sample", "-second"])]
        var runs: [Int64] = [1, 2]
        var states: [Int64: ProcessState] = [:]
        var time: Int64 = 1_700_000_000_000
        var requests = 0
        var seconds = 0.0
        var average = 0.0
        for row in 0..<count {
            time += traits.contains(.metadata) ? Int64.random(in: 9_990...10_010, using: &random) : 10_000
            let who = traits.contains(.turns) ? Int.random(in: 0...1, using: &random) : 0
            if traits.contains(.restarts), Int.random(in: 0...19, using: &random) == 0 {
                processes[who] = SampleProcess()
                runs[who] = Int64(row) + 10
            }
            requests += Int.random(in: 0...40, using: &random)
            average += 0.1 * (Double(requests % 97) - average)
            seconds += Double(Int.random(in: 0...90_000_000, using: &random)) / 1e9
            processes[who].run(
                collections: [0, 0, 1, 2, row % 40 == 7 ? 300 : 0][Int.random(in: 0...4, using: &random)],
                until: UInt64(time) * 1_000_000,
                using: &random
            )
            processes[who].variables = variables(row, requests, seconds, average, traits, &random)
            processes[who].hasMemStats =
                !(traits.contains(.shapes) && Int.random(in: 0...30, using: &random) == 0)
            var body = processes[who].body
            if traits.contains(.strangeRings), Int.random(in: 0...9, using: &random) == 0 {
                body = Self.strange(body, &random)
            }
            append(row, time, body, RunID(runs[who]), traits, &states, &random)
        }
    }

    private func variables(
        _ row: Int,
        _ requests: Int,
        _ seconds: Double,
        _ average: Double,
        _ traits: Traits,
        _ random: inout SeededGenerator
    ) -> [(name: String, text: String)] {
        var variables: [(name: String, text: String)] = [
            ("requests", "\(requests)"), ("bytes", "\(requests * 512)"),
            ("ratio", "\(Double(requests) / Double(requests * 3 + 1))"),
            ("seconds", "\(seconds)"), ("big", "18446744073709551\(600 + row % 16)"),
            ("name", "\"v\(row / 50)\""),
            ("average", "\(average)"), ("ok", row % 9 == 0 ? "false" : "true"),
        ]
        if traits.contains(.shapes) {
            let keys = (0...min(row / 30, 5)).map { "\"k\($0)\": \(requests + $0)" }
            variables.append(("map", "{\(keys.joined(separator: ", "))}"))
            if Int.random(in: 0...8, using: &random) == 0 { variables.append(("none", "null")) }
            if Int.random(in: 0...8, using: &random) == 0 { variables.append(("broken", "NaN")) }
        }
        if traits.contains(.spellings) {
            let spellings = [
                "1", "1.0", "1e5", "-0", "-0.0", "1E+2", "1e400", "0.1000", "123456789012345678901234567890",
                "-5", "5e-324",
                "100000000000000000000", "1e+06", "1000000", "null", "true", "\"text\"",
                "0.30000000000000004",
                "9007199254740993", "-9223372036854775808", "18446744073709551615", "1e-7", "1e-07",
            ]
            let mostly = Int.random(in: 0...3, using: &random)
            variables.append(
                (
                    "odd",
                    mostly == 0
                        ? spellings[Int.random(in: 0..<spellings.count, using: &random)] : "\(requests)"
                )
            )
            variables.append(("odder", spellings[Int.random(in: 0..<spellings.count, using: &random)]))
            variables.append(
                (
                    "mostly",
                    mostly == 1 && row % 5 == 0 ? spellings[row % spellings.count] : "\(Double(requests) / 8)"
                )
            )
        }
        return variables
    }

    /// Rings that no runtime writes.
    private static func strange(_ body: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        let text = String(decoding: body, as: UTF8.self)
        switch Int.random(in: 0...3, using: &random) {
        case 0: return Array(text.replacing("\"PauseNs\":[", with: "\"PauseNs\":[-").utf8)
        case 1: return Array(text.replacing("\"NumGC\":", with: "\"NumGC\":9").utf8)
        case 2: return Array(text.replacing("\"PauseEnd\":[", with: "\"PauseEnd\":[ ").utf8)
        default: return Array(text.replacing("\"NumGC\":", with: "\"NumGC\":-").utf8)
        }
    }

    private mutating func append(
        _ row: Int,
        _ time: Int64,
        _ body: [UInt8],
        _ run: RunID,
        _ traits: Traits,
        _ states: inout [Int64: ProcessState],
        _ random: inout SeededGenerator
    ) {
        var outcome = ChunkScrape.Outcome.failure(
            reason: "it is no document, number \(row % 3)",
            body: Array("<html>\(row)".utf8)
        )
        var new: [Collection] = []
        var document = ScannedDocument()
        let isFailure = traits.contains(.failures) && Int.random(in: 0...11, using: &random) == 0
        if !isFailure, (try? document.scan(body)) != nil, let id = id(document.skeleton) {
            let state = ProcessState(shape: shapes[id], document: document, body: body)
            let found = PauseRing.newCollections(
                in: state,
                after: states[run.value].map { .scrape($0) } ?? (run.value == 1 ? .unknown : .runBegin)
            )
            states[run.value] = state
            new = found.seen
            outcome = .document(
                shape: ShapeID(Int64(id)),
                run: run,
                seen: found.seen.count,
                missed: found.missed,
                body: body
            )
        }
        collections.append(new)
        let hasMetadata = traits.contains(.metadata)
        scrapes.append(
            ChunkScrape(
                seq: Int64(row) * 5 + 3,
                position: ScrapePosition(epoch: Int64(row / 100), time: Timestamp(milliseconds: time)),
                origin: Int64(1 + row / 70),
                boot: hasMetadata && row % 7 != 0 ? Int64(row / 90) : nil,
                bootNanoseconds: hasMetadata ? time * 1_000_000 - 77 : nil,
                durationNanoseconds: hasMetadata && row % 11 != 0
                    ? Int64.random(in: 800_000...2_000_000, using: &random) : nil,
                status: isFailure ? nil : 200,
                serverDate: hasMetadata && row % 5 != 0 ? Timestamp(milliseconds: time / 1000 * 1000) : nil,
                isAfterStep: hasMetadata && row % 53 == 0,
                outcome: outcome
            )
        )
    }

    mutating func setOutcome(_ row: Int, _ outcome: ChunkScrape.Outcome) { scrapes[row].outcome = outcome }

    private mutating func id(_ skeleton: [UInt8]) -> Int? {
        if let known = shapeIDs[skeleton] { return known }
        guard let shape = try? Shape(skeleton: skeleton) else { return nil }
        shapeIDs[skeleton] = shapes.count
        shapes.append(shape)
        return shapes.count - 1
    }
}
