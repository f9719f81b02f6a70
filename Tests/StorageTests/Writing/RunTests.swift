import Expvar
import Model
import TestBasics
import Testing

@testable import Storage

/// A history of processes that restart and take turns: bodies in order of time.
func makeHistory(_ count: Int, seed: UInt64) -> [(time: Int64, body: [UInt8])] {
    var generator = SeededGenerator(seed: seed)
    var processes = [SampleProcess(), SampleProcess()]
    processes[1].arguments = ["/bin/sample"]
    var history: [(time: Int64, body: [UInt8])] = []
    var isAlternating = false
    for index in 0..<count {
        let end = UInt64(index + 1) * 10_000_000_000
        switch Int.random(in: 0..<40, using: &generator) {
        case 0: processes[0] = SampleProcess(arguments: ["/bin/sample", "-n", "\(index)"])
        case 1: processes[0] = SampleProcess()
        case 2: isAlternating.toggle()
        default: break
        }
        for process in processes.indices {
            let collections = Int.random(in: 0...3, using: &generator)
            processes[process].run(collections: collections, until: end, using: &generator)
        }
        let turn = isAlternating ? index % 2 : 0
        processes[turn].hasMemStats = Int.random(in: 0..<20, using: &generator) > 0
        history.append((Int64(index) * 10_000, processes[turn].body))
    }
    return history
}

/// The runs of a target as sets of scrapes, with what is known of each.
func runs(_ path: String) throws -> [String] {
    let snapshot = try Vault.openReader(path: path).snapshot()
    let target = try #require(try snapshot.targets().first)
    var members: [RunID: [Int64]] = [:]
    for (record, _) in try everything(path) {
        if let run = record.run { members[run, default: []].append(record.position.time.milliseconds) }
    }
    return try snapshot.runs(of: target.id).map { run in
        let times = members[run.id] ?? []
        #expect(times.first == run.first.time.milliseconds)
        #expect(times.last == run.last.time.milliseconds)
        #expect(times.count == Int(run.scrapeCount))
        return "\(times) \(String(describing: run.startedNanoseconds)) \(run.commandLine)"
    }
}

@Suite("Runs in the store")
struct RunTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func insert(
        _ history: [(time: Int64, body: [UInt8])],
        into name: String,
        batch: Int = 16,
        reopen: Bool = false
    ) async throws -> String {
        let path = directory.file(name)
        var writer = try await VaultWriter.open(path: path, create: true)
        var rest = history[...]
        while !rest.isEmpty {
            let lines = rest.prefix(batch).map {
                ImportedScrape(target: "sample", origin: origin, scrape: scrape($0.time, $0.body))
            }
            rest = rest.dropFirst(batch)
            #expect(try await writer.insert(lines) == lines.map { _ in ImportOutcome.stored })
            if reopen {
                try await writer.close()
                writer = try await VaultWriter.open(path: path, create: false)
            }
        }
        try await writer.close()
        return path
    }

    @Test("closing and opening the writer between scrapes changes no run")
    func reopened() async throws {
        let history = makeHistory(80, seed: 11)
        let whole = try runs(await insert(history, into: "whole.db"))
        #expect(whole.count > 1)
        #expect(try runs(await insert(history, into: "parts.db", batch: 3, reopen: true)) == whole)
    }

    @Test("runs after an import in any order equal those of an import in order", arguments: 0..<6)
    func anyOrder(round: Int) async throws {
        let seed = UInt64.random(in: 0...(.max))
        var generator = SeededGenerator(seed: seed)
        let history = makeHistory(60, seed: seed)
        let inOrder = try runs(await insert(history, into: "order.db"))
        var mixed = history
        switch round {
        case 0: mixed.reverse()
        case 1: mixed = Array(history[30...] + history[..<30])
        case 2: mixed = history.filter { $0.time % 20_000 == 0 } + history.filter { $0.time % 20_000 != 0 }
        default: mixed.shuffle(using: &generator)
        }
        let path = try await insert(mixed, into: "mixed.db", batch: 7, reopen: round == 5)
        #expect(try runs(path) == inOrder, "seed \(seed)")
        #expect(try IntegrityCheck(snapshot: Vault.openReader(path: path).snapshot()).findings().isEmpty)
    }

    @Test("a crash before runs were found anew is mended by the next writer")
    func crashBeforeRefresh() async throws {
        let history = makeHistory(40, seed: 5)
        let inOrder = try runs(await insert(history, into: "order.db"))
        let path = directory.file("crash.db")
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
        try await VaultWriter.open(path: copy, create: false).close()
        #expect(try runs(copy) == inOrder)
    }

    @Test("a restart begins a run; its collections are counted from the first, what the ring lost is missed")
    func collections() async throws {
        var generator = SeededGenerator(seed: 2)
        let path = directory.file("test.db")
        let writer = try await VaultWriter.open(path: path, create: true)
        var process = SampleProcess()
        func store(_ time: Int64, collections: Int) async throws {
            process.run(collections: collections, until: UInt64(time) * 1_000_000, using: &generator)
            _ = try await writer.append([(sample, scrape(time, process.body))])
        }
        // The first scrape of a target misses nothing, however much has left its ring.
        try await store(1_000_000, collections: 1000)
        let before = process.pauseTotal
        try await store(1_010_000, collections: 300)
        let lost = process.pauseTotal - before - process.pauses.reduce(0, +)
        // A restart within five minutes: watched from its beginning.
        process = SampleProcess()
        try await store(1_020_000, collections: 257)
        // A restart after a gap misses nothing.
        process = SampleProcess()
        try await store(2_000_000, collections: 400)
        try await writer.close()

        let snapshot = try Vault.openReader(path: path).snapshot()
        let target = try #require(try snapshot.targets().first)
        var counts: [RunID: Int] = [:]
        try snapshot.forEachCollection(of: target.id, endingIn: .all) { counts[$0.run, default: 0] += 1 }
        let runs = try snapshot.runs(of: target.id)
        #expect(runs.map { counts[$0.id] } == [512, 256, 256])
        let missed = try snapshot.missed(of: target.id, in: .all)
        #expect(missed.map(\.missed.count) == [44, 1])
        #expect(missed.first?.missed.pauseNanoseconds == lost)
        #expect(missed.map(\.run) == [runs[0].id, runs[1].id])
        #expect(!target.isAlternating)
        let late = TimeRange(since: Timestamp(milliseconds: 1_015_000), until: nil)
        #expect(try snapshot.missed(of: target.id, in: late).map(\.missed.count) == [1])
        var inRange = 0
        let range = TimeRange(
            since: Timestamp(milliseconds: 1_999_990),
            until: Timestamp(milliseconds: 2_000_000)
        )
        try snapshot.forEachCollection(of: target.id, endingIn: range) { _ in inRange += 1 }
        #expect(inRange == 10)
    }

    @Test("processes that take turns show as alternating, and keep their runs")
    func alternating() async throws {
        var generator = SeededGenerator(seed: 4)
        var processes = [SampleProcess(), SampleProcess()]
        let path = directory.file("test.db")
        let writer = try await VaultWriter.open(path: path, create: true)
        for index in 0..<20 {
            for process in processes.indices {
                processes[process].run(
                    collections: 2,
                    until: UInt64(index + 1) * 10_000_000_000 + UInt64(process),
                    using: &generator
                )
            }
            _ = try await writer.append([(sample, scrape(Int64(index) * 10_000, processes[index % 2].body))])
        }
        try await writer.close()
        let snapshot = try Vault.openReader(path: path).snapshot()
        let target = try #require(try snapshot.targets().first)
        #expect(target.isAlternating)
        #expect(try snapshot.runs(of: target.id).map(\.scrapeCount) == [10, 10])
        #expect(try everything(path).map(\.record.run).prefix(4).map { $0?.value } == [1, 2, 1, 2])
    }
}
