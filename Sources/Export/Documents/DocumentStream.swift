import Expvar
package import Model
package import Storage

/// What of a recording is exported.
package struct ExportSelection: Hashable, Sendable {
    /// The times, `[since, until)`.
    package var range: TimeRange
    /// Only scrapes with a `seq` above it.
    package var afterSeq: Int64
    /// Only scrapes with a `seq` up to it, so that an export beside a recorder ends.
    package var upToSeq: Int64

    /// Those scrapes that all three allow.
    package init(range: TimeRange = .all, afterSeq: Int64 = 0, upToSeq: Int64 = .max) {
        self.range = range
        self.afterSeq = afterSeq
        self.upToSeq = upToSeq
    }

    /// Whether a scrape with that `seq` is among them.
    func contains(seq: Int64) -> Bool {
        seq > afterSeq && seq <= upToSeq
    }
}

/// Goes over the successful scrapes of one target in order of position, each with what came before it.
///
/// Constant memory: one body at a time, and the states of the last few runs. No snapshot is kept for longer than
/// `snapshotMax`. Owned by one task.
package final class DocumentStream {
    /// The longest that one snapshot is read (limits.md).
    package static let snapshotMax = Duration.seconds(5)
    /// Of twice as many runs at most the last state is kept; that of any other is read again from the database.
    private static let runsMax = RunTracker.runsMax
    /// A run that begins later than this after the target's scrape before it begins after a gap (semantics.md).
    private static let gapMilliseconds: Int64 = 5 * 60 * 1000
    /// So many scrapes without memstats are gone back over for one that stands in for them.
    private static let standInsMax = 16

    private let target: TargetRecord
    private let selection: ExportSelection
    private let hasPredecessors: Bool
    private let scrapes: ScrapeStream
    /// Whether `scrapes` is narrowed to where the selection begins.
    private var hasBegun = false
    private var isAtEnd = false
    private var reader = BodyReader()
    /// The last state of each run that has memstats, without its rings, as far as it was read.
    private var states: [RunID: (state: ProcessState, number: Int)] = [:]
    private var stateCount = 0

    /// The scrapes of `target` in `selection`.
    ///
    /// Without `predecessors` every scrape has the predecessor `.none`, which saves looking into the runs where nobody
    /// asks for pauses.
    package init(
        vault: Vault,
        target: TargetRecord,
        selection: ExportSelection = ExportSelection(),
        predecessors hasPredecessors: Bool = true,
        snapshotMax: Duration = DocumentStream.snapshotMax
    ) {
        self.target = target
        self.selection = selection
        self.hasPredecessors = hasPredecessors
        scrapes = ScrapeStream(
            vault: vault,
            target: target,
            range: selection.range,
            failures: false,
            snapshotMax: snapshotMax
        )
    }

    /// Lets go of the snapshot, for a caller that is going to wait; `next()` goes on with a new one.
    package func rest() {
        scrapes.rest()
    }

    /// The next scrape; nil at the end.
    package func next() throws -> ExportedScrape? {
        if !hasBegun {
            hasBegun = true
            // What is sent cannot be taken back.
            guard !target.isUnsettled || !hasPredecessors else {
                throw StorageError.unsettled(path: try scrapes.snapshot().path, target: target.name)
            }
            isAtEnd = try !narrow()
        }
        while !isAtEnd {
            let previous = scrapes.last
            guard let record = try scrapes.next() else { break }
            let before = adjoining(record, previous)
            guard selection.contains(seq: record.seq) else {
                // Not asked for, so its body is not read: whoever follows it in its run looks it up.
                if let run = record.run { states[run] = nil }
                continue
            }
            return try scrape(record, after: before, body: scrapes.tidyBody())
        }
        isAtEnd = true
        rest()
        return nil
    }

    /// Narrows the times to those that hold what is selected; false where nothing is.
    ///
    /// All scrapes of these times are gone over, also those with a `seq` that is not selected, since each is the
    /// neighbour of the next.
    private func narrow() throws -> Bool {
        guard selection.afterSeq > 0 else { return true }
        let cursor = try scrapes.snapshot().scrapes(
            of: target.id,
            in: selection.range,
            afterSeq: selection.afterSeq,
            failures: false
        )
        guard var since = try cursor.next()?.position.time else { return false }
        // Within one epoch the first is the earliest; a later epoch may begin before it.
        if !target.hasOneEpoch {
            while let record = try cursor.next() { since = min(since, record.position.time) }
        }
        scrapes.range.since = since
        return true
    }

    /// The scrape before `record`, where the stream gave it; nil where it must be looked up.
    private func adjoining(_ record: ScrapeRecord, _ previous: ScrapeRecord?) -> ScrapeRecord? {
        guard let previous else { return nil }
        // A range of times cuts each epoch by itself: between two epochs there may be scrapes outside it.
        if previous.position.epoch != record.position.epoch, scrapes.range != .all {
            states.removeAll()
            return nil
        }
        return previous
    }

    private func scrape(
        _ record: ScrapeRecord,
        after before: ScrapeRecord?,
        body: [UInt8]
    ) throws -> ExportedScrape {
        let reading = reader.read(body)
        var predecessor = ScrapePredecessor.none
        if hasPredecessors, let state = reading?.state, state.collectionCount != nil, let run = record.run {
            predecessor = try self.predecessor(of: record, in: run, after: before)
            keep(state, of: run)
        }
        return ExportedScrape(
            record: record,
            target: target.name,
            body: body,
            reading: reading,
            predecessor: predecessor
        )
    }

    private func keep(_ state: ProcessState, of run: RunID) {
        var state = state
        // What comes next is compared with its counts alone; and hundreds of processes may take turns.
        (state.pauseRing, state.endRing) = (nil, nil)
        stateCount += 1
        states[run] = (state, stateCount)
        guard states.count > 2 * DocumentStream.runsMax else { return }
        let kept = states.values.map(\.number).sorted()[states.count - DocumentStream.runsMax]
        states = states.filter { $0.value.number >= kept }
    }

    private func predecessor(
        of record: ScrapeRecord,
        in run: RunID,
        after before: ScrapeRecord?
    ) throws -> ScrapePredecessor {
        if let known = states[run] { return .sameRun(known.state) }
        let snapshot = try scrapes.snapshot()
        var position = record.position
        var isFirst = false
        for _ in 0..<DocumentStream.standInsMax where !isFirst {
            if let (earlier, body) = try snapshot.scrape(of: target.id, before: position, in: run) {
                if let state = reader.read(body)?.state, state.collectionCount != nil {
                    return .sameRun(state)
                }
                position = earlier.position
            } else {
                isFirst = true
            }
        }
        // Where even those lacked memstats, nothing is known of what this scrape saw first.
        guard isFirst else { return .none }
        let last = try before ?? snapshot.scrape(of: target.id, before: record.position, in: nil)?.0
        guard let last else { return .none }
        // Where its process was watched by nobody, the store says so (the URL is another, or it lived beside the one before).
        return record.beginning != .fresh || isGap(last, record) ? .gap(since: last.position.time) : .runBegin
    }

    /// Whether nobody knows what the target did between the last scrape of one run and the first of another.
    private func isGap(_ a: ScrapeRecord, _ b: ScrapeRecord) -> Bool {
        let (apart, overflow) = b.position.time.milliseconds.subtractingReportingOverflow(
            a.position.time.milliseconds
        )
        if overflow || apart > DocumentStream.gapMilliseconds { return true }
        // A failed scrape between the two may carry the step, so `isAfterStep` of the later one does not settle it.
        return b.isAfterStep || a.position.epoch != b.position.epoch
            || target.clockSteps.contains { a.position < $0.after && $0.after <= b.position }
    }
}
