import Model
import TestBasics
import Testing

@testable import Storage

/// All that a reader can learn from a database, as one hash.
func answers(_ path: String) throws -> Int {
    var hasher = Hasher()
    let snapshot = try Vault.openReader(path: path).snapshot()
    hasher.combine([snapshot.databaseUUID, snapshot.recordingHost, "\(snapshot.lastSeq)"])
    for target in try snapshot.targets() {
        hasher.combine("\(target)")
        hasher.combine(try snapshot.runs(of: target.id))
        let series = try snapshot.series(of: target.id)
        hasher.combine(series)
        let cursor = try snapshot.scrapes(of: target.id, in: .all, failures: true)
        while let record = try cursor.next() {
            hasher.combine(record)
            hasher.combine(try cursor.body())
        }
        let blocks = try snapshot.seriesBlocks(of: target.id, series: series.map(\.id), in: .all)
        while let block = try blocks.next() {
            hasher.combine(block.rows)
            for column in block.columns {
                for row in block.rows.indices { hasher.combine(column[row]) }
            }
        }
        let summed = try snapshot.seriesBlocks(
            of: target.id,
            series: series.map(\.id),
            in: .all,
            isWhole: { _ in true }
        )
        while let stretch = try summed.nextStretch() {
            guard case .summary(let summary) = stretch else { continue }
            hasher.combine([summary.first, summary.last])
            for index in series.indices { hasher.combine(try summary.knowledge(of: index)) }
        }
        let timeline = try snapshot.timeline(
            of: target.id,
            in: .all,
            hasDurations: true,
            isWhole: { _ in true }
        )
        while let stretch = try timeline.next() {
            switch stretch {
            case .rows(let rows): hasher.combine(rows.times)
            case .summary(let summary): hasher.combine([summary.times.lowerBound, Int64(summary.count)])
            }
        }
        let pauses = try snapshot.pauses(of: target.id, endingIn: .all)
        while case .columns(let found)? = try pauses.next() { hasher.combine(found.ends + found.pauses) }
        try snapshot.forEachCollection(of: target.id, endingIn: .all) { hasher.combine($0) }
        hasher.combine(try snapshot.missed(of: target.id, in: .all))
    }
    return hasher.finalize()
}

/// A database with two targets, a restart, failures, steps and several pages.
func makeDatabase(_ path: String, scrapes: Int = 60) async throws {
    var generator = SeededGenerator(seed: 7)
    var process = SampleProcess()
    let writer = try await VaultWriter.open(path: path, create: true)
    for index in 0..<scrapes {
        if index == scrapes / 2 { process = SampleProcess(arguments: ["/bin/sample", "-again"]) }
        let time = Int64(index) * 10_000 + (index > 50 ? 700_000 : 0)
        process.run(collections: index % 4, until: UInt64(index + 1) * 10_000_000_000, using: &generator)
        process.variables = [("requests", "\(index * 3)"), ("load", "0.\(index)")]
        var batch = [
            (sample, scrape(time, process.body, boot: "boot-1", bootMilliseconds: Int64(index) * 10_000))
        ]
        batch.append((TargetDescription(name: "other", origin: Origin(url: nil)), scrape(time, body(index))))
        if index % 17 == 0 {
            let failure = Scrape(
                time: Timestamp(milliseconds: time + 1),
                outcome: .failure(reason: "no answer", body: [])
            )
            batch.append((sample, failure))
        }
        _ = try await writer.append(batch)
    }
    try await writer.close()
}

@Suite("A damaged file")
struct DamageTests {
    @Test("a flipped bit anywhere in the file gives the right answer or an error, never a wrong answer")
    func flippedBits() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("test.db")
        try await makeDatabase(path)
        let right = try answers(path)
        let bytes = contents(of: path)
        let seed = UInt64.random(in: 0...(.max))
        var generator = SeededGenerator(seed: seed)
        var errors = 0
        let flips = ProcessEnvironment.integer("EXPVAULT_TEST_FLIPS") ?? 40
        let damaged = directory.file("damaged.db")
        for _ in 0..<flips {
            var changed = bytes
            // Not in slots that hold nothing: these are zeros, of which none is ever read.
            var offset = Int.random(in: 0..<bytes.count, using: &generator)
            while bytes[offset & ~4095..<min(offset | 4095, bytes.count)].count(where: { $0 != 0 }) < 64 {
                offset = Int.random(in: 0..<bytes.count, using: &generator)
            }
            let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &generator)
            changed[offset] ^= bit
            write(changed, to: damaged)
            do {
                let answer = try answers(damaged)
                if answer != right {
                    Issue.record("a wrong answer: seed \(seed), byte \(offset) of \(bytes.count), bit \(bit)")
                }
            } catch is StorageError {
                errors += 1
            }
        }
        print("damage: \(errors) of \(flips) noticed, file of \(bytes.count) bytes")
        #expect(errors > 0)
    }
}
