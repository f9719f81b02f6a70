import Codec
import Model
import TestBasics
import Testing

@testable import Storage

/// What the fuzz targets FuzzBodyPatch and FuzzTailSlot begin with and what they once found, in Fuzz/Corpus, and their
/// like with a byte changed.
///
/// The beginnings are written, where they are not there, with `EXPVAULT_WRITE_FIXTURES=1`.
@Suite("patches and slots of any bytes")
struct HostileTailTests {
    private static func changed(_ input: [UInt8], using random: inout SeededGenerator) -> [UInt8] {
        var changed = input
        if let place = changed.indices.randomElement(using: &random) {
            changed[place] ^= 1 << UInt8.random(in: 0...7, using: &random)
        }
        return changed
    }

    @Test("two bodies of one skeleton become a patch that makes the second of the first")
    func patches() {
        let changes = [
            (
                "begin-numbers", #"{"x": 1, "y": [-9, 1.5, 1e+06]}"#,
                #"{"x": 10, "y": [9, 0.25, 18446744073709551615]}"#
            ),
            ("begin-texts", #"{"x": "a", "y": true}"#, #"{"x": "12.5", "y": false}"#),
            ("begin-same", #"{"x": [1, "\u00e9", null]}"#, #"{"x": [1, "\u00e9", null]}"#),
        ]
        var random = SeededGenerator(seed: 4)
        for (name, old, new) in changes {
            let input = Array(old.utf8) + [HostileTail.separator] + Array(new.utf8)
            #expect(HostileTail.patch(input))
            KeptInputs.write(input, as: name, of: "FuzzBodyPatch")
        }
        let inputs = KeptInputs.all(of: "FuzzBodyPatch")
        #expect(inputs.count >= changes.count)
        for input in inputs {
            for _ in 0..<300 { HostileTail.patch(Self.changed(input, using: &random)) }
        }
    }

    @Test("records that can be read are written as they were, and no bytes trap")
    func slots() {
        var random = SeededGenerator(seed: 5)
        var records: [UInt8] = []
        var context = TailRecord.Context()
        for index in 1...4 {
            let position = ScrapePosition(
                epoch: 1,
                time: Timestamp(milliseconds: 1_700_000_000_000 + Int64(index) * 10_000)
            )
            var row = ScrapeRow(seq: Int64(index), target: TargetID(2), position: position, origin: 1)
            if index == 2 {
                row.failure = "refused"
            } else {
                row.run = RunID(3)
                row.shape = ShapeID(4)
                row.seen = Int64(index)
            }
            row.boot = 1
            row.bootNanoseconds = Int64(index) * 10_000_000_123
            row.durationNanoseconds = 900_000
            row.status = 200
            row.serverDate = Timestamp(milliseconds: 1_700_000_000_000)
            row.missed = index == 3 ? MissedCollections(count: 5, pauseNanoseconds: 77) : nil
            row.base = index == 4 ? 3 : nil
            row.body = [0, 0x7b, 0x7d]
            let record = TailRecord.encode(row, after: context)
            records += [UInt8(record.count)] + record
            context = TailRecord.Context(row)
        }
        #expect(HostileTail.slot(records) == 4)
        KeptInputs.write(records, as: "begin-four", of: "FuzzTailSlot")
        let inputs = KeptInputs.all(of: "FuzzTailSlot")
        #expect(!inputs.isEmpty)
        var readable = 0
        for input in inputs {
            for _ in 0..<2000 where HostileTail.slot(Self.changed(input, using: &random)) != nil {
                readable += 1
            }
        }
        #expect(readable > 100, "the changes must not all end at the first record")
    }
}
