import Expvar
package import Model
import SQLite

/// Goes over blocks of series.
package final class SeriesBlockCursor {
    /// A block holds no more rows than this.
    static let rowsMax = 512

    private let rows: RowPages
    private let store: RowStore
    private let stepStarts: Set<ScrapePosition>
    private var leaves: SeriesLeaves
    private var document = ScannedDocument()

    init(rows: RowPages, store: RowStore, stepStarts: Set<ScrapePosition>, names: [String?]) {
        self.rows = rows
        self.store = store
        self.stepStarts = stepStarts
        leaves = SeriesLeaves(names: names)
    }

    /// The next block; nil at the end.
    package func next() throws -> SeriesBlock? {
        try StorageError.wrapping(store.path) {
            var block = SeriesBlock(rows: [], columns: [])
            var columns = [ColumnBuilder](repeating: ColumnBuilder(), count: leaves.count)
            while block.rows.count < SeriesBlockCursor.rowsMax, let row = try rows.next() {
                guard let run = row.run, let shapeID = row.shape else { continue }
                let (shape, body) = try store.understand(row, into: &document)
                block.rows.append(
                    SeriesRow(
                        seq: row.seq,
                        position: row.position,
                        run: run,
                        isAfterStep: stepStarts.contains(row.position),
                        shape: shapeID
                    )
                )
                for (index, leaf) in leaves.indexes(in: shape, id: shapeID).enumerated() {
                    let value = leaf < 0 ? nil : Shape.number(document.leaves[leaf], in: body)
                    columns[index].append(value)
                }
            }
            guard !block.rows.isEmpty else { return nil }
            block.columns = columns.map { $0.column }
            return block
        }
    }
}

/// Which leaf of each shape carries the asked series.
struct SeriesLeaves {
    private let names: [String?]
    private var known: [ShapeID: [Int]] = [:]
    private var last: (id: ShapeID, indexes: [Int])?

    /// The series of these names; nil for one that the target does not have.
    init(names: [String?]) { self.names = names }

    var count: Int { names.count }

    /// The index of the leaf of each series in that shape, -1 where the shape lacks it.
    mutating func indexes(in shape: Shape, id: ShapeID) -> [Int] {
        if let last, last.id == id { return last.indexes }
        let indexes = known[id] ?? find(in: shape)
        known[id] = indexes
        last = (id, indexes)
        return indexes
    }

    private func find(in shape: Shape) -> [Int] {
        var asked: [String: [Int]] = [:]
        for (index, name) in names.enumerated() {
            if let name { asked[name, default: []].append(index) }
        }
        var found = [Int](repeating: -1, count: names.count)
        for series in shape.series where shape.leafKinds.indices.contains(series.leaf) {
            for index in asked[series.name] ?? [] { found[index] = series.leaf }
        }
        return found
    }
}

/// Collects the values of one series, in the narrowest form that holds them all.
struct ColumnBuilder {
    private var integers: [Int64] = []
    private var reals: [Double] = []
    private var mixed: [Number?] = []
    private var count = 0

    mutating func append(_ value: Number?) {
        defer { count += 1 }
        switch value {
        case .integer(let integer)? where integers.count == count:
            integers.append(integer)
            return
        case .real(let real)? where reals.count == count:
            reals.append(real)
            return
        default:
            break
        }
        if mixed.count < count || !(integers.isEmpty && reals.isEmpty) { widen() }
        mixed.append(value)
        // A column of which nothing was seen yet stays narrow until it must not.
        if count == 0 { return }
    }

    /// Moves what was collected into `mixed`.
    private mutating func widen() {
        if integers.count == count && count > 0 {
            mixed = integers.map { .integer($0) }
        } else if reals.count == count && count > 0 {
            mixed = reals.map { .real($0) }
        }
        integers = []
        reals = []
    }

    /// What was collected.
    var column: SeriesColumn {
        if count > 0 && integers.count == count { return .integers(integers) }
        if count > 0 && reals.count == count { return .reals(reals) }
        return mixed.contains { $0 != nil } ? .mixed(mixed) : .absent
    }
}

extension VaultSnapshot {
    /// The values of `series` in the scrapes of `range`, and around it.
    ///
    /// Holds every successful scrape with a time in the range, and for each of them also the one directly before
    /// and after it (by position) and the one before and after it in its run, so that pairs which straddle an end
    /// of the range are complete. Rows further outside may be there too: the reader clips.
    package func seriesBlocks(
        of target: TargetID,
        series: [SeriesID],
        in range: TimeRange
    ) throws -> SeriesBlockCursor {
        try reading {
            let names = try series.map { try name(of: $0, target: target) }
            let rows = RowPages(
                target: target,
                stretches: try widened(range, of: target),
                afterSeq: 0,
                failures: false,
                store: store
            )
            if range == .all { rows.expectedRows = try rowCount(of: target, failures: false) }
            return SeriesBlockCursor(
                rows: rows,
                store: store,
                stepStarts: try stepStarts(of: target),
                names: names
            )
        }
    }

    /// The stretches of `range`, with the rows around them as stretches of one row.
    private func widened(_ range: TimeRange, of target: TargetID) throws -> [RowPages.Stretch] {
        let inside = try RowPages.stretches(of: target, in: range, store: store)
        if range == .all { return inside }
        let runs = try runRows(of: target)
        var around: Set<ScrapePosition> = []
        for stretch in inside {
            guard let first = try firstSuccess(of: target, in: stretch) else { continue }
            let last = try lastSuccess(of: target, in: stretch) ?? first
            for row in [
                try store.successBefore(first, of: target, in: nil),
                try store.successAfter(last, of: target, in: nil),
            ] {
                if let row { around.insert(row.position) }
            }
            for run in runs where run.first <= last && run.last >= first {
                if run.first < first, let row = try store.successBefore(first, of: target, in: run.id) {
                    around.insert(row.position)
                }
                if run.last > last, let row = try store.successAfter(last, of: target, in: run.id) {
                    around.insert(row.position)
                }
            }
        }
        let outside = around.filter { position in
            !inside.contains { $0.first <= position && position <= $0.last }
        }
        return (inside + outside.map { RowPages.Stretch(first: $0, last: $0) }).sorted { $0.first < $1.first }
    }

    private func firstSuccess(of target: TargetID, in stretch: RowPages.Stretch) throws -> ScrapePosition? {
        try store.firstRow(
            """
            SELECT \(ScrapeRow.columns) FROM scrapes WHERE target = ?1 AND (epoch, t) >= (?2, ?3) \
            AND (epoch, t) <= (?4, ?5) AND run IS NOT NULL ORDER BY epoch, t LIMIT 1
            """,
            target.value,
            stretch.first.epoch,
            stretch.first.time.milliseconds,
            stretch.last.epoch,
            stretch.last.time.milliseconds
        )?.position
    }

    private func lastSuccess(of target: TargetID, in stretch: RowPages.Stretch) throws -> ScrapePosition? {
        try store.firstRow(
            """
            SELECT \(ScrapeRow.columns) FROM scrapes WHERE target = ?1 AND (epoch, t) >= (?2, ?3) \
            AND (epoch, t) <= (?4, ?5) AND run IS NOT NULL ORDER BY epoch DESC, t DESC LIMIT 1
            """,
            target.value,
            stretch.first.epoch,
            stretch.first.time.milliseconds,
            stretch.last.epoch,
            stretch.last.time.milliseconds
        )?.position
    }

    /// The last row with a value of `series` before `position` in `run` (any run where nil); for series that
    /// some scrapes lack.
    package func lastSample(
        of series: SeriesID,
        target: TargetID,
        in run: RunID?,
        before position: ScrapePosition
    ) throws -> (SeriesRow, Number)? {
        try reading {
            try nearestSample(
                of: series,
                target: target,
                in: run,
                from: position,
                sql: "AND (epoch, t) < (?2, ?3)",
                order: "ORDER BY epoch DESC, t DESC"
            )
        }
    }

    /// The first row with a value of `series` at or after `position` in `run`.
    package func firstSample(
        of series: SeriesID,
        target: TargetID,
        in run: RunID,
        atOrAfter position: ScrapePosition
    ) throws -> (SeriesRow, Number)? {
        try reading {
            try nearestSample(
                of: series,
                target: target,
                in: run,
                from: position,
                sql: "AND (epoch, t) >= (?2, ?3)",
                order: "ORDER BY epoch, t"
            )
        }
    }

    private func nearestSample(
        of series: SeriesID,
        target: TargetID,
        in run: RunID?,
        from position: ScrapePosition,
        sql: String,
        order: String
    ) throws -> (SeriesRow, Number)? {
        guard let name = try name(of: series, target: target) else { return nil }
        let statement = try store.connection.ownStatement(
            """
            SELECT \(ScrapeRow.columns) FROM scrapes WHERE target = ?1 \(sql) \
            AND \(run == nil ? "run IS NOT NULL" : "run = ?4") \(order)
            """
        )
        try statement.bind(1, target.value).bind(2, position.epoch).bind(3, position.time.milliseconds)
        if let run { try statement.bind(4, run.value) }
        var leaves = SeriesLeaves(names: [name])
        var document = ScannedDocument()
        while try statement.step() {
            let row = try ScrapeRow(statement, path: path)
            guard let rowRun = row.run, let shapeID = row.shape else { continue }
            // The shape says whether the series is there, so most rows without it cost no body.
            let leaf = leaves.indexes(in: try store.shape(shapeID), id: shapeID)[0]
            guard leaf >= 0 else { continue }
            let (_, body) = try store.understand(row, into: &document)
            guard let value = Shape.number(document.leaves[leaf], in: body) else { continue }
            let isAfterStep = try stepStarts(of: target).contains(row.position)
            let found = SeriesRow(
                seq: row.seq,
                position: row.position,
                run: rowRun,
                isAfterStep: isAfterStep,
                shape: shapeID
            )
            return (found, value)
        }
        return nil
    }
}
