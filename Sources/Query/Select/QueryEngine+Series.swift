import Expvar
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
        let all = try records(targets).filter { $0.first != nil }
        let numberless = try all.flatMap { try self.numberless($0, selectors, in: range) }
        // What is never a number is in no list.
        let listed = selectors.filter { text in
            !numberless.contains { Self.isSame($0.series, SeriesSelector(text).exactName) }
        }
        let selected =
            selectors.isEmpty
            ? try all.flatMap { try select(["*"], targets: [$0.name]) }
            : listed.isEmpty ? [] : try select(listed, targets: targets)
        var answers: [SeriesAnswer] = []
        for target in selected {
            var surveys = try survey(target, in: range).makeIterator()
            for series in target.series {
                guard let survey = surveys.next(), survey.points > 0 else { continue }
                answers.append(SeriesAnswer(target.record.name, series, survey))
            }
        }
        guard !numberless.isEmpty else { return answers }
        answers += numberless.filter { line in
            !answers.contains { Self.isSame($0.target, line.target) && Self.isSame($0.series, line.series) }
        }
        return answers.sorted { a, b in
            Self.isSame(a.target, b.target)
                ? a.series.utf8.lexicographicallyPrecedes(b.series.utf8)
                : a.target.utf8.lexicographicallyPrecedes(b.target.utf8)
        }
    }

    /// A line for each variable that is NaN, or infinite, wherever it is there: no sample, but somebody may look for it.
    private func numberless(
        _ target: TargetRecord,
        _ selectors: [String],
        in range: TimeRange
    ) throws -> [SeriesAnswer] {
        let selectors = selectors.map(SeriesSelector.init)
        let unread = try snapshot.unread(of: target.id, in: range)?.parts ?? []
        return unread.filter { part in
            part.isNumber && (selectors.isEmpty || selectors.contains { $0.matches(part.path) })
        }.map { part in
            let meaning = MemStats.meaning(ofSeries: part.path)
            return SeriesAnswer(
                target: target.name,
                series: part.path,
                kind: meaning?.kind ?? .gauge,
                unit: meaning?.unit,
                firstSeen: part.first.time,
                lastSeen: part.last.time,
                points: 0,
                value: .real(.nan)
            )
        }
    }

    /// A survey for each series of the target.
    private func survey(_ target: SelectedTarget, in range: TimeRange) throws -> [SeriesSurvey] {
        var surveys = [SeriesSurvey](repeating: SeriesSurvey(), count: target.series.count)
        let isWhole: ((ClosedRange<Int64>) -> Bool)? = sumsUp ? { range.contains($0) } : nil
        let served = target.series.indices.filter { target.series[$0].record != nil }
        if !served.isEmpty {
            let runs = try snapshot.runs(of: target.record.id)
            let lastRows = Dictionary(runs.map { ($0.last, $0.id) }, uniquingKeysWith: { first, _ in first })
            let blocks = try snapshot.seriesBlocks(
                of: target.record.id,
                series: served.compactMap { target.series[$0].record?.id },
                in: range,
                renewal: VaultSnapshot.ageMax,
                isWhole: isWhole
            )
            while let stretch = try blocks.nextStretch() {
                let isKnown = { target.series[$0].kind != nil }
                switch stretch {
                case .rows(let block):
                    let rows = block.rows.indices.filter { range.contains(block.rows[$0].position.time) }
                    for (column, index) in zip(block.columns, served) {
                        surveys[index].add(column, rows, of: block.rows, isKindKnown: isKnown(index))
                    }
                    for row in block.rows {
                        guard let ended = lastRows[row.position] else { continue }
                        for index in served { surveys[index].forget(ended) }
                    }
                case .summary(let summary):
                    for (place, index) in served.enumerated() {
                        try surveys[index].add(summary, place, isKindKnown: isKnown(index))
                    }
                    guard let ended = lastRows[summary.last.position] else { continue }
                    for index in served { surveys[index].forget(ended) }
                }
            }
        }
        guard served.count < target.series.count else { return surveys }
        let up = target.series.firstIndex { Self.isSame($0.name, AddedSeries.up) }
        let duration = target.series.firstIndex { Self.isSame($0.name, AddedSeries.duration) }
        try forEachAddedStretch(of: target.record, in: range, isWhole: isWhole) { stretch in
            switch stretch {
            case .rows(let rows):
                let added = AddedColumns(rows)
                let times = rows.times.map { Timestamp(milliseconds: $0) }
                if let up { surveys[up].add(added.up, at: times) }
                if let duration { surveys[duration].add(added.durations, at: times) }
            case .summary(let summary):
                let first = Timestamp(milliseconds: summary.times.lowerBound)
                let last = Timestamp(milliseconds: summary.times.upperBound)
                if let up { surveys[up].add(summary.up, from: first, to: last, run: nil) }
                guard let duration, let durations = summary.durations else { return }
                surveys[duration].add(durations, from: first, to: last, run: nil)
            }
        }
        return surveys
    }
}

extension TimeRange {
    /// Whether all of these Unix milliseconds lie in the range.
    fileprivate func contains(_ times: ClosedRange<Int64>) -> Bool {
        contains(Timestamp(milliseconds: times.lowerBound))
            && contains(Timestamp(milliseconds: times.upperBound))
    }
}

extension SeriesSurvey {
    /// Adds a series of a stretch that lies in the range.
    fileprivate mutating func add(_ summary: SeriesSummary, _ series: Int, isKindKnown: Bool) throws {
        switch try summary.knowledge(of: series) {
        case .absent:
            return
        case .statistics(let known):
            add(
                known,
                from: summary.first.position.time,
                to: summary.last.position.time,
                run: isKindKnown ? nil : summary.run
            )
        case .unknown:
            let (rows, column) = try summary.block(series)
            add(column, Array(rows.indices), of: rows, isKindKnown: isKindKnown)
        }
    }

    /// Adds the samples of a series whose kind is known.
    fileprivate mutating func add(_ column: SeriesColumn, at times: [Timestamp]) {
        for (index, time) in times.enumerated() {
            if let value = column[index] { add(value, at: time, run: nil) }
        }
    }

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
