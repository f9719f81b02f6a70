import Model
import SQLite

/// Copies what a plan takes, row by row and chunk by chunk, then cuts away the rest in the copy.
///
/// Rows are copied as they are, numbers and checksums included. So chunks that lie in the range whole cost no more than
/// reading and writing them, and what cannot be read in one short snapshot is found again by its number in the next: a
/// chunk never changes. Where one is gone in the meantime (merged, pruned), the target is begun anew.
struct CaptureWork {
    let source: String
    let session: WriterSession
    private(set) var range: TimeRange
    var summary = CaptureSummary()

    private let snapshotMax: Duration
    /// So often a target is begun anew.
    private static let attemptsMax = 5

    init(source: String, session: WriterSession, range: TimeRange, snapshotMax: Duration) {
        self.source = source
        self.session = session
        self.range = range
        self.snapshotMax = snapshotMax
    }

    private func snapshot() throws -> VaultSnapshot { try VaultSnapshot(file: VaultFile(path: source)) }

    /// Captures the targets of those names, all where empty.
    mutating func run(_ names: [String], _ progress: Capture.Progress) throws {
        let chosen = try begin(names)
        // All before any is cut: what is made new in the copy gets numbers beyond those of all that was copied.
        let plans = try chosen.map { try copy($0, progress) }
        for (target, plan) in zip(chosen, plans) { try trim(target.id, plan ?? findPlan(of: target.id)) }
        summary.targets = chosen.count
        session.forget()
        _ = try session.compact(RetentionPolicy())
    }

    /// Takes over what the database says of itself; returns the targets.
    private mutating func begin(_ names: [String]) throws -> [TargetRow] {
        let snapshot = try snapshot()
        let all = try snapshot.targetRows()
        for name in names where !all.contains(where: { $0.name == name }) {
            throw StorageError.unknownTarget(name)
        }
        let chosen = all.filter { names.isEmpty || names.contains($0.name) }
        let other = try MetaValues(connection: snapshot.store.connection, path: snapshot.path)
        try session.transaction {
            var meta = try MetaValues(connection: session.connection, path: session.file.path)
            meta.databaseUUID = other.databaseUUID
            meta.recordingHost = other.recordingHost
            meta.createdMilliseconds = other.createdMilliseconds
            meta.seqFloor = snapshot.lastSeq
            meta.targetCount = Int64(chosen.count)
            // Of a capture, what was outside its range is not all there.
            range = TimeRange(
                since: [range.since, other.capturedRange.since].compactMap { $0 }.max(),
                until: [range.until, other.capturedRange.until].compactMap { $0 }.min()
            )
            meta.capturedRange = range
            try meta.store(on: session.connection)
        }
        session.nextSeq = snapshot.lastSeq &+ 1
        return chosen
    }

    // MARK: Copying

    /// How an attempt to copy a target went.
    private enum Attempt {
        /// It is copied; without a plan where its runs are to be found anew first.
        case copied(CapturePlan?)
        /// A chunk was gone before it was copied.
        case isGone
    }

    /// Copies a target; nil where its plan can only be made of the copy.
    private func copy(_ target: TargetRow, _ progress: Capture.Progress) throws -> CapturePlan? {
        for _ in 0..<CaptureWork.attemptsMax {
            if case .copied(let plan) = try attempt(target, progress) { return plan }
            try session.transaction { try drop(target.id) }
        }
        throw StorageError.inputOutput(
            path: source,
            detail: "\(target.name) changed under the reader again and again; try once more"
        )
    }

    private func attempt(_ target: TargetRow, _ progress: Capture.Progress) throws -> Attempt {
        var begun = ContinuousClock.now
        var snapshot = try snapshot()
        let history = try snapshot.reading { try snapshot.history(of: target.id) }
        let stale = try snapshot.store.connection.integer(
            "SELECT count(*) FROM stale_runs WHERE target = \(target.id.value)"
        )
        var plan: CapturePlan?
        if stale == 0 {
            plan = try CapturePlan(history, runs: snapshot.runRows(of: target.id), range: range)
        }
        // Where runs are to be found anew, that takes all scrapes; it is done in the copy.
        var chunks = (plan?.chunks ?? history.chunks)[...]
        let total = chunks.reduce(Int64(0)) { $0 + Int64($1.size) }
        var done: Int64 = 0
        try session.transaction { try copyRows(of: target.id, chunks: chunks, history, from: snapshot.store) }
        while !chunks.isEmpty {
            var isGone = false
            try session.transaction {
                repeat {
                    guard let chunk = chunks.popFirst() else { break }
                    isGone = try !copy(chunk, from: snapshot.store)
                    done += Int64(chunk.size)
                    progress(done, total, target.name)
                } while !isGone && ContinuousClock.now - begun < snapshotMax
            }
            if isGone { return .isGone }
            guard !chunks.isEmpty else { break }
            snapshot = try self.snapshot()
            begun = ContinuousClock.now
        }
        session.store.forget()
        return .copied(plan)
    }

    /// The plan of a target whose runs are found anew in the copy.
    private func findPlan(of target: TargetID) throws -> CapturePlan {
        session.forget()
        try session.refreshRuns(of: target)
        return try CapturePlan(copiedHistory(of: target), runs: copiedRuns(of: target), range: range)
    }

    private func copyRows(
        of target: TargetID,
        chunks: ArraySlice<ChunkEntry>,
        _ history: TargetHistory,
        from store: RowStore
    ) throws {
        let id = "target = \(target.value)"
        try copy("targets", where: "id = \(target.value)", from: store)
        try copy("origins", OriginRow.columns(ofVersion: store.version), where: id, from: store)
        try copy("runs", RunRow.columns(ofVersion: store.version), where: id, from: store)
        for table in ["command_lines", "series", "clock_steps", "stale_runs"] {
            try copy(table, where: id, from: store)
        }
        try copy("boots", where: "1", isShared: true, from: store)
        var shapes = Set(history.tail.compactMap { $0.shape?.value })
        for chunk in chunks { shapes.formUnion(chunk.shapes.map(\.id.value)) }
        for shape in shapes.sorted() { try copy("shapes", where: "id = \(shape)", from: store) }
        // Slots hold rows of all targets, and a source may be of a version that has none: so they are written anew.
        for var row in history.tail.sorted(by: { $0.seq < $1.seq }) {
            let body = try store.body(of: row)
            row.body = nil
            try session.tail.append(row, body: body)
        }
    }

    /// Copies the rows of a table as they are; `isShared`: those that are there already stay.
    private func copy(
        _ table: String,
        _ columns: String = "*",
        where condition: String,
        isShared: Bool = false,
        from store: RowStore
    ) throws {
        let rows = try store.connection.ownStatement("SELECT \(columns) FROM \(table) WHERE \(condition)")
        defer { rows.reset() }
        var insert: Statement?
        while try rows.step() {
            if insert == nil {
                let places = (1...rows.columnCount).map { "?\($0)" }.joined(separator: ", ")
                let verb = isShared ? "INSERT OR IGNORE" : "INSERT"
                insert = try session.connection.ownStatement("\(verb) INTO \(table) VALUES (\(places))")
            }
            try insert?.bind(rowOf: rows)
            try insert?.run()
        }
    }

    /// Copies a chunk; false where it is gone.
    private func copy(_ chunk: ChunkEntry, from store: RowStore) throws -> Bool {
        try copy("chunks", where: "id = \(chunk.id)", from: store)
        let isThere =
            try session.connection.integer("SELECT count(*) FROM chunks WHERE id = \(chunk.id)") == 1
        guard isThere else { return false }
        try copy("chunk_bytes", where: "id = \(chunk.id)", from: store)
        let copied = try SealedChunk(chunk, store: session.store)
        // Damage is told of here, not by whoever reads the capture.
        try store.reading(chunk: chunk.id) { try copied.decoder.checkStreams() }
        return true
    }

    private func drop(_ target: TargetID) throws {
        let connection = session.connection
        try connection.execute(
            "DELETE FROM chunk_bytes WHERE id IN (SELECT id FROM chunks WHERE target = \(target.value))"
        )
        try session.tail.end([target])
        for table in [
            "chunks", "origins", "command_lines", "runs", "series", "clock_steps", "stale_runs", "shapes",
        ] { try connection.execute("DELETE FROM \(table) WHERE target = \(target.value)") }
        try connection.execute("DELETE FROM targets WHERE id = \(target.value)")
        session.forget()
    }

    // MARK: Trimming

    private func copiedHistory(of target: TargetID) throws -> TargetHistory {
        TargetHistory(
            target: target,
            chunks: try ChunkEntry.all(of: target, on: session.store),
            tail: try session.store.readTails(keepBodies: false, checksNumbers: false)[target] ?? [],
            store: session.store
        )
    }

    private func copiedRuns(of target: TargetID) throws -> [RunRow] {
        try copiedHistory(of: target).completed(RunRow.all(of: target, on: session.store))
    }

    /// Cuts away what the plan does not take, and seals the rest.
    private mutating func trim(_ target: TargetID, _ plan: CapturePlan) throws {
        let history = try copiedHistory(of: target)
        var all: [ChunkEntry] = []
        try session.transaction {
            var batch = try ChunkBatch(session, target: target, level: .quick)
            for chunk in history.chunks {
                if plan.takesWhole(chunk) {
                    // What comes before it and what comes after it do not go into one chunk.
                    try batch.make()
                    all.append(chunk)
                    continue
                }
                try SealedChunk(chunk, store: session.store).forEachScrape { row, body in
                    if plan.takes(row.position) { try batch.add(row, body) }
                }
                try chunk.delete(on: session.connection)
            }
            for row in history.tail where plan.takes(row.position) {
                try batch.add(row, session.store.body(of: row))
            }
            all += try batch.finish()
            try session.tail.end([target])
            try settle(target, all)
            try session.storeMark()
        }
        session.forget()
        try count(all, plan)
    }

    /// Brings what is told of the target in line with the scrapes that it has.
    private func settle(_ target: TargetID, _ chunks: [ChunkEntry]) throws {
        let connection = session.connection
        let history = TargetHistory(target: target, chunks: chunks, tail: [], store: session.store)
        history.replace(by: [])
        guard var row = try TargetRow.find(target, on: session.store) else {
            throw session.store.damaged("a target is missing")
        }
        row.failureCount = chunks.reduce(0) { $0 + Int64($1.failureCount) }
        row.runCount = 0
        for run in try RunRow.all(of: target, on: session.store) {
            let sealed = session.sealedPart(of: run, history)
            if sealed.scrapeCount > 0 {
                row.runCount += 1
                try sealed.update(on: connection)
            } else {
                try connection.execute("DELETE FROM runs WHERE id = \(run.id.value)")
            }
        }
        try connection.execute(
            """
            DELETE FROM command_lines WHERE target = \(target.value) AND id NOT IN \
            (SELECT command_line FROM runs WHERE target = \(target.value) AND command_line IS NOT NULL)
            """
        )
        // Steps beyond the first and the last scrape part nothing.
        let first = history.first ?? ScrapePosition(epoch: .max, time: Timestamp(milliseconds: .max))
        let last = history.last ?? first
        try connection.execute(
            """
            DELETE FROM clock_steps WHERE target = \(target.value) AND ((after_epoch, after_t) <= \
            (\(first.epoch), \(first.time.milliseconds)) OR (after_epoch, after_t) > \
            (\(last.epoch), \(last.time.milliseconds)))
            """
        )
        row.stepCount =
            try connection.integer("SELECT count(*) FROM clock_steps WHERE target = \(target.value)") ?? 0
        try row.store(on: connection)
    }

    private mutating func count(_ chunks: [ChunkEntry], _ plan: CapturePlan) throws {
        for chunk in chunks {
            let inRange =
                plan.takesWhole(chunk)
                ? chunk.scrapeCount
                : try session.store.chunk(chunk).rows().count { plan.isInRange($0.position) }
            summary.scrapes += Int64(inRange)
            summary.marginScrapes += Int64(chunk.scrapeCount - inRange)
        }
    }
}
