import Model
import SQLite
import TestBasics
import Testing

@testable import Storage

@Suite("A limit of size")
struct SizeLimitTests {
    let directory: TemporaryDirectory
    let path: String

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.file("test.db")
    }

    private var bytes: Int { contents(of: path).count + contents(of: path + "-wal").count }

    /// A body of some 8 KiB, which compresses by half at most.
    private func body(_ number: Int, _ generator: inout SeededGenerator) -> [UInt8] {
        let noise = (0..<500).map { _ in String(generator.next(), radix: 16) }.joined()
        return Array("{\"number\": \(number), \"noise\": \"\(noise)\"}\n".utf8)
    }

    @Test(
        "a limit of size holds for file and WAL at each commit",
        arguments: [Int64(2 << 20), 6 << 20]
    )
    func holds(limit: Int64) async throws {
        var generator = SeededGenerator(seed: UInt64(limit))
        let writer = try await VaultWriter.open(path: path, create: true)
        try await writer.limit(RetentionPolicy(bytesMax: limit))
        var largest = 0
        for number in 0..<Int(limit >> 12) {
            let time = Int64(number) * 10_000
            _ = try await writer.append([
                (sample, scrape(time, body(number, &generator))),
                (TargetDescription(name: "other", origin: Origin(url: nil)), scrape(time, [0x7b, 0x7d])),
            ])
            largest = max(largest, bytes)
            if number % 100 == 99 {
                let summary = try await writer.maintain(RetentionPolicy(bytesMax: limit))
                if number > Int(limit >> 12) * 3 / 4 {
                    #expect(summary.deleted > 0, "what was dropped is told")
                }
                largest = max(largest, bytes)
            }
        }
        #expect(largest <= limit, "\(largest)")
        #expect(largest > limit / 2, "the limit is made use of")
        try await writer.close()
        let snapshot = try Vault.openReader(path: path).snapshot()
        #expect(IntegrityCheck(snapshot: snapshot).findings().isEmpty)
        let kept = try everything(path).map(\.record.position.time.milliseconds)
        let last = Int64((limit >> 12) - 1) * 10_000
        #expect(
            kept == Array(stride(from: kept.first ?? 0, through: last, by: 10_000)),
            "the newest, in one piece"
        )
    }

    @Test(
        "room is kept beside the file while there is a limit or none, and given back whole or by half"
    )
    func reserve() async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        try await writer.limit(RetentionPolicy())
        try await writer.close()
        let reserve = SpaceReserve(file: try VaultFile(path: path))
        try #require(reserve.freeBytes() > SpaceReserve.freeMin, "this test needs some room itself")
        #expect(reserve.file.bytes(of: SpaceReserve.suffix) == SpaceReserve.bytes)
        #expect(permissions(of: path + SpaceReserve.suffix) == 0o600)
        #expect(reserve.release(keepsHalf: true))
        #expect(reserve.file.bytes(of: SpaceReserve.suffix) == SpaceReserve.bytes / 2)
        #expect(reserve.release() && !reserve.release())
        reserve.keep()
        #expect(reserve.file.bytes(of: SpaceReserve.suffix) == SpaceReserve.bytes)
    }

    @Test("what retention asks of the ledger waits for nobody who writes it")
    func ledger() async throws {
        try await makeDatabase(path, scrapes: 10)
        let uuid = try Vault.openReader(path: path).snapshot().databaseUUID
        let ledger = try await ReplayLedger.open(vaultPath: path, databaseUUID: uuid)
        let now = Timestamp(milliseconds: 1_000_000)
        _ = try await ledger.claim(
            ReplayDestination(clusterUUID: "c", namespace: "default", mode: "direct"),
            label: "http://127.0.0.1:9200",
            targets: [TargetID(1), TargetID(2)],
            now: now
        )
        await ledger.close()
        let other = try Connection(
            path: path + ReplayLedger.suffix,
            role: .writer(create: false),
            busyMilliseconds: 0
        )
        try other.execute("BEGIN IMMEDIATE; UPDATE destination SET used_ms = used_ms")
        let policy = try await RetentionLookout(path: path).policy(
            ageMilliseconds: nil,
            bytesMax: 10 << 20
        )
        #expect(policy.protectedAfterSeq == 0)
        try other.execute("ROLLBACK")
        other.close()
        #expect(
            try await RetentionLookout(path: path).policy(ageMilliseconds: nil, bytesMax: nil)
                == RetentionPolicy()
        )
    }
}
