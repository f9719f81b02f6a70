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

    private struct Current {
        var slot: Int64
        var firstOrdinal: Int64
        /// How many bytes of records it has.
        var recordBytes = 0
        /// They, while they are written.
        var records: [UInt8] = []
        var context = TailRecord.Context()
    }

    /// What the next body of a target is written against.
    private struct Chain {
        var seq: Int64
        var shape: ShapeID
        var body: [UInt8]
        var leaves: [Leaf]
        /// How many bytes a whole body takes, coded.
        var wholeBytes: Int
        var count = 0
    }

    private let store: RowStore
    private let compressor: ZstdCompressor
    private var current: Current?
    private var highestSeq: Int64 = 0
    private var chains: [TargetID: Chain] = [:]
    private var document = ScannedDocument()
    /// How many slots are made where none is free.
    var growth = 8

    init(_ store: RowStore, _ compressor: ZstdCompressor) {
        self.store = store
        self.compressor = compressor
    }

    private var connection: Connection { store.connection }

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
    func append(_ row: ScrapeRow, body: [UInt8], leaves: [Leaf]? = nil) throws {
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
    private func code(_ row: inout ScrapeRow, _ body: [UInt8], _ leaves: [Leaf]?) throws {
        guard let shape = row.shape, row.failure == nil, body.count <= BodyEncoding.baseBytesMax else {
            row.base = nil
            row.body = try BodyEncoding.whole(body, with: compressor)
            return
        }
        let leaves = try leaves ?? scan(body)
        if var chain = chains[row.target], chain.shape == shape, chain.count < BodyEncoding.patchesMax {
            let patch = BodyPatch.encode(body, leaves, from: chain.body, chain.leaves)
            if patch.count * 4 <= chain.wholeBytes * 3 {
                row.base = chain.seq
                row.body = [BodyEncoding.patch.rawValue] + patch
                chain.seq = row.seq
                chain.body = body
                chain.leaves = leaves
                chain.count += 1
                chains[row.target] = chain
                return
            }
        }
        let whole = try BodyEncoding.whole(body, with: compressor)
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
        if bytes.first == BodyEncoding.patch.rawValue {
            guard let chain = chains[row.target] else { preconditionFailure("BUG: a patch without a chain") }
            bytes = try BodyEncoding.whole(chain.body, with: compressor)
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

    // MARK: Taking away

    /// All rows of those targets are gone: they were sealed.
    func end(_ targets: Set<TargetID>) throws {
        let index = try store.tailIndex()
        let gone = index.places.filter { targets.contains($0.value.target) }
        let ended = Set(gone.values.map(\.target))
        for (seq, place) in gone {
            index.places[seq] = nil
            index.rowsInSlot[place.slot, default: 1] -= 1
        }
        for target in targets { _ = index.forgetBases(of: target) }
        try storeEnds(of: ended, index.nextOrdinal &- 1)
        for target in ended {
            try connection.statement("DELETE FROM tail_bodies WHERE target = ?1").bind(1, target.value).run()
            chains[target] = nil
        }
    }

    private func storeEnds(of targets: Set<TargetID>, _ ordinal: Int64) throws {
        for target in targets.sorted() {
            let checksum = RowChecksum.of("tail_ends", .integer(target.value), .integer(ordinal))
            try connection.statement(
                "INSERT OR REPLACE INTO tail_ends(target, ordinal, checksum) VALUES (?1, ?2, ?3)"
            )
            .bind(1, target.value).bind(2, ordinal).bind(3, checksum)
            .run()
            try store.tailIndex().ends[target] = ordinal
        }
    }

    /// Takes out the rows that are `gone`, and changes those that are `changed`.
    ///
    /// What a slot still holds of a target is told by one ordinal. Where the first rows of a target go, as by retention, it is
    /// moved, and no slot is written. Else the target's rows up to the last of these are written anew, and those behind them
    /// whose bodies stand against one of them, to the end of a chain of patches.
    func rewrite(without gone: Set<Int64>, changed: [Int64: ScrapeRow] = [:]) throws {
        guard !gone.isEmpty || !changed.isEmpty else { return }
        try flush()
        let index = try store.tailIndex()
        var parts: [TargetID: Part] = [:]
        for seq in gone.union(changed.keys) {
            guard let place = index.places[seq] else { continue }
            parts[place.target, default: Part()].wanted.insert(seq)
        }
        for target in try takeFirst(parts.mapValues(\.wanted), changed) { parts[target] = nil }
        if !parts.isEmpty { try write(&parts, without: gone, changed: changed) }
        store.lastBodies.removeAll()
    }

    /// Takes out the rows of those targets of which they are the first; these targets.
    private func takeFirst(
        _ wanted: [TargetID: Set<Int64>],
        _ changed: [Int64: ScrapeRow]
    ) throws -> [TargetID] {
        let index = try store.tailIndex()
        let lasts = wanted.mapValues { seqs in seqs.compactMap { index.places[$0]?.ordinal }.max() ?? 0 }
        var counts: [TargetID: Int] = [:]
        /// What is left, by ordinal.
        var rest: [TargetID: [(ordinal: Int64, seq: Int64)]] = [:]
        for (seq, place) in index.places {
            guard let last = lasts[place.target] else { continue }
            if place.ordinal <= last {
                counts[place.target, default: 0] += 1
            } else {
                rest[place.target, default: []].append((place.ordinal, seq))
            }
        }
        var taken: [TargetID] = []
        for (target, seqs) in wanted.sorted(by: { $0.key < $1.key }) {
            guard counts[target] == seqs.count, !seqs.contains(where: { changed[$0] != nil }) else {
                continue
            }
            let left = (rest[target] ?? []).sorted { $0.ordinal < $1.ordinal }
            let bases = try bases(of: left.map(\.seq), target, gone: seqs)
            try deleteBodiesApart(index.takeFirst(seqs, of: target, bases: bases))
            try storeEnds(of: [target], lasts[target] ?? 0)
            if left.isEmpty { chains[target] = nil }
            taken.append(target)
        }
        return taken
    }

    private func deleteBodiesApart(_ seqs: some Sequence<Int64>) throws {
        for seq in seqs {
            try connection.statement("DELETE FROM tail_bodies WHERE seq = ?1").bind(1, seq).run()
        }
    }

    /// The rows among those that go which the bodies of those that are left stand against.
    ///
    /// A target has one chain of bodies at a time: only the first patch among them can begin it.
    private func bases(of left: [Int64], _ target: TargetID, gone: Set<Int64>) throws -> Set<Int64> {
        var bases: Set<Int64> = []
        for seq in left {
            var coded = try store.codedBody(seq, target)
            guard let first = coded.base, first != seq else { continue }
            var base = first
            while gone.contains(base) || store.tail?.bases[target]?[base] != nil, bases.insert(base).inserted
            {
                coded = try store.codedBody(base, target)
                guard let next = coded.base, next != base else { break }
                base = next
            }
            break
        }
        return bases
    }

    private func write(
        _ parts: inout [TargetID: Part],
        without gone: Set<Int64>,
        changed: [Int64: ScrapeRow]
    ) throws {
        current = nil
        let index = try store.tailIndex()
        let slots = index.firstOrdinals.filter { index.rowsInSlot[$0.key] ?? 0 > 0 }
            .sorted { $0.value < $1.value }
        for (slot, firstOrdinal) in slots {
            guard parts.values.contains(where: { !$0.isClosed }) else { break }
            for (offset, (row, range)) in try store.content(of: slot).records.enumerated() {
                guard let place = index.places[row.seq], place.slot == slot, place.range == range else {
                    continue
                }
                parts[row.target]?.add(row, firstOrdinal &+ Int64(offset))
            }
        }
        for (target, part) in parts.sorted(by: { $0.key < $1.key }) {
            try write(part, of: target, without: gone, changed: changed)
            try deleteBodiesApart(part.rows.map(\.seq).filter(gone.contains))
        }
    }

    /// The rows of a target that are written anew: from its first on.
    private struct Part {
        /// Those that are to go or to be changed, as far as they were not met yet.
        var wanted: Set<Int64> = []
        var rows: [ScrapeRow] = []
        /// The ordinal of the last of them.
        var last: Int64 = 0
        /// Whether no row that follows belongs to them.
        var isClosed = false
        private var moved: Set<Int64> = []
        private var waiting: [ScrapeRow] = []

        /// The target's next row, in the order of ordinals.
        mutating func add(_ row: ScrapeRow, _ ordinal: Int64) {
            guard !isClosed else { return }
            let base = row.base == row.seq ? nil : row.base
            var row = row
            row.body = nil
            waiting.append(row)
            if wanted.remove(row.seq) != nil || base.map(moved.contains) ?? false {
                for row in waiting { moved.insert(row.seq) }
                rows += waiting
                waiting.removeAll()
                last = ordinal
            } else if wanted.isEmpty, base != nil {
                // A target has one chain of bodies at a time, and with this row it is another one.
                isClosed = true
            }
        }
    }

    private func write(
        _ part: Part,
        of target: TargetID,
        without gone: Set<Int64>,
        changed: [Int64: ScrapeRow]
    ) throws {
        guard !part.rows.isEmpty else { return }
        chains[target] = nil
        let index = try store.tailIndex()
        var old: [Int64: TailIndex.Place] = [:]
        for row in part.rows { old[row.seq] = index.places[row.seq] }
        var kept: [Int64: TailIndex.Place] = [:]
        for row in part.rows where !gone.contains(row.seq) {
            // Bodies are still looked for at their old places, as those of rows before it are.
            let body = try store.tailBody(of: row)
            try append(changed[row.seq] ?? row, body: body)
            kept[row.seq] = index.places[row.seq]
            index.places[row.seq] = old[row.seq]
        }
        for (seq, place) in old {
            index.rowsInSlot[place.slot, default: 1] -= 1
            index.places[seq] = kept[seq]
        }
        try storeEnds(of: [target], part.last)
        // What stood against a row that was gone already is written anew as well: it comes first.
        try deleteBodiesApart(index.forgetBases(of: target))
        // The next body of the target is of another time than these.
        chains[target] = nil
    }
}

extension TailIndex {
    /// Those rows of a target, its first, are gone; `bases` is what must stay of them and of those that were gone before.
    ///
    /// Returns what need not.
    fileprivate func takeFirst(_ seqs: Set<Int64>, of target: TargetID, bases kept: Set<Int64>) -> [Int64] {
        var known = bases[target] ?? [:]
        for seq in seqs {
            guard let place = places.removeValue(forKey: seq) else { continue }
            known[seq] = place
        }
        bases[target] = known.filter { kept.contains($0.key) }
        let released = known.filter { !kept.contains($0.key) }
        for place in released.values { rowsInSlot[place.slot, default: 1] -= 1 }
        return Array(released.keys)
    }

    /// No body of a target stands against a row that is gone any more; what was kept for that.
    fileprivate func forgetBases(of target: TargetID) -> [Int64] {
        let released = bases.removeValue(forKey: target) ?? [:]
        for place in released.values { rowsInSlot[place.slot, default: 1] -= 1 }
        return Array(released.keys)
    }
}
