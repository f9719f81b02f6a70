import Expvar
import Model
import SQLite

/// The names of a target's series, each with its number, and the limit on new ones.
///
/// The names of a target's first document all count; of later ones at most `newNamesPerDayMax` a day (in UTC, by the
/// scrape's time), so that a target that makes up names cannot fill the file with them. What is beyond is stored in
/// the body all the same, and gets its number on a later day.
struct SeriesRegistry {
    /// New names of a target in one day.
    static let newNamesPerDayMax = 1000
    private static let millisecondsPerDay: Int64 = 86_400_000

    /// By their bytes: two keys that Unicode holds equivalent are two series.
    private var names: Set<[UInt8]>?
    /// Shapes all of whose names are registered.
    private var done: Set<ShapeID> = []
    /// Shapes that met the limit, with the day on which they did.
    private var limited: [ShapeID: Int64] = [:]
    private var day: Int64 = .min
    private var newNamesOfDay = 0

    /// Registers the names of a shape that a scrape at `t` has.
    ///
    /// Returns how many were new, and whether the limit left some out.
    mutating func register(
        _ shape: Shape,
        id: ShapeID,
        target: TargetID,
        at t: Timestamp,
        on store: RowStore
    ) throws -> (added: Int, limited: Bool) {
        if done.contains(id) { return (0, false) }
        let today = StepGrid(stepMilliseconds: SeriesRegistry.millisecondsPerDay).start(of: t).milliseconds
        if limited[id] == today { return (0, true) }
        var known = try names ?? SeriesRegistry.names(of: target, on: store)
        // Taken out, so that the set is not copied when it grows.
        names = nil
        defer { names = known }
        if day != today {
            newNamesOfDay = try SeriesRegistry.countNewNames(of: target, onDay: today, on: store)
            day = today
        }
        let isFirst = known.isEmpty
        var added = 0
        for series in shape.series where !known.contains(Array(series.name.utf8)) {
            if !isFirst {
                guard newNamesOfDay < SeriesRegistry.newNamesPerDayMax else {
                    if limited.count > 64 { limited.removeAll() }
                    limited[id] = today
                    return (added, true)
                }
                newNamesOfDay += 1
            }
            try SeriesRegistry.store(series.name, target: target, at: t, on: store.connection)
            known.insert(Array(series.name.utf8))
            added += 1
        }
        if done.count > 64 { done.removeAll() }
        done.insert(id)
        return (added, false)
    }

    private static func names(of target: TargetID, on store: RowStore) throws -> Set<[UInt8]> {
        Set(try records(of: target, on: store).map { Array($0.name.utf8) })
    }

    /// All series of a target, ascending by name.
    static func records(of target: TargetID, on store: RowStore) throws -> [SeriesRecord] {
        let statement = try store.connection.statement(
            "SELECT id, name, first_t, checksum FROM series WHERE target = ?1 ORDER BY name"
        )
        try statement.bind(1, target.value)
        defer { statement.reset() }
        var records: [SeriesRecord] = []
        while try statement.step() { records.append(try record(statement, target: target, store: store)) }
        return records
    }

    /// The series with that number, if the target has it.
    static func find(_ id: SeriesID, target: TargetID, on store: RowStore) throws -> SeriesRecord? {
        let statement = try store.connection.statement(
            "SELECT id, name, first_t, checksum FROM series WHERE id = ?1 AND target = ?2"
        )
        try statement.bind(1, id.value).bind(2, target.value)
        defer { statement.reset() }
        return try statement.step() ? try record(statement, target: target, store: store) : nil
    }

    private static func record(
        _ statement: Statement,
        target: TargetID,
        store: RowStore
    ) throws -> SeriesRecord {
        let id = statement.integer(0)
        let name = statement.text(1)
        guard
            checksum(id: id, target: target, name: name, firstTime: statement.integer(2))
                == statement.integer(3)
        else { throw store.damaged("series \(id) contradicts its checksum") }
        return SeriesRecord(id: SeriesID(id), name: name)
    }

    private static func checksum(id: Int64, target: TargetID, name: String, firstTime: Int64) -> Int64 {
        RowChecksum.of("series", .integer(id), .integer(target.value), .text(name), .integer(firstTime))
    }

    private static func store(
        _ name: String,
        target: TargetID,
        at t: Timestamp,
        on connection: Connection
    ) throws(SQLiteError) {
        let id = try RowNumber.next(of: "series", on: connection)
        try connection.statement(
            "INSERT INTO series(id, target, name, first_t, checksum) VALUES (?1, ?2, ?3, ?4, ?5)"
        )
        .bind(1, id).bind(2, target.value).bind(3, name).bind(4, t.milliseconds)
        .bind(5, checksum(id: id, target: target, name: name, firstTime: t.milliseconds))
        .run()
    }

    /// How many names the target got on that day, those of its first document not counted.
    private static func countNewNames(
        of target: TargetID,
        onDay day: Int64,
        on store: RowStore
    ) throws(SQLiteError) -> Int {
        let statement = try store.connection.statement(
            """
            SELECT count(*) FROM series WHERE target = ?1 AND first_t >= ?2 AND first_t - ?2 < ?3 \
            AND first_t > (SELECT min(first_t) FROM series WHERE target = ?1)
            """
        )
        try statement.bind(1, target.value).bind(2, day).bind(3, millisecondsPerDay)
        defer { statement.reset() }
        return try statement.step() ? Int(statement.integer(0)) : 0
    }
}
