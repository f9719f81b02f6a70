import Model
import Query
import Storage

/// All that a report says of one target.
struct ReportTarget {
    /// What is compared with what.
    struct Comparison {
        var title: String
        var before: TimeRange
        var after: TimeRange
        var changes: [ChangeAnswer]
    }

    /// The target; of its runs those in the range, after the one before them.
    var target: TargetAnswer
    var range: TimeRange
    var question: Question
    var coarse: Question
    /// The series with a sample in the range, but for the size classes; no more than `ReportLimits.seriesMax`.
    var series: [SeriesAnswer]
    /// How many there are.
    var seriesCount: Int
    /// Of all of `series`, for the tables.
    var rates: [RateAnswer]
    var values: [ValuesAnswer]
    /// The names that lines are drawn of, the first most of all; `ownCount` of the program's own there are in all.
    var charted: [String]
    var ownCount: Int
    /// The same questions in steps, of `charted` alone.
    var rateLines: [RateAnswer]
    var valueLines: [ValuesAnswer]
    /// With the percentiles that `expvault pauses` gives.
    var pauses: PauseSummary
    var collections: CollectionsAnswer
    var sizes: (starts: [Timestamp], classes: [SizeClassAnswer])
    var scrapes: ScrapesAnswer
    var comparisons: [Comparison]

    static let percentiles = ["50", "90", "99", "99.9"]

    /// Asks for everything; each question has a snapshot of its own, so that none is held for long.
    ///
    /// - Parameters:
    ///   - whole: The target with all its runs.
    ///   - range: What is reported.
    ///   - points: The points of a line; nil where nothing is charted of it.
    ///   - vault: The database.
    /// - Throws: `QueryError`, `StorageError`.
    init(_ whole: TargetAnswer, in range: TimeRange, points: Int?, from vault: Vault) throws {
        func engine() throws -> QueryEngine { QueryEngine(try vault.snapshot()) }
        let name = whole.target
        target = whole
        self.range = range
        target.runs = ReportTarget.runs(whole.runs, in: range)
        restarts = target.restarts.filter(range.contains)
        let count = max(1, whole.scrapes + whole.failures - 1)
        let length = (whole.last?.milliseconds ?? 0) - (whole.first?.milliseconds ?? 0)
        let interval = max(1, length / count)
        let grid = StepChoice.grid(for: range, points: points ?? 1, least: interval)
        question = Question(target: name, range: range, grid: grid)
        coarse = question
        coarse.grid = StepChoice.grid(for: range, points: ReportLimits.coarsePoints, least: interval)
        let all = try engine().series(targets: [name], range: range)
            .filter { !$0.series.hasPrefix("memstats.BySize.") }
        comparisons = []
        for (title, before, after) in ReportTarget.comparedRanges(range, first: whole.first, restarts) {
            let changes = try engine().changes(
                target: name,
                before: before,
                after: after,
                limit: ReportLimits.changesMax
            )
            let told = changes.filter { $0.series.utf8.count <= ReportLimits.changeNameBytesMax }
            comparisons.append(Comparison(title: title, before: before, after: after, changes: told))
        }
        let ranked = ReportTarget.ranked(all.map(\.series), comparisons.first?.changes ?? [])
        var room = ReportLimits.nameBytesMax
        let listed = Set(
            ranked.filter { name in
                room -= min(room, name.utf8.count)
                return room > 0
            }.prefix(ReportLimits.seriesMax)
        )
        series = all.filter { listed.contains($0.series) }
        seriesCount = all.count
        func selectors(_ names: [String]) -> [String] { names.map(QueryEngine.selector(exactly:)) }
        let counters = Set(series.filter { $0.kind == .counter }.map(\.series))
        rates =
            try counters.isEmpty
            ? [] : engine().rate(selectors(counters.sorted()), targets: [name], range: range)
        values =
            try series.isEmpty
            ? [] : engine().values(selectors(series.map(\.series)), targets: [name], range: range)
        let asked = try ReportTarget.percentiles.map { try DecimalPercentile($0) }
        guard let found = try engine().pauses(targets: [name], range: range, percentiles: asked).first else {
            throw QueryError.unknownTarget(name, known: [])
        }
        pauses = found.summary
        collections = try engine().collections(
            target: name,
            range: range,
            percentiles: AnswerJSON.percentiles.map { try DecimalPercentile($0) },
            step: coarse.grid,
            shownMax: DashboardLimits.collectionsMax
        )
        sizes = try engine().sizeClasses(target: name, range: range, step: coarse.grid)
        scrapes = try engine().scrapes(target: name, range: range, listMax: DashboardLimits.listMax)
        let own = ranked.filter { ReportTarget.isOwn($0) }
        ownCount = own.count
        charted =
            ranked.filter { !ReportTarget.isOwn($0) && listed.contains($0) }
            + own.filter(listed.contains).prefix(ReportLimits.variablesMax)
        rateLines = []
        valueLines = []
        guard points != nil, !charted.isEmpty else { return }
        let rising = charted.filter(counters.contains)
        rateLines =
            try rising.isEmpty
            ? [] : engine().rate(selectors(rising), targets: [name], range: range, step: grid)
        valueLines = try engine().values(selectors(charted), targets: [name], range: range, step: grid)
    }

    /// Whether a series is the program's own: no memstats, and nothing that we added.
    static func isOwn(_ name: String) -> Bool {
        !name.hasPrefix("memstats.") && name != "up" && name != "scrape.duration_seconds"
    }

    /// What the page's panels need, then the program's own, those first that changed most.
    private static func ranked(_ all: [String], _ changes: [ChangeAnswer]) -> [String] {
        let ranks = Dictionary(
            changes.enumerated().map { ($0.element.series, $0.offset) },
            uniquingKeysWith: min
        )
        let own = all.filter(isOwn).enumerated().sorted {
            (ranks[$0.element] ?? .max, $0.offset) < (ranks[$1.element] ?? .max, $1.offset)
        }
        return all.filter { !isOwn($0) } + own.map(\.element)
    }

    /// The runs in a range, and the one before them: the page takes the first for no restart.
    private static func runs(_ all: [RunAnswer], in range: TimeRange) -> [RunAnswer] {
        let begin = range.since ?? Timestamp(milliseconds: .min)
        let inside = all.indices.filter { index in
            all[index].last >= begin && range.until.map { all[index].first < $0 } ?? true
        }
        guard let first = inside.first else { return [] }
        return (first > 0 ? [all[first - 1]] : []) + inside.map { all[$0] }
    }

    /// Where a run begins within the range.
    let restarts: [Timestamp]

    /// The ranges that the page offers to compare, to the millisecond (`comparisons` in changes.js).
    private static func comparedRanges(
        _ range: TimeRange,
        first: Timestamp?,
        _ restarts: [Timestamp]
    ) -> [(String, TimeRange, TimeRange)] {
        guard let since = range.since, let until = range.until else { return [] }
        let span = until.milliseconds - since.milliseconds
        let middle = Timestamp(milliseconds: since.milliseconds + (span + 1) / 2)
        var list = [
            (
                "First half → second half", TimeRange(since: since, until: middle),
                TimeRange(since: middle, until: until)
            )
        ]
        if let first, first < since {
            let earlier = TimeRange(since: since.advanced(byMilliseconds: -span), until: since)
            list.insert(("The range before → this range", earlier, range), at: 0)
        }
        if let restart = restarts.last(where: { $0 > since }) {
            list.insert(
                (
                    "Before → after the last restart", TimeRange(since: since, until: restart),
                    TimeRange(since: restart, until: until)
                ),
                at: 0
            )
        }
        return list
    }
}
