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
            try SeriesNameRow.store(series.name, target: target, at: t, on: store.connection)
            known.insert(Array(series.name.utf8))
            added += 1
        }
        if done.count > 64 { done.removeAll() }
        done.insert(id)
        return (added, false)
    }

    private static func names(of target: TargetID, on store: RowStore) throws -> Set<[UInt8]> {
        Set(try SeriesNameRow.all(of: target, on: store).map { Array($0.name.utf8) })
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
