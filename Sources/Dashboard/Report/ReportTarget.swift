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
    /// Every series with a sample in the range but those of the size classes.
    var series: [SeriesAnswer]
    var rates: [RateAnswer]
    var values: [ValuesAnswer]
    /// With the percentiles that `expvault pauses` gives.
    var pauses: PauseSummary
    var collections: CollectionsAnswer
    var sizes: (starts: [Timestamp], classes: [SizeClassAnswer])
    var scrapes: ScrapesAnswer
    var comparisons: [Comparison]

    static let percentiles = ["50", "90", "99", "99.9"]

    /// Asks for everything; each question has a snapshot of its own, so that none is held for long.
    init(_ whole: TargetAnswer, in range: TimeRange, points: Int, from vault: Vault) throws {
        func engine() throws -> QueryEngine { QueryEngine(try vault.snapshot()) }
        let name = whole.target
        target = whole
        self.range = range
        target.runs = ReportTarget.runs(whole.runs, in: range)
        let count = max(1, whole.scrapes + whole.failures - 1)
        let length = (whole.last?.milliseconds ?? 0) - (whole.first?.milliseconds ?? 0)
        let interval = max(1, length / count)
        let grid = StepChoice.grid(for: range, points: points, least: interval)
        question = Question(target: name, range: range, grid: grid)
        coarse = question
        coarse.grid = StepChoice.grid(for: range, points: ReportLimits.coarsePoints, least: interval)
        let all = try engine().series(targets: [name], range: range)
        series = Array(
            all.filter { !$0.series.hasPrefix("memstats.BySize.") }.prefix(ReportLimits.seriesMax)
        )
        let counters = series.filter { $0.kind == .counter }.map { QueryEngine.selector(exactly: $0.series) }
        let others = series.map { QueryEngine.selector(exactly: $0.series) }
        rates = try counters.isEmpty ? [] : engine().rate(counters, targets: [name], range: range, step: grid)
        values = try others.isEmpty ? [] : engine().values(others, targets: [name], range: range, step: grid)
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
        comparisons = []
        for (title, before, after) in comparedRanges {
            let changes = try engine().changes(
                target: name,
                before: before,
                after: after,
                limit: ReportLimits.changesMax
            )
            comparisons.append(Comparison(title: title, before: before, after: after, changes: changes))
        }
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
    var restarts: [Timestamp] {
        target.runs.dropFirst().map(\.first).filter(range.contains)
    }

    /// The ranges that the page offers to compare, to the millisecond (`comparisons` in changes.js).
    private var comparedRanges: [(String, TimeRange, TimeRange)] {
        guard let since = range.since, let until = range.until else { return [] }
        let span = until.milliseconds - since.milliseconds
        let middle = Timestamp(milliseconds: since.milliseconds + (span + 1) / 2)
        var list = [
            (
                "First half → second half", TimeRange(since: since, until: middle),
                TimeRange(since: middle, until: until)
            )
        ]
        if let first = target.first, first < since {
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
