import Model

extension CounterWalk {
    /// Looks up what reaches out of the range, once all rows are seen.
    mutating func finish() throws {
        if let currentRun, current.last != nil { waiting[currentRun] = current }
        // In a fixed order, so that what is rounded is rounded alike each time.
        for (run, state) in waiting.sorted(by: { $0.key < $1.key }) {
            if let last = state.last { try close(run, state, epoch: last.epoch) }
        }
        guard lower != .min, upper != .max else { return }
        let epochs = Set(
            source.runs.values.flatMap { [$0.first.epoch, $0.last.epoch] } + source.stepPositions.map(\.epoch)
        )
        for (run, span) in source.runs.sorted(by: { $0.key < $1.key }) {
            for epoch in epochs.sorted() where visited[run]?.contains(epoch) != true {
                try takePairsAcrossRange(run, span, epoch: epoch)
            }
        }
    }

    /// Looks up the pairs of a run that begin before the end of the range and end beyond the rows seen.
    mutating func close(_ run: RunID, _ state: CounterRun, epoch: Int64) throws {
        guard upper != .max, let span = source.runs[run] else { return }
        var next = ScrapePosition(epoch: epoch, time: Timestamp(milliseconds: upper))
        if state.isClosed, let last = state.last {
            next.time = Timestamp(milliseconds: last.time).advanced(byMilliseconds: 1)
        }
        guard next <= span.last else { return }
        for series in 0..<source.seriesCount {
            var a = state.samples[series].flatMap { $0.epoch == epoch ? $0 : nil }
            if a == nil, !state.isComplete, lower != .min {
                let start = ScrapePosition(epoch: epoch, time: Timestamp(milliseconds: lower))
                a = try source.lastSample(series, in: run, before: start).map(sample)
            }
            guard let a, a.time < window.until,
                let b = try source.firstSample(series, in: run, atOrAfter: next),
                let pair = pair(a, sample(b))
            else { continue }
            tallies[series].add(pair, in: window)
        }
    }

    /// Looks up the pairs of a run that has rows before and after the range in that epoch, and none inside.
    private mutating func takePairsAcrossRange(_ run: RunID, _ span: RunSpan, epoch: Int64) throws {
        let start = ScrapePosition(epoch: epoch, time: Timestamp(milliseconds: lower))
        let end = ScrapePosition(epoch: epoch, time: Timestamp(milliseconds: upper))
        guard span.first < start, end <= span.last else { return }
        for series in 0..<source.seriesCount {
            guard let found = try source.firstSample(series, in: run, atOrAfter: end),
                found.row.position.epoch == epoch
            else { continue }
            let b = sample(found)
            if let a = try source.lastSample(series, in: run, before: start) {
                if let pair = pair(sample(a), b) { tallies[series].add(pair, in: window) }
            } else if let before = try rowBefore(found.row, series),
                try source.isNewInMap(series, at: found.row.shape, after: before.shape),
                let pair = birth(
                    of: b,
                    after: sample(HistorySample(row: before, value: found.value)),
                    isReset: false
                )
            {
                tallies[series].add(pair, in: window)
            }
        }
    }

    /// The row before `row` in its run.
    private func rowBefore(_ row: HistoryRow, _ series: Int) throws -> HistoryRow? {
        var before: HistoryRow?
        let range = TimeRange(since: row.position.time, until: row.position.time.advanced(byMilliseconds: 1))
        try source.forEachBlock([series], in: range) { rows, _ in
            for candidate in rows where candidate.run == row.run && candidate.position < row.position {
                before = candidate
            }
        }
        return before
    }
}
