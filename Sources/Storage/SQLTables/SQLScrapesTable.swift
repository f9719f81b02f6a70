import Model
import SQLite

/// `scrapes`: every GET, failed ones too, in order of target, epoch and t.
///
/// The body is decoded only for rows whose `body` is used.
final class SQLScrapesTable: VirtualTable {
    enum Column: Int, CaseIterable {
        case target, seq, epoch, t, run, url, duration, status, failure, body
    }

    let name = "scrapes"
    let primaryKey = ["seq"]
    let columns = [
        VirtualTableColumn("target", "TEXT"), VirtualTableColumn("seq", "INTEGER"),
        VirtualTableColumn("epoch", "INTEGER"), VirtualTableColumn("t", "INTEGER"),
        VirtualTableColumn("run", "INTEGER"), VirtualTableColumn("url", "TEXT"),
        VirtualTableColumn("duration_ms", "REAL"), VirtualTableColumn("status", "INTEGER"),
        VirtualTableColumn("failure", "TEXT"), VirtualTableColumn("body", "", isHidden: true),
    ]
    private let source: SQLTableSource

    init(_ source: SQLTableSource) { self.source = source }

    func plan(for question: VirtualTableQuestion) throws -> VirtualTablePlan {
        SQLTablePlanner(
            names: [Column.target.rawValue: 0.1],
            integers: [Column.t.rawValue, Column.seq.rawValue],
            // 1000 scrapes of each of 10 targets are as good a guess as any: it decides how tables are nested only.
            rows: 10_000,
            order: [Column.target.rawValue, Column.epoch.rawValue, Column.t.rawValue],
            idleInOrder: try source.isOrderedByTime() ? [Column.epoch.rawValue] : []
        ).plan(for: question)
    }

    func makeCursor() -> any VirtualTableCursor { Cursor(source) }

    private final class Cursor: VirtualTableCursor {
        private let source: SQLTableSource
        private var targets: ArraySlice<TargetRecord> = []
        private var times = SQLIntegerFilter()
        private var seqs = SQLIntegerFilter()
        private var target: (name: [UInt8], scrapes: ScrapeCursor)?
        private var row: ScrapeRecord?

        init(_ source: SQLTableSource) { self.source = source }

        var isAtEnd: Bool { row == nil }

        func filter(_ arguments: [VirtualTableArgument], scan _: Int) throws {
            times = SQLIntegerFilter(arguments, column: Column.t.rawValue)
            seqs = SQLIntegerFilter(arguments, column: Column.seq.rawValue)
            targets = []
            target = nil
            if !times.isNever && !seqs.isNever {
                let filter = SQLNameFilter(arguments, column: Column.target.rawValue)
                targets = try source.targets(filter)[...]
            }
            try next()
        }

        func next() throws {
            row = nil
            while true {
                while let scrape = try target?.scrapes.next() {
                    guard seqs.contains(scrape.seq) else {
                        try source.checkDeadline()
                        continue
                    }
                    row = scrape
                    return
                }
                guard let next = targets.popFirst() else { return }
                let scrapes = try source.snapshot.scrapes(
                    of: next.id,
                    in: times.timeRange,
                    afterSeq: max(0, seqs.first == .min ? 0 : seqs.first - 1),
                    failures: true
                )
                target = (Array(next.name.utf8), scrapes)
            }
        }

        func put(column: Int, into result: SQLResult) throws {
            guard let row, let target, let column = Column(rawValue: column) else { return result.null() }
            switch column {
            case .target: result.text(utf8: target.name)
            case .seq: result.integer(row.seq)
            case .epoch: result.integer(row.position.epoch)
            case .t: result.integer(row.position.time.milliseconds)
            case .run: result.integer(row.run?.value)
            case .url: result.text(row.origin.url)
            case .duration:
                if let nanoseconds = row.durationNanoseconds {
                    result.real(Double(nanoseconds) / 1e6)
                } else {
                    result.null()
                }
            case .status: result.integer(row.status.map { Int64($0) })
            case .failure: result.text(row.failure)
            case .body:
                // As text where it is one, so that SQLite's JSON functions take it; they refuse blobs.
                let body = try target.scrapes.body()
                if SQLTableText.isUTF8(body) { result.text(utf8: body) } else { result.blob(body) }
            }
        }
    }
}
