import Codec
import Compression
import Expvar
import Model
import SQLite

/// Reading the tail: its slots, its ends, and the bodies in it.
extension RowStore {
    /// The highest `seq` in the tail, as the file tells; 0 for an empty one.
    func highestTailSeq() throws -> Int64 {
        let statement = try connection.statement(
            "SELECT slot, substr(bytes, 1, \(TailSlot.headerBytes)), substr(bytes, -\(TailSlot.endBytes)) FROM tail"
        )
        defer { statement.reset() }
        var highest: Int64 = 0
        var claims: [(slot: Int64, seq: Int64)] = []
        while try statement.step() {
            if let seq = TailSlot.highestSeqOfEnd(statement.bytes(2)) {
                highest = max(highest, seq)
            } else if let seq = TailSlot.highestSeq(statement.bytes(1)) {
                claims.append((statement.integer(0), seq))
            }
        }
        statement.reset()
        // Without an end it takes the whole slot to know whether its beginning is to be believed.
        for claim in claims.sorted(by: { $0.seq > $1.seq }) where claim.seq > highest {
            // A beginning that is not to be believed claims nothing.
            if let content = try? TailSlot.decode(try storedSlot(claim.slot)) {
                highest = max(highest, content.highestSeq)
            }
        }
        return highest
    }

    /// The index of the tail, which the first look at it makes.
    func tailIndex() throws -> TailIndex {
        if let tail { return tail }
        _ = try readTails(keepBodies: false, checksNumbers: false)
        guard let tail else { preconditionFailure("BUG: reading the tail makes its index") }
        return tail
    }

    /// The rows of the tail in the order in which they were written, one slot after the other; makes the index.
    ///
    /// Slots that cannot be read are left out: whoever calls must judge them (`TailIndex.unreadable`).
    func readSlots(_ take: (ScrapeRow) throws -> Void) throws {
        let index = TailIndex()
        index.ends = try tailEnds()
        index.unwritten = tail?.unwritten
        index.nextOrdinal = (index.ends.values.max() ?? 0) &+ 1
        var contents: [(slot: Int64, content: TailSlot.Content)] = []
        for slot in try slotNumbers() {
            index.rowsInSlot[slot] = 0
            let bytes = try bytes(of: slot, index.unwritten)
            do {
                contents.append((slot, try decoded(bytes, slot)))
            } catch {
                index.unreadable.append(unreadable(slot, bytes, error))
            }
        }
        contents.sort { $0.content.firstOrdinal < $1.content.firstOrdinal }
        var gone = TailIndex.Gone()
        for (slot, content) in contents {
            index.firstOrdinals[slot] = content.firstOrdinal
            index.nextOrdinal = max(
                index.nextOrdinal,
                content.firstOrdinal &+ Int64(content.records.count)
            )
            for (row, place) in TailIndex.places(of: content, slot: slot) {
                if place.ordinal > index.ends[row.target] ?? 0 {
                    index.places[row.seq] = place
                    index.rowsInSlot[slot, default: 0] += 1
                    gone.note(liveBase: row)
                    try take(row)
                } else {
                    gone.add(row, place)
                }
            }
        }
        gone.store(into: index)
        tail = index
    }

    /// What a slot holds, rows that are gone included.
    func content(of slot: Int64) throws -> TailSlot.Content { try decoded(try bytes(of: slot), slot) }

    /// The bytes of a slot.
    func bytes(of slot: Int64, _ unwritten: TailIndex.Unwritten? = nil) throws -> [UInt8] {
        if let unwritten, unwritten.slot == slot { return unwritten.bytes }
        return try storedSlot(slot)
    }

    /// What a slot of those bytes holds.
    func decoded(_ bytes: [UInt8], _ slot: Int64) throws -> TailSlot.Content {
        do {
            return try TailSlot.decode(bytes)
        } catch {
            throw damaged("slot \(slot) of the newest scrapes cannot be read: \(error)")
        }
    }

    /// What is known of a slot that cannot be read.
    func unreadable(_ slot: Int64, _ bytes: [UInt8], _ error: any Error) -> TailIndex.Unreadable {
        TailIndex.Unreadable(
            slot: slot,
            error: error,
            highestSeq: TailSlot.isBlank(bytes) ? 0 : TailSlot.highestSeqOfEnd(bytes)
        )
    }

    /// The numbers of all slots.
    func slotNumbers() throws -> [Int64] {
        let statement = try connection.statement("SELECT slot FROM tail")
        defer { statement.reset() }
        var numbers: [Int64] = []
        while try statement.step() { numbers.append(statement.integer(0)) }
        return numbers
    }

    private func storedSlot(_ slot: Int64) throws -> [UInt8] {
        if let bytes = loose[slot] { return bytes }
        let statement = try connection.statement("SELECT bytes FROM tail WHERE slot = ?1")
        try statement.bind(1, slot)
        defer { statement.reset() }
        guard try statement.step() else { throw damaged("slot \(slot) of the newest scrapes is missing") }
        return statement.bytes(0)
    }

    func tailEnds() throws -> [TargetID: Int64] {
        let statement = try connection.statement("SELECT target, ordinal, checksum FROM tail_ends")
        defer { statement.reset() }
        var ends: [TargetID: Int64] = [:]
        while try statement.step() { ends[TargetID(statement.integer(0))] = try tailEnd(statement) }
        return ends
    }

    /// Up to which ordinal a target's rows are gone.
    func tailEnd(of target: TargetID) throws -> Int64 {
        let statement = try connection.statement(
            "SELECT target, ordinal, checksum FROM tail_ends WHERE target = ?1"
        )
        try statement.bind(1, target.value)
        defer { statement.reset() }
        guard try statement.step() else { throw damaged("the end of a tail cannot be reached") }
        return try tailEnd(statement)
    }

    private func tailEnd(_ statement: Statement) throws -> Int64 {
        let (target, ordinal) = (statement.integer(0), statement.integer(1))
        guard RowChecksum.of("tail_ends", .integer(target), .integer(ordinal)) == statement.integer(2) else {
            throw damaged("the end of a tail contradicts its checksum")
        }
        return ordinal
    }

    /// The coded body of a row of the tail, and the row that it needs.
    func codedBody(_ seq: Int64, _ target: TargetID) throws -> (base: Int64?, body: [UInt8]) {
        let index = try tailIndex()
        guard let place = index.places[seq] ?? index.bases[target]?[seq] else {
            throw damaged("scrape \(seq) cannot be reached")
        }
        let slot: [UInt8]
        if let unwritten = index.unwritten, unwritten.slot == place.slot {
            slot = unwritten.bytes
        } else {
            slot = try storedSlot(place.slot)
        }
        do {
            // Against which numbers it was written does not matter here: the distance of the base is its own.
            let row = try TailRecord.decode(slot, place.range, after: TailRecord.Context())
            return (row.base.map { seq &- (row.seq &- $0) }, row.body ?? [])
        } catch {
            throw damaged("scrape \(seq) cannot be read: \(error)")
        }
    }

    /// The body of a row of the tail.
    ///
    /// A patch needs the scrape before it, and that one perhaps too; whoever goes on in order finds it at hand.
    func tailBody(of row: ScrapeRow) throws -> TidyBody {
        var seq = row.seq
        var next = try row.body.map { (base: row.base, body: $0) } ?? codedBody(seq, row.target)
        var coded = try split(next.body, seq)
        var patches: [(seq: Int64, order: [UInt8]?, bytes: [UInt8])] = []
        var known: TidyBody?
        while coded.body.first == BodyEncoding.patch.rawValue {
            guard let base = next.base, base != seq, patches.count < BodyEncoding.patchesMax else {
                throw damaged("scrape \(seq) lacks its base")
            }
            patches.append((seq, coded.order, coded.body))
            seq = base
            if let last = lastBodies[row.target], last.seq == base {
                known = last.body
                break
            }
            next = try codedBody(seq, row.target)
            coded = try split(next.body, seq)
        }
        var made = try known ?? wholeBody(next.base, coded, seq, row)
        for patch in patches.reversed() {
            do {
                made.bytes = try BodyPatch.decode(
                    patch.bytes[1...],
                    from: made.bytes,
                    bytesMax: BodyEncoding.bytesMax
                )
            } catch {
                throw damaged("the body of scrape \(patch.seq) cannot be read: \(error)")
            }
            made.order = try order(patch.order, after: made.order, row)
        }
        if row.failure == nil { remember(made, of: row) }
        return made
    }

    private func split(_ bytes: [UInt8], _ seq: Int64) throws -> (order: [UInt8]?, body: [UInt8]) {
        do {
            let (order, coded) = try BodyEncoding.split(bytes)
            return (order, coded)
        } catch {
            throw damaged("the body of scrape \(seq) cannot be read: \(error)")
        }
    }

    private func order(_ code: [UInt8]?, after before: [UInt16], _ row: ScrapeRow) throws -> [UInt16] {
        guard let code else { return [] }
        guard let shape = row.shape else { throw damaged("scrape \(row.seq) has an order of no shape") }
        return TidyOrderCode.decode(code, after: before, try memberOrder(of: shape).sizes)
    }

    private func wholeBody(
        _ base: Int64?,
        _ coded: (order: [UInt8]?, body: [UInt8]),
        _ seq: Int64,
        _ row: ScrapeRow
    ) throws -> TidyBody {
        var order = coded.order
        do {
            let bytes = try BodyEncoding.decode(coded.body, with: decompressor) {
                guard let base else { throw damaged("scrape \(seq) lacks its body") }
                let large = try largeBody(base, target: row.target)
                order = large.order
                return large.bytes
            }
            return TidyBody(bytes, order: try self.order(order, after: [], row))
        } catch {
            throw StorageError(decoding: error, "the body of scrape \(seq) cannot be read", path: path)
                ?? error
        }
    }

    private func remember(_ body: TidyBody, of row: ScrapeRow) {
        let held = lastBodies.values.reduce(body.bytes.count) { $0 + $1.body.bytes.count }
        if held > RowStore.lastBodiesBytesMax { lastBodies.removeAll() }
        lastBodies[row.target] = (row.seq, body)
    }

    private static let lastBodiesBytesMax = 4 << 20

    private func largeBody(
        _ seq: Int64,
        target: TargetID
    ) throws -> (order: [UInt8]?, bytes: [UInt8]) {
        let statement = try connection.statement(
            "SELECT target, body, checksum FROM tail_bodies WHERE seq = ?1"
        )
        try statement.bind(1, seq)
        defer { statement.reset() }
        guard try statement.step() else { throw damaged("the body of scrape \(seq) is missing") }
        let bytes = statement.bytes(1)
        guard statement.integer(0) == target.value,
            RowChecksum.of("tail_bodies", .integer(seq), .integer(target.value), .bytes(bytes))
                == statement.integer(2)
        else { throw damaged("the body of scrape \(seq) contradicts its checksum") }
        let (order, coded) = try BodyEncoding.split(bytes)
        let body = try BodyEncoding.decode(coded, with: decompressor) {
            throw damaged("the body of scrape \(seq) needs a base")
        }
        return (order, body)
    }
}
