import Expvar
import Model
import TestBasics
import Testing

@testable import Storage

/// Several processes behind one name: at once, or one after the other at another URL.
@Suite("Processes that take turns, and targets that move")
struct TakingTurnsTests {
    private let directory: TemporaryDirectory
    /// 2023: PauseEnd is a Unix time.
    private static let start: Int64 = 1_700_000_000_000

    init() throws { directory = try TemporaryDirectory() }

    /// A fast process and a slow one, whose turns cannot be told apart by their rings alone.
    private func turns(_ count: Int, seed: UInt64) -> [(time: Int64, body: [UInt8])] {
        var generator = SeededGenerator(seed: seed)
        var processes = [SampleProcess(), SampleProcess()]
        // The slow one has collected as often as its ring holds, long ago.
        processes[1].run(
            collections: 200,
            until: UInt64(Self.start - 3_600_000) * 1_000_000,
            using: &generator
        )
        var history: [(time: Int64, body: [UInt8])] = []
        for index in 0..<count {
            let time = Self.start + Int64(index) * 10_000
            processes[0].run(collections: 300, until: UInt64(time) * 1_000_000, using: &generator)
            if index % 10 == 0 {
                processes[1].run(collections: 1, until: UInt64(time - 17) * 1_000_000, using: &generator)
            }
            history.append((time, processes[index % 2].body))
        }
        return history
    }

    private func collections(_ path: String) throws -> [[UInt64]] {
        let snapshot = try Vault.openReader(path: path).snapshot()
        let target = try #require(try snapshot.targets().first)
        var found: [[UInt64]] = []
        try snapshot.forEachCollection(of: target.id, endingIn: .all) {
            found.append([$0.collection.endNanoseconds, $0.collection.pauseNanoseconds])
        }
        return found
    }

    @Test(
        "no collection is counted twice in a target, also by a writer that was opened anew, and in any order",
        arguments: ["at once", "reopened", "backwards"]
    )
    func once(manner: String) async throws {
        let history = turns(40, seed: 3)
        let path = directory.file("turns.db")
        var writer = try await VaultWriter.open(path: path, create: true)
        for (index, line) in (manner == "backwards" ? history.reversed() : history).enumerated() {
            let scrape = scrape(line.time, line.body)
            let lines = [ImportedScrape(target: "sample", origin: origin, scrape: scrape)]
            _ = try await writer.insert(lines)
            if manner == "reopened", index % 7 == 3 {
                try await writer.close()
                writer = try await VaultWriter.open(path: path, create: false)
            }
        }
        try await writer.close()
        let found = try collections(path)
        #expect(found.count == Set(found).count)
        // 20 rings of the fast one that share nothing, the slow one's 200 and what it added while it was looked at.
        #expect(found.count == 20 * 256 + 204)
        let snapshot = try Vault.openReader(path: path).snapshot()
        let target = try #require(try snapshot.targets().first)
        #expect(target.isAlternating)
        #expect(target.unprovenCount > 0)
        #expect(try snapshot.missed(of: target.id, in: .all).allSatisfy { $0.missed.count > 0 })
        #expect(IntegrityCheck(snapshot: snapshot).findings().isEmpty)
    }

    @Test("a target that moves begins a run at once, and nothing of it is missed; its runs tell their URLs")
    func moves() async throws {
        var generator = SeededGenerator(seed: 5)
        let path = directory.file("moves.db")
        let writer = try await VaultWriter.open(path: path, create: true)
        var processes = [SampleProcess(), SampleProcess()]
        var moved: [String?] = []
        for index in 0..<8 {
            let time = Self.start + Int64(index) * 10_000
            let place = index / 4
            // The other one counted on for long, so no counter falls from the first to it.
            let collections = index == 4 ? 900 : 2
            processes[place].run(collections: collections, until: UInt64(time) * 1_000_000, using: &generator)
            let url = "http://host\(place)/debug/vars?x=\(index)"
            let description = TargetDescription(name: "sample", origin: Origin(url: url))
            moved += try await writer.append([(description, scrape(time, processes[place].body))]).map(
                \.movedFrom
            )
        }
        try await writer.close()
        #expect(moved == [nil, nil, nil, nil, "http://host0/debug/vars?x=3", nil, nil, nil])
        let snapshot = try Vault.openReader(path: path).snapshot()
        let target = try #require(try snapshot.targets().first)
        let runs = try snapshot.runs(of: target.id)
        #expect(runs.map(\.scrapeCount) == [4, 4])
        #expect(runs.map(\.url) == ["http://host0/debug/vars?x=0", "http://host1/debug/vars?x=4"])
        #expect(runs.map(\.beginning) == [.fresh, .elsewhere])
        #expect(!target.isAlternating && target.unprovenCount == 0)
        #expect(try snapshot.missed(of: target.id, in: .all).isEmpty)
    }

    @Test("the beginning of a run is never later than its first scrape")
    func started() async throws {
        var generator = SeededGenerator(seed: 9)
        let path = directory.file("started.db")
        let writer = try await VaultWriter.open(path: path, create: true)
        var process = SampleProcess()
        for (index, collections) in [0, 2, 1].enumerated() {
            let time = Self.start + Int64(index) * 10_000
            process.run(collections: collections, until: UInt64(time) * 1_000_000, using: &generator)
            _ = try await writer.append([(sample, scrape(time, process.body))])
        }
        // And one that had collected before it was met.
        process = SampleProcess()
        process.run(collections: 1, until: UInt64(Self.start + 25_000) * 1_000_000, using: &generator)
        _ = try await writer.append([(sample, scrape(Self.start + 30_000, process.body))])
        try await writer.close()
        let snapshot = try Vault.openReader(path: path).snapshot()
        let target = try #require(try snapshot.targets().first)
        let started = try snapshot.runs(of: target.id).map(\.startedNanoseconds)
        #expect(started == [nil, UInt64(Self.start + 25_000) * 1_000_000])
    }

    @Test("a target whose runs are still to be found says so, until a writer has found them")
    func unsettled() async throws {
        let history = makeHistory(40, seed: 5)
        let path = directory.file("unsettled.db")
        let writer = try await VaultWriter.open(path: path, create: true)
        for part in [history[20...], history[..<20]] {
            _ = try await writer.insert(
                part.map {
                    ImportedScrape(target: "sample", origin: origin, scrape: scrape($0.time, $0.body))
                }
            )
        }
        let copy = directory.file("copy.db")
        write(contents(of: path), to: copy)
        write(contents(of: path + "-wal"), to: copy + "-wal")
        try await writer.close()
        #expect(try Vault.openReader(path: copy).snapshot().targets().first?.isUnsettled == true)
        #expect(try Vault.openReader(path: path).snapshot().targets().first?.isUnsettled == false)
    }
}
