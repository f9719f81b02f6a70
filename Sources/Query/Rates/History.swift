import Model
import Storage

/// One successful scrape of a history.
struct HistoryRow: Hashable {
    var position: ScrapePosition
    var run: RunID
    /// Whether a clock step lies between the target's successful scrape before it and this one.
    var isAfterStep: Bool
    var shape: ShapeID
}

/// One sample of a series, found apart from the stream.
struct HistorySample {
    var row: HistoryRow
    var value: Number
}

/// The first and the last scrape of a run.
struct RunSpan: Hashable {
    var first: ScrapePosition
    var last: ScrapePosition
    /// Whether nobody knows what its process counted before its first scrape, though the target was watched.
    var beginsUnwatched = false
}

/// The successful scrapes of one target with the values of some series, as the arithmetic needs them.
///
/// Series are named by their index among the selected ones. What a `VaultSnapshot` promises of rows around a
/// range holds here too. Tests stand arrays in its place.
protocol History {
    /// How many series are selected.
    var seriesCount: Int { get }
    /// Every run of the target.
    var runs: [RunID: RunSpan] { get }
    /// The positions of the scrapes directly after a clock step, in any order.
    var stepPositions: [ScrapePosition] { get }

    /// Calls `body` with stretches of scrapes, ascending by position, and a column for each of `series`.
    func forEachBlock(
        _ series: [Int],
        in range: TimeRange,
        _ body: ([HistoryRow], [SeriesColumn]) throws -> Void
    ) throws

    /// Calls `body` with the same scrapes, but those that may be summed up as summaries: where `isWhole` says so of the
    /// Unix milliseconds from the first of a stretch through the last.
    func forEachStretch(
        _ series: [Int],
        in range: TimeRange,
        isWhole: @escaping (ClosedRange<Int64>) -> Bool,
        _ body: (HistoryStretch) throws -> Void
    ) throws

    /// The last sample of a series before `position` in `run`.
    func lastSample(_ series: Int, in run: RunID, before position: ScrapePosition) throws -> HistorySample?

    /// The first sample of a series at or after `position` in `run`.
    func firstSample(
        _ series: Int,
        in run: RunID,
        atOrAfter position: ScrapePosition
    ) throws -> HistorySample?

    /// Whether the series, which documents of the shape `later` hold, sits there in a map that documents of the
    /// shape `earlier` hold too, but without the series.
    func isNewInMap(_ series: Int, at later: ShapeID, after earlier: ShapeID) throws -> Bool
}

/// A stretch of scrapes of a history: one by one, or summed up.
enum HistoryStretch {
    case rows([HistoryRow], [SeriesColumn])
    case summary(SeriesSummary)
}

extension History {
    /// Sums nothing up.
    func forEachStretch(
        _ series: [Int],
        in range: TimeRange,
        isWhole: @escaping (ClosedRange<Int64>) -> Bool,
        _ body: (HistoryStretch) throws -> Void
    ) throws {
        try forEachBlock(series, in: range) { try body(.rows($0, $1)) }
    }
}

/// The clock steps of a target, so that two scrapes with one between them are told apart.
struct StepPositions {
    /// Ascending.
    private var positions: [ScrapePosition]

    init(_ positions: [ScrapePosition]) {
        self.positions = positions.sorted()
    }

    /// Notes that a step lies directly before the scrape at `position`.
    mutating func note(_ position: ScrapePosition) {
        let index = count(before: position)
        guard index == positions.count || positions[index] != position else { return }
        positions.insert(position, at: index)
    }

    /// How many steps lie before the scrape at `position`, one directly before it included.
    func count(through position: ScrapePosition) -> Int {
        let index = count(before: position)
        return index < positions.count && positions[index] == position ? index + 1 : index
    }

    private func count(before position: ScrapePosition) -> Int {
        var low = 0
        var high = positions.count
        while low < high {
            let middle = (low + high) / 2
            if positions[middle] < position { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
