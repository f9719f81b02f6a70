import Model
import SQLite

/// What goes next: what is too old, else the oldest of all, and what is not exported yet last.
extension WriterSession {
    /// One transaction deletes no more scrapes than this: some milliseconds.
    static let rowsPerBatch = 500
    /// On a disk with next to no room: each may take some pages of WAL to delete.
    private static let rowsPerBatchWhereLow = 16
    /// Where the size is too large by little, so many go: the file's pages come free only when all in them is gone.
    private static let rowsPerSizeBatchMin = 8

    /// What goes as one: a chunk, or a row of the tail.
    struct Victim {
        enum Unit {
            case chunk(ChunkEntry)
            case row(ScrapeRow)
        }

        var unit: Unit
        var target: TargetID
        var count: Int64
    }

    /// What may go next: a chunk or a row of the tail, by its place in the history of its target.
    ///
    /// Without references, since there are hundreds of each target and they are sorted.
    struct Candidate {
        var target: Int
        var isChunk: Bool
        var index: Int
        /// Of its newest scrape.
        var age: Int64
        var seq: Int64
        var count: Int64
    }

    /// What goes next: what is too old, else the oldest of all where the file is too large.
    func findVictims(_ policy: RetentionPolicy) throws -> [Victim] {
        let used = policy.bytesMax == nil ? 0 : try usedBytes()
        let isTooLarge = try policy.bytesMax.map { try exceeds($0) } ?? false
        guard isTooLarge || policy.ageMilliseconds != nil else { return [] }
        let now = policy.now ?? Timestamp(milliseconds: SystemCall.wallMilliseconds())
        let limit = policy.protectedAfterSeq ?? .max
        let isLow = reserve.freeBytes() < SpaceReserve.freeMin
        let rowsMax = isLow ? WriterSession.rowsPerBatchWhereLow : WriterSession.rowsPerBatch
        let states = Array(targets.values)
        var all: [Candidate] = []
        for (number, state) in states.enumerated() { try addOldest(of: state, number, now: now, to: &all) }
        if let age = policy.ageMilliseconds {
            // What is not exported yet is kept to twice the age (elasticsearch.md).
            let twice = age.multipliedOrMax(by: 2)
            let tooOld = all.filter { $0.age > ($0.seq > limit ? twice : age) }.sorted { $0.age > $1.age }
            if !tooOld.isEmpty {
                return WriterSession.batch(tooOld, rows: rowsMax)
                    .map { WriterSession.victim($0, of: states[$0.target]) }
            }
        }
        guard isTooLarge else { return [] }
        all.sort { $0.age > $1.age }
        // The newest stays whatever the size.
        let newest = all.last.map { $0.age } ?? 0
        let others = all.filter { $0.age > newest }
        let free = others.filter { $0.seq <= limit }
        let excess = used + room(of: policy.bytesMax ?? 0) - (policy.bytesMax ?? 0)
        let count = min(rowsMax, try countFor(bytes: excess, of: used))
        return WriterSession.batch(free.isEmpty ? others : free, rows: count)
            .map { WriterSession.victim($0, of: states[$0.target]) }
    }

    func exceeds(_ bytesMax: Int64) throws -> Bool {
        try usedBytes() + room(of: bytesMax) > bytesMax
    }

    /// The bytes that would be left if all free pages were given back and the WAL were written back.
    func usedBytes() throws -> Int64 {
        let pages = try connection.integer("PRAGMA page_count") ?? 0
        let free = try connection.integer("PRAGMA freelist_count") ?? 0
        return (pages - free) * (try connection.integer("PRAGMA page_size") ?? 4096)
    }

    /// The first of those, up to so many scrapes; one at least.
    private static func batch(_ victims: [Candidate], rows: Int) -> [Candidate] {
        var count: Int64 = 0
        var batch: [Candidate] = []
        for victim in victims {
            guard batch.isEmpty || count + victim.count <= Int64(rows) else { break }
            count += victim.count
            batch.append(victim)
        }
        return batch
    }

    /// How many scrapes hold about that many of the used bytes: one batch at most, and some at least.
    private func countFor(bytes: Int64, of used: Int64) throws -> Int {
        let scrapes = targets.values.reduce(Int64(0)) { $0 + $1.history.scrapeCount }
        let share = Double(bytes) / Double(max(used, 1)) * Double(scrapes)
        return min(WriterSession.rowsPerBatch, max(WriterSession.rowsPerSizeBatchMin, Int(min(share, 1e9))))
    }

    /// Of a size limit this much is for the WAL: a checkpoint's worth, or a fifth where the limit is small.
    static func walReserve(of bytesMax: Int64) -> Int64 {
        min(Int64(pagesPerCheckpoint) * 4096, bytesMax / 5)
    }

    /// Adds a target's oldest scrapes, with their ages: chunks, and rows of the tail.
    private func addOldest(
        of state: TargetState,
        _ number: Int,
        now: Timestamp,
        to all: inout [Candidate]
    ) throws {
        let steps = try ClockStep.all(of: state.id, on: store)
        func age(_ position: ScrapePosition) -> Int64 {
            WriterSession.age(of: position, now: now, steps: steps)
        }
        for (index, chunk) in state.history.chunks.prefix(WriterSession.rowsPerBatch).enumerated() {
            all.append(
                Candidate(
                    target: number,
                    isChunk: true,
                    index: index,
                    age: age(chunk.last),
                    seq: chunk.seqs.upperBound,
                    count: Int64(chunk.scrapeCount)
                )
            )
        }
        for (index, row) in state.history.tail.prefix(WriterSession.rowsPerBatch).enumerated() {
            all.append(
                Candidate(
                    target: number,
                    isChunk: false,
                    index: index,
                    age: age(row.position),
                    seq: row.seq,
                    count: 1
                )
            )
        }
    }

    private static func victim(_ candidate: Candidate, of state: TargetState) -> Victim {
        let index = candidate.index
        return Victim(
            unit: candidate.isChunk ? .chunk(state.history.chunks[index]) : .row(state.history.tail[index]),
            target: state.id,
            count: candidate.count
        )
    }

    /// How long ago a scrape was: the wall clock's difference less every later step of it.
    static func age(of position: ScrapePosition, now: Timestamp, steps: [ClockStep]) -> Int64 {
        var age = now.milliseconds.subtractingReportingOverflow(position.time.milliseconds).partialValue
        for step in steps where position < step.after { age = age &- step.milliseconds }
        return age
    }
}
