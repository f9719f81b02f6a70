package import Model
import Storage

extension QueryEngine {
    /// By how much counters rose, and how fast, in `range` and in each step of it.
    ///
    /// - Parameters:
    ///   - selectors: Names and globs of series. A glob passes over gauges and states of memstats.
    ///   - targets: Names of targets; all where empty.
    ///   - range: What to answer for; pairs of samples that straddle an end count with their part inside.
    ///   - step: The steps to answer for beside the whole; none where nil.
    ///   - gapMilliseconds: Two scrapes of different runs further apart than this are a gap.
    /// - Returns: An answer for each counter, by target and by name.
    /// - Throws: `QueryError.unknownTarget`, `.unknownSeries`, `.notACounter`, `.tooManySteps`.
    package func rate(
        _ selectors: [String],
        targets: [String] = [],
        range: TimeRange = .all,
        step: StepGrid? = nil,
        gapMilliseconds: Int64 = QueryEngine.gapDefault
    ) throws -> [RateAnswer] {
        let names = selectors.map(SeriesSelector.init).filter(\.isName)
        var answers: [RateAnswer] = []
        for target in try select(selectors, targets: targets) {
            var counters: [SelectedSeries] = []
            for series in target.series {
                guard let kind = series.kind, kind != .counter else {
                    counters.append(series)
                    continue
                }
                if names.contains(where: { $0.matches(series.name) }) {
                    throw QueryError.notACounter(series: series.name, kind: kind)
                }
            }
            let runs = try snapshot.runs(of: target.record.id)
            let window = try window(range, of: target.record, step: step, seriesCount: counters.count)
            let history = VaultHistory(
                snapshot,
                target.record,
                series: counters.compactMap(\.record),
                runs: runs,
                sumsUp: sumsUp
            )
            let tallies = try CounterWalk.tallies(history, in: window, gap: gapMilliseconds)
            for (series, tally) in zip(counters, tallies) {
                answers.append(RateAnswer(target.record.name, series, tally, window))
            }
        }
        return answers
    }
}

extension RateAnswer {
    /// The answer that a tally gives.
    init(_ target: String, _ series: SelectedSeries, _ tally: CounterTally, _ window: QueryWindow) {
        self.target = target
        self.series = series.name
        unit = series.unit
        from = window.from
        to = window.to
        increase = tally.total.number
        resets = tally.resets
        let covered = tally.covered.milliseconds
        coveredSeconds = Double(covered) / 1000
        rate = Self.rate(tally.total, covered)
        points = window.steps.map { span in
            zip(tally.steps, tally.covered.milliseconds(in: span)).enumerated().map { index, step in
                let (sum, covered) = step
                return RatePoint(
                    start: Timestamp(milliseconds: span.start(of: index)),
                    increase: covered > 0 ? sum.number : nil,
                    rate: Self.rate(sum, covered),
                    coveredSeconds: Double(covered) / 1000
                )
            }
        }
    }

    private static func rate(_ sum: IncreaseSum, _ covered: Int64) -> Double? {
        guard covered > 0 else { return nil }
        let rate = sum.double / (Double(covered) / 1000)
        // Only counters near the end of the range of double get there; JSON has no infinity.
        return rate.isFinite ? rate : nil
    }
}
