import Expvar
package import Model

/// Finds a target's collections by going over its scrapes from the first on, each with what came before it.
struct CollectionReader {
    /// Two scrapes of different runs further apart than this are a gap (semantics.md, "Rate").
    static let gapMilliseconds: Int64 = 5 * 60 * 1000

    private let stepStarts: Set<ScrapePosition>
    /// Remembers the states of runs, as the writer's tracker did when it gave the scrapes their runs.
    private var tracker: RunTracker
    private var previous: ScrapePosition?

    /// A reader that begins where `tracker` knows what came before, and `previous` is the last successful scrape.
    init(
        stepStarts: Set<ScrapePosition>,
        tracker: RunTracker = RunTracker(),
        previous: ScrapePosition? = nil
    ) {
        self.stepStarts = stepStarts
        self.previous = previous
        self.tracker = tracker
    }

    /// The collections that the next scrape saw first; `isProven` says whether its run is.
    mutating func collections(
        in state: ProcessState,
        run: RunID,
        at position: ScrapePosition,
        isProven: Bool = true
    ) -> NewCollections {
        let found = CollectionReader.collections(
            in: state,
            run: run,
            tracker,
            after: previous,
            at: position,
            isAfterStep: stepStarts.contains(position),
            isProven: isProven
        )
        previous = position
        tracker.note(state, in: run, at: position)
        return found
    }

    /// The collections that a successful scrape at `position` saw first.
    ///
    /// `tracker` knows what came before it, `run` is the one that it continues (nil, or unknown to the tracker, where
    /// one begins), and `previous` is the place of the target's last successful scrape. The missed ones may be a mark
    /// (`RunBeginning`): of a run that begins, and of a scrape that nothing proves to be of its run.
    static func collections(
        in state: ProcessState,
        run: RunID?,
        _ tracker: RunTracker,
        after previous: ScrapePosition?,
        at position: ScrapePosition,
        isAfterStep: Bool,
        isProven: Bool
    ) -> NewCollections {
        let known = tracker.newestKnown(in: state)
        if let before = run.flatMap({ tracker.memory(of: $0) }) {
            var found = PauseRing.newCollections(in: state, after: .run(before), newestKnown: known)
            if !isProven, found.missed == nil { found.missed = RunBeginning.unproven }
            return found
        }
        let beginning = tracker.beginning(with: state)
        let isUnknown =
            beginning != .fresh || isGap(after: previous, at: position, isAfterStep: isAfterStep)
        let baseline = isUnknown ? CollectionBaseline.unknown : .runBegin
        var found = PauseRing.newCollections(in: state, after: baseline, newestKnown: known)
        if beginning != .fresh || found.missed == nil { found.missed = beginning.mark(isProven: isProven) }
        return found
    }

    /// Whether nobody knows how long the target's process was away before a run's first scrape at `position`.
    private static func isGap(
        after previous: ScrapePosition?,
        at position: ScrapePosition,
        isAfterStep: Bool
    ) -> Bool {
        guard let previous, previous.epoch == position.epoch, !isAfterStep else { return true }
        return position.time.milliseconds &- previous.time.milliseconds > CollectionReader.gapMilliseconds
    }
}

extension VaultSnapshot {
    /// Calls `body` for each stored collection of a target that ended in `range`; in no promised order.
    ///
    /// One whose end is not known counts where the scrape was that showed it first.
    package func forEachCollection(
        of target: TargetID,
        endingIn range: TimeRange,
        _ body: (CollectionRecord) throws -> Void
    ) throws {
        // Ends may lie far from the scrapes' times (another host's clock), so all chunks are looked at by their ends.
        let history = try reading { try self.history(of: target) }
        for chunk in history.chunks {
            guard let ends = chunk.ends, chunk.hasUnknownEnds || CollectionReader.overlap(ends, range) else {
                continue
            }
            let rows = chunk.hasUnknownEnds ? try reading { try store.chunk(chunk).rows() } : []
            for found in try reading({ try store.chunk(chunk).collections() }) {
                let time = rows.isEmpty ? nil : rows[found.row].position.time
                guard range.holds(found.collection, shownAt: time) else { continue }
                let isUnknown = time.map {
                    PauseRing.isUnknown(end: found.collection.endNanoseconds, shownAt: $0)
                }
                try body(
                    CollectionRecord(
                        run: found.run,
                        collection: found.collection,
                        isEndKnown: !(isUnknown ?? false)
                    )
                )
            }
        }
        try forEachCollection(ofTail: history, endingIn: range, body)
    }

    private func forEachCollection(
        ofTail history: TargetHistory,
        endingIn range: TimeRange,
        _ body: (CollectionRecord) throws -> Void
    ) throws {
        var document = ScannedDocument()
        for row in history.tail where row.seen > 0 {
            guard let run = row.run else { continue }
            let (shape, bytes) = try reading { try store.understand(row, into: &document) }
            let state = ProcessState(shape: shape, document: document, body: bytes)
            let time = row.position.time
            for collection in state.newestCollections(Int(clamping: row.seen))
            where range.holds(collection, shownAt: time) {
                let isKnown = !PauseRing.isUnknown(end: collection.endNanoseconds, shownAt: time)
                try body(CollectionRecord(run: run, collection: collection, isEndKnown: isKnown))
            }
        }
    }

    /// What was missed, of scrapes with a time in `range`, ascending by position.
    ///
    /// Where there is a `renewal`, this goes on in a newer transaction as `pauses` does.
    package func missed(
        of target: TargetID,
        in range: TimeRange,
        renewal: Duration? = nil
    ) throws -> [MissedRecord] {
        try reading {
            var records: [MissedRecord] = []
            var history = try history(of: target)
            guard let end = history.last else { return [] }
            var passed: ScrapePosition?
            func add(_ row: ScrapeRow) {
                // A count of 0 is a mark: see `RunBeginning`.
                guard let run = row.run, let missed = row.missed, missed.count > 0,
                    range.contains(row.position.time), row.position <= end,
                    passed.map({ $0 < row.position }) ?? true
                else { return }
                records.append(MissedRecord(run: run, position: row.position, missed: missed))
            }
            // What the tail holds now is in a chunk perhaps when its turn comes.
            history.tail.forEach(add)
            let ofTail = Set(records.map(\.position))
            while true {
                if let renewal, isOlder(than: renewal) {
                    try renew()
                    history = try self.history(of: target)
                }
                let index = passed.map { history.chunkIndex(endingAtOrAfter: $0.next) } ?? 0
                guard
                    let chunk = history.chunks[min(index, history.chunks.count)...].first(where: {
                        $0.missedCount > 0 && $0.overlaps(range)
                    }),
                    chunk.first <= end
                else { break }
                for row in try store.chunk(chunk).rows() where !ofTail.contains(row.position) { add(row) }
                passed = chunk.last
            }
            return records.sorted { $0.position < $1.position }
        }
    }
}

extension CollectionReader {
    /// Whether an end in nanoseconds between those can lie in `range`.
    static func overlap(_ ends: ClosedRange<UInt64>, _ range: TimeRange) -> Bool {
        if let since = range.since, Int64(ends.upperBound / 1_000_000) < since.milliseconds { return false }
        if let until = range.until, Int64(ends.lowerBound / 1_000_000) >= until.milliseconds { return false }
        return true
    }
}

extension TimeRange {
    /// Whether a collection counts in the range, which a scrape at that time (where it matters) showed first.
    func holds(_ collection: Collection, shownAt time: Timestamp?) -> Bool {
        if let time, PauseRing.isUnknown(end: collection.endNanoseconds, shownAt: time) {
            return contains(time)
        }
        return contains(nanoseconds: collection.endNanoseconds)
    }
}

extension ChunkEntry {
    /// Whether a collection of it may have an end that is not known: see `PauseRing.isUnknown`.
    var hasUnknownEnds: Bool {
        let last = Timestamp(milliseconds: times.upperBound)
        return ends.map { PauseRing.isUnknown(end: $0.lowerBound, shownAt: last) } ?? false
    }

    /// Where its collections count, or more: their ends, and the times of its scrapes where some have none.
    var knownEnds: ClosedRange<UInt64>? {
        guard let ends, hasUnknownEnds else { return ends }
        let first = UInt64(clamping: Int128(times.lowerBound) * 1_000_000)
        let last = UInt64(clamping: Int128(times.upperBound) * 1_000_000)
        return first...max(last, ends.upperBound)
    }

    /// Whether the time of one of its scrapes can lie in `range`.
    func overlaps(_ range: TimeRange) -> Bool {
        if let since = range.since, times.upperBound < since.milliseconds { return false }
        if let until = range.until, times.lowerBound >= until.milliseconds { return false }
        return true
    }
}
