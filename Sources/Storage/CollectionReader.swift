import Expvar
package import Model

/// Finds a target's collections by going over its scrapes from the first on, each with what came before it.
struct CollectionReader {
    /// Two scrapes of different runs further apart than this are a gap (semantics.md, "Rate and increase").
    static let gapMilliseconds: Int64 = 5 * 60 * 1000

    private let stepStarts: Set<ScrapePosition>
    /// Remembers the states of runs, as the writer's tracker did when it gave the scrapes their runs.
    private var tracker = RunTracker()
    private var previous: ScrapePosition?

    init(stepStarts: Set<ScrapePosition>) { self.stepStarts = stepStarts }

    /// The collections that the next scrape saw first.
    mutating func collections(
        in state: ProcessState,
        run: RunID,
        at position: ScrapePosition
    ) -> NewCollections {
        let baseline = baseline(of: run, at: position)
        previous = position
        tracker.note(state, in: run)
        return PauseRing.newCollections(in: state, after: baseline)
    }

    private func baseline(of run: RunID, at position: ScrapePosition) -> CollectionBaseline {
        if let state = tracker.state(of: run) { return .scrape(state) }
        guard let previous, previous.epoch == position.epoch, !stepStarts.contains(position) else {
            return .unknown
        }
        let apart = position.time.milliseconds &- previous.time.milliseconds
        return apart > CollectionReader.gapMilliseconds ? .unknown : .runBegin
    }
}

extension VaultSnapshot {
    /// Calls `body` for each stored collection of a target that ended in `range`; in no promised order.
    package func forEachCollection(
        of target: TargetID,
        endingIn range: TimeRange,
        _ body: (CollectionRecord) throws -> Void
    ) throws {
        // Ends may lie far from the scrapes' times (another host's clock), so all scrapes are looked at.
        try forEachScrape(of: target) { run, _, found in
            for collection in found.seen where range.contains(nanoseconds: collection.endNanoseconds) {
                try body(CollectionRecord(run: run, collection: collection))
            }
        }
    }

    /// What was missed, of scrapes with a time in `range`, ascending by position.
    package func missed(of target: TargetID, in range: TimeRange) throws -> [MissedRecord] {
        var records: [MissedRecord] = []
        try forEachScrape(of: target) { run, position, found in
            if let missed = found.missed, range.contains(position.time) {
                records.append(MissedRecord(run: run, position: position, missed: missed))
            }
        }
        return records
    }

    private func forEachScrape(
        of target: TargetID,
        _ body: (RunID, ScrapePosition, NewCollections) throws -> Void
    ) throws {
        var reader = try reading {
            CollectionReader(stepStarts: try stepStarts(of: target))
        }
        let rows = try reading {
            try pages(of: target, in: .all, failures: false)
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
