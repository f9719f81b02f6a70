import Model
import SQLite
import TestBasics
import Testing

@testable import Storage

/// Flipped bits in the slots of the newest scrapes, by what the slot holds.
///
/// A slot is not written when what it holds is sealed, so most of a file's slots hold nothing that is needed: damage there must
/// stop nobody, and damage in any other must never pass.
@Suite("Damage in the tail's slots")
struct TailDamageTests {
    private enum Kind: String, CaseIterable { case live, half, dead, blank }

    /// A slot: what it is, and where in the file.
    private struct Slot {
        var number: Int64
        var kind: Kind
        var offset: Int
        var used: Int
        /// Its records that are needed.
        var seqs: [Int64]
        var firstOrdinal: Int64
    }

    private let directory: TemporaryDirectory
    private let path: String
    private let other = TargetDescription(name: "other", origin: Origin(url: nil))

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.file("test.db")
    }

    /// Slots of all kinds: many are sealed, then some are sealed for one of two targets, then some are left.
    private func make() throws {
        let session = try WriterSession(path: path, create: true)
        var number = 0
        func append(_ count: Int) throws {
            for _ in 0..<count {
                number += 1
                let time = Int64(number) * 1000
                let text = String(repeating: "\(number * 7919)", count: 20)
                let body = Array("{\"number\": \(number), \"text\": \"\(text)\"}\n".utf8)
                _ = try session.append([(sample, scrape(time, body)), (other, scrape(time, body))])
            }
        }
        func seal(_ names: String...) throws {
            for name in names {
                try session.transaction { try session.seal(#require(session.targets[name])) }
            }
        }
        try append(150)
        try seal("sample", "other")
        try append(20)
        try seal("sample")
        try append(40)
        try session.close()
    }

    /// Where each slot stands: it is the one cell of its page, which it fills from byte 39 on.
    private func slots(_ bytes: [UInt8]) throws -> [Slot] {
        let snapshot = try Vault.openReader(path: path).snapshot()
        let ends = try snapshot.store.tailEnds()
        return try snapshot.store.slotNumbers().map { number in
            let slot = try snapshot.store.bytes(of: number)
            let content = try TailSlot.decode(slot)
            let live = TailIndex.places(of: content, slot: number)
                .filter { $0.place.ordinal > ends[$0.row.target] ?? 0 }
            let kind: Kind =
                content.records.isEmpty
                ? .blank : live.isEmpty ? .dead : live.count == content.records.count ? .live : .half
            let page = stride(from: 0, to: bytes.count, by: 4096).first { page in
                let cell = page + Int(bytes[page + 5]) << 8 + Int(bytes[page + 6])
                // A leaf of one cell; behind two bytes of its length stands the number, one byte below 128.
                return bytes[page] == 13 && bytes[page + 4] == 1
                    && Int64(bytes[min(cell + 2, page + 4095)]) == number
                    && bytes[(page + 39)..<(page + 4096)].elementsEqual(slot)
            }
            return Slot(
                number: number,
                kind: kind,
                offset: try #require(page) + 39,
                used: content.records.last?.range.upperBound ?? 0,
                seqs: live.map(\.row.seq),
                firstOrdinal: content.firstOrdinal
            )
        }
    }

    private func findings(_ path: String) throws -> [Finding] {
        IntegrityCheck(snapshot: try Vault.openReader(path: path).snapshot()).findings()
    }

    @Test(
        "a flipped bit in a slot stops readers where a scrape is needed of it, nobody else, and `check` finds all"
    )
    func flips() throws {
        try make()
        let right = try answers(path)
        let bytes = contents(of: path)
        let slots = try slots(bytes)
        #expect(Set(slots.map(\.kind)) == Set(Kind.allCases))
        let seed = UInt64.random(in: 0...(.max))
        var generator = SeededGenerator(seed: seed)
        let damaged = directory.file("damaged.db")
        var stopped = 0
        var passed = 0
        // The first two and the last of each kind.
        let chosen = Kind.allCases.flatMap { kind in
            let all = slots.filter { $0.kind == kind }
            return all.prefix(2) + all.dropFirst(2).suffix(1)
        }
        for slot in chosen {
            let random = (0..<2).map { _ in Int.random(in: 0..<TailSlot.bytes, using: &generator) }
            // Of each field of the beginning one byte, records, what is behind them, the end.
            for place in [0, 2, 5, 8, 16, 40, max(23, slot.used - 1), 4040, 4050, 4056] + random {
                var changed = bytes
                changed[slot.offset + place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                write(changed, to: damaged)
                let words = "seed \(seed), \(slot.kind) slot \(slot.number), byte \(place)"
                if slot.kind == .live || slot.kind == .half, place < slot.used {
                    stopped += 1
                    #expect(throws: StorageError.self, "\(words)") { try answers(damaged) }
                    #expect(throws: StorageError.self, "\(words)") {
                        try WriterSession(path: damaged, create: false)
                    }
                } else {
                    passed += 1
                    #expect(try answers(damaged) == right, "\(words)")
                }
                #expect(try !findings(damaged).isEmpty, "\(words)")
            }
        }
        print("slots: \(slots.count), \(stopped) flips stopped a reader, \(passed) none")
        #expect(stopped > 0 && passed > 0)
    }

    @Test(
        "the writer goes on beside a damaged slot that nothing is needed of, and writes over it",
        arguments: [true, false]
    )
    func writes(compacts: Bool) throws {
        try make()
        var bytes = contents(of: path)
        for slot in try slots(bytes) where slot.kind == .dead || slot.kind == .blank {
            bytes[slot.offset + 9] ^= 4
        }
        write(bytes, to: path)
        let before = try everything(path, "other").map(\.body)
        #expect(try !findings(path).isEmpty)
        let session = try WriterSession(path: path, create: false)
        if compacts {
            _ = try session.compact(RetentionPolicy())
        } else {
            // The oldest go, which writes all others anew; then more is recorded than the ring has room for.
            let now = Timestamp(milliseconds: 210_000)
            _ = try session.prune(RetentionPolicy(ageMilliseconds: 40_000, now: now))
            let batch = (0..<100).map { (other, scrape(1_000_000 + $0, noise())) }
            #expect(!session.store.deadSlots.isEmpty)
            var rounds = 0
            while !session.store.deadSlots.isEmpty, rounds < 100 {
                rounds += 1
                _ = try session.append(batch)
            }
        }
        try session.close()
        #expect(try findings(path) == [])
        let after = try everything(path, "other").map(\.body)
        let kept = compacts ? before : before.suffix(41)
        #expect(after.starts(with: kept))
    }

    /// A body that takes much room.
    private func noise() -> [UInt8] {
        let words = (0..<100).map { _ in "\(UInt64.random(in: 0...(.max)))" }
        return Array("{\"number\": 1, \"text\": \"\(words.joined())\"}\n".utf8)
    }

    @Test("a slot's damage costs no scrape of others, and salvage counts what it cost")
    func salvage() throws {
        try make()
        let right = try Dictionary(
            uniqueKeysWithValues: (everything(path) + everything(path, "other")).map {
                ($0.record.seq, $0.body)
            }
        )
        let bytes = contents(of: path)
        let slots = try slots(bytes)
        let newest = slots.max { $0.firstOrdinal < $1.firstOrdinal }?.number
        let seed = UInt64.random(in: 0...(.max))
        var generator = SeededGenerator(seed: seed)
        for (round, slot) in slots.filter({ $0.kind != .blank }).enumerated() {
            for isGarbage in [false, true] {
                var changed = bytes
                if isGarbage {
                    for place in 0..<TailSlot.bytes {
                        changed[slot.offset + place] = UInt8.random(in: 0...255, using: &generator)
                    }
                } else {
                    changed[slot.offset + Int.random(in: 0..<slot.used, using: &generator)] ^= 8
                }
                let damaged = directory.file("damaged.db")
                let copy = directory.file("copy-\(round)-\(isGarbage).db")
                write(changed, to: damaged)
                let summary = try Salvage.run(from: damaged, to: copy)
                let left = try (everything(copy) + everything(copy, "other")).map { ($0.record.seq, $0.body) }
                for (seq, body) in left { #expect(right[seq] == body) }
                let words = "seed \(seed), \(slot.kind) slot \(slot.number), \(summary)"
                #expect(!summary.findings.isEmpty, "\(words)")
                let isTold = summary.findings.contains { $0.description.contains("is not known") }
                #expect(isTold == isGarbage, "\(words)")
                if slot.number == newest, isGarbage {
                    // What was behind the last number that is left, nobody can know.
                    #expect(Int(summary.lost) <= right.count - left.count, "\(words)")
                } else {
                    #expect(Int(summary.lost) == right.count - left.count, "\(words)")
                }
                #expect(right.count - left.count >= slot.seqs.count, "\(words)")
                #expect(slot.kind != .dead || left.count == right.count, "\(words)")
            }
        }
    }
}
