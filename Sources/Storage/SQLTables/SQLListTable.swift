import Model
import SQLite

/// A table whose rows are read for one target at a time: `targets`, `runs`, `gc_pauses`.
final class SQLListTable<Row>: VirtualTable {
    /// A column and how a row fills it.
    struct Column {
        var declared: VirtualTableColumn
        var put: (TargetRecord, Row, SQLResult) -> Void

        init(
            _ name: String,
            _ type: String,
            isHidden: Bool = false,
            _ put: @escaping (TargetRecord, Row, SQLResult) -> Void
        ) {
            declared = VirtualTableColumn(name, type, isHidden: isHidden)
            self.put = put
        }
    }

    let name: String
    let primaryKey: [String]
    let columns: [VirtualTableColumn]
    private let puts: [(TargetRecord, Row, SQLResult) -> Void]
    private let planner: SQLTablePlanner
    private let source: SQLTableSource
    private let rows: (TargetRecord, [VirtualTableArgument]) throws -> [Row]

    /// A table with the target's name in its first column; `integers` are columns whose conditions `rows` is told of.
    init(
        _ name: String,
        key: [String],
        source: SQLTableSource,
        columns: [Column],
        integers: Set<Int> = [],
        rowCount: Double,
        rows: @escaping (TargetRecord, [VirtualTableArgument]) throws -> [Row]
    ) {
        self.name = name
        primaryKey = key
        self.columns = columns.map(\.declared)
        puts = columns.map(\.put)
        planner = SQLTablePlanner(names: [0: 0.1], integers: integers, rows: rowCount, order: [0])
        self.source = source
        self.rows = rows
    }

    func plan(for question: VirtualTableQuestion) -> VirtualTablePlan { planner.plan(for: question) }

    func makeCursor() -> any VirtualTableCursor { Cursor(self) }

    private final class Cursor: VirtualTableCursor {
        private let table: SQLListTable
        private var arguments: [VirtualTableArgument] = []
        private var targets: ArraySlice<TargetRecord> = []
        private var target: TargetRecord?
        private var rows: [Row] = []
        private var index = 0

        init(_ table: SQLListTable) { self.table = table }

        var isAtEnd: Bool { index >= rows.count }

        func filter(_ arguments: [VirtualTableArgument], scan _: Int) throws {
            self.arguments = arguments
            targets = try table.source.targets(SQLNameFilter(arguments, column: 0))[...]
            rows = []
            index = 0
            try load()
        }

        func next() throws {
            index += 1
            try load()
        }

        private func load() throws {
            while isAtEnd, let next = targets.popFirst() {
                try table.source.checkDeadline()
                rows = try table.rows(next, arguments)
                target = next
                index = 0
            }
        }

        func put(column: Int, into result: SQLResult) {
            guard let target, rows.indices.contains(index) else { return result.null() }
            table.puts[column](target, rows[index], result)
        }
    }
}

extension SQLListTable where Row == TargetRecord {
    /// `targets`: a row for each.
    static func targets(_ source: SQLTableSource) -> SQLListTable {
        SQLListTable(
            "targets",
            key: ["target"],
            source: source,
            columns: [
                Column("target", "TEXT") { $2.text($1.name) },
                Column("url", "TEXT") { $2.text($1.origin.url) },
                Column("labels", "TEXT") { $2.text(SQLTableText.json($1.origin.labels)) },
                Column("first", "INTEGER") { $2.integer($1.first?.time.milliseconds) },
                Column("last", "INTEGER") { $2.integer($1.last?.time.milliseconds) },
                Column("scrapes", "INTEGER") { $2.integer($1.scrapeCount) },
                Column("failures", "INTEGER") { $2.integer($1.failureCount) },
                Column("last_failure_t", "INTEGER", isHidden: true) {
                    $2.integer($1.lastFailure?.time.milliseconds)
                },
                Column("last_failure", "TEXT", isHidden: true) { $2.text($1.lastFailure?.reason) },
                Column("clock_steps", "INTEGER", isHidden: true) { $2.integer(Int64($1.clockSteps.count)) },
                Column("clock_skew_ms", "INTEGER", isHidden: true) { $2.integer($1.clockSkewMilliseconds) },
                Column("alternating", "INTEGER", isHidden: true) { $2.integer($1.isAlternating ? 1 : 0) },
                Column("series_limited", "INTEGER", isHidden: true) {
                    $2.integer($1.isSeriesLimited ? 1 : 0)
                },
            ],
            rowCount: 10,
            rows: { target, _ in [target] }
        )
    }
}

extension SQLListTable where Row == RunRecord {
    /// `runs`: a row for each life of a target's process.
    static func runs(_ source: SQLTableSource) -> SQLListTable {
        SQLListTable(
            "runs",
            key: ["run"],
            source: source,
            columns: [
                Column("target", "TEXT") { $2.text($0.name) },
                Column("run", "INTEGER") { $2.integer($1.id.value) },
                Column("started", "INTEGER") {
                    $2.integer($1.startedNanoseconds.map { Int64($0 / 1_000_000) })
                },
                Column("first", "INTEGER") { $2.integer($1.first.time.milliseconds) },
                Column("last", "INTEGER") { $2.integer($1.last.time.milliseconds) },
                Column("scrapes", "INTEGER") { $2.integer($1.scrapeCount) },
                Column("cmdline", "TEXT") { $2.text(SQLTableText.json($1.commandLine)) },
            ],
            rowCount: 100,
            rows: { target, _ in try source.runs(of: target.id) }
        )
    }
}

extension SQLListTable where Row == CollectionRecord {
    /// So many collections of one target are held at once: 32 bytes each, 128 MiB.
    private static var collectionsMax: Int { 1 << 22 }

    /// `gc_pauses`: a row for each collection that was seen.
    static func pauses(_ source: SQLTableSource) -> SQLListTable {
        // The columns' indexes in the list below.
        let end = 3
        let time = 5
        return SQLListTable(
            "gc_pauses",
            key: ["run", "n"],
            source: source,
            columns: [
                Column("target", "TEXT") { $2.text($0.name) },
                Column("run", "INTEGER") { $2.integer($1.run.value) },
                Column("n", "") { $2.unsigned($1.collection.n) },
                Column("end_ns", "") {
                    if $1.isEndKnown { $2.unsigned($1.collection.endNanoseconds) } else { $2.null() }
                },
                Column("pause_ns", "") { $2.unsigned($1.collection.pauseNanoseconds) },
                Column("t", "INTEGER", isHidden: true) {
                    guard $1.isEndKnown else { return $2.null() }
                    $2.integer(Int64($1.collection.endNanoseconds / 1_000_000))
                },
            ],
            integers: [end, time],
            rowCount: 100_000,
            rows: { target, arguments in
                let ends = SQLIntegerFilter(arguments, column: end)
                let times = SQLIntegerFilter(arguments, column: time)
                let filter = times.intersection(ends.millisecondsOfNanoseconds)
                guard !filter.isNever, !ends.isNever else { return [] }
                let isFiltered = filter != SQLIntegerFilter() || ends != SQLIntegerFilter()
                var rows: [CollectionRecord] = []
                try source.snapshot.forEachCollection(of: target.id, endingIn: filter.timeRange) { record in
                    // An end that is NULL fulfils no condition.
                    guard
                        record.isEndKnown
                            ? ends.contains(nanoseconds: record.collection.endNanoseconds) : !isFiltered
                    else { return }
                    rows.append(record)
                    guard rows.count <= collectionsMax else {
                        throw SQLStatementError.refused(
                            "gc_pauses: more than \(collectionsMax) collections of one target; narrow by end_ns or t"
                        )
                    }
                    if rows.count % 1024 == 0 { try source.checkDeadline() }
                }
                return rows
            }
        )
    }
}

extension SQLIntegerFilter {
    /// Whether a moment fulfils it; one beyond Int64 is above every bound.
    func contains(nanoseconds: UInt64) -> Bool {
        guard let signed = Int64(exactly: nanoseconds) else { return !isNever && last == .max }
        return contains(signed)
    }
}
