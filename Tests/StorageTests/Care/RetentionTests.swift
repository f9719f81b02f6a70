import Model
import TestBasics
import Testing

@testable import Storage

@Suite("Retention")
struct RetentionTests {
    let directory: TemporaryDirectory
    let path: String

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.file("test.db")
    }

    private func findings() throws -> [Finding] {
        try IntegrityCheck(snapshot: Vault.openReader(path: path).snapshot()).findings()
    }

    /// Stores scrapes every 10 s, of two targets, with a restart after 100.
    private func fill(_ writer: VaultWriter, _ indexes: Range<Int>, noise: Int = 0) async throws {
        var generator = SeededGenerator(seed: UInt64(indexes.lowerBound))
        for index in indexes {
            var process = SampleProcess()
            process.totalAlloc = UInt64(index % 100) * 1000
            process.variables = [
                ("noise", "\"\((0..<noise).map { _ in String(generator.next()) }.joined())\"")
            ]
            let time = Int64(index) * 10_000
            var batch = [(sample, scrape(time, process.body)), (other, scrape(time + 1, body(index)))]
            if index % 10 == 0 {
                let failed = Scrape(
                    time: Timestamp(milliseconds: time + 5000),
                    outcome: .failure(reason: "no answer", body: [])
                )
                batch.append((sample, failed))
            }
            _ = try await writer.append(batch)
        }
    }
    private let other = TargetDescription(name: "other", origin: Origin(url: nil))

    @Test("what is older than the age goes, the rest reads as before, and no number is given again")
    func age() async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        try await fill(writer, 0..<300)
        let before = try everything(path)
        let now = Timestamp(milliseconds: 3_000_000)
        let policy = RetentionPolicy(ageMilliseconds: 1_500_000, now: now)
        var summary = try await writer.prune(policy)
        while summary.isUnfinished { summary = try await writer.prune(policy) }
        let after = try everything(path)
        let kept = before.filter { $0.record.position.time.milliseconds >= 1_500_000 }
        #expect(after.map(\.record.seq) == kept.map(\.record.seq))
        #expect(after.map(\.body) == kept.map(\.body))
        #expect(after.map(\.record.run) == kept.map(\.record.run))
        #expect(try findings().isEmpty)
        // Even where all are gone, numbers go on.
        _ = try await writer.prune(
            RetentionPolicy(ageMilliseconds: 0, now: Timestamp(milliseconds: 9_000_000))
        )
        let last = try #require(before.map(\.record.seq).max())
        #expect(try everything(path).isEmpty)
        try await writer.close()
        let second = try await VaultWriter.open(path: path, create: false)
        let stored = try await second.append([(sample, scrape(4_000_000, body(1)))])
        #expect(stored[0].seq > last)
        try await second.close()
        #expect(try findings().isEmpty)
    }

    @Test("a forward clock step makes nothing older; scrapes before it age from it")
    func stepForward() async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        let day: Int64 = 86_400_000
        for (wall, boot) in [
            (Int64(0), Int64(0)), (10_000, 10_000), (10 * day, 20_000), (10 * day + 10_000, 30_000),
        ] {
            _ = try await writer.append([(sample, scrape(wall, body(1), boot: "b", bootMilliseconds: boot))])
        }
        let policy = RetentionPolicy(ageMilliseconds: day, now: Timestamp(milliseconds: 10 * day + 20_000))
        #expect(try await writer.prune(policy).deleted == 0)
        let late = RetentionPolicy(ageMilliseconds: day, now: Timestamp(milliseconds: 11 * day + 5_000))
        #expect(try await writer.prune(late).deleted == 3)
        try await writer.close()
        #expect(try everything(path).map(\.record.position.time.milliseconds) == [10 * day + 10_000])
        #expect(try findings().isEmpty)
    }

    @Test("a size limit drops the oldest first and holds for file and WAL together")
    func size() async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        let limit: Int64 = 1 << 20
        var dropped: Int64 = 0
        for part in 0..<10 {
            try await fill(writer, part * 50..<(part + 1) * 50, noise: 300)
            var summary = try await writer.prune(RetentionPolicy(bytesMax: limit))
            dropped += summary.deleted
            while summary.isUnfinished {
                summary = try await writer.prune(RetentionPolicy(bytesMax: limit))
                dropped += summary.deleted
            }
            try await writer.checkpoint()
        }
        let summary = try await writer.compact(RetentionPolicy(bytesMax: limit))
        #expect(dropped > 0)
        #expect(summary.bytes <= limit)
        #expect(contents(of: path).count <= Int(limit))
        try await writer.close()
        let all = try everything(path)
        // The newest are kept, in one piece, and the limit is made use of.
        let kept = all.filter { $0.record.failure == nil }.map { $0.record.position.time.milliseconds }
        #expect(kept == Array(stride(from: kept.first ?? 0, through: 4_990_000, by: 10_000)))
        // Of what goes, a chain of bodies stays in its slots as long as later ones stand against it, and here these are large.
        #expect(summary.bytes > limit / 4)
        #expect(
            all.map(\.record.position).last
                == ScrapePosition(epoch: 0, time: Timestamp(milliseconds: 4_990_000))
        )
        #expect(try findings().isEmpty)
    }

    @Test("what is not exported goes last, and is counted")
    func protected() async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        for index in 0..<20 {
            _ = try await writer.append([(sample, scrape(Int64(index) * 1000, body(index)))])
        }
        let now = Timestamp(milliseconds: 20_000)
        var policy = RetentionPolicy(ageMilliseconds: 9000, now: now, protectedAfterSeq: 5)
        let first = try await writer.prune(policy)
        #expect(first.deleted == 5)
        #expect(first.deletedProtected == 0)
        policy.now = Timestamp(milliseconds: 30_000)
        let second = try await writer.prune(policy)
        #expect(second.deleted == 7)
        #expect(second.deletedProtected == 7)
        try await writer.close()
        #expect(try everything(path).count == 8)
        #expect(try findings().isEmpty)
    }

    @Test("compact gives free space back to the file system")
    func compact() async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        try await fill(writer, 0..<200, noise: 300)
        try await writer.checkpoint()
        let before = contents(of: path).count
        _ = try await writer.compact(
            RetentionPolicy(ageMilliseconds: 100_000, now: Timestamp(milliseconds: 2_000_000))
        )
        #expect(contents(of: path).count < before / 4)
        try await writer.close()
    }
}
