import Compression
import Expvar
import Model
import SQLite

/// Writes the newest scrapes into slots that are written over in place.
///
/// A slot whose rows are all sealed is used again. So once there are enough slots, a commit touches the pages of one or
/// two of them and no other: no page is allocated, no index kept, no row deleted.
final class TailWriter {
    /// While recording, slots are made so many at a time: each that is made touches four pages more.
    static let slotsPerGrowth = 64
    /// So many slots that hold nothing are kept for later.
    static let freeSlotsMax = 512

    struct Current {
        var slot: Int64
        var firstOrdinal: Int64
        /// How many bytes of records it has.
        var recordBytes = 0
        /// They, while they are written.
        var records: [UInt8] = []
        var context = TailRecord.Context()
    }

    /// What the next body of a target is written against.
    struct Chain {
        var seq: Int64
        var shape: ShapeID
        var body: TidyBody
        var leaves: [Leaf]
        /// How many bytes a whole body takes, coded.
        var wholeBytes: Int
        var count = 0
    }

    let store: RowStore
    private let compressor: ZstdCompressor
    var current: Current?
    private var highestSeq: Int64 = 0
    var chains: [TargetID: Chain] = [:]
    private var document = ScannedDocument()
    /// How many slots are made where none is free.
    var growth = 8

    init(_ store: RowStore, _ compressor: ZstdCompressor) {
        self.store = store
        self.compressor = compressor
    }

    var connection: Connection { store.connection }

    /// Forgets everything: what was written may have been rolled back.
    func forget() {
        current = nil
        chains.removeAll()
        highestSeq = 0
    }

    // MARK: Adding

    /// Adds a row, within the caller's transaction; `leaves` are those of its body, where they are known.
    ///
    /// It stands in the file once `flush` was called.
    func append(_ row: ScrapeRow, body: TidyBody, leaves: [Leaf]? = nil) throws {
        var row = row
        if let failure = row.failure, failure.utf8.count > TailWriter.reasonBytesMax {
            row.failure = String(failure.prefix(TailWriter.reasonBytesMax / 4))
        }
        try code(&row, body, leaves)
        if lengthAlone(row) > TailSlot.recordBytesMax { try storeApart(&row) }
        var record = TailWriter.record(row, after: current?.context ?? TailRecord.Context())
        if current.map({ $0.recordBytes + record.count > TailSlot.recordBytesMax }) ?? true {
            try flush()
            current = try nextSlot()
            record = TailWriter.record(row, after: TailRecord.Context())
        }
        let index = try store.tailIndex()
        guard let opened = current else { preconditionFailure("BUG: there is a slot to write into") }
        if index.unwritten == nil { index.unwritten = reopened(opened) }
        guard var slot = current else { preconditionFailure("BUG: the slot is still there") }
        index.unwritten?.records += record
        slot.recordBytes += record.count
        slot.context = TailRecord.Context(row)
        current = slot
        highestSeq = max(highestSeq, row.seq)
        index.unwritten?.highestSeq = highestSeq
        let end = TailSlot.headerBytes + slot.recordBytes
        let length = record.count - TailWriter.lengthBytes(record)
        index.places[row.seq] = TailIndex.Place(
            slot: slot.slot,
            range: end - length..<end,
            target: row.target,
            ordinal: index.nextOrdinal
        )
        index.rowsInSlot[slot.slot, default: 0] += 1
        index.nextOrdinal &+= 1
    }

    /// The slot that is being filled, with what the file has of it.
    private func reopened(_ slot: Current) -> TailIndex.Unwritten {
        var unwritten = TailIndex.Unwritten(
            slot: slot.slot,
            firstOrdinal: slot.firstOrdinal,
            highestSeq: highestSeq
        )
        unwritten.records.reserveCapacity(TailSlot.bytes)
        unwritten.records += slot.records
        // Else the next record would copy them.
        current?.records = []
        return unwritten
    }

    /// A longer reason is cut, so that it fits a slot.
    private static let reasonBytesMax = 2000

    private static func record(_ row: ScrapeRow, after context: TailRecord.Context) -> [UInt8] {
        let bytes = TailRecord.encode(row, after: context)
        var length: [UInt8] = []
        var rest = bytes.count
        while rest >= 0x80 {
            length.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        length.append(UInt8(rest))
        return length + bytes
    }

    /// How many bytes of a record say how long it is.
    private static func lengthBytes(_ record: [UInt8]) -> Int {
        (record.firstIndex { $0 < 0x80 } ?? 0) + 1
    }

    private func lengthAlone(_ row: ScrapeRow) -> Int {
        // Against zeros every number takes its most bytes.
        TailWriter.record(row, after: TailRecord.Context()).count
    }

    /// Codes the body: against the one before it, where they have the same shape and that helps.
    private func code(_ row: inout ScrapeRow, _ body: TidyBody, _ leaves: [Leaf]?) throws {
        guard let shape = row.shape, row.failure == nil, body.bytes.count <= BodyEncoding.baseBytesMax else {
            row.base = nil
            row.body = try whole(body, row)
            return
        }
        let leaves = try leaves ?? scan(body.bytes)
        if var chain = chains[row.target], chain.shape == shape, chain.count < BodyEncoding.patchesMax {
            let patch = BodyPatch.encode(body.bytes, leaves, from: chain.body.bytes, chain.leaves)
            if patch.count * 4 <= chain.wholeBytes * 3 {
                row.base = chain.seq
                row.body = try ordered([BodyEncoding.patch.rawValue] + patch, body, after: chain.body, row)
                chain.seq = row.seq
                chain.body = body
                chain.leaves = leaves
                chain.count += 1
                chains[row.target] = chain
                return
            }
        }
        let whole = try whole(body, row)
        row.base = nil
        row.body = whole
        chains[row.target] = Chain(
            seq: row.seq,
            shape: shape,
            body: body,
            leaves: leaves,
            wholeBytes: whole.count
        )
    }

    /// The body alone, needing no other.
    private func whole(_ body: TidyBody, _ row: ScrapeRow) throws -> [UInt8] {
        try ordered(BodyEncoding.whole(body.bytes, with: compressor), body, after: nil, row)
    }

    /// A coded body with its order, where either it or the body before it has one.
    private func ordered(
        _ coded: [UInt8],
        _ body: TidyBody,
        after before: TidyBody?,
        _ row: ScrapeRow
    ) throws -> [UInt8] {
        let before = before?.order ?? []
        guard let shape = row.shape, !body.order.isEmpty || !before.isEmpty else { return coded }
        let sizes = try store.memberOrder(of: shape).sizes
        return BodyEncoding.ordered(coded, TidyOrderCode.encode(body.order, after: before, sizes))
    }

    private func scan(_ body: [UInt8]) throws -> [Leaf] {
        do {
            try document.scan(body)
        } catch {
            throw store.damaged("a body of a shape is no document: \(error)")
        }
        return document.leaves
    }

    /// Stores a body that is too long for a slot in a row of its own.
    private func storeApart(_ row: inout ScrapeRow) throws {
        var bytes = row.body ?? []
        if row.base != nil {
            guard let chain = chains[row.target] else { preconditionFailure("BUG: a patch without a chain") }
            bytes = try whole(chain.body, row)
            chains[row.target]?.count = 0
        }
        let checksum = RowChecksum.of(
            "tail_bodies",
            .integer(row.seq),
            .integer(row.target.value),
            .bytes(bytes)
        )
        try connection.statement(
            "INSERT OR REPLACE INTO tail_bodies(seq, target, body, checksum) VALUES (?1, ?2, ?3, ?4)"
        )
        .bind(1, row.seq).bind(2, row.target.value).bind(3, bytes).bind(4, checksum)
        .run()
        row.base = row.seq
        row.body = [BodyEncoding.sameAsBase.rawValue]
    }

    /// Writes the slot that is being filled.
    func flush() throws {
        guard let unwritten = store.tail?.unwritten else { return }
        try connection.statement("UPDATE tail SET bytes = ?2 WHERE slot = ?1")
            .bind(1, unwritten.slot).bind(2, unwritten.bytes)
            .run()
        store.deadSlots.remove(unwritten.slot)
        if current?.slot == unwritten.slot { current?.records = unwritten.records }
        store.tail?.unwritten = nil
    }

    // MARK: Slots

    /// A slot that holds nothing, made where there is none.
    private func nextSlot() throws -> Current {
        let index = try store.tailIndex()
        if highestSeq == 0 { highestSeq = try store.highestTailSeq() }
        let full = current?.slot
        var free = index.rowsInSlot.filter { $0.value == 0 && $0.key != full }.keys.min()
        if free == nil {
            let first = (index.rowsInSlot.keys.max() ?? 0) &+ 1
            for slot in first..<first &+ Int64(growth) {
                try connection.statement(
                    "INSERT INTO tail(slot, bytes) VALUES (?1, zeroblob(\(TailSlot.bytes)))"
                )
                .bind(1, slot).run()
                index.rowsInSlot[slot] = 0
            }
            free = first
        }
        guard let free else { preconditionFailure("BUG: a slot was made") }
        index.firstOrdinals[free] = index.nextOrdinal
        return Current(slot: free, firstOrdinal: index.nextOrdinal)
    }

    /// Deletes slots that hold nothing, but for so many.
    func trimSlots(to countMax: Int) throws {
        let index = try store.tailIndex()
        let free = index.rowsInSlot.filter { $0.value == 0 }.keys.sorted()
        guard free.count > countMax else { return }
        for slot in free[countMax...] {
            if slot == current?.slot { current = nil }
            if slot == index.unwritten?.slot { index.unwritten = nil }
            try connection.statement("DELETE FROM tail WHERE slot = ?1").bind(1, slot).run()
            index.rowsInSlot[slot] = nil
        }
    }

    /// How many slots hold nothing.
    func freeSlots() throws -> Int { try store.tailIndex().rowsInSlot.count { $0.value == 0 } }
}
