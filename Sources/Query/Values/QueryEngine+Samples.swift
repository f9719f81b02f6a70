package import Model
import Storage

/// A series to be gone over sample by sample.
package struct SampleSeries: Sendable {
    /// The target's name.
    package var target: String
    /// The series' name, as cli.md spells names.
    package var name: String
    /// What its values are; of a custom variable what its samples show, where that was asked for.
    package var kind: SeriesKind?
    /// The unit of its values; nil where it counts things or nobody knows.
    package var unit: Unit?
    /// Its record; nil for `up` and `scrape.duration_seconds`.
    var record: SeriesRecord?
}

extension QueryEngine {
    /// The series that `selectors` match, all where there are none, by target and name.
    ///
    /// Where `showsKinds`, the samples in `range` are looked at for what custom variables are; a series without one is
    /// left out.
    /// - Throws: `QueryError.unknownTarget`, `.unknownSeries`.
    package func sampleSeries(
        _ selectors: [String],
        targets: [String],
        range: TimeRange,
        showsKinds: Bool
    ) throws -> [SampleSeries] {
        // A database without any series has none to list; that is no mistyped glob.
        guard try records(targets).contains(where: { $0.first != nil }) else { return [] }
        let selected = try select(selectors.isEmpty ? ["*"] : selectors, targets: targets)
        guard showsKinds else {
            return selected.flatMap { target in
                target.series.map { SampleSeries(target.record.name, $0, kind: $0.kind) }
            }
        }
        var kinds: [String: [String: SeriesKind]] = [:]
        for answer in try series(selectors, targets: targets, range: range) {
            kinds[answer.target, default: [:]][answer.series] = answer.kind
        }
        return selected.flatMap { target in
            target.series.compactMap { series in
                kinds[target.record.name]?[series.name].map {
                    SampleSeries(target.record.name, series, kind: $0)
                }
            }
        }
    }

    /// Calls `body` with the index, position and value of each sample of these series of one target in `range`, in
    /// the order of positions, of scrapes with a number up to `seq`.
    package func forEachSample(
        of series: [SampleSeries],
        in range: TimeRange,
        upToSeq seq: Int64,
        _ body: (Int, ScrapePosition, Number) throws -> Void
    ) throws {
        guard let first = series.first, let target = try records([first.target]).first else { return }
        let served = series.indices.filter { series[$0].record != nil }
        if !served.isEmpty {
            let blocks = try snapshot.seriesBlocks(
                of: target.id,
                series: served.compactMap { series[$0].record?.id },
                in: range,
                renewal: VaultSnapshot.ageMax
            )
            while let block = try blocks.next() {
                for (row, scrape) in block.rows.enumerated()
                where scrape.seq <= seq && range.contains(scrape.position.time) {
                    for (column, index) in zip(block.columns, served) {
                        if let value = column[row] { try body(index, scrape.position, value) }
                    }
                }
            }
        }
        let added = series.indices.filter { series[$0].record == nil }
        guard !added.isEmpty else { return }
        let scrapes = try snapshot.scrapes(of: target.id, in: range, failures: true)
        while let scrape = try scrapes.next() {
            guard scrape.seq <= seq else { continue }
            for index in added {
                if Self.isSame(series[index].name, AddedSeries.up) {
                    try body(index, scrape.position, .integer(scrape.failure == nil ? 1 : 0))
                } else if let nanoseconds = scrape.durationNanoseconds {
                    try body(index, scrape.position, .real(Double(nanoseconds) / 1e9))
                }
            }
        }
    }
}

extension SampleSeries {
    fileprivate init(_ target: String, _ series: SelectedSeries, kind: SeriesKind?) {
        self.init(target: target, name: series.name, kind: kind, unit: series.unit, record: series.record)
    }
}
