package import Model
import Storage

extension QueryEngine {
    /// The series that a selector matches (all where there is none) and that have a sample in `range`.
    ///
    /// - Throws: `QueryError.unknownTarget`, `.unknownSeries`.
    package func series(
        _ selectors: [String] = [],
        targets: [String] = [],
        range: TimeRange = .all
    ) throws -> [SeriesAnswer] {
        // A database without any series has none to list; that is no mistyped glob.
        let selected =
            selectors.isEmpty
            ? try records(targets).filter { $0.first != nil }.flatMap {
                try select(["*"], targets: [$0.name])
            }
            : try select(selectors, targets: targets)
        var answers: [SeriesAnswer] = []
        for target in selected {
            var surveys = try survey(target, in: range).makeIterator()
            for series in target.series {
                guard let survey = surveys.next(), survey.points > 0 else { continue }
                answers.append(SeriesAnswer(target.record.name, series, survey))
            }
        }
        return answers
    }

    /// A survey for each series of the target.
    private func survey(_ target: SelectedTarget, in range: TimeRange) throws -> [SeriesSurvey] {
        var surveys = [SeriesSurvey](repeating: SeriesSurvey(), count: target.series.count)
        let served = target.series.indices.filter { target.series[$0].record != nil }
        if !served.isEmpty {
            let runs = try snapshot.runs(of: target.record.id)
            let lastRows = Dictionary(runs.map { ($0.last, $0.id) }, uniquingKeysWith: { first, _ in first })
            let blocks = try snapshot.seriesBlocks(
                of: target.record.id,
                series: served.compactMap { target.series[$0].record?.id },
                in: range
            )
            while let block = try blocks.next() {
                let rows = block.rows.indices.filter { range.contains(block.rows[$0].position.time) }
                for (column, index) in zip(block.columns, served) {
                    let isKnown = target.series[index].kind != nil
                    surveys[index].add(column, rows, of: block.rows, isKindKnown: isKnown)
                }
                for row in block.rows {
                    guard let ended = lastRows[row.position] else { continue }
                    for index in served { surveys[index].forget(ended) }
                }
            }
        }
        guard served.count < target.series.count else { return surveys }
        let up = target.series.firstIndex { Self.isSame($0.name, AddedSeries.up) }
        let duration = target.series.firstIndex { Self.isSame($0.name, AddedSeries.duration) }
        try forEachAddedSample(of: target.record, in: range) { time, isUp, seconds in
            if let up { surveys[up].add(isUp, at: time, run: nil) }
            if let duration, let seconds { surveys[duration].add(seconds, at: time, run: nil) }
        }
        return surveys
    }
}

extension SeriesSurvey {
    /// Adds the samples of a column in these rows, ascending.
    fileprivate mutating func add(
        _ column: SeriesColumn,
        _ indices: [Int],
        of rows: [SeriesRow],
        isKindKnown: Bool
    ) {
        guard let first = indices.first, let last = indices.last else { return }
        switch column {
        case .absent:
            return
        case .integers, .reals:
            // Every row has a sample.
            guard isKindKnown, let value = column[last] else { break }
            add(
                count: indices.count,
                from: rows[first].position.time,
                to: rows[last].position.time,
                value: value
            )
            return
        case .mixed:
            break
        }
        for index in indices {
            guard let value = column[index] else { continue }
            add(value, at: rows[index].position.time, run: isKindKnown ? nil : rows[index].run)
        }
    }
}

extension SeriesAnswer {
    /// The answer that a survey gives.
    init(_ target: String, _ series: SelectedSeries, _ survey: SeriesSurvey) {
        self.target = target
        self.series = series.name
        kind = series.kind ?? survey.kind
        unit = series.unit
        firstSeen = survey.firstSeen
        lastSeen = survey.lastSeen
        points = survey.points
        value = survey.value
    }
}
