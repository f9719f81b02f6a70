import Expvar
import Model

/// Which scrapes of a target a capture of a range takes: those of the range, and a margin.
///
/// Answers about the range need more than its scrapes. A counter's pair that straddles an end begins, or ends, outside;
/// where a series was absent for a while, that lies far away. A collection that ended in the range may have been shown
/// by a scrape after it. So the margin is, at either end of the range in each epoch:
/// - the next scrape, and the next successful one;
/// - for each run that goes on across the end, the nearest scrapes that together have every series of the run;
/// - the same for all other runs taken together, and where these begin after the range, their first scrapes;
/// - what was first to show a collection that ended in the range.
///
/// After the range, each comes with the scrape before it in its run, which tells whether a key of a map is new.
///
/// A pair that the margin makes up, since scrapes between were left out, lies outside the range whole.
struct CapturePlan {
    /// So many chunks are read at one end in search of series that are rarely there.
    ///
    /// Documents of a target have few shapes, and each is mostly met in the nearest chunk or two.
    static let chunksReadMax = 64

    /// The stretches of the range, one for each epoch.
    let windows: [HistoryRows.Stretch]
    /// The places of the margin.
    private(set) var margin: Set<ScrapePosition> = []
    private let history: TargetHistory

    /// The plan for a target whose runs are not stale; `runs` are all that it has.
    init(_ history: TargetHistory, runs: [RunRow], range: TimeRange) throws {
        self.history = history
        windows = try HistoryRows.stretches(of: history, in: range)
        guard range != .all else { return }
        let before = (range.since ?? Timestamp(milliseconds: .min)).milliseconds
        let after = range.until?.advanced(byMilliseconds: -1).milliseconds ?? .max
        // Not of the windows: an empty range has none, and answers all the same.
        for epoch in try history.epochs() {
            try addBefore(ScrapePosition(epoch: epoch, time: Timestamp(milliseconds: before)), runs)
            try addAfter(ScrapePosition(epoch: epoch, time: Timestamp(milliseconds: after)), runs)
        }
        try addCollections(in: range)
        margin = margin.filter { !isInRange($0) }
    }

    /// Whether a scrape there is in the range.
    func isInRange(_ position: ScrapePosition) -> Bool {
        windows.contains { $0.first <= position && position <= $0.last }
    }

    /// Whether a scrape there is taken.
    func takes(_ position: ScrapePosition) -> Bool {
        isInRange(position) || margin.contains(position)
    }

    /// Whether all scrapes of that chunk are taken.
    func takesWhole(_ chunk: ChunkEntry) -> Bool {
        windows.contains { $0.first <= chunk.first && chunk.last <= $0.last }
    }

    /// The chunks with scrapes that are taken.
    var chunks: [ChunkEntry] {
        history.chunks.filter { chunk in
            windows.contains { $0.first <= chunk.last && chunk.first <= $0.last }
                || margin.contains { chunk.first <= $0 && $0 <= chunk.last }
        }
    }

    // MARK: The margin

    private mutating func addBefore(_ end: ScrapePosition, _ runs: [RunRow]) throws {
        for kind in [TargetHistory.Kind.any, .success] {
            if let place = try history.position(before: end, kind) { margin.insert(place) }
        }
        var scan = SeriesScan(crossing: Set(runs.filter { $0.first < end && $0.last >= end }.map(\.id)))
        for row in history.tail.reversed() where row.position < end { try scan.take(row, history.store) }
        var chunksRead = 0
        for chunk in history.chunks.reversed()
        where chunk.first < end && chunksRead < CapturePlan.chunksReadMax && scan.mayLack(chunk) {
            chunksRead += 1
            for row in try history.store.chunk(chunk).rows().reversed() where row.position < end {
                try scan.take(row, history.store)
            }
        }
        margin.formUnion(scan.found.map(\.position))
    }

    private mutating func addAfter(_ end: ScrapePosition, _ runs: [RunRow]) throws {
        for kind in [TargetHistory.Kind.any, .success] {
            if let place = try history.position(after: end, kind) { margin.insert(place) }
        }
        var scan = SeriesScan(crossing: Set(runs.filter { $0.first <= end && $0.last > end }.map(\.id)))
        var chunksRead = 0
        for chunk in history.chunks
        where chunk.last > end && chunksRead < CapturePlan.chunksReadMax && scan.mayLack(chunk) {
            chunksRead += 1
            for row in try history.store.chunk(chunk).rows() where row.position > end {
                try scan.take(row, history.store)
            }
        }
        for row in history.tail where row.position > end { try scan.take(row, history.store) }
        let firsts = Dictionary(runs.map { ($0.id, $0.first) }) { first, _ in first }
        for (position, run) in scan.found {
            margin.insert(position)
            // Or another scrape would pass for the run's first, and all that it shows for new; or for the one before
            // it in its run, which decides whether a key is new in its map.
            if let first = firsts[run] { margin.insert(first) }
            if let before = try history.position(before: position, .run(run)) { margin.insert(before) }
        }
    }

    private mutating func addCollections(in range: TimeRange) throws {
        for chunk in history.chunks {
            guard let ends = chunk.ends, CollectionReader.overlap(ends, range), !takesWhole(chunk) else {
                continue
            }
            let sealed = try history.store.chunk(chunk)
            let rows = try sealed.rows()
            for found in try sealed.collections()
            where range.contains(nanoseconds: found.collection.endNanoseconds) {
                guard rows.indices.contains(found.row) else { continue }
                margin.insert(rows[found.row].position)
            }
        }
        var document = ScannedDocument()
        for row in history.tail where row.seen > 0 && !isInRange(row.position) {
            let (shape, body) = try history.store.understand(row, into: &document)
            let state = ProcessState(shape: shape, document: document, body: body)
            let isWanted = state.newestCollections(Int(clamping: row.seen)).contains {
                range.contains(nanoseconds: $0.endNanoseconds)
            }
            if isWanted { margin.insert(row.position) }
        }
    }
}

/// Goes away from an end of the range, and keeps the nearest scrapes that together have every series.
private struct SeriesScan {
    /// The runs with scrapes on both sides of the end, each looked at by itself; all others count as one.
    let crossing: Set<RunID>
    private(set) var found: [(position: ScrapePosition, run: RunID)] = []
    /// The shapes that were met, and the names that kept scrapes have, by run (nil: all others).
    private var shapes: [RunID?: Set<ShapeID>] = [:]
    private var names: [RunID?: Set<[UInt8]>] = [:]

    init(crossing: Set<RunID>) { self.crossing = crossing }

    private func key(_ run: RunID) -> RunID? { crossing.contains(run) ? run : nil }

    /// Whether a chunk may have a shape that was not met yet.
    func mayLack(_ chunk: ChunkEntry) -> Bool {
        chunk.runs.contains { part in
            let met = shapes[key(part.run)] ?? []
            return chunk.shapes.contains { !met.contains($0.id) }
        }
    }

    mutating func take(_ row: ScrapeRow, _ store: RowStore) throws {
        guard let run = row.run, let shape = row.shape else { return }
        let key = key(run)
        let isFirst = shapes[key] == nil
        guard shapes[key, default: []].insert(shape).inserted else { return }
        let own = Set(try store.shape(shape).series.map { Array($0.name.utf8) })
        guard isFirst || !own.isSubset(of: names[key] ?? []) else { return }
        names[key, default: []].formUnion(own)
        found.append((row.position, run))
    }
}
