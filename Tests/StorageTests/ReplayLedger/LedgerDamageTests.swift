import Model
import SQLite
import TestBasics
import Testing

@testable import Storage

/// Damage in the export's ledger: by a wrong row an export would leave documents out, or send them twice.
@Suite("A damaged ledger of replays")
struct LedgerDamageTests {
    private let directory: TemporaryDirectory
    private let now = Timestamp(milliseconds: 1_767_323_045_678)
    private let destinations = ["default", "edge"].map {
        ReplayDestination(clusterUUID: "cluster-1", namespace: $0, mode: "documents")
    }

    init() throws { directory = try TemporaryDirectory() }

    /// All that an export, retention and a list go by.
    private struct Known: Equatable {
        var positions: [ReplayPosition] = []
        var rejected: [[RejectedDocument]] = []
        var listed: [RejectedEntry] = []
        var protected: Int64?
        var cursors: [TargetID: Int64]?
    }

    private func make(_ path: String) async throws {
        for (index, destination) in destinations.enumerated() {
            let ledger = try await ReplayLedger.open(vaultPath: path, databaseUUID: "db-1")
            _ = try await ledger.claim(
                destination,
                label: "http://es-\(index):9200",
                targets: (1...12).map { TargetID($0) },
                now: now
            )
            var commit = ReplayCommit()
            for target in 1...12 {
                commit.cursors[TargetID(Int64(target))] = Int64(3000 + 7 * target + index)
            }
            commit.high = 4000
            commit.sightings = [
                "a": IndexSighting(index: ".ds-a-000001", seq: 3999, time: now),
                "b": IndexSighting(index: ".ds-b-000002", seq: 0, time: now),
            ]
            commit.rejected = (0..<30).map { number in
                RejectedDocument(
                    id: "id-\(number * 7919)",
                    target: TargetID(1),
                    targetName: "shop",
                    seq: Int64(number),
                    time: now,
                    stream: "logs-golang.heap-default",
                    status: 400,
                    type: "document_parsing_exception",
                    reason: "reason \(number)",
                    document: Array("{\"a\":\"\((0..<20).map { "\($0 * number)" }.joined())\"}".utf8)
                )
            }
            try await ledger.commit(commit, now: now)
            await ledger.close()
        }
    }

    private func ask(_ path: String) async throws -> Known {
        var known = Known()
        try ReplayLedger.forEachRejected(vaultPath: path, databaseUUID: "db-1") { known.listed.append($0) }
        known.protected = try ReplayLedger.protectedAfterSeq(vaultPath: path, databaseUUID: "db-1", now: now)
        known.cursors = try ReplayLedger.cursors(
            vaultPath: path,
            databaseUUID: "db-1",
            label: "http://es-1:9200",
            namespace: "edge",
            mode: "documents"
        )
        for destination in destinations {
            let ledger = try await ReplayLedger.open(vaultPath: path, databaseUUID: "db-1")
            do {
                let claimed = try await ledger.claim(
                    destination,
                    label: destination.namespace == "edge" ? "http://es-1:9200" : "http://es-0:9200",
                    targets: (1...12).map { TargetID($0) },
                    now: now
                )
                known.positions.append(claimed)
                known.rejected.append(try await ledger.rejected(after: 0, limit: 100).documents)
                let count = try await ledger.rejectedCount()
                #expect(count == known.rejected.last?.count)
            } catch {
                await ledger.close()
                throw error
            }
            await ledger.close()
        }
        return known
    }

    @Test("a flipped bit on any page of it is an error or changes nothing, and `check` finds it")
    func flips() async throws {
        let path = directory.file("v.db")
        try await make(path)
        let bytes = contents(of: path + "-export")
        let right = try await ask(path)
        #expect(
            right.positions.map(\.sightings.count) == [2, 2] && right.listed.count == 60
                && right.protected == 3007
        )
        #expect(ReplayLedger.findings(vaultPath: path) == [])
        let seed = UInt64.random(in: 0...(.max))
        var generator = SeededGenerator(seed: seed)
        var (errors, found, flips) = (0, 0, 0)
        let damaged = directory.file("d.db")
        for page in 0..<(bytes.count / 4096) {
            for _ in 0..<(ProcessEnvironment.integer("EXPVAULT_TEST_FLIPS") ?? 12) {
                var offset = page * 4096 + Int.random(in: 0..<4096, using: &generator)
                // Bytes that mean something: what is no zero, or stands beside such.
                while bytes[offset..<min(offset + 4, bytes.count)].allSatisfy({ $0 == 0 }) {
                    offset = page * 4096 + Int.random(in: 0..<4096, using: &generator)
                }
                var changed = bytes
                changed[offset] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                write(changed, to: damaged + "-export")
                flips += 1
                let isFound = !ReplayLedger.findings(vaultPath: damaged).isEmpty
                found += isFound ? 1 : 0
                do {
                    let known = try await ask(damaged)
                    #expect(known == right, "seed \(seed), byte \(offset)")
                } catch is StorageError {
                    errors += 1
                    // The version that may write it (sqlite.org/fileformat.html, byte 18) does not matter to who reads.
                    #expect(isFound || offset == 18, "seed \(seed), byte \(offset)")
                }
            }
        }
        print(
            "ledger: \(bytes.count / 4096) pages, \(flips) flips, \(errors) errors, \(found) found by check"
        )
        #expect(errors > 0)
    }

    @Test(
        "a row that is gone is missed",
        arguments: ["cursor WHERE target = 3", "rejected WHERE number = 5", "write_index WHERE stream = 'a'"]
    )
    func missing(row: String) async throws {
        let path = directory.file("v.db")
        try await make(path)
        let connection = try Connection(
            path: path + "-export",
            role: .writer(create: false),
            busyMilliseconds: 0
        )
        try connection.execute("DELETE FROM \(row)")
        connection.close()
        await #expect(throws: StorageError.self) { try await ask(path) }
        #expect(!ReplayLedger.findings(vaultPath: path).isEmpty)
    }

    @Test("a ledger of an older version is refused with what to do about it, and left as it is")
    func older() async throws {
        let path = directory.file("v.db")
        try await make(path)
        let connection = try Connection(
            path: path + "-export",
            role: .writer(create: false),
            busyMilliseconds: 0
        )
        try connection.execute("PRAGMA user_version = 2")
        connection.close()
        let before = contents(of: path + "-export")
        await #expect {
            _ = try await ReplayLedger.open(vaultPath: path, databaseUUID: "db-1")
        } throws: { "\($0)".contains("format 2") && "\($0)".contains("moved away, it is begun anew") }
        #expect(throws: StorageError.self) {
            try ReplayLedger.protectedAfterSeq(vaultPath: path, databaseUUID: "db-1", now: now)
        }
        #expect(!ReplayLedger.findings(vaultPath: path).isEmpty)
        #expect(contents(of: path + "-export") == before)
    }

    @Test("a ledger that is ahead of the database is refused: a copy of it was put back")
    func ahead() async throws {
        let path = directory.file("v.db")
        let writer = try await VaultWriter.open(path: path, create: true)
        _ = try await writer.append([(sample, scrape(1000, body(1)))])
        try await writer.close()
        let vault = try Vault.openReader(path: path)
        let snapshot = try vault.snapshot()
        let (last, targets) = (snapshot.lastSeq, try snapshot.targets().map(\.id))
        for (seq, isRefused) in [(1 as Int64, false), (2, true)] {
            let ledger = try await ReplayLedger.open(vaultPath: path, databaseUUID: snapshot.databaseUUID)
            _ = try await ledger.claim(
                destinations[0],
                label: "es",
                targets: targets,
                now: now
            )
            var commit = ReplayCommit()
            commit.cursors = [try #require(targets.first): seq]
            try await ledger.commit(commit, now: now)
            if isRefused {
                await #expect(throws: StorageError.self) {
                    try await ledger.requireBehind(vault, lastSeq: last)
                }
            } else {
                try await ledger.requireBehind(vault, lastSeq: last)
            }
            await ledger.close()
            #expect(ReplayLedger.findings(vaultPath: path).isEmpty == !isRefused)
        }
    }

    @Test("a damaged ledger does not put the database aside")
    func aside() async throws {
        let path = directory.file("v.db")
        let writer = try await VaultWriter.open(path: path, create: true) { _ in
            Issue.record("the database was put aside")
        }
        _ = try await writer.append([(sample, scrape(1000, body(1)))])
        let error = StorageError.damaged(path: path + ReplayLedger.suffix, detail: "a cursor")
        #expect(await !writer.replaceDamaged(after: error))
        try await writer.close()
        #expect(try everything(path).count == 1)
    }
}
