import Model
import SQLite

/// A scrape as it is stored: a row of the table `scrapes` (the tail), or a row of a chunk.
struct ScrapeRow {
    var seq: Int64
    var target: TargetID
    var position: ScrapePosition
    /// What the wall clock said, where that is not the position's time.
    var wall: Timestamp?
    /// nil for a failed scrape.
    var run: RunID?
    /// The row of `origins`.
    var origin: Int64
    /// The row of `boots`.
    var boot: Int64?
    var bootNanoseconds: Int64?
    var durationNanoseconds: Int64?
    var status: Int64?
    var serverDate: Timestamp?
    /// nil for a failed scrape.
    var shape: ShapeID?
    /// Why it failed; nil for a successful scrape.
    var failure: String?
    /// How many collections this scrape was the first to show: the newest of its ring.
    var seen: Int64 = 0
    /// What nobody saw before it.
    var missed: MissedCollections?
    /// The row of `bases` that the body is compressed against, if any.
    var base: Int64?
    /// The body as `BodyEncoding` has it; nil where it is to be fetched.
    var body: [UInt8]?
    /// The number of its chunk, and its row there; nil for a row of the tail.
    var sealed: (chunk: Int64, row: Int)?

    /// The columns to select, in the order in which `init` reads them.
    static func columns(ofVersion version: Int64) -> String {
        """
        seq, target, epoch, t, wall, run, origin, boot, boot_ns, duration_ns, status, date, shape, failure, base, \
        body, checksum\(version == 1 ? "" : ", seen, missed_count, missed_ns")
        """
    }

    /// The statement that stores a row.
    static let insert = """
        INSERT INTO scrapes(\(columns(ofVersion: 2))) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, \
        ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)
        """
}

extension ScrapeRow {
    /// The row that a statement over `columns` stands on.
    ///
    /// - Throws: `StorageError.damaged` where it contradicts its checksum or itself.
    init(_ statement: Statement, path: String, version: Int64) throws {
        seq = statement.integer(0)
        target = TargetID(statement.integer(1))
        position = ScrapePosition(
            epoch: statement.integer(2),
            time: Timestamp(milliseconds: statement.integer(3))
        )
        wall = statement.optionalInteger(4).map { Timestamp(milliseconds: $0) }
        run = statement.optionalInteger(5).map { RunID($0) }
        origin = statement.integer(6)
        boot = statement.optionalInteger(7)
        bootNanoseconds = statement.optionalInteger(8)
        durationNanoseconds = statement.optionalInteger(9)
        status = statement.optionalInteger(10)
        serverDate = statement.optionalInteger(11).map { Timestamp(milliseconds: $0) }
        shape = statement.optionalInteger(12).map { ShapeID($0) }
        failure = statement.optionalText(13)
        base = statement.optionalInteger(14)
        body = statement.bytes(15)
        if version > 1 {
            seen = statement.integer(17)
            missed = statement.optionalInteger(18).map {
                MissedCollections(
                    count: UInt64(bitPattern: $0),
                    pauseNanoseconds: UInt64(bitPattern: statement.integer(19))
                )
            }
        }
        guard checksum(version: version) == statement.integer(16) else {
            throw StorageError.damaged(path: path, detail: "scrape \(seq) contradicts its checksum")
        }
        guard (run == nil) == (failure != nil), (shape == nil) == (failure != nil) else {
            throw StorageError.damaged(path: path, detail: "scrape \(seq) is neither a success nor a failure")
        }
    }

    /// The row's checksum.
    func checksum(version: Int64) -> Int64 {
        var checksum = RowChecksum(table: "scrapes")
        checksum.add(seq)
        checksum.add(target.value)
        checksum.add(position.epoch)
        checksum.add(position.time.milliseconds)
        checksum.add(wall?.milliseconds)
        checksum.add(run?.value)
        checksum.add(origin)
        checksum.add(boot)
        checksum.add(bootNanoseconds)
        checksum.add(durationNanoseconds)
        checksum.add(status)
        checksum.add(serverDate?.milliseconds)
        checksum.add(shape?.value)
        checksum.add(failure)
        checksum.add(base)
        (body ?? []).withUnsafeBytes { checksum.add($0) }
        if version > 1 {
            checksum.add(seen)
            checksum.add(missed.map { Int64(bitPattern: $0.count) })
            checksum.add(missed.map { Int64(bitPattern: $0.pauseNanoseconds) })
        }
        return checksum.value
    }

    /// Stores the row, in the form of version 2.
    func store(on connection: Connection) throws(SQLiteError) {
        let statement = try connection.statement(ScrapeRow.insert)
        try statement.bind(1, seq).bind(2, target.value).bind(3, position.epoch)
            .bind(4, position.time.milliseconds).bind(5, wall?.milliseconds).bind(6, run?.value).bind(
                7,
                origin
            )
            .bind(8, boot).bind(9, bootNanoseconds).bind(10, durationNanoseconds).bind(11, status)
            .bind(12, serverDate?.milliseconds).bind(13, shape?.value).bind(14, failure).bind(15, base)
            .bind(16, body ?? []).bind(17, checksum(version: 2)).bind(18, seen)
            .bind(19, missed.map { Int64(bitPattern: $0.count) })
            .bind(20, missed.map { Int64(bitPattern: $0.pauseNanoseconds) })
        try statement.run()
    }
}
