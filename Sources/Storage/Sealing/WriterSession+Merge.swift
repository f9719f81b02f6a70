import Model
import SQLite

/// How chunks are merged.
struct MergeLimits {
    /// A chunk gets no more scrapes than this, nor more bytes of bodies, nor spans more time.
    var rowsMax: Int
    var bytesMax: Int
    var spanMax: Int64
    /// Fewer are not worth it yet.
    var rowsMin: Int
    var level: ChunkLevel
    /// Whether a chunk that is alone is encoded anew where it was only sealed quickly.
    var includesSingles: Bool

    private static let day: Int64 = 86_400_000

    /// While recording: a merge holds up appends, by some 50 ms.
    static let idle = MergeLimits(
        rowsMax: 1440,
        bytesMax: 64 << 20,
        spanMax: day,
        rowsMin: 720,
        level: .quick,
        includesSingles: false
    )
    /// By `compact`: 10 s × 1 day = 8,640 scrapes.
    static let compact = MergeLimits(
        rowsMax: 8640,
        bytesMax: 256 << 20,
        spanMax: day,
        rowsMin: 2,
        level: .cold,
        includesSingles: true
    )
}

/// Merging: small chunks → one larger, better compressed.
extension WriterSession {
    /// Merges the chunks of one group, if there is one.
    ///
    /// Returns whether there was. Reading and encoding take place before the transaction, which only swaps.
    func mergeStep(_ limits: MergeLimits) throws(StorageError) -> Bool {
        try loadTargets()
        for state in targets.values.sorted(by: { $0.id < $1.id })
        where state.staleFrom == nil && !unsealable.contains(state.id) {
            guard let group = group(in: state.history.chunks, limits) else { continue }
            // Where the larger chunk does not read back the smaller ones stay.
            _ = try StorageError.wrapping(file.path) { () throws -> Bool in
                try sealing(state.id) { () throws -> Void in try merge(group, of: state, limits) }
            }
            return true
        }
        return false
    }

    /// The first chunks that should be one.
    private func group(in chunks: [ChunkEntry], _ limits: MergeLimits) -> ArraySlice<ChunkEntry>? {
        var start = 0
        let sizeMax = policy.bytesMax.map { Int(clamping: WriterSession.largestCommit(of: $0)) } ?? .max
        while start < chunks.count {
            var rows = 0
            var bytes = 0
            var size = 0
            var end = start
            while end < chunks.count {
                let chunk = chunks[end]
                let span = chunk.times.upperBound &- chunks[start].times.lowerBound
                guard rows + chunk.scrapeCount <= limits.rowsMax, bytes + chunk.bodyBytes <= limits.bytesMax,
                    span <= limits.spanMax, span >= 0, size == 0 || size + chunk.size <= sizeMax
                else { break }
                // While recording, what was merged stays as it is.
                guard limits.includesSingles || chunk.scrapeCount < limits.rowsMin else { break }
                rows += chunk.scrapeCount
                bytes += chunk.bodyBytes
                size += chunk.size
                end += 1
            }
            let isSingle = end - start == 1
            if isSingle, limits.includesSingles, chunks[start].level == .quick { return chunks[start..<end] }
            if end - start > 1, rows >= limits.rowsMin || (end < chunks.count && !limits.includesSingles) {
                return chunks[start..<end]
            }
            start = max(end, start + 1)
        }
        return nil
    }

    private func merge(
        _ group: ArraySlice<ChunkEntry>,
        of state: TargetState,
        _ limits: MergeLimits
    ) throws(StorageError) {
        var batch = try StorageError.wrapping(file.path) {
            var batch = try ChunkBatch(self, target: state.id, level: limits.level)
            try batch.make(merging: group)
            return batch
        }
        try transaction {
            for entry in group { try entry.delete(on: connection) }
            let entries = try batch.store()
            state.history.replace(chunks: Set(group.map(\.id)), by: entries)
        }
        store.forgetChunks()
    }
}
