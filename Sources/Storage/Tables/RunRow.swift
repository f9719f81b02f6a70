import Expvar
import Model
import SQLite

/// A row of the table `runs`, compared with its checksum.
struct RunRow {
    var id: RunID
    var target: TargetID
    var first: ScrapePosition
    var last: ScrapePosition
    var scrapeCount: Int64
    var startedNanoseconds: UInt64?
    /// The row of `command_lines`; nil where the document has none.
    var commandLine: Int64?

    /// What the next scrapes are compared with, as far as it was stored.
    ///
    /// It is of the scrape that it names, which need not be the run's last. Of its arguments it tells only whether there
    /// are any; they are the run's.
    var memory: RunMemory?

    /// The columns to select, in the order of the table; up to version 4 it had fewer.
    static func columns(ofVersion version: Int64) -> String {
        "id, target, first_epoch, first_t, last_epoch, last_t, scrape_count, started_ns, command_line, checksum, "
            + (version < 5 ? "NULL" : "memory")
    }
}

extension RunRow {
    /// The row that a statement over `columns` stands on.
    init(_ statement: Statement, path: String) throws {
        id = RunID(statement.integer(0))
        target = TargetID(statement.integer(1))
        first = ScrapePosition(
            epoch: statement.integer(2),
            time: Timestamp(milliseconds: statement.integer(3))
        )
        last = ScrapePosition(
            epoch: statement.integer(4),
            time: Timestamp(milliseconds: statement.integer(5))
        )
        scrapeCount = statement.integer(6)
        startedNanoseconds = statement.optionalInteger(7).map { UInt64(bitPattern: $0) }
        commandLine = statement.optionalInteger(8)
        let bytes = statement.isNull(10) ? nil : statement.bytes(10)
        guard checksum(bytes) == statement.integer(9) else {
            throw StorageError.damaged(path: path, detail: "run \(id.value) contradicts its checksum")
        }
        do {
            memory = try bytes.map { try RunMemoryBytes.decode($0) }
        } catch {
            throw StorageError.damaged(
                path: path,
                detail: "what run \(id.value) remembers cannot be read: \(error)"
            )
        }
    }

    /// What older versions did not have counts only where it is there: their rows are valid as they are.
    private func checksum(_ memory: [UInt8]?) -> Int64 {
        var checksum = RowChecksum(table: "runs")
        checksum.add(id.value)
        checksum.add(target.value)
        checksum.add(first.epoch)
        checksum.add(first.time.milliseconds)
        checksum.add(last.epoch)
        checksum.add(last.time.milliseconds)
        checksum.add(scrapeCount)
        checksum.add(startedNanoseconds.map { Int64(bitPattern: $0) })
        checksum.add(commandLine)
        memory?.withUnsafeBytes { checksum.add($0) }
        return checksum.value
    }

    /// Stores a new row.
    func insert(on connection: Connection) throws(SQLiteError) {
        let statement = try connection.statement(
            """
            INSERT INTO runs(id, target, first_epoch, first_t, last_epoch, last_t, scrape_count, started_ns, \
            command_line, checksum, memory) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
            """
        )
        try bindAndRun(statement)
    }

    /// Stores what changed of a row.
    func update(on connection: Connection) throws(SQLiteError) {
        let statement = try connection.statement(
            """
            UPDATE runs SET target = ?2, first_epoch = ?3, first_t = ?4, last_epoch = ?5, last_t = ?6, \
            scrape_count = ?7, started_ns = ?8, command_line = ?9, checksum = ?10, memory = ?11 WHERE id = ?1
            """
        )
        try bindAndRun(statement)
    }

    private func bindAndRun(_ statement: Statement) throws(SQLiteError) {
        let bytes = memory.map { RunMemoryBytes.encode($0) }
        try statement.bind(1, id.value).bind(2, target.value).bind(3, first.epoch)
            .bind(4, first.time.milliseconds).bind(5, last.epoch).bind(6, last.time.milliseconds)
            .bind(7, scrapeCount).bind(8, startedNanoseconds.map { Int64(bitPattern: $0) })
            .bind(9, commandLine).bind(10, checksum(bytes)).bind(11, bytes)
            .run()
    }

    /// The run with that number, if it is there.
    static func find(_ id: RunID, on store: some RowSource) throws -> RunRow? {
        let statement = try store.connection.statement(
            "SELECT \(columns(ofVersion: store.version)) FROM runs WHERE id = ?1"
        )
        try statement.bind(1, id.value)
        defer { statement.reset() }
        return try statement.step() ? try RunRow(statement, path: store.path) : nil
    }

    /// Counts one more scrape at `position`.
    mutating func count(_ position: ScrapePosition) {
        first = min(first, position)
        last = max(last, position)
        scrapeCount += 1
    }

    /// When its process began, as far as a scrape with that state tells; nil where it does not.
    ///
    /// A process is older than what it served: a first collection after the run's first scrape is no beginning.
    func started(_ state: ProcessState) -> UInt64? {
        state.firstCollectionEndNanoseconds.flatMap { hasBegun(by: $0) ? $0 : nil }
    }

    /// Whether that moment is not after the run's first scrape.
    func hasBegun(by nanoseconds: UInt64) -> Bool {
        Int64(nanoseconds / 1_000_000) <= first.time.milliseconds
    }

    /// All runs of a target, ascending by number.
    static func all(of target: TargetID, on store: some RowSource) throws -> [RunRow] {
        let statement = try store.connection.statement(
            "SELECT \(columns(ofVersion: store.version)) FROM runs WHERE target = ?1 ORDER BY id"
        )
        try statement.bind(1, target.value)
        defer { statement.reset() }
        var rows: [RunRow] = []
        while try statement.step() { rows.append(try RunRow(statement, path: store.path)) }
        return rows
    }
}
