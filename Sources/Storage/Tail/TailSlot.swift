import Codec
import Model

/// The form of a row of `tail`: some of the newest scrapes, one after the other.
///
/// All slots have the same length, so that a slot is one page of the file that is written over in place: a commit of
/// the newest scrapes changes one or two pages and nothing else (docs/decisions, 11).
///
///     version                 byte 1; a slot of zeros holds nothing
///     CRC-32C                 4 bytes, of all that follows up to `used`
///     used                    2 bytes: bytes of the slot that mean something, from its beginning
///     ordinal                 8 bytes: of the first record; the others follow
///     highest seq             8 bytes: the highest ever given when the slot was written
///     records                 for each: varint bytes that follow, then `TailRecord`
///     zeros
///     ordinal, highest seq    16 bytes at the end of the slot: those of its beginning once more
///     CRC-32C                 4 bytes, of these 16
///
/// A slot stays as it was written after all in it was sealed. Where such a one is damaged, its end still tells that it has
/// nothing newer than what is known to be there, and so that nothing is missing (`RowStore.judge`).
enum TailSlot {
    /// A slot's length: with 2 bytes of its number, and the 20 that SQLite adds, it fills a page of 4096 bytes (a cell of
    /// a table's leaf holds 4061 bytes before it overflows, https://sqlite.org/fileformat.html).
    static let bytes = 4057
    static let headerBytes = 23
    /// What stands at the end; slots of older writers have zeros or records there.
    static let endBytes = 20
    /// The longest record, its length included.
    static let recordBytesMax = bytes - headerBytes - endBytes
    /// A slot with so few bytes that are no zeros was never written: the least that is written has twice as many.
    private static let blankBytesMax = 8
    private static let version: UInt8 = 1

    /// What a slot holds.
    struct Content {
        var firstOrdinal: Int64 = 0
        var highestSeq: Int64 = 0
        /// The records, and where in the slot they stand.
        var records: [(row: ScrapeRow, range: Range<Int>)] = []
    }

    /// The slot's bytes, for records that were written one after the other.
    static func encode(firstOrdinal: Int64, highestSeq: Int64, records: [UInt8]) -> [UInt8] {
        var body = ByteWriter()
        body.fixed16(UInt16(headerBytes + records.count))
        fixed64s(firstOrdinal, highestSeq, to: &body)
        body.raw(records)
        var end = ByteWriter()
        fixed64s(firstOrdinal, highestSeq, to: &end)
        end.fixed32(Checksum.crc32c(end.bytes[...]))
        var slot = ByteWriter()
        slot.byte(version)
        slot.fixed32(Checksum.crc32c(body.bytes[...]))
        slot.raw(body.bytes)
        slot.raw([UInt8](repeating: 0, count: bytes - slot.count - end.count))
        slot.raw(end.bytes)
        return slot.bytes
    }

    private static func fixed64s(_ values: Int64..., to writer: inout ByteWriter) {
        for value in values {
            writer.fixed32(UInt32(truncatingIfNeeded: value))
            writer.fixed32(UInt32(truncatingIfNeeded: value >> 32))
        }
    }

    /// What stands in a slot.
    static func decode(_ slot: [UInt8]) throws(CodecError) -> Content {
        var content = Content()
        if slot.count >= headerBytes, slot.prefix(headerBytes).allSatisfy({ $0 == 0 }) { return content }
        var reader = ByteReader(slot)
        guard try reader.byte() == version else { throw .malformed("a slot of an unknown version") }
        let checksum = try reader.fixed32()
        let used = Int(try reader.fixed16())
        guard used >= headerBytes, used <= slot.count, Checksum.crc32c(slot[5..<used]) == checksum else {
            throw .malformed("a slot that its checksum denies")
        }
        content.firstOrdinal = try fixed64(&reader)
        content.highestSeq = try fixed64(&reader)
        var records = try ByteReader(slot, in: headerBytes..<used)
        var context = TailRecord.Context()
        while !records.isAtEnd {
            let count = try records.count(max: used, "a record")
            let range = try records.skip(count)
            let row = try TailRecord.decode(slot, range, after: context)
            context = TailRecord.Context(row)
            content.records.append((row, range))
        }
        return content
    }

    /// The number and bytes of the slot that a page of the file holds, by the form of the page alone; nil for any other.
    ///
    /// Such a page is a leaf of a table with one cell, whose row fills it; https://sqlite.org/fileformat.html#b_tree_pages.
    static func ofPage(_ page: [UInt8]) -> (slot: Int64, bytes: [UInt8])? {
        guard page.count == 4096, page[0] == 13, page[3] == 0, page[4] == 1 else { return nil }
        let start = Int(page[8]) << 8 | Int(page[9])
        // A claim that cannot be read is none.
        guard start >= 10, start < page.count, var reader = try? ByteReader(page, in: start..<page.count),
            let size = bigEndianVarint(&reader), let number = bigEndianVarint(&reader), size == bytes + 4,
            // Its record: 4 bytes of header, the number's own (NULL: it is the row's), a blob of that length.
            let head = try? reader.skip(4), Array(page[head]) == [4, 0, 0xbf, 0x3e],
            // A claim that cannot be read is none.
            let range = try? reader.skip(bytes)
        else { return nil }
        return (Int64(bitPattern: number), Array(page[range]))
    }

    /// A number as SQLite writes it: seven bits a byte, the highest first; the ninth byte has eight.
    private static func bigEndianVarint(_ reader: inout ByteReader) -> UInt64? {
        var value: UInt64 = 0
        for index in 0..<9 {
            // A claim that cannot be read is none.
            guard let byte = try? reader.byte() else { return nil }
            if index == 8 { return value << 8 | UInt64(byte) }
            value = value << 7 | UInt64(byte & 0x7f)
            if byte < 0x80 { break }
        }
        return value
    }

    /// The highest `seq` that the beginning of a slot tells of, unchecked; nil where it holds nothing.
    static func highestSeq(_ slot: [UInt8]) -> Int64? {
        // A claim that cannot be read is none.
        guard slot.first == version, var reader = try? ByteReader(slot, in: 15..<headerBytes) else {
            return nil
        }
        // A claim that cannot be read is none.
        return try? fixed64(&reader)
    }

    /// The highest `seq` that the end of a slot tells of, where it has one and agrees with its checksum; `end` is the
    /// slot, or its last bytes.
    static func highestSeqOfEnd(_ end: [UInt8]) -> Int64? {
        guard end.count >= endBytes else { return nil }
        let end = Array(end.suffix(endBytes))
        var reader = ByteReader(end)
        // The checksum is never that of zeros: such an end is none.
        guard (try? fixed64(&reader)) != nil, let seq = try? fixed64(&reader),
            // A claim that cannot be read is none.
            let checksum = try? reader.fixed32(), Checksum.crc32c(end[..<16]) == checksum
        else { return nil }
        return seq
    }

    /// Whether a slot that can be read has behind its records what it was written with: zeros, and an end that says what
    /// its beginning does, or none.
    static func hasSoundEnd(_ slot: [UInt8]) -> Bool {
        guard slot.count == bytes else { return false }
        guard slot.first == version else { return slot.allSatisfy { $0 == 0 } }
        let used = Int(slot[5]) | Int(slot[6]) << 8
        guard used < bytes, slot[used...].contains(where: { $0 != 0 }) else { return true }
        guard used <= bytes - endBytes else { return false }
        return slot[used..<(bytes - endBytes)].allSatisfy { $0 == 0 }
            && slot[(bytes - endBytes)..<(bytes - 4)].elementsEqual(slot[7..<headerBytes])
            && highestSeqOfEnd(slot) != nil
    }

    /// Whether a slot that cannot be read was never written, but for what damage put there.
    static func isBlank(_ slot: [UInt8]) -> Bool {
        slot.count == bytes && slot.count(where: { $0 != 0 }) <= blankBytesMax
    }

    private static func fixed64(_ reader: inout ByteReader) throws(CodecError) -> Int64 {
        let low = UInt64(try reader.fixed32())
        return Int64(bitPattern: low | UInt64(try reader.fixed32()) << 32)
    }
}

/// A scrape in a slot: its numbers against those of the record before it in the slot (of zeros for the first).
///
///     zigzag seq, against the one before          varint flags: 1 wall, 2 success, 4 boot, 8 boot clock, 16 duration,
///     zigzag target                                   32 status, 64 date, 128 missed, 256 base
///     zigzag epoch, t, each against the one before
///     zigzag origin
///     then, where its flag is set (zigzags but for `missed`):
///     wall, less t · run, shape, seen (success) or varint bytes and the reason (failure) · boot · boot clock, against the
///     one before plus the time between them · duration · status · date, less t · 2 varints: missed count and ns ·
///     seq less base
///     the rest is the body, as `BodyEncoding` has it
enum TailRecord {
    /// What the next record is written against.
    struct Context {
        var seq: Int64 = 0
        var epoch: Int64 = 0
        var t: Int64 = 0
        var bootNanoseconds: Int64 = 0

        init() {}

        init(_ row: ScrapeRow) {
            seq = row.seq
            epoch = row.position.epoch
            t = row.position.time.milliseconds
            bootNanoseconds = row.bootNanoseconds ?? 0
        }
    }

    private enum Flag {
        static let wall: UInt64 = 1
        static let success: UInt64 = 2
        static let boot: UInt64 = 4
        static let bootClock: UInt64 = 8
        static let duration: UInt64 = 16
        static let status: UInt64 = 32
        static let date: UInt64 = 64
        static let missed: UInt64 = 128
        static let base: UInt64 = 256
    }

    static func encode(_ row: ScrapeRow, after context: Context) -> [UInt8] {
        var writer = ByteWriter()
        let t = row.position.time.milliseconds
        writer.zigzag(row.seq &- context.seq)
        writer.zigzag(row.target.value)
        writer.zigzag(row.position.epoch &- context.epoch)
        writer.zigzag(t &- context.t)
        writer.zigzag(row.origin)
        var flags: UInt64 = 0
        if row.wall != nil { flags |= Flag.wall }
        if row.run != nil { flags |= Flag.success }
        if row.boot != nil { flags |= Flag.boot }
        if row.bootNanoseconds != nil { flags |= Flag.bootClock }
        if row.durationNanoseconds != nil { flags |= Flag.duration }
        if row.status != nil { flags |= Flag.status }
        if row.serverDate != nil { flags |= Flag.date }
        if row.missed != nil { flags |= Flag.missed }
        if row.base != nil { flags |= Flag.base }
        writer.varint(flags)
        if let wall = row.wall { writer.zigzag(wall.milliseconds &- t) }
        if let run = row.run, let shape = row.shape {
            writer.zigzag(run.value)
            writer.zigzag(shape.value)
            writer.zigzag(row.seen)
        } else {
            let reason = Array((row.failure ?? "").utf8)
            writer.count(reason.count)
            writer.raw(reason)
        }
        if let boot = row.boot { writer.zigzag(boot) }
        if let clock = row.bootNanoseconds {
            writer.zigzag(clock &- context.bootNanoseconds &- (t &- context.t) &* 1_000_000)
        }
        if let duration = row.durationNanoseconds { writer.zigzag(duration) }
        if let status = row.status { writer.zigzag(status) }
        if let date = row.serverDate { writer.zigzag(date.milliseconds &- t) }
        if let missed = row.missed {
            writer.varint(missed.count)
            writer.varint(missed.pauseNanoseconds)
        }
        if let base = row.base { writer.zigzag(row.seq &- base) }
        writer.raw(row.body ?? [])
        return writer.bytes
    }

    static func decode(
        _ slot: [UInt8],
        _ range: Range<Int>,
        after context: Context
    ) throws(CodecError) -> ScrapeRow {
        var reader = try ByteReader(slot, in: range)
        let seq = context.seq &+ (try reader.zigzag())
        let target = TargetID(try reader.zigzag())
        let epoch = context.epoch &+ (try reader.zigzag())
        let t = context.t &+ (try reader.zigzag())
        var row = ScrapeRow(
            seq: seq,
            target: target,
            position: ScrapePosition(epoch: epoch, time: Timestamp(milliseconds: t)),
            origin: try reader.zigzag()
        )
        let flags = try reader.varint()
        guard flags < 512 else { throw .malformed("a scrape with unknown flags") }
        func has(_ flag: UInt64) -> Bool { flags & flag != 0 }
        if has(Flag.wall) { row.wall = Timestamp(milliseconds: t &+ (try reader.zigzag())) }
        if has(Flag.success) {
            row.run = RunID(try reader.zigzag())
            row.shape = ShapeID(try reader.zigzag())
            row.seen = try reader.zigzag()
        } else {
            let count = try reader.count(max: TailSlot.bytes, "a reason")
            row.failure = String(decoding: try reader.raw(count), as: UTF8.self)
        }
        if has(Flag.boot) { row.boot = try reader.zigzag() }
        if has(Flag.bootClock) {
            let passed = (t &- context.t) &* 1_000_000
            row.bootNanoseconds = context.bootNanoseconds &+ passed &+ (try reader.zigzag())
        }
        if has(Flag.duration) { row.durationNanoseconds = try reader.zigzag() }
        if has(Flag.status) { row.status = try reader.zigzag() }
        if has(Flag.date) { row.serverDate = Timestamp(milliseconds: t &+ (try reader.zigzag())) }
        if has(Flag.missed) {
            let count = try reader.varint()
            row.missed = MissedCollections(count: count, pauseNanoseconds: try reader.varint())
        }
        if has(Flag.base) { row.base = seq &- (try reader.zigzag()) }
        row.body = Array(try reader.raw(reader.remaining))
        return row
    }
}

extension ScrapeRow {
    /// A row of which no more is known.
    init(seq: Int64, target: TargetID, position: ScrapePosition, origin: Int64) {
        self.init(
            seq: seq,
            target: target,
            position: position,
            wall: nil,
            run: nil,
            origin: origin,
            boot: nil,
            bootNanoseconds: nil,
            durationNanoseconds: nil,
            status: nil,
            serverDate: nil,
            shape: nil,
            failure: nil
        )
    }
}
