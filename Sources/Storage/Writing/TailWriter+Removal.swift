import Model
import SQLite

/// Taking rows away: by sealing all of a target's, by retention its first, and any of them one by one.
extension TailWriter {
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
