import Expvar
import Model
import SQLite

/// A step of the pass over a target's scrapes from where some were put in between, within a transaction: finds runs and
/// collections anew, and seals what lies among chunks.
///
/// A step ends with the chunk that brings it to `WriterSession.refreshScrapesMax`; the next one begins behind that chunk, and what stands
/// before is right then.
struct HistoryPass {
    private let session: WriterSession
    private let history: TargetHistory
    private(set) var runs: RunPass
    private var collections: CollectionReader
    private var start: ScrapePosition
    private let scrapesMax: Int
    /// Where the next step begins; nil where this one came to the end.
    private(set) var next: ScrapePosition?
    /// Rows of the tail that are in chunks now, by their `seq`.
    private(set) var sealed: Set<Int64> = []
    /// Rows of the tail that are others now.
    private(set) var changed: [Int64: ScrapeRow] = [:]

    init(
        _ session: WriterSession,
        _ history: TargetHistory,
        from: ScrapePosition,
        scrapesMax: Int
    ) throws {
        self.session = session
        self.scrapesMax = scrapesMax
        self.history = history
        // From the beginning of a chunk on: what stands before is right.
        let index = history.chunkIndex(endingAtOrAfter: from)
        start = index < history.chunks.count ? min(from, history.chunks[index].first) : from
        let before = try session.runsBefore(start, of: history)
        let all = try history.completed(RunRow.all(of: history.target, on: session.store))
        let tracker = try session.tracker(before, before: start, of: history)
        runs = RunPass(before: before, tracker, all: all, from: start)
        for id in runs.straddling {
            runs.setCount(of: id, to: HistoryPass.count(of: id, before: start, history))
        }
        collections = CollectionReader(
            stepStarts: try HistoryPass.stepStarts(history),
            tracker: tracker,
            previous: try history.position(before: start, .success)
        )
    }

    private static func count(of run: RunID, before start: ScrapePosition, _ history: TargetHistory) -> Int64
    {
        let sealed = history.chunks.lazy.filter { $0.last < start }.compactMap { $0.part(of: run)?.count }
            .reduce(0, +)
        return Int64(sealed + history.tail.count { $0.run == run && $0.position < start })
    }

    static func stepStarts(_ history: TargetHistory) throws -> Set<ScrapePosition> {
        var positions: Set<ScrapePosition> = []
        for step in try ClockStep.all(of: history.target, on: history.store) {
            positions.insert(step.after)
            if let first = try history.position(after: step.after, isIncluded: true, .success) {
                positions.insert(first)
            }
        }
        return positions
    }

    /// Goes over everything, or as much as a step may.
    mutating func run() throws {
        let chunks = history.chunks[history.chunkIndex(endingAtOrAfter: start)...]
        var tail = history.tail[history.tailIndex(atOrAfter: start)...]
        var count = 0
        var end: ScrapePosition?
        for chunk in chunks {
            if let end, count >= scrapesMax {
                next = end.next
                return
            }
            // What came in before the chunk becomes chunks of its own, what came in among its scrapes is sealed with them.
            let before = tail.prefix { $0.position < chunk.first }
            try seal(Array(before), among: nil)
            tail = tail.dropFirst(before.count)
            let inside = tail.prefix { $0.position < chunk.last }
            try seal(Array(inside), among: chunk)
            tail = tail.dropFirst(inside.count)
            count += before.count + chunk.scrapeCount + inside.count
            end = chunk.last
        }
        for var row in tail where row.run != nil {
            if try settle(&row, session.store.body(of: row).bytes) { changed[row.seq] = row }
        }
    }

    private mutating func seal(_ inserted: [ScrapeRow], among chunk: ChunkEntry?) throws {
        guard chunk != nil || !inserted.isEmpty else { return }
        var batch = try ChunkBatch(session, target: history.target, level: chunk?.level ?? .quick)
        var isChanged = !inserted.isEmpty
        var rest = inserted[...]
        func add(_ row: ScrapeRow, _ body: TidyBody, _ pass: inout HistoryPass) throws {
            var row = row
            if row.run != nil, try pass.settle(&row, body.bytes) { isChanged = true }
            try batch.add(row, body)
        }
        if let chunk {
            let sealed = try session.store.chunk(chunk)
            try sealed.forEachScrape { row, body in
                while let next = rest.first, next.position < row.position {
                    rest.removeFirst()
                    try add(next, session.store.body(of: next), &self)
                }
                try add(row, body, &self)
            }
        }
        for next in rest { try add(next, session.store.body(of: next), &self) }
        guard isChanged else { return }
        try batch.finish()
        // Chunks never overlap, not even for a moment that a reader could see: this is one transaction.
        if let chunk { try chunk.delete(on: session.connection) }
        sealed.formUnion(inserted.map(\.seq))
    }

    /// Finds run and collections of a successful scrape; says whether they are others than before.
    private mutating func settle(_ row: inout ScrapeRow, _ body: [UInt8]) throws -> Bool {
        let state = try session.processState(of: row, body: body)
        let target = history.target
        let session = session
        let position = row.position
        let (id, isProven) = try runs.run(of: row, state: state) {
            let run = try session.newRun(state, target: target, at: position)
            try run.insert(on: session.connection)
            return run
        }
        if runs.lacksCommandLine(id) {
            runs.setCommandLine(of: id, to: try session.commandLineID(state, of: target))
        }
        let found = collections.collections(
            in: state,
            run: id,
            at: row.position,
            isProven: isProven
        )
        let seen = Int64(found.seen.count)
        guard row.run != id || row.seen != seen || row.missed != found.missed else { return false }
        row.run = id
        row.seen = seen
        row.missed = found.missed
        return true
    }
}
