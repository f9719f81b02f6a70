import Model
import SQLite

/// Sealing: tail → chunk, in one transaction.
extension WriterSession {
    /// Seals a target's tail and what waits of it, within the caller's transaction.
    ///
    /// Its runs must not be stale.
    func seal(_ target: TargetState) throws { try seal([target]) }

    /// Seals several targets.
    func seal(_ targets: [TargetState]) throws {
        var sealed: Set<TargetID> = []
        for target in targets {
            // What is not in the tail has no other place: then there is no going on without a chunk.
            if target.pending.isEmpty {
                guard try sealing(target.id, { try makeChunks(of: target) }) else { continue }
            } else {
                try makeChunks(of: target)
            }
            sealed.insert(target.id)
        }
        try tail.end(sealed)
        try storeMark()
    }

    private func makeChunks(of target: TargetState) throws {
        let history = target.history
        let tail = history.tail
        guard !tail.isEmpty || !target.pending.isEmpty else { return }
        var batch = try ChunkBatch(self, target: target.id, level: .quick)
        for row in tail { try batch.add(row, try store.body(of: row)) }
        for (row, body) in target.pending { try batch.add(row, body) }
        try batch.make()
        if target.pending.isEmpty { try requireRoom(for: batch) }
        target.pending.removeAll()
        target.pendingBytes = 0
        let entries = try batch.store()
        history.replace(tail: Set(tail.map(\.seq)), by: entries)
        try storeSealedRuns(entries, of: target.id, history)
    }

    /// Within a small limit of size a chunk that would take much of it at once is not made: its scrapes stay in the
    /// tail, where the oldest can go one by one.
    private func requireRoom(for batch: ChunkBatch) throws {
        guard let bytesMax = policy.bytesMax else { return }
        let size = batch.made.reduce(0) { $0 + $1.bytes.count }
        if Int64(size) > WriterSession.largestCommit(of: bytesMax) { throw ChunkTooLarge() }
    }

    /// A chunk that a small limit of size has no room for.
    struct ChunkTooLarge: Error {}

    /// Brings the table `runs` in line with the chunks.
    func storeSealedRuns(_ entries: [ChunkEntry], of target: TargetID, _ history: TargetHistory) throws {
        let state = targets.values.first { $0.id == target }
        for id in Set(entries.flatMap { $0.runs.map(\.run) }).sorted() {
            if let state, let run = state.runs[id] {
                try storedRow(of: run, state).update(on: connection)
            } else if let run = try RunRow.find(id, on: store) {
                try sealedPart(of: run, history).update(on: connection)
            } else {
                throw store.damaged("run \(id.value) is missing")
            }
        }
    }

    /// Notes how many rows the tail has, so that a lost one is missed.
    func storeMark() throws {
        var meta = try MetaValues(connection: connection, path: file.path)
        let count = Int64(try store.tailIndex().places.count)
        guard meta.markSeq != nextSeq - 1 || meta.markCount != count else { return }
        meta.markSeq = nextSeq - 1
        meta.markCount = count
        try meta.store(on: connection)
    }

    /// Seals the tails that have grown longest although nobody called `maintain`: twice as many scrapes as were just
    /// stored, or one tail, so that no number of targets outgrows it.
    func sealLongTails(stored: Int) throws(StorageError) {
        var rows = 0
        while rows == 0 || rows < 2 * stored {
            let longest = targets.values.filter { $0.staleFrom == nil && !unsealable.contains($0.id) }
                .max { $0.history.tail.count < $1.history.tail.count }
            guard let longest, longest.history.tail.count >= SealLimits.rowsMax else { return }
            rows += longest.history.tail.count
            try transaction { try seal(longest) }
        }
    }

    /// Seals the tails that are long or old enough.
    ///
    /// Those that are half as long go with them: rows of all targets share pages, and a page that is emptied at once
    /// is written once. Returns whether there is more to do.
    @discardableResult
    func sealDue() throws(StorageError) -> Bool {
        try loadTargets()
        let states = targets.values
            .filter { $0.staleFrom == nil && !unsealable.contains($0.id) && !$0.history.tail.isEmpty }
            .sorted { $0.history.tail.count > $1.history.tail.count }
        guard states.contains(where: isDue) else { return false }
        var rows = 0
        var chosen: [TargetState] = []
        // Of a small limit each chunk is a part that counts, so they are made one by one.
        let rowsMax = isSmallLimit ? SealLimits.rowsMin : SealLimits.rowsPerCall
        for state in states where isDue(state) || state.history.tail.count * 2 >= SealLimits.rowsMin {
            guard rows == 0 || rows + state.history.tail.count <= rowsMax else { continue }
            rows += state.history.tail.count
            chosen.append(state)
        }
        try transaction { try seal(chosen) }
        return targets.values.contains(where: isDue)
    }

    private func isDue(_ state: TargetState) -> Bool {
        guard state.staleFrom == nil, !unsealable.contains(state.id), let first = state.history.tail.first,
            let last = state.history.tail.last
        else {
            return false
        }
        let age = last.position.time.milliseconds &- first.position.time.milliseconds
        return state.history.tail.count >= SealLimits.rowsMin || age >= SealLimits.ageMax
            || first.position.epoch != last.position.epoch
    }

    /// Seals everything.
    func sealAll() throws(StorageError) {
        try loadTargets()
        for state in targets.values.sorted(by: { $0.id < $1.id }) {
            if state.staleFrom != nil {
                try StorageError.wrapping(file.path) { try refreshRuns(of: state.id) }
            }
        }
        try loadTargets()
        for name in targets.keys.sorted() {
            guard let state = targets[name] else { continue }
            try transaction { try seal(state) }
        }
    }

    /// Has the state of every target at hand.
    func loadTargets() throws(StorageError) {
        try StorageError.wrapping(file.path) {
            for row in try TargetRow.all(on: store) where targets[row.name] == nil {
                _ = try target(named: row.name)
            }
        }
    }
}
