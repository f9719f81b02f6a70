import Model
import SQLite
import Synchronization
import TestBasics
import Testing

@testable import Storage

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What was told of databases put aside.
private final class Told: Sendable {
    private let list = Mutex<[PutAside]>([])
    var all: [PutAside] { list.withLock { $0 } }
    func note(_ aside: PutAside) { list.withLock { $0.append(aside) } }
}

/// A database as a kill leaves it: a file, and a WAL with a commit for each number in `numbers`.
private func makeKilled(_ path: String, in directory: TemporaryDirectory, _ numbers: Range<Int>) async throws
{
    let live = directory.file("live.db")
    let writer = try await VaultWriter.open(path: live, create: true)
    for number in numbers {
        _ = try await writer.append([(sample, scrape(Int64(number) * 10_000, body(number)))])
    }
    for suffix in ["", "-wal"] { write(contents(of: live + suffix), to: path + suffix) }
    try await writer.close()
    for suffix in ["", "-wal", "-shm", "-lock"] { unlink(live + suffix) }
}

/// The numbers of all bodies, in order.
private func numbers(_ path: String) throws -> [String] {
    let snapshot = try Vault.openReader(path: path).snapshot()
    var found: [String] = []
    for target in try snapshot.targets() {
        let cursor = try snapshot.scrapes(of: target.id, in: .all, failures: true)
        while try cursor.next() != nil { found.append(String(decoding: try cursor.body(), as: UTF8.self)) }
    }
    return found
}

private func texts(_ numbers: Range<Int>) -> [String] {
    numbers.map { String(decoding: body($0), as: UTF8.self) }
}

private func isDamaged(_ error: any Error) -> Bool {
    if case StorageError.damaged = error { true } else { false }
}

@Suite("A damaged database is put aside")
struct PutAsideTests {
    private static let frameSize = 24 + 4096

    @Test(
        "a bit flipped in the WAL before its last transaction is damage for everybody; in the last one it is a torn tail"
    )
    func flippedWAL() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("test.db")
        try await makeKilled(path, in: directory, 0..<40)
        let file = contents(of: path)
        let wal = contents(of: path + "-wal")
        let commits = (0..<(wal.count - 32) / Self.frameSize).filter { frame in
            wal[(32 + frame * Self.frameSize + 4)..<(32 + frame * Self.frameSize + 8)].contains { $0 != 0 }
        }
        #expect(commits.count >= 40)
        // Behind this begins the last transaction.
        let last = 32 + (commits[commits.count - 2] + 1) * Self.frameSize
        let seed = UInt64.random(in: 0...(.max))
        var generator = SeededGenerator(seed: seed)
        for attempt in 0..<60 {
            var changed = wal
            // The header and the frames' headers as often as the pages.
            var offset = Int.random(in: 0..<wal.count, using: &generator)
            if attempt % 3 == 1 { offset = Int.random(in: 0..<32, using: &generator) }
            if attempt % 3 == 2, let frame = (0..<commits[commits.count - 1]).randomElement(using: &generator)
            {
                offset = 32 + frame * Self.frameSize + Int.random(in: 0..<24, using: &generator)
            }
            let bit = UInt8(1) << UInt8.random(in: 0...7, using: &generator)
            changed[offset] ^= bit
            let copy = directory.file("copy.db")
            for suffix in ["", "-wal", "-shm", "-lock"] { unlink(copy + suffix) }
            write(file, to: copy)
            write(changed, to: copy + "-wal")
            if offset >= last {
                #expect(try numbers(copy) == texts(0..<39), "byte \(offset), bit \(bit), seed \(seed)")
                continue
            }
            // The salts are not used but to be compared; a change of one is damage all the same.
            #expect(
                "byte \(offset), bit \(bit), seed \(seed)",
                performing: { _ = try numbers(copy) },
                throws: isDamaged
            )
            let writer = try? await VaultWriter.open(path: copy, create: true)
            #expect(writer == nil, "byte \(offset), bit \(bit), seed \(seed)")
            #expect(contents(of: copy) == file && contents(of: copy + "-wal") == changed, "left as it was")
        }
    }

    @Test("a WAL that ends anywhere is one that a crash cut short")
    func cutWAL() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("test.db")
        try await makeKilled(path, in: directory, 0..<6)
        let wal = contents(of: path + "-wal")
        for count in [0, 1, 31, 32, 33, 55, 56] + stride(from: 57, to: wal.count, by: 977) {
            write(Array(wal[..<count]), to: path + "-wal")
            #expect(try WALScan(path: path + "-wal").finding == nil, "cut after \(count)")
        }
    }

    @Test("what a commit that failed left in the WAL is no damage")
    func leftovers() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("test.db")
        try await makeKilled(path, in: directory, 0..<10)
        let long = contents(of: path + "-wal")
        // A shorter commit written over a longer one: what follows does not go on from it.
        var commits = 0
        for frame in 0..<(long.count - 32) / Self.frameSize {
            let start = 32 + frame * Self.frameSize
            guard long[(start + 4)..<(start + 8)].contains(where: { $0 != 0 }) else { continue }
            commits += 1
            guard commits == 9 else { continue }
            var changed = long
            for offset in (start + 16)..<(start + 24) { changed[offset] ^= 0x55 }
            write(changed, to: path + "-wal")
        }
        // Two commits: the one whose checksum is another, and the one behind it, which goes on from the old checksum.
        #expect(try WALScan(path: path + "-wal").finding != nil)
        var torn = long
        torn.removeLast(Self.frameSize)
        torn[torn.count - 1] ^= 1
        write(torn, to: path + "-wal")
        #expect(try WALScan(path: path + "-wal").finding == nil)
    }

    @Test("the set is renamed together, told of, and what is in it comes back but for the flipped row")
    func replaced() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("test.db")
        try await makeKilled(path, in: directory, 0..<40)
        var wal = contents(of: path + "-wal")
        wal[32 + 60 * Self.frameSize + 2000] ^= 4
        write(wal, to: path + "-wal")
        let told = Told()
        let writer = try await VaultWriter.open(path: path, create: true) { told.note($0) }
        _ = try await writer.append([(sample, scrape(1_000_000, body(77)))])
        try await writer.close()
        #expect(try numbers(path) == texts(77..<78))
        let aside = try #require(told.all.first)
        #expect(told.all.count == 1)
        #expect(aside.original == path && aside.reason.contains("WAL"))
        #expect(aside.path.wholeMatch(of: /.*\/test\.db\.damaged-[0-9]{8}T[0-9]{6}Z/) != nil)
        #expect(contents(of: aside.path + "-wal") == wal)
        #expect("still damaged", performing: { _ = try numbers(aside.path) }, throws: isDamaged)
        let rescued = directory.file("rescued.db")
        let summary = try Salvage.run(from: aside.path, to: rescued)
        #expect(!summary.findings.isEmpty)
        let found = try numbers(rescued)
        #expect(Set(found).isSubset(of: texts(0..<40)) && found.count >= 38, "\(found.count)")
        #expect(contents(of: aside.path + "-wal") == wal, "the source is left as it is")
        #expect(access(rescued + "-source", F_OK) != 0)
    }

    @Test("a flipped bit in the bytes that say what the file is: put aside, and all of it comes back")
    func flippedHeader() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("test.db")
        try await makeDatabase(path, scrapes: 20)
        let right = contents(of: path)
        let all = try numbers(path)
        for offset in [0, 7, 15, 16, 18, 68, 71, 100, 103, 108, 109, 4093] {
            let told = Told()
            var changed = right
            changed[offset] ^= 0x10
            write(changed, to: path)
            let writer = try await VaultWriter.open(path: path, create: true) { told.note($0) }
            try await writer.close()
            let aside = try #require(told.all.first, "byte \(offset)")
            #expect(contents(of: aside.path) == changed, "byte \(offset)")
            let rescued = directory.file("rescued-\(offset).db")
            let summary = try Salvage.run(from: aside.path, to: rescued)
            #expect(summary.lost == 0 && !summary.findings.isEmpty, "byte \(offset): \(summary)")
            #expect(try numbers(rescued) == all, "byte \(offset)")
            unlink(path)
        }
    }

    @Test("what is foreign, newer or empty is not put aside")
    func foreign() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("test.db")
        try await makeDatabase(path, scrapes: 3)
        let ours = contents(of: path)
        var newer = ours
        newer[62] = 1
        var foreign = ours
        foreign.replaceSubrange(68..<72, with: [1, 2, 3, 4])
        for bytes in [
            newer, foreign,
            Array("not a database, but more than a hundred bytes".utf8) + [UInt8](repeating: 7, count: 100),
        ] {
            write(bytes, to: path)
            let told = Told()
            let writer = try? await VaultWriter.open(path: path, create: true) { told.note($0) }
            #expect(writer == nil && told.all.isEmpty)
            #expect(contents(of: path) == bytes)
        }
    }

    @Test("a crash between the renames is finished by whoever writes next, and nothing is written over")
    func interrupted() async throws {
        for moved in [[], [""], ["", "-wal"], ["", "-wal", "-shm"]] {
            let directory = try TemporaryDirectory()
            let path = directory.file("test.db")
            try await makeKilled(path, in: directory, 0..<5)
            write([1, 2, 3], to: path + "-shm")
            let suffix = ".damaged-20260102T030405Z"
            let parts = ["", "-wal", "-shm"].map { contents(of: path + $0) }
            write(Array(suffix.utf8), to: path + "-aside")
            for part in moved { rename(path + part, path + suffix + part) }
            let writer = try await VaultWriter.open(path: path, create: true)
            _ = try await writer.append([(sample, scrape(1_000_000, body(77)))])
            try await writer.close()
            #expect(["", "-wal", "-shm"].map { contents(of: path + suffix + $0) } == parts, "\(moved)")
            #expect(try numbers(path) == texts(77..<78))
            #expect(try numbers(path + suffix) == texts(0..<5))
            #expect(access(path + "-aside", F_OK) != 0)
        }
    }

    @Test("a note that is none of ours renames nothing")
    func hostileNote() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("test.db")
        try await makeDatabase(path, scrapes: 3)
        let all = try numbers(path)
        for words in ["/../../elsewhere", ".damaged-../x", "", ".damaged-2026 x"] {
            write(Array(words.utf8), to: path + "-aside")
            try await VaultWriter.open(path: path, create: true).close()
            #expect(try numbers(path) == all)
        }
    }

    @Test("two in one second get names of their own")
    func names() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("test.db")
        var names: Set<String> = []
        for number in 1...3 {
            try await makeDatabase(path, scrapes: 3)
            var bytes = contents(of: path)
            bytes[5] ^= 1
            write(bytes, to: path)
            let told = Told()
            try await VaultWriter.open(path: path, create: true) { told.note($0) }.close()
            names.formUnion(told.all.map(\.path))
            #expect(names.count == number)
            unlink(path)
        }
    }

    @Test("a WAL without its database is no part of the next one")
    func orphan() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("test.db")
        try await makeKilled(path, in: directory, 0..<5)
        unlink(path)
        await #expect(throws: StorageError.self) { _ = try await VaultWriter.open(path: path, create: true) }
        let told = Told()
        let writer = try await VaultWriter.open(path: path, create: true) { told.note($0) }
        _ = try await writer.append([(sample, scrape(0, body(1)))])
        try await writer.close()
        #expect(try numbers(path) == texts(1..<2))
        let aside = try #require(told.all.first)
        #expect(access(aside.path + "-wal", F_OK) == 0)
    }

    @Test(
        "damage that is met while recording: the next scrapes go into a new database, and only once a minute"
    )
    func whileRecording() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("test.db")
        let told = Told()
        let writer = try await VaultWriter.open(path: path, create: true) { told.note($0) }
        _ = try await writer.append([(sample, scrape(0, body(1)))])
        let damage = StorageError.damaged(path: path, detail: "a test says so")
        #expect(await !writer.replaceDamaged(after: StorageError.diskFull(path: path)))
        #expect(await writer.replaceDamaged(after: damage))
        _ = try await writer.append([(sample, scrape(10_000, body(2)))])
        #expect(await !writer.replaceDamaged(after: damage))
        await #expect(throws: StorageError.self) { _ = try await VaultWriter.open(path: path, create: true) }
        try await writer.close()
        #expect(try numbers(path) == texts(2..<3))
        #expect(told.all.map(\.reason) == ["a test says so"])
        #expect(try numbers(told.all[0].path) == texts(1..<2))
    }

    @Test("while there is no room to put it aside it waits, and nothing is stored in the damaged one")
    func noRoom() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("test.db")
        let told = Told()
        let writer = try await VaultWriter.open(path: path, create: true) { told.note($0) }
        _ = try await writer.append([(sample, scrape(0, body(1)))])
        // A directory in the note's place stands in the way, also for root.
        mkdir(path + "-aside-new", 0o700)
        #expect(await writer.replaceDamaged(after: StorageError.damaged(path: path, detail: "x")))
        await #expect(throws: StorageError.self) {
            _ = try await writer.append([(sample, scrape(10_000, body(2)))])
        }
        #expect(told.all.isEmpty)
        rmdir(path + "-aside-new")
        _ = try await writer.append([(sample, scrape(10_000, body(2)))])
        try await writer.close()
        #expect(told.all.count == 1)
        #expect(try numbers(path) == texts(2..<3))
    }

    @Test(
        "a writer that is closed while a put-aside waits for room lets go of the lock, not only when it is gone"
    )
    func closedWhileWaiting() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("test.db")
        let writer = try await VaultWriter.open(path: path, create: true) { _ in }
        mkdir(path + "-aside-new", 0o700)
        #expect(await writer.replaceDamaged(after: StorageError.damaged(path: path, detail: "x")))
        await #expect(throws: StorageError.self) { _ = try await VaultWriter.open(path: path, create: true) }
        try await writer.close()
        let next = try await VaultWriter.open(path: path, create: true)
        try await next.close()
        withExtendedLifetime(writer) {}
    }

    @Test("looking at a database's bytes drops none of the locks that this process has on it")
    func locksStay() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("test.db")
        let writer = try await VaultWriter.open(path: path, create: true)
        _ = try await writer.append([(sample, scrape(0, body(1)))])
        func locks() -> Int {
            var status = stat()
            stat(path, &status)
            let text = String(decoding: contents(of: "/proc/locks"), as: UTF8.self)
            return text.split(separator: "\n").count {
                $0.contains("POSIX") && $0.contains(":\(status.st_ino) ")
            }
        }
        let before = locks()
        #expect(before > 0)
        for _ in 0..<3 { #expect(try numbers(path) == texts(1..<2)) }
        #expect(locks() == before)
        try await writer.close()
    }
}
