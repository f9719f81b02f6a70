import Codec
import Expvar
import Model
import TestBasics
import Testing

@testable import Storage

@Suite("Patches of bodies, slots of the tail")
struct BodyPatchTests {
    private func leaves(_ body: [UInt8]) throws -> [Leaf] {
        var document = ScannedDocument()
        try document.scan(body)
        return document.leaves
    }

    private func patch(_ new: String, from old: String) throws -> [UInt8] {
        let (new, old) = (Array(new.utf8), Array(old.utf8))
        return BodyPatch.encode(new, try leaves(new), from: old, try leaves(old))
    }

    @Test(
        "what a number was is changed into any other, in any spelling",
        arguments: [
            ("1", "2"), ("9", "10"), ("-5", "5"), ("0", "-0"), ("1", "1.0"), ("1e+06", "1000000"),
            ("9223372036854775807", "-9223372036854775808"), ("-9223372036854775808", "9223372036854775807"),
            ("18446744073709551615", "9223372036854775808"), ("007", "7"), ("0.25", "0.125"),
            ("\"a\"", "\"bcd\""),
            ("1", "99999999999999999999999"), ("-1", "-0"), ("0", "0"), ("\"\"", "\"é\""), ("true", "false"),
            ("1.7976931348623157e+308", "2.2e-16"), ("\"12\"", "\"-0.5e+E\""),
        ]
    )
    func spellings(a: String, b: String) throws {
        for (old, new) in [(a, b), (b, a), (a, a)] {
            let bodies = [old, new].map { "{\n\"x\": \($0),\n\"y\": [1, \($0)]\n}\n" }
            // Not all of these are JSON; what is not is one leaf, of a skeleton of its own.
            let (from, to) = try (leaves(Array(bodies[0].utf8)), leaves(Array(bodies[1].utf8)))
            guard from.count == to.count else { continue }
            let bytes = try patch(bodies[1], from: bodies[0])
            let made = try BodyPatch.decode(bytes[...], from: Array(bodies[0].utf8), bytesMax: 1 << 20)
            #expect(String(decoding: made, as: UTF8.self) == bodies[1])
        }
    }

    @Test("a chain of scrapes of a process comes back byte for byte, at a fraction of their size")
    func process() throws {
        let seed = UInt64.random(in: 0...(.max))
        var generator = SeededGenerator(seed: seed)
        var process = SampleProcess()
        var last = process.body
        var bytes = 0
        for index in 0..<100 {
            process.run(collections: index % 3, until: UInt64(index + 1) * 10_000_000_000, using: &generator)
            let body = process.body
            let patch = BodyPatch.encode(body, try leaves(body), from: last, try leaves(last))
            #expect(try BodyPatch.decode(patch[...], from: last, bytesMax: 1 << 20) == body, "seed \(seed)")
            bytes += patch.count
            last = body
        }
        #expect(bytes < 100 * last.count / 20)
    }

    @Test(
        "a patch that is cut, altered or put on another body is an error or makes the same body, and traps nowhere"
    )
    func hostile() throws {
        let seed = UInt64.random(in: 0...(.max))
        var generator = SeededGenerator(seed: seed)
        var process = SampleProcess()
        let old = process.body
        process.run(collections: 2, until: 20_000_000_000, using: &generator)
        let new = process.body
        let patch = BodyPatch.encode(new, try leaves(new), from: old, try leaves(old))
        func isHarmless(_ bytes: [UInt8], _ base: [UInt8]) -> Bool {
            guard let made = try? BodyPatch.decode(bytes[...], from: base, bytesMax: 1 << 20) else {
                return true
            }
            return made == new
        }
        for count in 0..<patch.count {
            #expect(isHarmless(Array(patch.prefix(count)), old), "cut at \(count)")
        }
        for index in patch.indices {
            for bit in 0..<8 {
                var changed = patch
                changed[index] ^= 1 << UInt8(bit)
                #expect(isHarmless(changed, old), "byte \(index), bit \(bit)")
            }
        }
        for base in [[], Array(old.dropLast(40)), new, Array("{}".utf8)] { #expect(isHarmless(patch, base)) }
        for _ in 0..<2000 {
            let noise = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            #expect(isHarmless(noise, old), "seed \(seed)")
        }
    }

    @Test("a slot that is cut or altered within what it uses is an error, and traps nowhere")
    func slots() throws {
        var records: [UInt8] = []
        var context = TailRecord.Context()
        for index in 1...5 {
            let position = ScrapePosition(epoch: 0, time: Timestamp(milliseconds: Int64(index) * 1000))
            var row = ScrapeRow(seq: Int64(index), target: TargetID(1), position: position, origin: 1)
            row.failure = "no answer"
            row.body = [0, 1, 2]
            let record = TailRecord.encode(row, after: context)
            records += [UInt8(record.count)] + record
            context = TailRecord.Context(row)
        }
        let slot = TailSlot.encode(firstOrdinal: 7, highestSeq: 5, records: records)
        #expect(slot.count == TailSlot.bytes)
        let content = try TailSlot.decode(slot)
        #expect(content.records.map(\.row.seq) == [1, 2, 3, 4, 5])
        #expect(content.records.map(\.row.position.time.milliseconds) == [1000, 2000, 3000, 4000, 5000])
        #expect(content.firstOrdinal == 7)
        let used = TailSlot.headerBytes + records.count
        for index in 0..<used {
            for bit in 0..<8 {
                var changed = slot
                changed[index] ^= 1 << UInt8(bit)
                #expect(throws: CodecError.self, "byte \(index), bit \(bit)") { try TailSlot.decode(changed) }
            }
            #expect(throws: CodecError.self) { try TailSlot.decode(Array(slot.prefix(index))) }
        }
        // Right checksums around nonsense.
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let noise = (0..<Int.random(in: 0...60)).map { _ in UInt8.random(in: 0...255, using: &generator) }
            _ = try? TailSlot.decode(TailSlot.encode(firstOrdinal: 1, highestSeq: 1, records: noise))
        }
        #expect(try TailSlot.decode([UInt8](repeating: 0, count: TailSlot.bytes)).records.isEmpty)
    }
}
