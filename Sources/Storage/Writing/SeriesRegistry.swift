import Expvar
import Model
import SQLite

/// The names of a target's series, each with its number, and the limit on new ones.
///
/// The names of a target's first document all count; of later ones at most `newNamesPerDayMax` a day (in UTC, by the
/// scrape's time), so that a target that makes up names cannot fill the file with them; those of elements of arrays, which
/// grow by themselves, have as many of their own. What is beyond is stored in the body all the same, can be asked for by
/// its name, and gets its number on a later day.
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
    /// Those of elements of arrays, and all others.
    private var newNamesOfDay = (elements: 0, others: 0)

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
        var isLimited = false
        for series in shape.series where !known.contains(Array(series.name.utf8)) {
            guard isFirst || countNew(series.name) else {
                isLimited = true
                continue
            }
            try SeriesNameRow.store(series.name, target: target, at: t, on: store.connection)
            known.insert(Array(series.name.utf8))
            added += 1
        }
        if isLimited {
            if limited.count > 64 { limited.removeAll() }
            limited[id] = today
        } else {
            if done.count > 64 { done.removeAll() }
            done.insert(id)
        }
        return (added, isLimited)
    }

    /// Counts a new name of the day; false where there is no room for it.
    private mutating func countNew(_ name: String) -> Bool {
        if SeriesRegistry.isOfElement(name) {
            guard newNamesOfDay.elements < SeriesRegistry.newNamesPerDayMax else { return false }
            newNamesOfDay.elements += 1
        } else {
            guard newNamesOfDay.others < SeriesRegistry.newNamesPerDayMax else { return false }
            newNamesOfDay.others += 1
        }
        return true
    }

    /// Whether the name looks like one of an array's element, or of what is in one: a part of its path is a number.
    static func isOfElement(_ name: String) -> Bool {
        name.utf8.split(separator: UInt8(ascii: ".")).contains { part in
            part.allSatisfy { $0 &- UInt8(ascii: "0") <= 9 }
        }
    }

    private static func names(of target: TargetID, on store: RowStore) throws -> Set<[UInt8]> {
        Set(try SeriesNameRow.all(of: target, on: store).map { Array($0.name.utf8) })
    }

    /// How many names the target got on that day, those of its first document not counted.
    private static func countNewNames(
        of target: TargetID,
        onDay day: Int64,
        on store: RowStore
    ) throws(SQLiteError) -> (elements: Int, others: Int) {
        let statement = try store.connection.statement(
            """
            SELECT name FROM series WHERE target = ?1 AND first_t >= ?2 AND first_t - ?2 < ?3 \
            AND first_t > (SELECT min(first_t) FROM series WHERE target = ?1)
            """
        )
        try statement.bind(1, target.value).bind(2, day).bind(3, millisecondsPerDay)
        defer { statement.reset() }
        var count = (elements: 0, others: 0)
        while try statement.step() {
            if isOfElement(statement.text(0)) { count.elements += 1 } else { count.others += 1 }
        }
        return count
    }
}
