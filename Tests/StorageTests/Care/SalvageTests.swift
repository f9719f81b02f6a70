import Model
import TestBasics
import Testing

@testable import Storage

@Suite("Salvage")
struct SalvageTests {
    let directory: TemporaryDirectory
    let path: String

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.file("test.db")
    }

    private func make() async throws {
        try await makeDatabase(path)
        let session = try WriterSession(path: path, create: false)
        try session.loadTargets()
        try session.transaction { try session.seal(#require(session.targets["sample"])) }
        try session.close()
    }

    @Test("of a sound file everything is brought over: places, numbers, bodies, runs, collections, steps")
    func sound() async throws {
        try await make()
        let copy = directory.file("copy.db")
        let summary = try Salvage.run(from: path, to: copy)
        #expect(summary.findings.isEmpty)
        #expect(summary.lost == 0)
        for name in ["sample", "other"] {
            let (left, right) = try (everything(path, name), everything(copy, name))
            #expect(left.map(\.record.seq) == right.map(\.record.seq))
            #expect(left.map(\.record.position) == right.map(\.record.position))
            #expect(left.map(\.record.isAfterStep) == right.map(\.record.isAfterStep))
            #expect(left.map(\.record.failure) == right.map(\.record.failure))
            #expect(left.map(\.record.bootNanoseconds) == right.map(\.record.bootNanoseconds))
            #expect(left.map(\.body) == right.map(\.body))
        }
        #expect(summary.scrapes == Int64(try everything(path).count + everything(path, "other").count))
        let snapshots = try [path, copy].map { try Vault.openReader(path: $0).snapshot() }
        #expect(snapshots[0].databaseUUID == snapshots[1].databaseUUID)
        #expect(snapshots[0].lastSeq == snapshots[1].lastSeq)
        let counts = try snapshots.map { snapshot in
            try snapshot.targets().map { try snapshot.runs(of: $0.id).map(\.scrapeCount) }
        }
        #expect(counts[0] == counts[1])
        #expect(IntegrityCheck(snapshot: snapshots[1]).findings().isEmpty)
        #expect(throws: StorageError.self) { try Salvage.run(from: path, to: copy) }
    }

    @Test("of a damaged file what can be read is brought over, byte for byte, and the rest is counted")
    func damaged() async throws {
        try await make()
        let right = Dictionary(
            uniqueKeysWithValues: try (everything(path) + everything(path, "other")).map {
                ($0.record.seq, $0.body)
            }
        )
        let bytes = contents(of: path)
        let seed = UInt64.random(in: 0...(.max))
        var generator = SeededGenerator(seed: seed)
        for round in 0..<(ProcessEnvironment.integer("EXPVAULT_TEST_FLIPS") ?? 12) {
            var changed = bytes
            // A page that is all garbage, somewhere behind the schema.
            let page = Int.random(in: 1..<bytes.count / 4096, using: &generator)
            for index in page * 4096..<(page + 1) * 4096 {
                changed[index] = UInt8.random(in: 0...255, using: &generator)
            }
            let damaged = directory.file("damaged\(round).db")
            let copy = directory.file("copy\(round).db")
            write(changed, to: damaged)
            do {
                let summary = try Salvage.run(from: damaged, to: copy)
                let snapshot = try Vault.openReader(path: copy).snapshot()
                var count = 0
                for target in try snapshot.targets() {
                    for (record, body) in try everything(copy, target.name) {
                        #expect(right[record.seq] == body, "seed \(seed), page \(page)")
                        count += 1
                    }
                }
                #expect(Int64(count) == summary.scrapes, "seed \(seed), page \(page)")
                #expect(count == right.count || !summary.findings.isEmpty, "seed \(seed), page \(page)")
                #expect(IntegrityCheck(snapshot: snapshot).findings().isEmpty, "seed \(seed), page \(page)")
            } catch is StorageError {
                // Damage to the tables that name all others leaves nothing to go by.
                continue
            }
        }
    }
}
