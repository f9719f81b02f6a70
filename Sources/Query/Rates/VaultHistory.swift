import Expvar
import Model
import Storage

/// A target's history out of a snapshot.
final class VaultHistory: History {
    private let snapshot: VaultSnapshot
    private let target: TargetID
    private let series: [SeriesRecord]
    private let sumsUp: Bool
    let runs: [RunID: RunSpan]
    let stepPositions: [ScrapePosition]
    /// Where the series of a shape sit, for the shapes asked last.
    private var layouts: [ShapeID: ShapeLayout] = [:]

    /// The history of `series` of `target`.
    init(
        _ snapshot: VaultSnapshot,
        _ target: TargetRecord,
        series: [SeriesRecord],
        runs: [RunRecord],
        sumsUp: Bool
    ) {
        self.sumsUp = sumsUp
        self.snapshot = snapshot
        self.target = target.id
        self.series = series
        self.runs = Dictionary(
            runs.map { run in
                let isUnwatched = run.beginning != .fresh
                return (run.id, RunSpan(first: run.first, last: run.last, beginsUnwatched: isUnwatched))
            },
            uniquingKeysWith: { first, _ in first }
        )
        stepPositions = target.clockSteps.map(\.after)
    }

    var seriesCount: Int { series.count }

    func forEachBlock(
        _ series: [Int],
        in range: TimeRange,
        _ body: ([HistoryRow], [SeriesColumn]) throws -> Void
    ) throws {
        guard !series.isEmpty else { return }
        let blocks = try snapshot.seriesBlocks(
            of: target,
            series: series.map { self.series[$0].id },
            in: range
        )
        while let block = try blocks.next() {
            try body(block.rows.map(HistoryRow.init), block.columns)
        }
    }

    func forEachStretch(
        _ series: [Int],
        in range: TimeRange,
        isWhole: @escaping (ClosedRange<Int64>) -> Bool,
        _ body: (HistoryStretch) throws -> Void
    ) throws {
        guard !series.isEmpty else { return }
        let blocks = try snapshot.seriesBlocks(
            of: target,
            series: series.map { self.series[$0].id },
            in: range,
            renewal: VaultSnapshot.ageMax,
            isWhole: sumsUp ? isWhole : nil
        )
        while let stretch = try blocks.nextStretch() {
            switch stretch {
            case .rows(let block): try body(.rows(block.rows.map(HistoryRow.init), block.columns))
            case .summary(let summary): try body(.summary(summary))
            }
        }
    }

    func lastSample(_ series: Int, in run: RunID, before position: ScrapePosition) throws -> HistorySample? {
        try snapshot.lastSample(of: self.series[series].id, target: target, in: run, before: position)
            .map { HistorySample(row: HistoryRow($0.0), value: $0.1) }
    }

    func firstSample(
        _ series: Int,
        in run: RunID,
        atOrAfter position: ScrapePosition
    ) throws -> HistorySample? {
        try snapshot.firstSample(of: self.series[series].id, target: target, in: run, atOrAfter: position)
            .map { HistorySample(row: HistoryRow($0.0), value: $0.1) }
    }

    func isNewInMap(_ series: Int, at later: ShapeID, after earlier: ShapeID) throws -> Bool {
        guard later != earlier else { return false }
        let name = Array(self.series[series].name.utf8)
        guard let map = try layout(later).maps[name] else { return false }
        let before = try layout(earlier)
        return before.hasMap.contains(map) && !before.names.contains(name)
    }

    private func layout(_ id: ShapeID) throws -> ShapeLayout {
        if let layout = layouts[id] { return layout }
        // A map that grows makes a shape with each key, and only neighbours are compared.
        if layouts.count >= 8 { layouts.removeAll() }
        let layout = ShapeLayout(try snapshot.shape(id))
        layouts[id] = layout
        return layout
    }
}

/// What `isNewInMap` asks of a shape.
///
/// Names are bytes, since equal strings may be two series.
private struct ShapeLayout {
    var names: Set<[UInt8]> = []
    /// The map that holds a series, by the series' name.
    var maps: [[UInt8]: [UInt8]] = [:]
    var hasMap: Set<[UInt8]> = []

    init(_ shape: Shape) {
        for series in shape.series {
            let name = Array(series.name.utf8)
            names.insert(name)
            if let map = series.map, shape.maps.indices.contains(map) {
                maps[name] = Array(shape.maps[map].utf8)
            }
        }
        hasMap = Set(shape.maps.map { Array($0.utf8) })
    }
}

extension HistoryRow {
    init(_ row: SeriesRow) {
        self.init(position: row.position, run: row.run, isAfterStep: row.isAfterStep, shape: row.shape)
    }
}

extension HistoryRow {
    init(_ edge: SeriesEdge, _ run: RunID, isAfterStep: Bool) {
        self.init(position: edge.position, run: run, isAfterStep: isAfterStep, shape: edge.shape)
    }
}
