import Model
import SQLite

/// Goes over scrapes one by one.
package final class ScrapeCursor {
    private let rows: RowPages
    private let store: RowStore
    private let stepStarts: Set<ScrapePosition>
    private var current: ScrapeRow?

    init(rows: RowPages, store: RowStore, stepStarts: Set<ScrapePosition>) {
        self.rows = rows
        self.store = store
        self.stepStarts = stepStarts
    }

    /// The next scrape; nil at the end.
    ///
    /// Its body is decoded only when `body()` is called.
    package func next() throws -> ScrapeRecord? {
        try StorageError.wrapping(store.path) {
            current = try rows.next()
            return try current.map { try store.record($0, isAfterStep: stepStarts.contains($0.position)) }
        }
    }

    /// The body of the scrape that `next()` returned last; for a failed scrape what was kept of it.
    package func body() throws -> [UInt8] {
        guard let current else { preconditionFailure("BUG: no scrape was returned whose body could be read") }
        return try StorageError.wrapping(store.path) { try store.body(of: current) }
    }
}

/// Reads a target's rows in order of position, a page at a time; no statement stays open between pages.
final class RowPages {
    /// A stretch of positions, both ends included.
    struct Stretch: Equatable {
        var first: ScrapePosition
        var last: ScrapePosition
    }

    /// A page ends after so many rows, or so many bytes of coded bodies.
    private static let rowsMax = 256
    private static let bytesMax = 1 << 20
    /// Where fewer scrapes than this are newer than the asked `seq`, they are looked up by it.
    private static let newestMax: Int64 = 4096

    private let store: RowStore
    private let target: TargetID
    private let afterSeq: Int64
    private let failures: Bool
    private var stretches: ArraySlice<Stretch>
    /// How many rows must come in all, where that is known.
    var expectedRows: Int64?
    private var returnedRows: Int64 = 0
    private var previous: ScrapePosition?
    private var page: [ScrapeRow] = []
    private var index = 0

    /// The rows in those stretches, which ascend and do not overlap.
    init(target: TargetID, stretches: [Stretch], afterSeq: Int64, failures: Bool, store: RowStore) {
        self.store = store
        self.target = target
        self.afterSeq = afterSeq
        self.failures = failures
        self.stretches = stretches[...]
    }

    /// The rows with a time in `range`.
    convenience init(
        target: TargetID,
        range: TimeRange,
        afterSeq: Int64,
        failures: Bool,
        store: RowStore
    ) throws {
        var stretches: [Stretch] = []
        if afterSeq > 0, let few = try RowPages.fewAfter(afterSeq, of: target, store: store) {
            // An export that follows asks for the newest again and again: the work must not grow with the history.
            stretches = few.filter { range.contains($0.time) }.map { Stretch(first: $0, last: $0) }
        } else {
            stretches = try RowPages.stretches(of: target, in: range, store: store)
        }
        self.init(target: target, stretches: stretches, afterSeq: afterSeq, failures: failures, store: store)
    }

    /// The range's part of each epoch.
    static func stretches(of target: TargetID, in range: TimeRange, store: RowStore) throws -> [Stretch] {
        let since = range.since ?? Timestamp(milliseconds: .min)
        let last = range.until?.advanced(byMilliseconds: -1) ?? Timestamp(milliseconds: .max)
        guard since <= last, range.until?.milliseconds != .min else { return [] }
        return try store.epochs(of: target).map {
            Stretch(
                first: ScrapePosition(epoch: $0, time: since),
                last: ScrapePosition(epoch: $0, time: last)
            )
        }
    }

    private static func fewAfter(
        _ seq: Int64,
        of target: TargetID,
        store: RowStore
    ) throws -> [ScrapePosition]? {
        let highest = try store.connection.integer("SELECT max(seq) FROM scrapes") ?? 0
        guard highest &- seq <= newestMax else { return nil }
        let statement = try store.connection.statement(
            "SELECT epoch, t FROM scrapes WHERE seq > ?1 AND +target = ?2"
        )
        try statement.bind(1, seq).bind(2, target.value)
        defer { statement.reset() }
        var positions: [ScrapePosition] = []
        while try statement.step() {
            let time = Timestamp(milliseconds: statement.integer(1))
            positions.append(ScrapePosition(epoch: statement.integer(0), time: time))
        }
        return positions.sorted()
    }

    /// The next row; nil at the end.
    func next() throws -> ScrapeRow? {
        while index == page.count {
            guard let stretch = stretches.first else {
                guard expectedRows.map({ $0 == returnedRows }) ?? true else {
                    throw store.damaged("scrapes of target \(target.value) cannot be reached")
                }
                return nil
            }
            try load(stretch)
        }
        defer { index += 1 }
        returnedRows += 1
        return page[index]
    }

    private func load(_ stretch: Stretch) throws {
        page.removeAll(keepingCapacity: true)
        index = 0
        let isOneRow = stretch.first == stretch.last
        let statement = try store.connection.statement(
            """
            SELECT \(ScrapeRow.columns) FROM scrapes WHERE target = ?1 AND (epoch, t) >= (?2, ?3) \
            AND (epoch, t) <= (?4, ?5) AND +seq > ?6 \
            ORDER BY epoch, t LIMIT ?7
            """
        )
        try statement.bind(1, target.value).bind(2, stretch.first.epoch)
            .bind(3, stretch.first.time.milliseconds).bind(4, stretch.last.epoch)
            .bind(5, stretch.last.time.milliseconds).bind(6, afterSeq).bind(7, Int64(RowPages.rowsMax))
        defer { statement.reset() }
        var bytes = 0
        var count = 0
        var last: ScrapePosition?
        while bytes < RowPages.bytesMax, try statement.step() {
            let row = try ScrapeRow(statement, path: store.path)
            // What the index says must be what the rows say, and each row comes once.
            guard row.target == target, stretch.first <= row.position, row.position <= stretch.last,
                previous.map({ $0 < row.position }) ?? true
            else { throw store.damaged("scrape \(row.seq) is not where the index has it") }
            previous = row.position
            last = row.position
            bytes += row.body.count
            count += 1
            if failures || row.run != nil { page.append(row) }
        }
        let isFull = count == RowPages.rowsMax || bytes >= RowPages.bytesMax
        if isFull, !isOneRow, let last, last < stretch.last {
            stretches[stretches.startIndex].first = RowPages.next(after: last)
        } else {
            stretches.removeFirst()
        }
    }

    private static func next(after position: ScrapePosition) -> ScrapePosition {
        guard position.time.milliseconds < .max else {
            return ScrapePosition(epoch: position.epoch &+ 1, time: Timestamp(milliseconds: .min))
        }
        return ScrapePosition(epoch: position.epoch, time: position.time.advanced(byMilliseconds: 1))
    }
}
