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
    /// The path of the database file, for messages.
    package let path: String
    let store: RowStore
    /// How many targets the database says it has, and their rows once read.
    let targetCount: Int64
    var knownTargets: [TargetRow]?
    private var names: [TargetID: [SeriesID: String]] = [:]
    private var starts: [TargetID: Set<ScrapePosition>] = [:]

    /// A reader waits that long while a writer recovers the WAL after a crash.
    private static let busyMilliseconds: Int32 = 5000

    init(file: VaultFile) throws(StorageError) {
        path = file.path
        let path = file.path
        let parts = try StorageError.wrapping(path) {
            let connection = try Connection(
                path: file.realPath,
                role: file.readerRole(),
                busyMilliseconds: VaultSnapshot.busyMilliseconds
            )
            let store = try RowStore(connection: connection, path: path)
            // The transaction begins with the first read.
            try connection.execute("BEGIN")
            let version = try connection.integer("PRAGMA user_version") ?? 0
            guard version <= Migrations.currentVersion else {
                throw StorageError.newer(path: path, version: version)
            }
            try Schema.verify(on: connection, version: version, path: path)
            let meta = try MetaValues(connection: connection, path: path)
            let highest = try connection.integer("SELECT max(seq) FROM scrapes") ?? 0
            return (store, meta, max(meta.seqFloor, highest))
        }
        store = parts.0
        databaseUUID = parts.1.databaseUUID
        recordingHost = parts.1.recordingHost
        lastSeq = parts.2
        targetCount = parts.1.targetCount
    }

    /// Runs `body`; what the modules below throw becomes a `StorageError`.
    func reading<Result>(_ body: () throws -> Result) throws(StorageError) -> Result {
        try StorageError.wrapping(path, body)
    }

    /// The runs of a target, ascending by first position.
    package func runs(of target: TargetID) throws -> [RunRecord] {
        try reading {
            var commandLines: [Int64: [String]] = [:]
            var records: [RunRecord] = []
            for row in try runRows(of: target) {
                let arguments =
                    try row.commandLine.map { id in
                        try commandLines[id] ?? store.commandLine(id)
                    } ?? []
                if let id = row.commandLine { commandLines[id] = arguments }
                records.append(
                    RunRecord(
                        id: row.id,
                        startedNanoseconds: row.startedNanoseconds,
                        first: row.first,
                        last: row.last,
                        scrapeCount: row.scrapeCount,
                        commandLine: arguments
                    )
                )
            }
            return records.sorted { $0.first < $1.first }
        }
    }

    /// The series of a target, ascending by name; `up` and `scrape.duration_seconds` are not among them.
    package func series(of target: TargetID) throws -> [SeriesRecord] {
        try reading { try seriesRecords(of: target) }
    }

    /// The name of a series of a target; nil where the target has none of that number.
    func name(of series: SeriesID, target: TargetID) throws -> String? {
        if let known = names[target]?[series] { return known }
        let name = try SeriesRegistry.find(series, target: target, on: store)?.name
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
            let rows = try pages(of: target, in: range, afterSeq: seq, failures: failures)
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
            let first = try firstSuccess(of: target, atOrAfter: step.after)
            if let first { positions.insert(first.position) }
        }
        starts[target] = positions
        return positions
    }

    private func firstSuccess(of target: TargetID, atOrAfter position: ScrapePosition) throws -> ScrapeRow? {
        try store.firstRow(
            """
            SELECT \(ScrapeRow.columns) FROM scrapes WHERE target = ?1 AND (epoch, t) >= (?2, ?3) \
            AND run IS NOT NULL ORDER BY epoch, t LIMIT 1
            """,
            target.value,
            position.epoch,
            position.time.milliseconds
        )
    }

    /// The newest scrape of a target at or before `time` (the newest of all where nil); by (time, epoch),
    /// successful unless `failures`.
    package func newestScrape(
        of target: TargetID,
        atOrBefore time: Timestamp?,
        failures: Bool
    ) throws -> (ScrapeRecord, body: [UInt8])? {
        try reading {
            var newest: ScrapeRow?
            for epoch in try store.epochs(of: target) {
                let row = try store.firstRow(
                    """
                    SELECT \(ScrapeRow.columns) FROM scrapes WHERE target = ?1 AND epoch = ?2 AND t <= ?3 \
                    \(failures ? "" : "AND run IS NOT NULL") ORDER BY t DESC LIMIT 1
                    """,
                    target.value,
                    epoch,
                    time?.milliseconds ?? .max
                )
                // Epochs ascend, so of equal times the later epoch wins.
                if let row, newest.map({ $0.position.time <= row.position.time }) ?? true { newest = row }
            }
            return try newest.map { try answer($0) }
        }
    }

    /// The successful scrape of a target directly before `position`, in that run (any where nil), with its body.
    package func scrape(
        of target: TargetID,
        before position: ScrapePosition,
        in run: RunID?
    ) throws -> (ScrapeRecord, body: [UInt8])? {
        try reading {
            try store.successBefore(position, of: target, in: run).map { try answer($0) }
        }
    }

    private func answer(_ row: ScrapeRow) throws -> (ScrapeRecord, body: [UInt8]) {
        let isAfterStep = try stepStarts(of: row.target).contains(row.position)
        return (try store.record(row, isAfterStep: isAfterStep), try store.body(of: row))
    }
}

extension RowStore {
    /// The epochs of a target that have scrapes, ascending.
    func epochs(of target: TargetID) throws -> [Int64] {
        // From one epoch to the next by the index: one look for each, however many scrapes there are.
        let statement = try connection.statement(
            "SELECT min(epoch) FROM scrapes WHERE target = ?1 AND epoch > ?2"
        )
        let first = try connection.statement("SELECT min(epoch) FROM scrapes WHERE target = ?1")
        try first.bind(1, target.value)
        defer { first.reset() }
        guard try first.step(), var epoch = first.optionalInteger(0) else { return [] }
        var epochs = [epoch]
        while true {
            statement.reset()
            try statement.bind(1, target.value).bind(2, epoch)
            guard try statement.step(), let next = statement.optionalInteger(0) else { break }
            epoch = next
            epochs.append(epoch)
        }
        statement.reset()
        return epochs
    }

    /// The successful scrape directly before `position`, in that run, or any.
    func successBefore(_ position: ScrapePosition, of target: TargetID, in run: RunID?) throws -> ScrapeRow? {
        let sql = """
            SELECT \(ScrapeRow.columns) FROM scrapes WHERE target = ?1 AND (epoch, t) < (?2, ?3) AND \
            \(run == nil ? "run IS NOT NULL" : "run = ?4") ORDER BY epoch DESC, t DESC LIMIT 1
            """
        guard let run else {
            return try firstRow(sql, target.value, position.epoch, position.time.milliseconds)
        }
        return try firstRow(sql, target.value, position.epoch, position.time.milliseconds, run.value)
    }

    /// The successful scrape directly after `position`, in that run, or any.
    func successAfter(_ position: ScrapePosition, of target: TargetID, in run: RunID?) throws -> ScrapeRow? {
        let sql = """
            SELECT \(ScrapeRow.columns) FROM scrapes WHERE target = ?1 AND (epoch, t) > (?2, ?3) AND \
            \(run == nil ? "run IS NOT NULL" : "run = ?4") ORDER BY epoch, t LIMIT 1
            """
        guard let run else {
            return try firstRow(sql, target.value, position.epoch, position.time.milliseconds)
        }
        return try firstRow(sql, target.value, position.epoch, position.time.milliseconds, run.value)
    }

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
