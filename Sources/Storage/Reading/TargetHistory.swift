import Model
import SQLite

/// A target's scrapes: its chunks, and its tail; both ascending by position.
///
/// Mostly the tail follows the chunks. What was imported out of order stands in the tail too until it is sealed, with
/// positions before or among those of chunks; whoever reads merges both.
final class TargetHistory {
    /// What a scrape must be to be found.
    enum Kind: Equatable {
        case any
        case success
        case run(RunID)
    }

    let target: TargetID
    let store: RowStore
    private(set) var chunks: [ChunkEntry]
    private(set) var tail: [ScrapeRow]

    init(target: TargetID, chunks: [ChunkEntry], tail: [ScrapeRow], store: RowStore) {
        self.target = target
        self.chunks = chunks
        self.tail = tail.sorted { $0.position < $1.position }
        self.store = store
    }

    // MARK: Changes, by the writer

    /// Adds a row of the tail.
    func add(_ row: ScrapeRow) {
        var row = row
        row.body = nil
        if let last = tail.last, last.position > row.position {
            tail.insert(row, at: tailIndex(atOrAfter: row.position))
        } else {
            tail.append(row)
        }
    }

    /// Takes rows out of the tail, and chunks out of the chunks, and adds chunks.
    func replace(tail seqs: Set<Int64> = [], chunks ids: Set<Int64> = [], by new: [ChunkEntry]) {
        if !seqs.isEmpty { tail.removeAll { seqs.contains($0.seq) } }
        if !ids.isEmpty { chunks.removeAll { ids.contains($0.id) } }
        chunks.append(contentsOf: new)
        chunks.sort { $0.first < $1.first }
    }

    // MARK: What there is

    var first: ScrapePosition? { [chunks.first?.first, tail.first?.position].compactMap { $0 }.min() }
    var last: ScrapePosition? { [chunks.last?.last, tail.last?.position].compactMap { $0 }.max() }
    var scrapeCount: Int64 { chunks.reduce(Int64(tail.count)) { $0 + Int64($1.scrapeCount) } }

    /// How many scrapes failed.
    var failureCount: Int64 {
        chunks.reduce(Int64(tail.count { $0.run == nil })) { $0 &+ Int64($1.failureCount) }
    }

    /// The epochs that have scrapes, ascending.
    ///
    /// - Throws: where a chunk that may have more than two cannot be read: without them a question would pass over what
    ///   was recorded in between.
    func epochs() throws -> [Int64] {
        var epochs = Set(tail.map(\.position.epoch))
        for chunk in chunks {
            epochs.insert(chunk.first.epoch)
            epochs.insert(chunk.last.epoch)
            // Those between, if any, must be looked for; a chunk with three epochs is rare.
            if chunk.last.epoch &- chunk.first.epoch > 1 {
                epochs.formUnion(try store.chunk(chunk).rows().map(\.position.epoch))
            }
        }
        return epochs.sorted()
    }

    /// What chunks have of each run, ascending by its number.
    ///
    /// Sorted, since every question asks: a year has a thousand of them, and hashing each takes longer.
    func sealedRuns() -> [ChunkEntry.Run] {
        var parts: [ChunkEntry.Run] = []
        for part in chunks.lazy.flatMap(\.runs).sorted(by: { $0.run < $1.run }) {
            guard var known = parts.last, known.run == part.run else {
                parts.append(part)
                continue
            }
            known.count &+= part.count
            known.first = min(known.first, part.first)
            known.last = max(known.last, part.last)
            parts[parts.count - 1] = known
        }
        return parts
    }

    /// Rows of `runs`, which tell of what is sealed only, with what the tail has of them.
    ///
    /// - Throws: where they contradict the chunks, or scrapes name a run that is not among them.
    func completed(_ rows: [RunRow]) throws -> [RunRow] {
        // By number, as the table gives them.
        var rows = rows.sorted { $0.id < $1.id }
        var sealed = sealedRuns()[...]
        for row in rows {
            var part: ChunkEntry.Run?
            if let next = sealed.first, next.run == row.id { part = sealed.removeFirst() }
            guard row.scrapeCount == Int64(part?.count ?? 0),
                part.map({ $0.first == row.first && $0.last == row.last }) ?? true
            else { throw store.damaged("run \(row.id.value) does not tell what its scrapes are") }
        }
        for row in tail {
            guard let run = row.run else { continue }
            let index = TargetHistory.index(rows.count) { rows[$0].id < run }
            guard index < rows.count, rows[index].id == run else {
                throw store.damaged("run \(run.value) is missing")
            }
            if rows[index].scrapeCount == 0 {
                rows[index].first = row.position
                rows[index].last = row.position
            }
            rows[index].count(row.position)
        }
        guard sealed.isEmpty, rows.allSatisfy({ $0.scrapeCount > 0 }) else {
            throw store.damaged("a run of target \(target.value) cannot be reached")
        }
        return rows
    }

    // MARK: Places

    /// The index of the first row of the tail at or after `position`.
    func tailIndex(atOrAfter position: ScrapePosition) -> Int {
        TargetHistory.index(tail.count) { tail[$0].position < position }
    }

    /// The index of the first chunk that ends at or after `position`.
    func chunkIndex(endingAtOrAfter position: ScrapePosition) -> Int {
        TargetHistory.index(chunks.count) { chunks[$0].last < position }
    }

    /// The first index of `count` where `isBefore` no longer holds.
    static func index(_ count: Int, _ isBefore: (Int) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if isBefore(middle) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func fits(_ row: ScrapeRow, _ kind: Kind) -> Bool {
        switch kind {
        case .any: true
        case .success: row.run != nil
        case .run(let run): row.run == run
        }
    }

    /// The first and the last place in a chunk of what is asked for.
    private func ends(of chunk: ChunkEntry, _ kind: Kind) -> (first: ScrapePosition, last: ScrapePosition)? {
        switch kind {
        case .any: return (chunk.first, chunk.last)
        case .success:
            guard let first = chunk.firstDocument, let last = chunk.lastDocument else { return nil }
            return (first, last)
        case .run(let run): return chunk.part(of: run).map { ($0.first, $0.last) }
        }
    }

    /// The scrape at that position.
    func row(at position: ScrapePosition) throws -> ScrapeRow? {
        let index = tailIndex(atOrAfter: position)
        if index < tail.count, tail[index].position == position { return tail[index] }
        let place = chunkIndex(endingAtOrAfter: position)
        guard place < chunks.count, chunks[place].first <= position else { return nil }
        let rows = try store.chunk(chunks[place]).rows()
        let row = TargetHistory.index(rows.count) { rows[$0].position < position }
        return row < rows.count && rows[row].position == position ? rows[row] : nil
    }

    /// The place of the last scrape before `position` (of all where nil); reads bytes only where it lies inside a chunk.
    func position(before position: ScrapePosition?, _ kind: Kind) throws -> ScrapePosition? {
        let end = position.map { tailIndex(atOrAfter: $0) } ?? tail.count
        var best = tail[..<end].last { fits($0, kind) }?.position
        for chunk in chunks.reversed() {
            if let best, chunk.last < best { break }
            guard let ends = ends(of: chunk, kind), position.map({ ends.first < $0 }) ?? true else {
                continue
            }
            if position.map({ ends.last < $0 }) ?? true {
                best = max(best ?? ends.last, ends.last)
                break
            }
            guard let position else { continue }
            if let found = try inside(chunk, kind, isBefore: true, { $0 < position }) {
                best = max(best ?? found, found)
                break
            }
        }
        return best
    }

    /// The place of the first scrape after `position`, or at it.
    func position(
        after position: ScrapePosition,
        isIncluded: Bool = false,
        _ kind: Kind
    ) throws -> ScrapePosition? {
        func isIn(_ other: ScrapePosition) -> Bool { isIncluded ? other >= position : other > position }
        var best = tail[tailIndex(atOrAfter: position)...].first { isIn($0.position) && fits($0, kind) }?
            .position
        for chunk in chunks[chunkIndex(endingAtOrAfter: position)...] {
            if let best, chunk.first > best { break }
            guard let ends = ends(of: chunk, kind), isIn(ends.last) else { continue }
            if isIn(ends.first) {
                best = min(best ?? ends.first, ends.first)
                break
            }
            if let found = try inside(chunk, kind, isBefore: false, isIn) {
                best = min(best ?? found, found)
                break
            }
        }
        return best
    }

    /// The last place in a chunk, or the first, of what is asked for and wanted.
    private func inside(
        _ chunk: ChunkEntry,
        _ kind: Kind,
        isBefore: Bool,
        _ isWanted: (ScrapePosition) -> Bool
    ) throws -> ScrapePosition? {
        let chunk = try store.chunk(chunk)
        if kind == .any {
            let rows = try chunk.rows()
            return isBefore
                ? rows.last { isWanted($0.position) }?.position
                : rows.first { isWanted($0.position) }?.position
        }
        // A fifth of the work of taking up whole rows, and a query of series needs these anyhow.
        let rows = try chunk.seriesRows()
        func fits(_ row: SeriesRow) -> Bool {
            (kind == .success || kind == .run(row.run)) && isWanted(row.position)
        }
        return isBefore ? rows.last(where: fits)?.position : rows.first(where: fits)?.position
    }

    /// The last scrape before `position`.
    func row(before position: ScrapePosition?, _ kind: Kind) throws -> ScrapeRow? {
        guard let place = try self.position(before: position, kind) else { return nil }
        guard let row = try row(at: place) else {
            throw store.damaged("a chunk of target \(target.value) lacks a scrape")
        }
        return row
    }

    // MARK: What `targets` tells

    /// The newest failed scrape.
    func lastFailure() -> ChunkEntry.Failure? {
        let ofTail = tail.last { $0.failure != nil }.map {
            ChunkEntry.Failure(position: $0.position, reason: $0.failure ?? "")
        }
        let ofChunks = chunks.last { $0.lastFailure != nil }?.lastFailure
        return [ofTail, ofChunks].compactMap { $0 }.max { $0.position < $1.position }
    }

    /// The newest scrape with the answer's `Date`.
    func lastDated() -> ChunkEntry.Dated? {
        let ofTail = tail.last { $0.serverDate != nil }.flatMap(ChunkEntry.Dated.init)
        let ofChunks = chunks.last { $0.lastDated != nil }?.lastDated
        return [ofTail, ofChunks].compactMap { $0 }.max { $0.position < $1.position }
    }

    /// The origin of the last scrape.
    var lastOrigin: Int64? {
        guard let row = tail.last, row.position >= chunks.last?.last ?? row.position else {
            return chunks.last?.lastOrigin
        }
        return row.origin
    }
}

extension ChunkEntry.Dated {
    init?(_ row: ScrapeRow) {
        guard let date = row.serverDate else { return nil }
        // The wall clock, not a time that was moved on: the skew is between two clocks.
        let wall = row.wall ?? row.position.time
        self.init(position: row.position, skewMilliseconds: date.milliseconds &- wall.milliseconds)
    }
}

extension RowStore {
    /// The tail, by target; every row compared with its checksum, and none missing.
    ///
    /// Large bodies are left out: they are fetched when they are asked for. `keepBodies`: none is kept where false.
    func readTails(keepBodies: Bool, checksNumbers: Bool = true) throws -> [TargetID: [ScrapeRow]] {
        let meta = try MetaValues(connection: connection, path: path)
        var rows: [ScrapeRow] = []
        try readSlots { row in
            var row = row
            if !keepBodies || (row.body?.count ?? 0) > RowStore.keptBodyMax { row.body = nil }
            rows.append(row)
        }
        // In the order of commits already, but for what was imported with numbers of its own.
        rows.sort { $0.seq < $1.seq }
        var tails: [TargetID: [ScrapeRow]] = [:]
        var marked: Int64 = 0
        var next = meta.markSeq &+ 1
        for row in rows {
            if row.seq <= meta.markSeq {
                marked += 1
            } else {
                guard row.seq == next || !checksNumbers else {
                    throw tail?.unreadable.first?.error ?? damaged("scrape \(next) cannot be reached")
                }
                next = row.seq &+ 1
            }
            tails[row.target, default: []].append(row)
        }
        guard !checksNumbers || marked == meta.markCount else {
            throw tail?.unreadable.first?.error ?? damaged("the newest scrapes cannot all be reached")
        }
        try judge(newest: checksNumbers ? next &- 1 : nil)
        return tails
    }

    /// Lets slots pass that cannot be read and of which nothing is missing.
    ///
    /// Where all numbers up to `newest` are accounted for, a slot that has none above it holds only what was sealed: no
    /// answer rests on it, and the writer uses it again. With nil it is not known, since numbers are being given; a
    /// slot that was let pass before still is.
    ///
    /// - Throws: `StorageError.damaged` for another.
    func judge(newest: Int64?) throws {
        let unreadable = tail?.unreadable ?? []
        guard let newest else {
            for slot in unreadable where !deadSlots.contains(slot.slot) { throw slot.error }
            return
        }
        deadSlots = []
        for slot in unreadable {
            guard let seq = slot.highestSeq, seq <= newest else { throw slot.error }
            deadSlots.insert(slot.slot)
        }
    }

    private static let keptBodyMax = 4096
}
