import Model
import Storage
import TestBasics
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

@Suite("The ledger of replays")
struct ReplayLedgerTests {
    private let directory: TemporaryDirectory
    private var path: String { directory.file("v.db") }
    private let destination = ReplayDestination(clusterUUID: "c", namespace: "default", mode: "documents")
    private let now = Timestamp(milliseconds: 1_767_323_045_678)

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func open(_ uuid: String = "db-1") async throws -> ReplayLedger {
        try await ReplayLedger.open(vaultPath: path, databaseUUID: uuid)
    }

    private func claim(
        _ ledger: ReplayLedger,
        _ destination: ReplayDestination? = nil,
        targets: [Int64] = [1, 2]
    ) async throws -> ReplayPosition {
        try await ledger.claim(
            destination ?? self.destination,
            label: "http://es:9200",
            targets: targets.map { TargetID($0) },
            now: now
        )
    }

    private func rejected(_ id: String, reason: String = "r") -> RejectedDocument {
        RejectedDocument(
            id: id,
            target: TargetID(1),
            targetName: "shop",
            seq: 7,
            time: now,
            stream: "logs-golang.heap-default",
            status: 400,
            type: "t",
            reason: reason,
            document: Array("{\"a\":\(id.utf8.count)}".utf8)
        )
    }

    @Test("what is committed is there after a restart: cursors, sightings, quarantine")
    func remembers() async throws {
        let first = try await open()
        #expect(try await claim(first) == ReplayPosition(cursors: [TargetID(1): 0, TargetID(2): 0]))
        var commit = ReplayCommit()
        commit.cursors = [TargetID(1): 40]
        commit.high = 60
        commit.sightings = [
            "a": IndexSighting(index: ".ds-a-000001", seq: 55, time: now),
            "b": IndexSighting(index: ".ds-b-000007", seq: 0, time: Timestamp(milliseconds: -5)),
        ]
        commit.rejected = [rejected("x"), rejected("yy")]
        try await first.commit(commit, now: now)
        await first.close()
        let second = try await open()
        let position = try await claim(second)
        #expect(position.cursors == [TargetID(1): 40, TargetID(2): 0])
        #expect(position.high == 60)
        #expect(position.sightings == commit.sightings)
        #expect(try await second.rejectedCount() == 2)
        #expect(try await second.rejected(after: 0, limit: 10).documents == commit.rejected)
        await second.close()
    }

    @Test("a cursor never goes back, a document refused again keeps its place, a released one is gone")
    func steps() async throws {
        let ledger = try await open()
        _ = try await claim(ledger)
        var commit = ReplayCommit()
        commit.cursors = [TargetID(1): 40]
        commit.rejected = [rejected("x"), rejected("yy")]
        try await ledger.commit(commit, now: now)
        commit.cursors = [TargetID(1): 30]
        commit.rejected = [rejected("x", reason: "again")]
        commit.released = []
        try await ledger.commit(commit, now: now)
        let page = try await ledger.rejected(after: 0, limit: 1)
        #expect(page.documents.map(\.reason) == ["again"])
        #expect(try await ledger.rejected(after: page.last, limit: 5).documents.map(\.id) == ["yy"])
        commit.rejected = []
        commit.released = ["x", "unknown"]
        try await ledger.commit(commit, now: now)
        #expect(try await ledger.rejectedCount() == 1)
        await ledger.close()
        let again = try await open()
        #expect(try await claim(again).cursors[TargetID(1)] == 40)
        await again.close()
    }

    @Test("destinations, and databases, have each their own position; only one export is at each")
    func separate() async throws {
        let first = try await open()
        _ = try await claim(first)
        var commit = ReplayCommit()
        commit.cursors = [TargetID(1): 40]
        try await first.commit(commit, now: now)
        let second = try await open()
        let error = await #expect(throws: StorageError.self) { try await claim(second) }
        guard case .locked(_, let holder) = error else {
            Issue.record("not locked: \(String(describing: error))")
            return
        }
        #expect(holder.contains("pid \(getpid())"))
        let other = ReplayDestination(clusterUUID: "c", namespace: "edge", mode: "documents")
        #expect(try await claim(second, other).cursors[TargetID(1)] == 0)
        await first.close()
        await second.close()
        // The database was replaced by another one: from the beginning.
        let replaced = try await open("db-2")
        #expect(try await claim(replaced).cursors[TargetID(1)] == 0)
        await replaced.close()
    }

    @Test("retention is told the lowest cursor of every destination that was used within 90 days")
    func protection() async throws {
        func protected(_ now: Timestamp) throws -> Int64? {
            try ReplayLedger.protectedAfterSeq(vaultPath: path, databaseUUID: "db-1", now: now)
        }
        #expect(try protected(now) == nil)
        let ledger = try await open()
        _ = try await claim(ledger)
        var commit = ReplayCommit()
        commit.cursors = [TargetID(1): 40, TargetID(2): 45]
        try await ledger.commit(commit, now: now)
        #expect(try protected(now) == 40)
        await ledger.close()
        let other = try await open()
        _ = try await claim(
            other,
            ReplayDestination(clusterUUID: "d", namespace: "default", mode: "documents")
        )
        #expect(try protected(now) == 0)
        commit.cursors = [TargetID(1): 44, TargetID(2): 45]
        try await other.commit(commit, now: now)
        #expect(try protected(now) == 40)
        await other.close()
        let days: Int64 = 86_400_000
        #expect(try protected(now.advanced(byMilliseconds: 90 * days)) == 40)
        #expect(try protected(now.advanced(byMilliseconds: 90 * days + 1)) == nil)
        #expect(try ReplayLedger.protectedAfterSeq(vaultPath: path, databaseUUID: "db-2", now: now) == nil)
    }

    @Test("the file and its lock are for their owner alone, also under umask 000")
    func modes() async throws {
        let before = umask(0)
        defer { umask(before) }
        let ledger = try await open()
        _ = try await claim(ledger)
        await ledger.close()
        for name in TemporaryDirectory.names(in: directory.path) {
            var status = stat()
            #expect(stat(directory.file(name), &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600, "\(name)")
        }
    }

    @Test("what is no ledger, or a newer one, is refused and left as it is")
    func foreign() async throws {
        let file = path + "-export"
        let stream = fopen(file, "w")
        fputs("no database at all, but long enough to look at\n", stream)
        fclose(stream)
        await #expect(throws: StorageError.self) { try await open() }
        #expect(throws: StorageError.self) {
            try ReplayLedger.protectedAfterSeq(vaultPath: path, databaseUUID: "db-1", now: now)
        }
        unlink(file)
        symlink("/etc/hostname", file)
        await #expect(throws: StorageError.self) { try await open() }
    }

    @Test("every destination's refused documents are listed, with the label of each")
    func listed() async throws {
        let ledger = try await open()
        _ = try await claim(ledger)
        var commit = ReplayCommit()
        commit.rejected = (0..<1_203).map { rejected("id-\($0)") }
        try await ledger.commit(commit, now: now)
        await ledger.close()
        var count = 0
        try ReplayLedger.forEachRejected(vaultPath: path, databaseUUID: "db-1") { entry in
            #expect(entry.destination == "http://es:9200")
            #expect(entry.target == "shop")
            count += 1
        }
        #expect(count == 1_203)
        try ReplayLedger.forEachRejected(vaultPath: path, databaseUUID: "db-2") { _ in count += 1 }
        #expect(count == 1_203)
    }
}
