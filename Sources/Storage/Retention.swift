package import Model
import SQLite

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What may be deleted, and when.
package struct RetentionPolicy: Hashable, Sendable {
    /// Scrapes older than this go, in milliseconds; nil: none by age.
    ///
    /// A scrape's age is the time between it and `now`, less what forward clock steps after it took, so that a clock
    /// that jumps forward makes nothing older.
    package var ageMilliseconds: Int64?
    /// The largest size of file and WAL together, in bytes; nil: no limit.
    ///
    /// The oldest go first.
    package var bytesMax: Int64?
    /// The present moment; needed with an age.
    package var now: Timestamp?
    /// Scrapes with a `seq` above this are not exported yet, and go last; nil: all are treated alike.
    package var protectedAfterSeq: Int64?

    /// A policy; without arguments one that deletes nothing.
    package init(
        ageMilliseconds: Int64? = nil,
        bytesMax: Int64? = nil,
        now: Timestamp? = nil,
        protectedAfterSeq: Int64? = nil
    ) {
        self.ageMilliseconds = ageMilliseconds
        self.bytesMax = bytesMax
        self.now = now
        self.protectedAfterSeq = protectedAfterSeq
    }
}

/// What pruning did.
package struct PruneSummary: Hashable, Sendable {
    /// Scrapes that were deleted.
    package var deleted: Int64 = 0
    /// Those among them that were protected: not exported yet.
    package var deletedProtected: Int64 = 0
    /// The size of file and WAL afterwards, in bytes.
    package var bytes: Int64 = 0
    /// Whether there is more to delete: one call does a bounded piece of work.
    ///
    /// Call again, between commits.
    package var isUnfinished = false
}

/// Dropping old scrapes, a bounded batch at a time, so that recording never waits long.
extension WriterSession {
    /// One transaction deletes no more scrapes than this: some milliseconds.
    private static let rowsPerBatch = 500
    /// Where the size is too large by little, so many go: the file's pages come free only when all in them is gone.
    private static let rowsPerSizeBatchMin = 8
    /// One call of `prune` makes no more batches than this.
    private static let batchesPerCall = 8
    /// Free pages that one call gives back: 1024 pages are 4 MiB.
    private static let pagesPerCall = 1024

    /// See `VaultWriter.prune`.
    func prune(_ policy: RetentionPolicy) throws(StorageError) -> PruneSummary {
        var summary = PruneSummary()
        summary.isUnfinished = true
        for _ in 0..<WriterSession.batchesPerCall where summary.isUnfinished {
            summary.isUnfinished = try pruneBatch(policy, &summary)
        }
        if try freePages() > 0 && summary.deleted > 0 { try returnSpace(pages: WriterSession.pagesPerCall) }
        if summary.deleted > 0 { try trimShapes(beyond: WriterSession.unusedShapesMax) }
        if let bytesMax = policy.bytesMax { try keepWAL(below: WriterSession.walReserve(of: bytesMax)) }
        summary.bytes = size()
        return summary
    }

    /// Cuts the WAL where it is larger; readers are waited for a moment, no more.
    private func keepWAL(below bytes: Int64) throws(StorageError) {
        guard fileBytes("-wal") > bytes else { return }
        try StorageError.wrapping(file.path) { try truncateWAL() }
    }

    private func fileBytes(_ suffix: String) -> Int64 {
        var status = stat()
        return stat(file.realPath + suffix, &status) == 0 ? Int64(status.st_size) : 0
    }

    /// See `VaultWriter.maintain`.
    func maintain(_ policy: RetentionPolicy) throws(StorageError) -> PruneSummary {
        let isSealUnfinished = try sealDue()
        try trimTail(to: TailWriter.freeSlotsMax)
        let isMergeUnfinished = try mergeStep(.idle)
        var summary = try prune(policy)
        summary.isUnfinished = summary.isUnfinished || isSealUnfinished || isMergeUnfinished
        return summary
    }

    /// See `VaultWriter.compact`.
    func compact(_ policy: RetentionPolicy) throws(StorageError) -> PruneSummary {
        var summary = PruneSummary()
        while true {
            let part = try prune(policy)
            summary.deleted += part.deleted
            summary.deletedProtected += part.deletedProtected
            guard part.isUnfinished else { break }
        }
        try sealAll()
        try trimTail(to: 0)
        while try mergeStep(.compact) {}
        try trimShapes(beyond: 0)
        while try freePages() > 0 {
            let before = try freePages()
            try returnSpace(pages: WriterSession.pagesPerCall)
            guard try freePages() < before else { break }
        }
        try StorageError.wrapping(file.path) { try truncateWAL() }
        summary.bytes = size()
        return summary
    }

    private func freePages() throws(StorageError) -> Int64 {
        try StorageError.wrapping(file.path) { try connection.integer("PRAGMA freelist_count") ?? 0 }
    }

    private func returnSpace(pages: Int) throws(StorageError) {
        try StorageError.wrapping(file.path) {
            try connection.execute("PRAGMA incremental_vacuum(\(pages))")
            _ = try connection.checkpoint(.passive)
        }
    }

    /// The bytes that file and WAL take.
    func size() -> Int64 {
        fileBytes("") + fileBytes("-wal")
    }

    /// The bytes that would be left if all free pages were given back and the WAL were written back.
    private func usedBytes() throws -> Int64 {
        let pages = try connection.integer("PRAGMA page_count") ?? 0
        let free = try connection.integer("PRAGMA freelist_count") ?? 0
        return (pages - free) * (try connection.integer("PRAGMA page_size") ?? 4096)
    }

    /// Deletes one batch.
    ///
    /// Returns whether there may be more to delete.
    private func pruneBatch(
        _ policy: RetentionPolicy,
        _ summary: inout PruneSummary
    ) throws(StorageError) -> Bool {
        try loadTargets()
        // Slots that hold nothing are the first to go.
        if let bytesMax = policy.bytesMax, try StorageError.wrapping(file.path, { try exceeds(bytesMax) }) {
            try trimTail(to: 0)
        }
        let victims = try StorageError.wrapping(file.path) { try findVictims(policy) }
        guard !victims.isEmpty else { return false }
        let limit = policy.protectedAfterSeq ?? .max
        try transaction {
            var meta = try MetaValues(connection: connection, path: file.path)
            meta.seqFloor = max(meta.seqFloor, nextSeq - 1)
            try meta.store(on: connection)
            for (target, gone) in Dictionary(grouping: victims, by: \.target) { try delete(gone, of: target) }
            try tail.rewrite(
                without: Set(victims.compactMap { if case .row(let row) = $0.unit { row.seq } else { nil } })
            )
            try storeMark()
        }
        // What is remembered of runs may be gone.
        forgetAllButTails()
        for victim in victims {
            summary.deleted += victim.count
            switch victim.unit {
            case .row(let row): summary.deletedProtected += row.seq > limit ? 1 : 0
            case .chunk(let chunk):
                // How many of a chunk that was exported in part were not is not worth a look into it.
                if chunk.seqs.lowerBound > limit {
                    summary.deletedProtected += victim.count
                } else if chunk.seqs.upperBound > limit {
                    summary.deletedProtected += min(victim.count, chunk.seqs.upperBound - limit)
                }
            }
        }
        return true
    }

    /// What goes as one: a chunk, or a row of the tail.
    private struct Victim {
        enum Unit {
            case chunk(ChunkEntry)
            case row(ScrapeRow)
        }

        var unit: Unit
        var target: TargetID
        var count: Int64
    }

    /// A target with more shapes than this makes them up; then those that nothing has any more are looked for, which
    /// takes a look at each of its scrapes.
    private static let unusedShapesMax: Int64 = 1000

    /// Deletes shapes that no scrape has any more, of targets with more than so many.
    private func trimShapes(beyond countMax: Int64) throws(StorageError) {
        try transaction {
            for target in try TargetRow.all(on: store) {
                guard try count("shapes WHERE target = ?1", target.id) > countMax else { continue }
                let history = try loadHistory(of: target.id)
                let used = Set(
                    history.chunks.flatMap { $0.shapes.map(\.id) } + history.tail.compactMap(\.shape)
                )
                let unused = try shapes(of: target.id).filter { !used.contains($0) }
                for id in unused {
                    try connection.statement("DELETE FROM shapes WHERE id = ?1").bind(1, id.value).run()
                }
                if !unused.isEmpty { forget(target.id) }
            }
        }
        store.forget()
    }

    private func shapes(of target: TargetID) throws -> [ShapeID] {
        let statement = try connection.statement("SELECT id FROM shapes WHERE target = ?1")
        try statement.bind(1, target.value)
        defer { statement.reset() }
        var ids: [ShapeID] = []
        while try statement.step() { ids.append(ShapeID(statement.integer(0))) }
        return ids
    }

    /// What may go next: a chunk or a row of the tail, by its place in the history of its target.
    ///
    /// Without references, since there are hundreds of each target and they are sorted.
    private struct Candidate {
        var target: Int
        var isChunk: Bool
        var index: Int
        /// Of its newest scrape.
        var age: Int64
        var seq: Int64
        var count: Int64
    }

    /// What goes next: what is too old, else the oldest of all where the file is too large.
    private func findVictims(_ policy: RetentionPolicy) throws -> [Victim] {
        let used = policy.bytesMax == nil ? 0 : try usedBytes()
        let isTooLarge = try policy.bytesMax.map { try exceeds($0) } ?? false
        guard isTooLarge || policy.ageMilliseconds != nil else { return [] }
        let now = policy.now ?? Timestamp(milliseconds: SystemCall.wallMilliseconds())
        let limit = policy.protectedAfterSeq ?? .max
        let states = Array(targets.values)
        var all: [Candidate] = []
        for (number, state) in states.enumerated() { try addOldest(of: state, number, now: now, to: &all) }
        if let age = policy.ageMilliseconds {
            // What is not exported yet is kept to twice the age (documents.md).
            let twice = age.multipliedOrMax(by: 2)
            let tooOld = all.filter { $0.age > ($0.seq > limit ? twice : age) }.sorted { $0.age > $1.age }
            if !tooOld.isEmpty {
                return WriterSession.batch(tooOld, rows: WriterSession.rowsPerBatch)
                    .map { WriterSession.victim($0, of: states[$0.target]) }
            }
        }
        guard isTooLarge else { return [] }
        all.sort { $0.age > $1.age }
        // The newest stays whatever the size.
        let newest = all.last.map { $0.age } ?? 0
        let others = all.filter { $0.age > newest }
        let free = others.filter { $0.seq <= limit }
        let excess = used + WriterSession.walReserve(of: policy.bytesMax ?? 0) - (policy.bytesMax ?? 0)
        let count = try countFor(bytes: excess, of: used)
        return WriterSession.batch(free.isEmpty ? others : free, rows: count)
            .map { WriterSession.victim($0, of: states[$0.target]) }
    }

    private func exceeds(_ bytesMax: Int64) throws -> Bool {
        try usedBytes() + WriterSession.walReserve(of: bytesMax) > bytesMax
    }

    /// Deletes slots of the tail that hold nothing, but for so many.
    private func trimTail(to countMax: Int) throws(StorageError) {
        guard try StorageError.wrapping(file.path, { try tail.freeSlots() }) > countMax else { return }
        try transaction { try tail.trimSlots(to: countMax) }
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
    private static func walReserve(of bytesMax: Int64) -> Int64 {
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

    /// Deletes scrapes of a target, and brings what is known of it in line with what is left.
    private func delete(_ gone: [Victim], of target: TargetID) throws {
        guard var row = try TargetRow.find(target, on: store),
            let history = targets.values.first(where: { $0.id == target })?.history
        else { throw store.damaged("a target is missing") }
        var runs: Set<RunID> = []
        var seqs: Set<Int64> = []
        var chunks: Set<Int64> = []
        for victim in gone {
            switch victim.unit {
            case .row(let scrape):
                seqs.insert(scrape.seq)
                if let run = scrape.run { runs.insert(run) } else { row.failureCount -= 1 }
            case .chunk(let chunk):
                try chunk.delete(on: connection)
                chunks.insert(chunk.id)
                runs.formUnion(chunk.runs.map(\.run))
                row.failureCount -= Int64(chunk.failureCount)
            }
        }
        history.replace(tail: seqs, chunks: chunks, by: [])
        let inTail = Set(history.tail.compactMap(\.run))
        for id in runs.sorted() {
            guard let run = try RunRow.find(id, on: store) else {
                throw store.damaged("run \(id.value) is missing")
            }
            let left = sealedPart(of: run, history)
            if left.scrapeCount == 0 && !inTail.contains(id) {
                try connection.statement("DELETE FROM runs WHERE id = ?1").bind(1, id.value).run()
                row.runCount -= 1
            } else {
                try left.update(on: connection)
            }
        }
        try trimSteps(of: target, before: history.first)
        row.stepCount = try count("clock_steps WHERE target = ?1", target)
        try row.store(on: connection)
    }

    private func count(_ rows: String, _ target: TargetID) throws -> Int64 {
        let statement = try connection.statement("SELECT count(*) FROM \(rows)")
        try statement.bind(1, target.value)
        defer { statement.reset() }
        return try statement.step() ? statement.integer(0) : 0
    }

    private func trimSteps(of target: TargetID, before first: ScrapePosition?) throws {
        // A step without a scrape before it separates nothing.
        let statement =
            try first == nil
            ? connection.statement("DELETE FROM clock_steps WHERE target = ?1")
            : connection.statement(
                "DELETE FROM clock_steps WHERE target = ?1 AND (after_epoch, after_t) <= (?2, ?3)"
            )
        try statement.bind(1, target.value)
        if let first { try statement.bind(2, first.epoch).bind(3, first.time.milliseconds) }
        try statement.run()
    }
}

extension Int64 {
    fileprivate func multipliedOrMax(by factor: Int64) -> Int64 {
        let (value, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? .max : value
    }
}
