package import Model
import Storage

extension QueryEngine {
    /// The samples of series in `range`, summed up, and in each step of it; for any series, `up` too.
    ///
    /// - Throws: `QueryError.unknownTarget`, `.unknownSeries`, `.tooManySteps`.
    package func values(
        _ selectors: [String],
        targets: [String] = [],
        range: TimeRange = .all,
        step: StepGrid? = nil
    ) throws -> [ValuesAnswer] {
        var answers: [ValuesAnswer] = []
        for target in try select(selectors, targets: targets) {
            let window = try window(
                range,
                of: target.record,
                step: step,
                seriesCount: target.series.count
            )
            let served = target.series.compactMap(\.record)
            var tallies = [GaugeTally](repeating: GaugeTally(window), count: served.count)
            if !served.isEmpty {
                let blocks = try snapshot.seriesBlocks(
                    of: target.record.id,
                    series: served.map(\.id),
                    in: range,
                    renewal: VaultSnapshot.ageMax,
                    isWhole: wholeness(window)
                )
                while let stretch = try blocks.nextStretch() {
                    switch stretch {
                    case .rows(let block):
                        let times = block.rows.map(\.position.time.milliseconds)
                        let stretches = window.stretches(of: times)
                        for (series, column) in block.columns.enumerated() {
                            for stretch in stretches { tallies[series].add(column, stretch) }
                        }
                    case .summary(let summary):
                        let step = window.steps?.index(of: summary.first.position.time.milliseconds)
                        for series in tallies.indices {
                            try tallies[series].add(summary, series, step: step)
                        }
                    }
                }
            }
            var added: (up: GaugeTally, duration: GaugeTally)?
            if target.series.contains(where: { $0.record == nil }) {
                added = try addedSeries(of: target.record, in: range, window)
            }
            var next = tallies.makeIterator()
            for series in target.series {
                let tally =
                    series.record != nil
                    ? next.next() : Self.isSame(series.name, AddedSeries.up) ? added?.up : added?.duration
                guard let tally else { continue }
                answers.append(ValuesAnswer(target.record.name, series, tally, window))
            }
        }
        return answers
    }

    /// What the recorder adds to what a target serves; failed scrapes count.
    private func addedSeries(
        of target: TargetRecord,
        in range: TimeRange,
        _ window: QueryWindow
    ) throws -> (up: GaugeTally, duration: GaugeTally) {
        var up = GaugeTally(window)
        var duration = GaugeTally(window)
        try forEachAddedStretch(of: target, in: range, isWhole: wholeness(window)) { stretch in
            switch stretch {
            case .rows(let rows):
                let added = AddedColumns(rows)
                for stretch in window.stretches(of: rows.times) {
                    up.add(added.up, stretch)
                    duration.add(added.durations, stretch)
                }
            case .summary(let summary):
                let step = window.steps?.index(of: summary.times.lowerBound)
                up.add(summary.up, step: step)
                if let durations = summary.durations { duration.add(durations, step: step) }
            }
        }
        return (up, duration)
    }

    /// Calls `body` with the scrapes in `range`, failed ones too, in order.
    func forEachAddedStretch(
        of target: TargetRecord,
        in range: TimeRange,
        isWhole: ((ClosedRange<Int64>) -> Bool)?,
        _ body: (ScrapeTimeline.Stretch) throws -> Void
    ) throws {
        let timeline = try snapshot.timeline(
            of: target.id,
            in: range,
            hasDurations: true,
            renewal: VaultSnapshot.ageMax,
            isWhole: isWhole
        )
        while let stretch = try timeline.next() { try body(stretch) }
    }
}

/// The series that the recorder adds, of scrapes one by one.
struct AddedColumns {
    let up: SeriesColumn
    let durations: SeriesColumn

    init(_ rows: ScrapeTimes) {
        var values = [Int64](repeating: 1, count: rows.times.count)
        for (index, _) in rows.failures { values[index] = 0 }
        up = .integers(values)
        let seconds = rows.durationNanoseconds.map { $0.map { Double($0) / 1e9 } }
        let known = seconds.compactMap { $0 }
        durations =
            known.isEmpty
            ? .absent
            : known.count == seconds.count ? .reals(known) : .mixed(seconds.map { $0.map(Number.real) })
    }
}

extension ScrapeTimesSummary {
    /// What is known of `up`.
    var up: ChunkColumnStatistics {
        ChunkColumnStatistics(of: .integer(isSuccess ? 1 : 0), count: count)
    }
}

/// Rows of a block, one after the other, that lie in the range and in one step.
struct WindowStretch: Hashable {
    var rows: Range<Int>
    /// The step's index; nil where there are no steps.
    var step: Int?
}

extension QueryWindow {
    /// The rows whose time lies in the range, as stretches of rows of one step.
    func stretches(of times: [Int64]) -> [WindowStretch] {
        var stretches: [WindowStretch] = []
        for (row, time) in times.enumerated() where contains(time) {
            let step = steps?.index(of: time)
            if let last = stretches.last, last.rows.upperBound == row, last.step == step {
                stretches[stretches.count - 1].rows = last.rows.lowerBound..<row + 1
            } else {
                stretches.append(WindowStretch(rows: row..<row + 1, step: step))
            }
        }
        return stretches
    }
}

/// The samples of one series, summed up for the range and for each step.
struct GaugeTally {
    private(set) var total = GaugeSummary()
    /// By index in the window's steps; empty where there are none.
    private(set) var steps: [GaugeSummary]

    init(_ window: QueryWindow) {
        steps = Array(repeating: GaugeSummary(), count: window.steps?.count ?? 0)
    }

    /// Adds samples of which that is known, in that step; false, with nothing added, where their sum is not.
    @discardableResult
    mutating func add(_ known: ChunkColumnStatistics, step: Int?) -> Bool {
        guard total.add(known) else { return false }
        // What one sum takes the other takes too.
        if let step { _ = steps[step].add(known) }
        return true
    }

    /// Adds a series of a stretch that lies in the range and in that step.
    mutating func add(_ summary: SeriesSummary, _ series: Int, step: Int?) throws {
        switch try summary.knowledge(of: series) {
        case .absent:
            return
        case .statistics(let known):
            if add(known, step: step) { return }
        case .unknown:
            break
        }
        add(try summary.block(series).column, WindowStretch(rows: 0..<summary.count, step: step))
    }

    /// Adds the rows of a column that lie in `stretch`.
    mutating func add(_ column: SeriesColumn, _ stretch: WindowStretch) {
        if case .absent = column { return }
        guard let step = stretch.step else { return total.add(column, stretch.rows) }
        var added = GaugeSummary()
        added.add(column, stretch.rows)
        total.add(added)
        steps[step].add(added)
    }
}

extension GaugeSummary {
    fileprivate mutating func add(_ column: SeriesColumn, _ rows: Range<Int>) {
        switch column {
        case .absent: return
        case .integers(let values): add(values[rows])
        case .reals(let values): add(values[rows])
        case .mixed(let values):
            for case let value? in values[rows] { add(value) }
        }
    }
}

extension ValuesAnswer {
    /// The answer that a tally gives.
    init(_ target: String, _ series: SelectedSeries, _ tally: GaugeTally, _ window: QueryWindow) {
        self.target = target
        self.series = series.name
        unit = series.unit
        count = tally.total.count
        min = tally.total.min
        max = tally.total.max
        mean = tally.total.mean
        first = tally.total.first
        last = tally.total.last
        points = window.steps.map { span in
            tally.steps.enumerated().map { index, step in
                ValuesPoint(
                    start: Timestamp(milliseconds: span.start(of: index)),
                    count: step.count,
                    min: step.min,
                    max: step.max,
                    mean: step.mean,
                    last: step.last
                )
            }
        }
    }
}
