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
            let window = try window(range, of: target.record, step: step)
            let served = target.series.compactMap(\.record)
            var tallies = [GaugeTally](repeating: GaugeTally(window), count: served.count)
            if !served.isEmpty {
                let blocks = try snapshot.seriesBlocks(
                    of: target.record.id,
                    series: served.map(\.id),
                    in: range
                )
                while let block = try blocks.next() {
                    let times = block.rows.map(\.position.time.milliseconds)
                    let stretches = window.stretches(of: times)
                    for (series, column) in block.columns.enumerated() {
                        for stretch in stretches { tallies[series].add(column, stretch) }
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
        try forEachAddedSample(of: target, in: range) { time, isUp, seconds in
            guard let stretch = window.stretches(of: [time.milliseconds]).first else { return }
            up.add(.mixed([isUp]), stretch)
            duration.add(.mixed([seconds]), stretch)
        }
        return (up, duration)
    }

    /// Calls `body` with the time of each scrape in `range`, in order, and the values of the added series then.
    func forEachAddedSample(
        of target: TargetRecord,
        in range: TimeRange,
        _ body: (_ time: Timestamp, _ up: Number, _ durationSeconds: Number?) throws -> Void
    ) throws {
        let scrapes = try snapshot.scrapes(of: target.id, in: range, failures: true)
        while let scrape = try scrapes.next() {
            guard range.contains(scrape.position.time) else { continue }
            let seconds = scrape.durationNanoseconds.map { Number.real(Double($0) / 1e9) }
            try body(scrape.position.time, .integer(scrape.failure == nil ? 1 : 0), seconds)
        }
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

    /// Adds the rows of a column that lie in `stretch`.
    mutating func add(_ column: SeriesColumn, _ stretch: WindowStretch) {
        if case .absent = column { return }
        total.add(column, stretch.rows)
        if let step = stretch.step { steps[step].add(column, stretch.rows) }
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
