import Codec
package import Model

/// When a target was scraped, successfully or not: a stretch of scrapes, ascending by position.
package struct ScrapeTimes: Sendable {
    /// Unix milliseconds.
    package var times: [Int64] = []
    /// The failed ones by their index, ascending, and why.
    package var failures: [(index: Int, reason: String)] = []
    /// How long each took; empty where that was not asked for.
    package var durationNanoseconds: [Int64?] = []
}

/// Scrapes of one epoch that need not be looked at one by one: all successful, or all failed.
package struct ScrapeTimesSummary: Sendable {
    /// The times of the first and the last, in Unix milliseconds.
    package var times: ClosedRange<Int64>
    /// How many there are.
    package var count: Int
    /// Whether they were successful.
    package var isSuccess: Bool
    /// The durations in seconds; nil where no scrape tells one.
    package var durations: ChunkColumnStatistics?
}

/// Goes over the times of a target's scrapes, chunks and tail merged, without taking up the rest of them.
package final class ScrapeTimeline {
    /// Scrapes one by one, or summed up.
    package enum Stretch: Sendable {
        case rows(ScrapeTimes)
        case summary(ScrapeTimesSummary)
    }

    private enum Part {
        /// Those rows of the range that lie in the stretch.
        case chunk(SealedChunk, Range<Int>, HistoryRows.Stretch)
        case summary(ScrapeTimesSummary)
        case rows(HistoryRows.Stretch)
    }

    private let snapshot: VaultSnapshot
    private let target: TargetID
    private let renewal: Duration?
    private var history: TargetHistory
    private let hasDurations: Bool
    private let isWhole: ((ClosedRange<Int64>) -> Bool)?
    private var stretches: ArraySlice<HistoryRows.Stretch>
    private var parts: ArraySlice<Part> = []

    init(
        _ snapshot: VaultSnapshot,
        _ target: TargetID,
        in range: TimeRange,
        hasDurations: Bool,
        renewal: Duration?,
        isWhole: ((ClosedRange<Int64>) -> Bool)?
    ) throws {
        self.snapshot = snapshot
        self.target = target
        self.renewal = renewal
        history = try snapshot.history(of: target)
        self.hasDurations = hasDurations
        self.isWhole = isWhole
        var stretches = try HistoryRows.stretches(of: history, in: range)
        if let end = history.last {
            stretches.removeAll { $0.first > end }
            for index in stretches.indices { stretches[index].last = min(stretches[index].last, end) }
        }
        self.stretches = stretches[...]
    }

    /// The next stretch; nil at the end.
    package func next() throws -> Stretch? {
        try StorageError.wrapping(history.store.path) {
            while true {
                while let part = parts.popFirst() {
                    switch part {
                    case .summary(let summary): return .summary(summary)
                    case .chunk(let chunk, let range, let stretch):
                        let rows = try chunk.times(range, in: stretch, hasDurations: hasDurations)
                        if !rows.times.isEmpty { return .rows(rows) }
                    case .rows(let stretch):
                        let rows = try times(in: stretch)
                        if !rows.times.isEmpty { return .rows(rows) }
                    }
                }
                guard let stretch = stretches.first else { return nil }
                // Between two chunks all places are positions, which stay what they are.
                if let renewal, snapshot.isOlder(than: renewal) {
                    try snapshot.renew()
                    history = try snapshot.history(of: target)
                }
                try advance(in: stretch)
            }
        }
    }

    private func advance(in stretch: HistoryRows.Stretch) throws {
        let index = history.chunkIndex(endingAtOrAfter: stretch.first)
        guard index < history.chunks.count, history.chunks[index].first <= stretch.last else {
            parts.append(.rows(stretch))
            stretches.removeFirst()
            return
        }
        let entry = history.chunks[index]
        let part = HistoryRows.Stretch(first: stretch.first, last: min(entry.last, stretch.last))
        let tail = history.tailIndex(atOrAfter: part.first)
        let isMingled = tail < history.tail.count && history.tail[tail].position <= part.last
        if isMingled || entry.first.epoch != entry.last.epoch {
            parts.append(.rows(part))
        } else {
            try add(try history.store.chunk(entry), part)
        }
        if entry.last < stretch.last {
            stretches[stretches.startIndex].first = entry.last.next
        } else {
            stretches.removeFirst()
        }
    }

    private func add(_ chunk: SealedChunk, _ stretch: HistoryRows.Stretch) throws {
        guard let isWhole, let known = try chunk.timeParts() else {
            parts.append(.chunk(chunk, 0..<chunk.entry.scrapeCount, stretch))
            return
        }
        var next = 0
        var rest: Range<Int>?
        func addRest() {
            if let range = rest { parts.append(.chunk(chunk, range, stretch)) }
            rest = nil
        }
        for (part, durations) in known {
            let rows = next..<next + part.rows
            next = rows.upperBound
            guard part.first <= stretch.last, stretch.first <= part.last else { continue }
            if stretch.first <= part.first, part.last <= stretch.last,
                isWhole(part.first.time.milliseconds...part.last.time.milliseconds),
                let summary = ScrapeTimesSummary(part, durations)
            {
                addRest()
                parts.append(.summary(summary))
            } else {
                rest = (rest?.lowerBound ?? rows.lowerBound)..<rows.upperBound
            }
        }
        addRest()
    }

    /// One by one, where chunk and tail mingle.
    private func times(in stretch: HistoryRows.Stretch) throws -> ScrapeTimes {
        var result = ScrapeTimes()
        let rows = HistoryRows(history, stretches: [stretch], failures: true)
        while let row = try rows.next() {
            if let reason = row.failure { result.failures.append((result.times.count, reason)) }
            result.times.append(row.position.time.milliseconds)
            if hasDurations { result.durationNanoseconds.append(row.durationNanoseconds) }
        }
        return result
    }
}

extension ScrapeTimesSummary {
    /// What a part tells; nil where that is not enough.
    init?(_ part: ChunkParts.Part, _ durations: ChunkParts.Knowledge) {
        guard part.documents == part.rows || part.documents == 0 else { return nil }
        times = part.first.time.milliseconds...part.last.time.milliseconds
        count = part.rows
        isSuccess = part.documents > 0
        switch durations {
        case .unknown: return nil
        case .absent: self.durations = nil
        case .statistics(let known):
            guard known.sum != nil else { return nil }
            self.durations = known
        }
    }
}

extension SealedChunk {
    /// The parts with what is known of the durations in each; nil where the chunk has none.
    fileprivate func timeParts() throws -> [(ChunkParts.Part, ChunkParts.Knowledge)]? {
        try store.reading(chunk: entry.id) {
            guard let parts = try decoder.parts() else { return nil }
            return Array(zip(parts.parts, try decoder.knowledge(ofColumn: -1)))
        }
    }

    /// The times of those rows that lie in `stretch`; for a chunk of one epoch.
    fileprivate func times(
        _ range: Range<Int>,
        in stretch: HistoryRows.Stretch,
        hasDurations: Bool
    ) throws -> ScrapeTimes {
        try store.reading(chunk: entry.id) {
            let times = try decoder.stream(ChunkStream.time)
            guard times.first == entry.first.time.milliseconds, times.last == entry.last.time.milliseconds,
                ChunkDecoder.ascend(times)
            else { throw ChunkError.damaged("its times are out of order") }
            func index(_ isBefore: (ScrapePosition) -> Bool) -> Int {
                TargetHistory.index(times.count) {
                    isBefore(
                        ScrapePosition(
                            epoch: entry.first.epoch,
                            time: Timestamp(milliseconds: times[$0])
                        )
                    )
                }
            }
            let first = index { $0 < stretch.first }
            let rows = range.clamped(to: first..<max(first, index { $0 <= stretch.last }))
            var result = ScrapeTimes()
            result.times = rows.count == times.count ? times : Array(times[rows])
            if entry.failureCount > 0 {
                let forms = try decoder.stream(ChunkStream.form)
                var failure = forms[..<rows.lowerBound].count { $0 == 0 }
                let reasons = try decoder.reasons()
                for row in rows where forms[row] == 0 {
                    guard failure < reasons.count else { throw ChunkError.damaged("a reason is missing") }
                    result.failures.append((row - rows.lowerBound, reasons[failure]))
                    failure += 1
                }
            }
            if hasDurations {
                let flags = try decoder.stream(ChunkStream.flags)
                let durations = try decoder.stream(ChunkStream.duration)
                result.durationNanoseconds = rows.map {
                    ChunkRowFlags(rawValue: flags[$0]).contains(.duration) ? durations[$0] : nil
                }
            }
            return result
        }
    }
}

extension ChunkDecoder {
    /// Whether each is above the one before.
    static func ascend(_ values: [Int64]) -> Bool {
        // Without an early exit, so that the comparisons go several at a time.
        var wrong = 0
        values.withUnsafeBufferPointer { values in
            for index in values.indices.dropFirst() {
                wrong &+= values[index] <= values[index - 1] ? 1 : 0
            }
        }
        return wrong == 0
    }
}

extension VaultSnapshot {
    /// When a target was scraped in `range`, failed scrapes included, ascending by position.
    ///
    /// Where `isWhole` says that scrapes from the first of these Unix milliseconds through the last may be summed up,
    /// they may come as a summary. Where there is a `renewal`, this goes on in a newer transaction each time that the
    /// snapshot is older than that, but gives no scrape after its last one.
    package func timeline(
        of target: TargetID,
        in range: TimeRange,
        hasDurations: Bool = false,
        renewal: Duration? = nil,
        isWhole: ((ClosedRange<Int64>) -> Bool)? = nil
    ) throws -> ScrapeTimeline {
        try reading {
            try ScrapeTimeline(
                self,
                target,
                in: range,
                hasDurations: hasDurations,
                renewal: renewal,
                isWhole: isWhole
            )
        }
    }
}
