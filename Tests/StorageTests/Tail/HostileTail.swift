import Codec
import Expvar
import Model

@testable import Storage

/// What must hold for any bytes in the tail: as a patch of a body, and as the records of a slot with its checksum mended.
///
/// The tests and the fuzz targets FuzzBodyPatch and FuzzTailSlot ask the same.
enum HostileTail {
    /// No more than this: a patch says how long the texts are that it brings.
    private static let bodyBytesMax = 1 << 16
    /// Stands between two bodies; no UTF-8 has it.
    static let separator: UInt8 = 0xff
    /// What any bytes are put on: numbers of each spelling, text and an array.
    static let body = Array(
        #"{"a": 12, "b": -7, "c": 0.25, "d": "text", "e": [1, 22, 333, 9223372036854775807], "f": true, "g": 1e+06}"#
            .utf8
    )

    /// Takes the bytes as a patch, and as two bodies with `separator` between them.
    ///
    /// Whether they were two bodies of one skeleton is returned, for tests that must not test nothing.
    @discardableResult
    static func patch(_ input: [UInt8]) -> Bool {
        if let made = try? BodyPatch.decode(input[...], from: body, bytesMax: bodyBytesMax) {
            precondition(made.count <= bodyBytesMax, "a body is within the limit")
            precondition(Checksum.crc32c(made[...]) == checksum(of: input), "a body agrees with its checksum")
        }
        let bodies = input.split(separator: separator, maxSplits: 1, omittingEmptySubsequences: false).map(
            Array.init
        )
        guard bodies.count == 2 else { return false }
        var (old, new) = (ScannedDocument(), ScannedDocument())
        guard (try? old.scan(bodies[0])) != nil, (try? new.scan(bodies[1])) != nil,
            old.skeleton == new.skeleton
        else { return false }
        let patch = BodyPatch.encode(bodies[1], new.leaves, from: bodies[0], old.leaves)
        let made = try? BodyPatch.decode(patch[...], from: bodies[0], bytesMax: bodyBytesMax)
        precondition(made == bodies[1], "a patch makes the body that it was made of")
        return true
    }

    private static func checksum(of patch: [UInt8]) -> UInt32? {
        var reader = ByteReader(patch)
        return try? reader.fixed32()
    }

    /// Takes the bytes as the records of a slot; what can be read is written and read again.
    ///
    /// How many records they were is returned; nil where they are none.
    @discardableResult
    static func slot(_ input: [UInt8]) -> Int? {
        _ = try? TailSlot.decode(input)
        _ = TailSlot.highestSeq(input)
        let records = Array(input.prefix(TailSlot.recordBytesMax))
        let slot = TailSlot.encode(firstOrdinal: 7, highestSeq: 9, records: records)
        precondition(slot.count == TailSlot.bytes, "a slot has its length")
        precondition(TailSlot.highestSeq(slot) == 9, "a slot tells its highest seq")
        guard let content = try? TailSlot.decode(slot) else { return nil }
        var context = TailRecord.Context()
        for (row, _) in content.records {
            let bytes = TailRecord.encode(row, after: context)
            let again = try? TailRecord.decode(bytes, 0..<bytes.count, after: context)
            // A field that got lost would be missing in the bytes.
            precondition(
                again.map { TailRecord.encode($0, after: context) } == bytes,
                "a record that was read is written as one that reads the same"
            )
            context = TailRecord.Context(row)
        }
        return content.records.count
    }
}
