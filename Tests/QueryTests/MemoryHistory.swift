import Model
import Storage
import TestBasics

@testable import Query

/// A made-up history in the place of a database, with no more rows around a range than a snapshot promises, or
/// with more of them, and with runs of blocks cut anywhere.
struct MemoryHistory: History {
    let scrapes: [NaiveScrape]
    let series: [String]
    let runs: [RunID: RunSpan]
    /// Decides the sizes of blocks, and which rows further outside come along.
    let seed: UInt64

    var seriesCount: Int { series.count }

    init(scrapes: [NaiveScrape], series: [String], seed: UInt64) {
        self.scrapes = scrapes
        self.series = series
        self.seed = seed
        var runs: [RunID: RunSpan] = [:]
        for scrape in scrapes {
            let first = runs[RunID(scrape.run)]?.first ?? scrape.position
            runs[RunID(scrape.run)] = RunSpan(first: first, last: scrape.position)
        }
        self.runs = runs
    }

    var stepPositions: [ScrapePosition] {
        scrapes.filter(\.isAfterStep).map(\.position)
    }

    func forEachBlock(
        _ series: [Int],
        in range: TimeRange,
        _ body: ([HistoryRow], [SeriesColumn]) throws -> Void
    ) throws {
        var generator = SeededGenerator(seed: seed)
        var wanted: Set<Int> = []
        for index in scrapes.indices where range.contains(scrapes[index].position.time) {
            wanted.insert(index)
            wanted.insert(max(0, index - 1))
            wanted.insert(min(scrapes.count - 1, index + 1))
            if let before = scrapes[..<index].lastIndex(where: { $0.run == scrapes[index].run }) {
                wanted.insert(before)
            }
            if let after = scrapes[(index + 1)...].firstIndex(where: { $0.run == scrapes[index].run }) {
                wanted.insert(after)
            }
        }
        if let first = wanted.min(), let last = wanted.max(), seed % 2 == 0 {
            wanted.formUnion(max(0, first - 3)..<first)
            wanted.formUnion(last..<min(scrapes.count, last + 3))
        }
        var rest = wanted.sorted()[...]
        while !rest.isEmpty {
            let rows = rest.prefix(Int.random(in: 1...12, using: &generator))
            rest = rest.dropFirst(rows.count)
            try body(rows.map { row($0) }, series.map { column(self.series[$0], rows) })
        }
    }

    func lastSample(_ series: Int, in run: RunID, before position: ScrapePosition) -> HistorySample? {
        scrapes.indices.last { index in
            scrapes[index].run == run.value && scrapes[index].position < position
                && scrapes[index].values[self.series[series]] != nil
        }.flatMap { sample($0, series) }
    }

    func firstSample(_ series: Int, in run: RunID, atOrAfter position: ScrapePosition) -> HistorySample? {
        scrapes.indices.first { index in
            scrapes[index].run == run.value && scrapes[index].position >= position
                && scrapes[index].values[self.series[series]] != nil
        }.flatMap { sample($0, series) }
    }

    func isNewInMap(_ series: Int, at later: ShapeID, after earlier: ShapeID) -> Bool {
        // Every scrape is a shape of its own here.
        let name = self.series[series]
        guard let dot = name.firstIndex(of: ".") else { return false }
        let before = scrapes[Int(earlier.value)]
        return scrapes[Int(later.value)].maps.contains(String(name[..<dot]))
            && before.maps.contains(String(name[..<dot])) && before.values[name] == nil
    }

    private func row(_ index: Int) -> HistoryRow {
        let scrape = scrapes[index]
        return HistoryRow(
            position: scrape.position,
            run: RunID(scrape.run),
            isAfterStep: scrape.isAfterStep,
            shape: ShapeID(Int64(index))
        )
    }

    private func sample(_ index: Int, _ series: Int) -> HistorySample? {
        scrapes[index].values[self.series[series]].map { HistorySample(row: row(index), value: $0) }
    }

    private func column(_ name: String, _ rows: ArraySlice<Int>) -> SeriesColumn {
        let values = rows.map { scrapes[$0].values[name] }
        let integers = values.compactMap { value -> Int64? in
            if case .integer(let integer)? = value { integer } else { nil }
        }
        let reals = values.compactMap { value -> Double? in
            if case .real(let real)? = value { real } else { nil }
        }
        if values.allSatisfy({ $0 == nil }) { return .absent }
        if integers.count == values.count { return .integers(integers) }
        if reals.count == values.count { return .reals(reals) }
        return .mixed(values)
    }
}

extension NaiveScrape {
    var position: ScrapePosition {
        ScrapePosition(epoch: epoch, time: Timestamp(milliseconds: t))
    }
}
