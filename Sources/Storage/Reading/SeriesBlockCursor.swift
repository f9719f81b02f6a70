import Expvar
package import Model

/// A stretch of a target's successful scrapes with the values of some series: one by one, or summed up.
package enum SeriesStretch {
    /// Each scrape, and a column for each series.
    case rows(SeriesBlock)
    /// What is known of them together.
    case summary(SeriesSummary)
}

/// Goes over the successful scrapes of a target with the values of some series, ascending by position.
package final class SeriesBlockCursor {
    /// A block of rows of the tail holds no more than this; one of a chunk as many as the chunk.
    static let rowsMax = 512

    /// A stretch of documents: of a chunk, or of the tail.
    private enum Part {
        case chunk(SealedChunk, Range<Int>)
        /// Those documents of the range that lie in the stretch.
        case clipped(SealedChunk, Range<Int>, HistoryRows.Stretch)
        case summary(SealedChunk, ChunkStretch)
        case tail(Range<Int>)
    }

    private let snapshot: VaultSnapshot
    private let target: TargetID
    private let renewal: Duration?
    private var history: TargetHistory
    private let store: RowStore
    private var stepStarts: Set<ScrapePosition>
    private let isWhole: ((ClosedRange<Int64>) -> Bool)?
    /// Is called before the cursor goes on in a newer transaction: the last time to ask summaries that were kept.
    package var willRenew: (() throws -> Void)?
    private var stretches: ArraySlice<HistoryRows.Stretch>
    private var parts: ArraySlice<Part> = []
    private var leaves: SeriesLeaves
    private var placesOfChunk: (id: Int64, places: SeriesPlaces)?
    private var document = ScannedDocument()

    init(
        _ snapshot: VaultSnapshot,
        _ target: TargetID,
        stretches: [HistoryRows.Stretch],
        names: [String?],
        renewal: Duration?,
        isWhole: ((ClosedRange<Int64>) -> Bool)?
    ) throws {
        self.snapshot = snapshot
        self.target = target
        self.renewal = renewal
        history = try snapshot.history(of: target)
        store = history.store
        stepStarts = try snapshot.stepStarts(of: target)
        self.stretches = stretches[...]
        self.isWhole = isWhole
        leaves = SeriesLeaves(names: names)
    }

    /// The next block; nil at the end.
    ///
    /// For a cursor that sums nothing up.
    package func next() throws -> SeriesBlock? {
        switch try nextStretch() {
        case .rows(let block)?: return block
        case .summary?: preconditionFailure("BUG: a summary that nobody asked for")
        case nil: return nil
        }
    }

    /// The next stretch; nil at the end.
    package func nextStretch() throws -> SeriesStretch? {
        try StorageError.wrapping(store.path) {
            while true {
                while let part = parts.popFirst() {
                    let block: SeriesBlock
                    switch part {
                    case .summary(let chunk, let stretch): return .summary(try summary(chunk, stretch))
                    case .chunk(let chunk, let range): block = try self.block(chunk, range)
                    case .clipped(let chunk, let range, let stretch):
                        block = try self.block(chunk, clipped(range, of: chunk, to: stretch))
                    case .tail(let range): block = try self.block(history.tail[range])
                    }
                    if !block.rows.isEmpty { return .rows(block) }
                }
                guard let stretch = stretches.first else { return nil }
                try renew()
                try advance(in: stretch)
            }
        }
    }

    /// Between two chunks all places are positions, which stay what they are.
    private func renew() throws {
        guard let renewal, snapshot.isOlder(than: renewal) else { return }
        try willRenew?()
        try snapshot.renew()
        history = try snapshot.history(of: target)
        stepStarts = try snapshot.stepStarts(of: target)
        placesOfChunk = nil
    }

    // MARK: Places

    /// Takes the next chunk of the stretch, with the rows of the tail before and among its own; at last those after it.
    private func advance(in stretch: HistoryRows.Stretch) throws {
        var index = history.chunkIndex(endingAtOrAfter: stretch.first)
        while index < history.chunks.count, history.chunks[index].documentCount == 0 { index += 1 }
        guard index < history.chunks.count, history.chunks[index].first <= stretch.last else {
            addTail(from: stretch.first, through: stretch.last)
            stretches.removeFirst()
            return
        }
        let entry = history.chunks[index]
        let end = min(entry.last, stretch.last)
        let chunk = try store.chunk(entry)
        if !hasTail(from: max(stretch.first, entry.first), through: end) {
            addTail(from: stretch.first, before: entry.first)
            try add(chunk, HistoryRows.Stretch(first: max(stretch.first, entry.first), last: end))
        } else {
            try mingle(chunk, HistoryRows.Stretch(first: stretch.first, last: end))
        }
        if entry.last < stretch.last {
            stretches[stretches.startIndex].first = entry.last.next
        } else {
            stretches.removeFirst()
        }
    }

    /// Adds the documents of a chunk that lie in the stretch, summed up where that will do.
    private func add(_ chunk: SealedChunk, _ stretch: HistoryRows.Stretch) throws {
        var rest: Range<Int>?
        func addRest() {
            if let range = rest { parts.append(.clipped(chunk, range, stretch)) }
            rest = nil
        }
        guard let isWhole, let known = try chunk.stretches() else {
            parts.append(.clipped(chunk, 0..<chunk.entry.documentCount, stretch))
            return
        }
        let inside = known.filter {
            $0.part.firstDocument <= stretch.last && stretch.first <= $0.part.lastDocument
        }
        let whole = inside.map { found in
            let (first, last) = (found.part.firstDocument, found.part.lastDocument)
            return stretch.first <= first && last <= stretch.last
                && isWhole(first.time.milliseconds...last.time.milliseconds)
                // The table of steps decides: rows may have come in between since the chunk was made.
                && !stepStarts.contains { first < $0 && $0 <= last }
        }
        // A few rows less are no gain where the columns must be decoded: a part of them would be copied.
        let counts = zip(inside, whole).reduce(into: (whole: 0, rest: 0)) { counts, found in
            if found.1 {
                counts.whole += found.0.part.documents
            } else {
                counts.rest += found.0.part.documents
            }
        }
        let isSummedUp = counts.whole * 8 >= counts.rest
        for (found, isWhole) in zip(inside, whole) {
            if isWhole, isSummedUp {
                addRest()
                parts.append(.summary(chunk, found))
            } else {
                rest = (rest?.lowerBound ?? found.documents.lowerBound)..<found.documents.upperBound
            }
        }
        addRest()
    }

    /// Adds the documents of a chunk up to the end of the stretch, with the rows of the tail before and among them.
    private func mingle(_ chunk: SealedChunk, _ stretch: HistoryRows.Stretch) throws {
        let rows = try chunk.seriesRows()
        var next = TargetHistory.index(rows.count) { rows[$0].position < stretch.first }
        var from = stretch.first
        let tail = history.tail
        var tailIndex = history.tailIndex(atOrAfter: from)
        while tailIndex < tail.count, tail[tailIndex].position <= stretch.last {
            let position = tail[tailIndex].position
            let upTo = TargetHistory.index(rows.count) { rows[$0].position < position }
            if upTo > next {
                addTail(from: from, before: rows[next].position)
                parts.append(.chunk(chunk, next..<upTo))
                from = rows[upTo - 1].position
                next = upTo
            }
            tailIndex += 1
        }
        let last = TargetHistory.index(rows.count) { rows[$0].position <= stretch.last }
        if last > next {
            addTail(from: from, before: rows[next].position)
            parts.append(.chunk(chunk, next..<last))
            from = rows[last - 1].position
        }
        addTail(from: from, through: stretch.last)
    }

    private func hasTail(from first: ScrapePosition, through last: ScrapePosition) -> Bool {
        let index = history.tailIndex(atOrAfter: first)
        return index < history.tail.count && history.tail[index].position <= last
    }

    private func addTail(from first: ScrapePosition, through last: ScrapePosition) {
        let start = history.tailIndex(atOrAfter: first)
        let end = TargetHistory.index(history.tail.count) { history.tail[$0].position <= last }
        addTail(start..<max(start, end))
    }

    private func addTail(from first: ScrapePosition, before end: ScrapePosition) {
        addTail(history.tailIndex(atOrAfter: first)..<history.tailIndex(atOrAfter: max(first, end)))
    }

    private func addTail(_ range: Range<Int>) {
        for start in stride(from: range.lowerBound, to: range.upperBound, by: SeriesBlockCursor.rowsMax) {
            parts.append(.tail(start..<min(range.upperBound, start + SeriesBlockCursor.rowsMax)))
        }
    }

    private func clipped(
        _ range: Range<Int>,
        of chunk: SealedChunk,
        to stretch: HistoryRows.Stretch
    ) throws -> Range<Int> {
        let rows = try chunk.seriesRows()
        let first = TargetHistory.index(rows.count) { rows[$0].position < stretch.first }
        let end = TargetHistory.index(rows.count) { rows[$0].position <= stretch.last }
        return range.clamped(to: first..<max(first, end))
    }

    // MARK: Blocks

    private func summary(_ chunk: SealedChunk, _ stretch: ChunkStretch) throws -> SeriesSummary {
        SeriesSummary(
            chunk,
            stretch,
            try places(of: chunk),
            isAfterStep: stepStarts.contains(stretch.part.firstDocument)
        )
    }

    /// Where the asked series stand in the chunk.
    private func places(of chunk: SealedChunk) throws -> SeriesPlaces {
        if let placesOfChunk, placesOfChunk.id == chunk.entry.id { return placesOfChunk.places }
        let byShape = try chunk.entry.shapes.map { shape in
            leaves.indexes(in: try store.shape(shape.id), id: shape.id)
        }
        let found = (0..<leaves.count).map { index in byShape.map { $0[index] < 0 ? nil : $0[index] } }
        let result = try store.reading(chunk: chunk.entry.id) {
            try SeriesPlaces(leaves: found, in: chunk.decoder)
        }
        placesOfChunk = (chunk.entry.id, result)
        return result
    }

    private func block(_ chunk: SealedChunk, _ range: Range<Int>) throws -> SeriesBlock {
        if range.isEmpty { return SeriesBlock(rows: [], columns: []) }
        let all = try chunk.seriesRows()
        let isWhole = range == all.indices
        var rows = isWhole ? all : Array(all[range])
        for index in rows.indices {
            // The table of steps decides: rows may have come in between since the chunk was made.
            rows[index].isAfterStep = !stepStarts.isEmpty && stepStarts.contains(rows[index].position)
        }
        let columns = try places(of: chunk).leaves.map { leaves in
            let column = try chunk.column(leaves)
            return isWhole ? column : column.part(range)
        }
        return SeriesBlock(rows: rows, columns: columns)
    }

    private func block(_ tail: ArraySlice<ScrapeRow>) throws -> SeriesBlock {
        var block = SeriesBlock(rows: [], columns: [])
        var columns = [ColumnBuilder](repeating: ColumnBuilder(), count: leaves.count)
        for row in tail {
            guard let run = row.run, let shapeID = row.shape else { continue }
            let (shape, body) = try store.understand(row, into: &document)
            block.rows.append(
                SeriesRow(
                    seq: row.seq,
                    position: row.position,
                    run: run,
                    isAfterStep: stepStarts.contains(row.position),
                    shape: shapeID
                )
            )
            for (index, leaf) in leaves.indexes(in: shape, id: shapeID).enumerated() {
                let value = leaf < 0 ? nil : Shape.number(document.leaves[leaf], in: body)
                columns[index].append(value)
            }
        }
        block.columns = columns.map { $0.column }
        return block
    }
}

extension ScrapePosition {
    /// The first position after this one.
    var next: ScrapePosition {
        guard time.milliseconds < .max else {
            return ScrapePosition(epoch: epoch &+ 1, time: Timestamp(milliseconds: .min))
        }
        return ScrapePosition(epoch: epoch, time: time.advanced(byMilliseconds: 1))
    }
}

extension VaultSnapshot {
    /// The values of `series` in the scrapes of `range`, and around it.
    ///
    /// Holds every successful scrape with a time in the range, and for each of them also the one directly before
    /// and after it (by position) and the one before and after it in its run, so that pairs which straddle an end
    /// of the range are complete. Rows further outside may be there too: the reader clips.
    ///
    /// Where `isWhole` says that scrapes from the first of these Unix milliseconds through the last may be summed up,
    /// they may come as a summary, and then only `nextStretch()` gives them. Where there is a `renewal`, the cursor goes on
    /// in a newer transaction each time that the snapshot is older than that; what was asked of it before then may be
    /// out of date, but no scrape after its last one is given.
    package func seriesBlocks(
        of target: TargetID,
        series: [SeriesID],
        in range: TimeRange,
        renewal: Duration? = nil,
        isWhole: ((ClosedRange<Int64>) -> Bool)? = nil
    ) throws -> SeriesBlockCursor {
        try reading {
            let names = try series.map { try name(of: $0, target: target) }
            let history = try history(of: target)
            var stretches = try widened(range, of: history)
            if let end = history.last {
                stretches.removeAll { $0.first > end }
                for index in stretches.indices { stretches[index].last = min(stretches[index].last, end) }
            }
            return try SeriesBlockCursor(
                self,
                target,
                stretches: stretches,
                names: names,
                renewal: renewal,
                isWhole: isWhole
            )
        }
    }

    /// The stretches of `range`, with the rows around them as stretches of one row.
    private func widened(_ range: TimeRange, of history: TargetHistory) throws -> [HistoryRows.Stretch] {
        let inside = try HistoryRows.stretches(of: history, in: range)
        if range == .all { return inside }
        let runs = try runRows(of: history.target)
        var around: Set<ScrapePosition> = []
        for stretch in inside {
            guard let first = try history.position(after: stretch.first, isIncluded: true, .success),
                first <= stretch.last
            else { continue }
            let last = try history.position(before: stretch.last.next, .success) ?? first
            for position in [
                try history.position(before: first, .success), try history.position(after: last, .success),
            ] {
                if let position { around.insert(position) }
            }
            for run in runs where run.first <= last && run.last >= first {
                if run.first < first, let before = try history.position(before: first, .run(run.id)) {
                    around.insert(before)
                }
                if run.last > last, let after = try history.position(after: last, .run(run.id)) {
                    around.insert(after)
                }
            }
        }
        let outside = around.filter { position in
            !inside.contains { $0.first <= position && position <= $0.last }
        }
        return (inside + outside.map { HistoryRows.Stretch(first: $0, last: $0) }).sorted {
            $0.first < $1.first
        }
    }
}
