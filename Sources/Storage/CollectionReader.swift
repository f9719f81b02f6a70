import Expvar
package import Model

/// Finds a target's collections by going over its scrapes from the first on, each with what came before it.
struct CollectionReader {
    /// Two scrapes of different runs further apart than this are a gap (semantics.md, "Rate and increase").
    static let gapMilliseconds: Int64 = 5 * 60 * 1000

    private let stepStarts: Set<ScrapePosition>
    /// Remembers the states of runs, as the writer's tracker did when it gave the scrapes their runs.
    private var tracker: RunTracker
    private var previous: ScrapePosition?

    /// A reader that begins where `runs` are remembered, and `previous` is the last successful scrape.
    init(
        stepStarts: Set<ScrapePosition>,
        runs: [(id: RunID, state: ProcessState)] = [],
        previous: ScrapePosition? = nil
    ) {
        self.stepStarts = stepStarts
        self.previous = previous
        tracker = RunTracker(runs: runs)
    }

    /// The collections that the next scrape saw first.
    mutating func collections(
        in state: ProcessState,
        run: RunID,
        at position: ScrapePosition
    ) -> NewCollections {
        let baseline = CollectionReader.baseline(
            tracker.state(of: run),
            after: previous,
            at: position,
            isAfterStep: stepStarts.contains(position)
        )
        previous = position
        tracker.note(state, in: run)
        return PauseRing.newCollections(in: state, after: baseline)
    }

    /// What comes before a successful scrape at `position`: `state` is what its run's last scrape showed, if it had one,
    /// and `previous` the place of the target's last successful scrape.
    static func baseline(
        _ state: ProcessState?,
        after previous: ScrapePosition?,
        at position: ScrapePosition,
        isAfterStep: Bool
    ) -> CollectionBaseline {
        if let state { return .scrape(state) }
        guard let previous, previous.epoch == position.epoch, !isAfterStep else { return .unknown }
        let apart = position.time.milliseconds &- previous.time.milliseconds
        return apart > CollectionReader.gapMilliseconds ? .unknown : .runBegin
    }
}

extension ProcessState {
    /// The newest collections that the rings show, ascending by number.
    func newestCollections(_ count: Int64) -> [Collection] {
        guard let n = collectionCount, let ends = endRing, let pauses = pauseRing,
            ends.count == PauseRing.slots,
            pauses.count == PauseRing.slots
        else { return [] }
        let held = Int(min(UInt64(clamping: count), n, UInt64(PauseRing.slots)))
        return (0..<held).reversed().map { age in
            let number = n - UInt64(age)
            let slot = ChunkRing.slot(number)
            return Collection(n: number, endNanoseconds: ends[slot], pauseNanoseconds: pauses[slot])
        }
    }
}

/// Collections, in columns: when each ended and how long it paused.
package struct PauseColumns: Sendable {
    /// Unix nanoseconds.
    package var ends: [UInt64] = []
    /// Nanoseconds.
    package var pauses: [UInt64] = []

    mutating func append(_ collection: Collection) {
        ends.append(collection.endNanoseconds)
        pauses.append(collection.pauseNanoseconds)
    }
}

extension VaultSnapshot {
    /// Room for no more collections than this is set aside before they are read: 256 MiB, of which only what is used is
    /// taken.
    private static let pausesReserved = 1 << 24

    /// Calls `body` for each stored collection of a target that ended in `range`; in no promised order.
    package func forEachCollection(
        of target: TargetID,
        endingIn range: TimeRange,
        _ body: (CollectionRecord) throws -> Void
    ) throws {
        // Ends may lie far from the scrapes' times (another host's clock), so all chunks are looked at by their ends.
        guard store.version > 1 else {
            return try forEachScrape(of: target) { run, _, found in
                for collection in found.seen where range.contains(nanoseconds: collection.endNanoseconds) {
                    try body(CollectionRecord(run: run, collection: collection))
                }
            }
        }
        let history = try reading { try self.history(of: target) }
        for chunk in history.chunks {
            guard let ends = chunk.ends, CollectionReader.overlap(ends, range) else { continue }
            for found in try reading({ try store.chunk(chunk).collections() })
            where range.contains(nanoseconds: found.collection.endNanoseconds) {
                try body(CollectionRecord(run: found.run, collection: found.collection))
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
            for collection in state.newestCollections(row.seen)
            where range.contains(nanoseconds: collection.endNanoseconds) {
                try body(CollectionRecord(run: run, collection: collection))
            }
        }
    }

    /// The stored collections of a target that ended in `range`, in no promised order; without their numbers, which
    /// takes a third of the work.
    package func pauses(of target: TargetID, endingIn range: TimeRange) throws -> PauseColumns {
        var result = PauseColumns()
        guard store.version > 1 else {
            try forEachCollection(of: target, endingIn: range) { result.append($0.collection) }
            return result
        }
        let history = try reading { try self.history(of: target) }
        let wanted = CollectionReader.nanoseconds(of: range)
        for chunk in history.chunks {
            guard let ends = chunk.ends, let wanted, ends.overlaps(wanted) else { continue }
            let found = try reading { try store.chunk(chunk).pauses() }
            if result.ends.isEmpty {
                // Others are as long, mostly; growing by doubling would copy a year's millions over and over.
                let usual = min(found.ends.count * history.chunks.count, VaultSnapshot.pausesReserved)
                result.ends.reserveCapacity(usual)
                result.pauses.reserveCapacity(usual)
            }
            if wanted.contains(ends.lowerBound), wanted.contains(ends.upperBound) {
                result.ends += found.ends
                result.pauses += found.pauses
                continue
            }
            for (end, pause) in zip(found.ends, found.pauses) where wanted.contains(end) {
                result.ends.append(end)
                result.pauses.append(pause)
            }
        }
        try forEachCollection(ofTail: history, endingIn: range) { result.append($0.collection) }
        return result
    }

    /// What was missed, of scrapes with a time in `range`, ascending by position.
    package func missed(of target: TargetID, in range: TimeRange) throws -> [MissedRecord] {
        var records: [MissedRecord] = []
        guard store.version > 1 else {
            try forEachScrape(of: target) { run, position, found in
                if let missed = found.missed, range.contains(position.time) {
                    records.append(MissedRecord(run: run, position: position, missed: missed))
                }
            }
            return records
        }
        return try reading {
            let history = try history(of: target)
            func add(_ row: ScrapeRow) {
                guard let run = row.run, let missed = row.missed, range.contains(row.position.time) else {
                    return
                }
                records.append(MissedRecord(run: run, position: row.position, missed: missed))
            }
            for chunk in history.chunks where chunk.missedCount > 0 && chunk.overlaps(range) {
                try store.chunk(chunk).rows().forEach(add)
            }
            history.tail.forEach(add)
            return records.sorted { $0.position < $1.position }
        }
    }

    /// For version 1, which does not say what each scrape was the first to show: each after all before it.
    func forEachScrape(
        of target: TargetID,
        _ body: (RunID, ScrapePosition, NewCollections) throws -> Void
    ) throws {
        var reader = try reading {
            CollectionReader(stepStarts: try stepStarts(of: target))
        }
        let rows = try reading {
            try HistoryRows(history(of: target), range: .all, failures: false)
        }
        var document = ScannedDocument()
        while let row = try reading({ try rows.next() }) {
            guard let run = row.run else { continue }
            let (shape, bytes) = try reading { try store.understand(row, into: &document) }
            let state = ProcessState(shape: shape, document: document, body: bytes)
            try body(run, row.position, reader.collections(in: state, run: run, at: row.position))
        }
    }
}

extension CollectionReader {
    /// The nanoseconds that a range holds; nil where none.
    fileprivate static func nanoseconds(of range: TimeRange) -> ClosedRange<UInt64>? {
        // The first and the last nanosecond; times of the range are signed.
        let first = Int128(range.since?.milliseconds ?? 0) * 1_000_000
        let last = range.until.map { Int128($0.milliseconds) * 1_000_000 - 1 } ?? Int128(UInt64.max)
        let low = UInt64(clamping: first)
        guard last >= 0, first <= Int128(UInt64.max), low <= UInt64(clamping: last) else { return nil }
        return low...UInt64(clamping: last)
    }

    /// Whether an end in nanoseconds between those can lie in `range`.
    static func overlap(_ ends: ClosedRange<UInt64>, _ range: TimeRange) -> Bool {
        if let since = range.since, Int64(ends.upperBound / 1_000_000) < since.milliseconds { return false }
        if let until = range.until, Int64(ends.lowerBound / 1_000_000) >= until.milliseconds { return false }
        return true
    }
}

extension ChunkEntry {
    /// Whether the time of one of its scrapes can lie in `range`.
    func overlaps(_ range: TimeRange) -> Bool {
        if let since = range.since, times.upperBound < since.milliseconds { return false }
        if let until = range.until, times.lowerBound >= until.milliseconds { return false }
        return true
    }
}
