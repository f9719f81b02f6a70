import Codec
package import Expvar
package import Model
import SQLite

/// A consistent view of a database: everything read from it is of one moment.
///
/// Owned by one task at a time. It holds a read transaction, which keeps the WAL from being cut: let go of it within
/// seconds, and go on from a `seq` in a new one.
package final class VaultSnapshot {
    /// The database's UUID.
    package let databaseUUID: String
    /// The name of the host that records (for `agent.name`).
    package let recordingHost: String
    /// The highest `seq` in the snapshot; 0 where nothing is recorded.
    package let lastSeq: Int64
    /// Of a capture the range that it was made of, and that its answers are about where nothing else is asked; open
    /// at both ends for any other database.
    package let capturedRange: TimeRange
    /// The path of the database file, for messages.
    package let path: String
    /// Whether the file was copied or moved without the WAL that was in use: what was in that is not here.
    package let lacksWAL: Bool
    let store: RowStore
    /// How many targets the database says it has, and their rows once read.
    let targetCount: Int64
    var knownTargets: [TargetRow]?
    var knownRecords: [TargetRecord]?
    private var tails: [TargetID: [ScrapeRow]]?
    private var histories: [TargetID: TargetHistory] = [:]
    var knownRuns: [TargetID: [RunRow]] = [:]
    var knownStarts: [TargetID: [RunID: RunStart]] = [:]
    private var names: [TargetID: [SeriesID: String]] = [:]
    private var starts: [TargetID: Set<ScrapePosition>] = [:]
    /// The names that were asked for and stood in no list, in the order in which they were found.
    package var unlistedNames: [UnlistedName] = []
    private var began = ContinuousClock.now

    /// A reader waits that long while a writer recovers the WAL after a crash.
    private static let busyMilliseconds: Int32 = 5000

    init(file: VaultFile, cache: ChunkCache? = nil, lacksWAL: Bool = false) throws(StorageError) {
        path = file.path
        self.lacksWAL = lacksWAL
        let path = file.path
        let parts = try StorageError.wrapping(path) {
            let connection = try Connection(
                path: file.realPath,
                role: file.readerRole(),
                busyMilliseconds: VaultSnapshot.busyMilliseconds
            )
            // The transaction begins with the first read.
            try connection.execute("BEGIN")
            let version = try connection.integer("PRAGMA user_version") ?? 0
            try Migrations.requireKnown(version, path: path)
            try Schema.verify(on: connection, version: version, path: path)
            let meta = try MetaValues(connection: connection, path: path)
            let kept = try cache.map { cache in
                let database = try file.identity(uuid: meta.databaseUUID)
                cache.begin(database)
                return (cache: cache, database: database)
            }
            let store = try RowStore(connection: connection, path: path, version: version, kept: kept)
            let highest = try store.highestTailSeq()
            return (store, meta, max(meta.seqFloor, meta.markSeq, highest))
        }
        store = parts.0
        databaseUUID = parts.1.databaseUUID
        recordingHost = parts.1.recordingHost
        capturedRange = parts.1.capturedRange
        lastSeq = parts.2
        targetCount = parts.1.targetCount
    }

    /// A question that takes longer goes on in a newer transaction: a reader that stays holds up the writer's WAL.
    package static let ageMax = Duration.seconds(5)

    /// Whether its transaction began so long ago.
    func isOlder(than age: Duration) -> Bool { ContinuousClock.now - began >= age }

    /// Goes on in a new transaction.
    ///
    /// What was asked for is then to be asked for again: chunks may have been merged meanwhile, and scrapes added. Those
    /// that were there have their places still, but for what retention removed.
    func renew() throws(StorageError) {
        try reading {
            store.forgetChunks()
            try store.connection.execute("COMMIT; BEGIN")
        }
        tails = nil
        knownTargets = nil
        histories = [:]
        knownRuns = [:]
        knownStarts = [:]
        starts = [:]
        began = ContinuousClock.now
    }

    /// Runs `body`; what the modules below throw becomes a `StorageError`.
    func reading<Result>(_ body: () throws -> Result) throws(StorageError) -> Result {
        try StorageError.wrapping(path, body)
    }

    /// The series of a target, ascending by name; `up` and `scrape.duration_seconds` are not among them.
    package func series(of target: TargetID) throws -> [SeriesRecord] {
        try reading { try seriesRecords(of: target) }
    }

    /// The name of a series of a target; nil where the target has none of that number.
    func name(of series: SeriesID, target: TargetID) throws -> String? {
        if let known = names[target]?[series] ?? unlistedName(series) { return known }
        let name = try SeriesNameRow.find(series, target: target, on: store)?.name
        if let name { names[target, default: [:]][series] = name }
        return name
    }

    /// A shape, from a cache.
    package func shape(_ id: ShapeID) throws -> Shape {
        try reading { try store.shape(id) }
    }

    /// The scrapes of a target with a time in `range` and a `seq` above `seq`, failed ones included where asked,
    /// ascending by position.
    package func scrapes(
        of target: TargetID,
        in range: TimeRange,
        afterSeq seq: Int64 = 0,
        failures: Bool
    ) throws -> ScrapeCursor {
        try reading {
            let rows = try HistoryRows(history(of: target), range: range, afterSeq: seq, failures: failures)
            return ScrapeCursor(rows: rows, store: store, stepStarts: try stepStarts(of: target))
        }
    }

    /// The positions of a target's scrapes that a clock step lies before: of each step the first scrape and the
    /// first successful scrape at or after it.
    func stepStarts(of target: TargetID) throws -> Set<ScrapePosition> {
        if let known = starts[target] { return known }
        var positions: Set<ScrapePosition> = []
        for step in try steps(of: target) {
            positions.insert(step.after)
            let history = try history(of: target)
            if let first = try history.position(after: step.after, isIncluded: true, .success) {
                positions.insert(first)
            }
        }
        starts[target] = positions
        return positions
    }

    /// The scrapes of a target: its chunks and its tail.
    func history(of target: TargetID) throws -> TargetHistory {
        if let known = histories[target] { return known }
        let tails = try tails ?? store.readTails(keepBodies: true)
        self.tails = tails
        let history = TargetHistory(
            target: target,
            chunks: try ChunkEntry.all(of: target, on: store),
            tail: tails[target] ?? [],
            store: store
        )
        histories[target] = history
        return history
    }

    /// The newest scrape of a target at or before `time` (the newest of all where nil); by (time, epoch),
    /// successful unless `failures`.
    package func newestScrape(
        of target: TargetID,
        atOrBefore time: Timestamp?,
        failures: Bool
    ) throws -> (ScrapeRecord, body: [UInt8])? {
        try reading {
            let history = try history(of: target)
            var newest: ScrapePosition?
            for epoch in try history.epochs() {
                let end = ScrapePosition(epoch: epoch, time: time ?? Timestamp(milliseconds: .max)).next
                let found = try history.position(before: end, failures ? .any : .success)
                // Epochs ascend, so of equal times the later epoch wins.
                if let found, found.epoch == epoch, newest.map({ $0.time <= found.time }) ?? true {
                    newest = found
                }
            }
            return try newest.flatMap { try history.row(at: $0) }.map { try answer($0) }
        }
    }

    /// The successful scrape of a target directly before `position`, in that run (any where nil), with its body.
    package func scrape(
        of target: TargetID,
        before position: ScrapePosition,
        in run: RunID?
    ) throws -> (ScrapeRecord, body: [UInt8])? {
        try reading {
            let kind = run.map { TargetHistory.Kind.run($0) } ?? .success
            return try history(of: target).row(before: position, kind).map { try answer($0) }
        }
    }

    private func answer(_ row: ScrapeRow) throws -> (ScrapeRecord, body: [UInt8]) {
        let isAfterStep = try stepStarts(of: row.target).contains(row.position)
        return (try store.record(row, isAfterStep: isAfterStep), try store.servedBody(of: row))
    }
}

extension RowStore {
    /// The arguments of a process.
    func commandLine(_ id: Int64) throws -> [String] {
        let statement = try connection.statement(
            "SELECT target, arguments, checksum FROM command_lines WHERE id = ?1"
        )
        try statement.bind(1, id)
        defer { statement.reset() }
        guard try statement.step() else { throw damaged("command line \(id) is missing") }
        let bytes = statement.bytes(1)
        let checksum = RowChecksum.of(
            "command_lines",
            .integer(id),
            .integer(statement.integer(0)),
            .bytes(bytes)
        )
        guard checksum == statement.integer(2), let arguments = StringList.decode(bytes) else {
            throw damaged("command line \(id) contradicts its checksum")
        }
        return arguments
    }
}
