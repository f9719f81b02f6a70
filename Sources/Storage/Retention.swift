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

    /// See `VaultWriter.compact`.
    func compact(_ policy: RetentionPolicy) throws(StorageError) -> PruneSummary {
        var summary = PruneSummary()
        while true {
            let part = try prune(policy)
            summary.deleted += part.deleted
            summary.deletedProtected += part.deletedProtected
            guard part.isUnfinished else { break }
        }
        try StorageError.wrapping(file.path) { try refreshStaleRuns() }
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
        let victims = try StorageError.wrapping(file.path) { try findVictims(policy) }
        guard !victims.isEmpty else { return false }
        let limit = policy.protectedAfterSeq ?? .max
        try transaction {
            var meta = try MetaValues(connection: connection, path: file.path)
            meta.seqFloor = max(meta.seqFloor, nextSeq - 1)
            try meta.store(on: connection)
            for victim in victims {
                try connection.statement("DELETE FROM scrapes WHERE seq = ?1").bind(1, victim.seq).run()
            }
            for (target, gone) in Dictionary(grouping: victims, by: \.target) { try trim(target, gone) }
        }
        // What is remembered of runs and bases may be gone.
        forget()
        summary.deleted += Int64(victims.count)
        summary.deletedProtected += victims.reduce(0) { $0 + ($1.seq > limit ? 1 : 0) }
        return true
    }

    private struct Victim {
        var seq: Int64
        var target: TargetID
        var position: ScrapePosition
        var run: RunID?
        var age: Int64
    }

    /// A target with more shapes than this makes them up; then those that nothing has any more are looked for, which
    /// takes a look at each of its scrapes.
    private static let unusedShapesMax: Int64 = 1000

    /// Deletes shapes that no scrape has any more, of targets with more than so many.
    private func trimShapes(beyond countMax: Int64) throws(StorageError) {
        try transaction {
            for target in try TargetRow.all(on: store) {
                guard try count("shapes WHERE target = ?1", target.id) > countMax else { continue }
                try connection.statement(
                    """
                    DELETE FROM shapes WHERE target = ?1 AND id NOT IN \
                    (SELECT shape FROM scrapes WHERE target = ?1 AND shape IS NOT NULL)
                    """
                )
                .bind(1, target.id.value)
                .run()
                if connection.changes > 0 { forget(target.id) }
            }
        }
        store.forget()
    }

    /// The next scrapes to go: too old ones, else the oldest of all where the file is too large.
    private func findVictims(_ policy: RetentionPolicy) throws -> [Victim] {
        let used = policy.bytesMax == nil ? 0 : try usedBytes()
        let isTooLarge = policy.bytesMax.map { used + WriterSession.walReserve(of: $0) > $0 } ?? false
        guard isTooLarge || policy.ageMilliseconds != nil else { return [] }
        var oldest: [Victim] = []
        let now = policy.now ?? Timestamp(milliseconds: SystemCall.wallMilliseconds())
        for target in try TargetRow.all(on: store) {
            oldest += try oldestScrapes(of: target.id, now: now)
        }
        if let age = policy.ageMilliseconds {
            let limit = policy.protectedAfterSeq ?? .max
            // What is not exported yet is kept to twice the age (documents.md).
            let tooOld = oldest.filter { $0.age > ($0.seq > limit ? age.multipliedOrMax(by: 2) : age) }
            if !tooOld.isEmpty {
                return Array(tooOld.sorted { $0.age > $1.age }.prefix(WriterSession.rowsPerBatch))
            }
        }
        guard isTooLarge else { return [] }
        let limit = policy.protectedAfterSeq ?? .max
        let free = oldest.filter { $0.seq <= limit }
        let excess = used + WriterSession.walReserve(of: policy.bytesMax ?? 0) - (policy.bytesMax ?? 0)
        let count = try countFor(bytes: excess, of: used)
        return Array((free.isEmpty ? oldest : free).sorted { $0.age > $1.age }.prefix(count))
    }

    /// How many scrapes hold about that many of the used bytes: one batch at most, and some at least.
    private func countFor(bytes: Int64, of used: Int64) throws -> Int {
        var scrapes: Int64 = 0
        for target in try TargetRow.all(on: store) {
            scrapes += target.failureCount
            for run in try RunRow.all(of: target.id, on: store) { scrapes += run.scrapeCount }
        }
        let share = Double(bytes) / Double(max(used, 1)) * Double(scrapes)
        return min(WriterSession.rowsPerBatch, max(WriterSession.rowsPerSizeBatchMin, Int(min(share, 1e9))))
    }

    /// Of a size limit this much is for the WAL: a checkpoint's worth, or a quarter where the limit is small.
    private static func walReserve(of bytesMax: Int64) -> Int64 {
        min(Int64(pagesPerCheckpoint) * 4096, bytesMax / 4)
    }

    /// A target's oldest scrapes by position, with their ages.
    private func oldestScrapes(of target: TargetID, now: Timestamp) throws -> [Victim] {
        let steps = try ClockStep.all(of: target, on: store)
        let statement = try connection.statement(
            "SELECT seq, epoch, t, run FROM scrapes WHERE target = ?1 ORDER BY epoch, t LIMIT ?2"
        )
        try statement.bind(1, target.value).bind(2, Int64(WriterSession.rowsPerBatch))
        defer { statement.reset() }
        var victims: [Victim] = []
        while try statement.step() {
            let position = ScrapePosition(
                epoch: statement.integer(1),
                time: Timestamp(milliseconds: statement.integer(2))
            )
            let age = WriterSession.age(of: position, now: now, steps: steps)
            victims.append(
                Victim(
                    seq: statement.integer(0),
                    target: target,
                    position: position,
                    run: statement.optionalInteger(3).map { RunID($0) },
                    age: age
                )
            )
        }
        return victims
    }

    /// How long ago a scrape was: the wall clock's difference less every later step of it.
    static func age(of position: ScrapePosition, now: Timestamp, steps: [ClockStep]) -> Int64 {
        var age = now.milliseconds.subtractingReportingOverflow(position.time.milliseconds).partialValue
        for step in steps where position < step.after { age = age &- step.milliseconds }
        return age
    }

    /// Brings what is known of a target in line with the scrapes that are left.
    private func trim(_ target: TargetID, _ gone: [Victim]) throws {
        guard var row = try TargetRow.find(target, on: store) else {
            throw store.damaged("a target is missing")
        }
        for (id, scrapes) in Dictionary(grouping: gone, by: \.run) {
            guard let id else {
                row.failureCount -= Int64(scrapes.count)
                continue
            }
            guard let run = try RunRow.find(id, on: store) else {
                throw store.damaged("run \(id.value) is missing")
            }
            if try shrink(run, by: scrapes) == nil { row.runCount -= 1 }
        }
        let first = try store.firstRow(
            "SELECT \(ScrapeRow.columns) FROM scrapes WHERE target = ?1 ORDER BY epoch, t LIMIT 1",
            target.value
        )
        try trimSteps(of: target, before: first?.position)
        row.stepCount = try count("clock_steps WHERE target = ?1", target)
        try trimBases(of: target)
        try row.store(on: connection)
    }

    /// Takes scrapes off a run; returns what is left, nil for nothing.
    ///
    /// By subtraction: counting what is left would take the longer the more there is.
    private func shrink(_ run: RunRow, by gone: [Victim]) throws -> RunRow? {
        var run = run
        run.scrapeCount -= Int64(gone.count)
        let all = "SELECT \(ScrapeRow.columns) FROM scrapes WHERE target = ?1 AND run = ?2"
        let first = try store.firstRow("\(all) ORDER BY epoch, t LIMIT 1", run.target.value, run.id.value)
        guard run.scrapeCount > 0, let first else {
            try connection.statement("DELETE FROM runs WHERE id = ?1").bind(1, run.id.value).run()
            return nil
        }
        run.first = first.position
        if gone.contains(where: { $0.position == run.last }) {
            let last = try store.firstRow(
                "\(all) ORDER BY epoch DESC, t DESC LIMIT 1",
                run.target.value,
                run.id.value
            )
            run.last = last?.position ?? run.first
        }
        try run.update(on: connection)
        return run
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

    /// Of a target's bases so many are looked at in a batch, the oldest: where bodies have little in common each
    /// scrape has its own.
    private static let basesPerBatch = 2 * rowsPerBatch

    /// Deletes bases that no scrape needs.
    ///
    /// A base serves scrapes of its target with numbers from its own up to the target's next base, so a look at
    /// those is enough.
    private func trimBases(of target: TargetID) throws {
        let statement = try connection.statement(
            "SELECT seq FROM bases WHERE target = ?1 ORDER BY seq LIMIT ?2"
        )
        try statement.bind(1, target.value).bind(2, Int64(WriterSession.basesPerBatch + 1))
        var bases: [Int64] = []
        while try statement.step() { bases.append(statement.integer(0)) }
        statement.reset()
        for (index, seq) in bases.prefix(WriterSession.basesPerBatch).enumerated() {
            let end = index + 1 < bases.count ? bases[index + 1] : .max
            let use = try connection.statement(
                "SELECT 1 FROM scrapes WHERE seq >= ?1 AND seq < ?2 AND +target = ?3 AND base = ?1 LIMIT 1"
            )
            try use.bind(1, seq).bind(2, end).bind(3, target.value)
            let isUsed = try use.step()
            use.reset()
            if !isUsed { try connection.statement("DELETE FROM bases WHERE seq = ?1").bind(1, seq).run() }
        }
    }
}

extension Int64 {
    fileprivate func multipliedOrMax(by factor: Int64) -> Int64 {
        let (value, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? .max : value
    }
}
