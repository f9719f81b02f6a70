import Expvar
package import Model
import SQLite

/// Goes over blocks of series.
package final class SeriesBlockCursor {
    /// A block of rows of the tail holds no more than this; one of a chunk as many as the chunk.
    static let rowsMax = 512

    /// A stretch of documents: of a chunk, or of the tail.
    private enum Part {
        case chunk(SealedChunk, Range<Int>)
        case tail(Range<Int>)
    }

    private let history: TargetHistory
    private let store: RowStore
    private let stepStarts: Set<ScrapePosition>
    private var stretches: ArraySlice<HistoryRows.Stretch>
    private var parts: ArraySlice<Part> = []
    private var leaves: SeriesLeaves
    private var document = ScannedDocument()

    init(
        _ history: TargetHistory,
        stretches: [HistoryRows.Stretch],
        stepStarts: Set<ScrapePosition>,
        names: [String?]
    ) {
        self.history = history
        store = history.store
        self.stretches = stretches[...]
        self.stepStarts = stepStarts
        leaves = SeriesLeaves(names: names)
    }

    /// The next block; nil at the end.
    package func next() throws -> SeriesBlock? {
        try StorageError.wrapping(store.path) {
            while true {
                while let part = parts.popFirst() {
                    let block =
                        switch part {
                        case .chunk(let chunk, let range): try self.block(chunk, range)
                        case .tail(let range): try self.block(history.tail[range])
                        }
                    if !block.rows.isEmpty { return block }
                }
                guard let stretch = stretches.first else { return nil }
                try advance(in: stretch)
            }
        }
    }

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
        let rows: [SeriesRow]
        let chunk = try store.chunk(entry)
        rows = try chunk.seriesRows()
        var next = TargetHistory.index(rows.count) { rows[$0].position < stretch.first }
        var from = stretch.first
        let tail = history.tail
        var tailIndex = history.tailIndex(atOrAfter: from)
        while tailIndex < tail.count, tail[tailIndex].position <= end {
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
        let last = TargetHistory.index(rows.count) { rows[$0].position <= end }
        if last > next {
            addTail(from: from, before: rows[next].position)
            parts.append(.chunk(chunk, next..<last))
            from = rows[last - 1].position
        }
        addTail(from: from, through: end)
        if entry.last < stretch.last {
            stretches[stretches.startIndex].first = entry.last.next
        } else {
            stretches.removeFirst()
        }
    }

    private func addTail(from first: ScrapePosition, through last: ScrapePosition) {
        let start = history.tailIndex(atOrAfter: first)
        addTail(start..<TargetHistory.index(history.tail.count) { history.tail[$0].position <= last })
    }

    private func addTail(from first: ScrapePosition, before end: ScrapePosition) {
        addTail(history.tailIndex(atOrAfter: first)..<history.tailIndex(atOrAfter: max(first, end)))
    }

    private func addTail(_ range: Range<Int>) {
        for start in stride(from: range.lowerBound, to: range.upperBound, by: SeriesBlockCursor.rowsMax) {
            parts.append(.tail(start..<min(range.upperBound, start + SeriesBlockCursor.rowsMax)))
        }
    }

    private func block(_ chunk: SealedChunk, _ range: Range<Int>) throws -> SeriesBlock {
        let all = try chunk.seriesRows()
        let isWhole = range == all.indices
        var rows = isWhole ? all : Array(all[range])
        for index in rows.indices {
            // The table of steps decides: rows may have come in between since the chunk was made.
            rows[index].isAfterStep = !stepStarts.isEmpty && stepStarts.contains(rows[index].position)
        }
        let byShape = try chunk.decoder.shapes.map { shape in
            leaves.indexes(in: try store.shape(shape.id), id: shape.id)
        }
        var columns: [SeriesColumn] = []
        columns.reserveCapacity(leaves.count)
        for index in 0..<leaves.count {
            let column = try chunk.column(byShape.map { $0[index] < 0 ? nil : $0[index] })
            columns.append(isWhole ? column : column.part(range))
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

extension SeriesColumn {
    /// The values of some rows.
    func part(_ range: Range<Int>) -> SeriesColumn {
        switch self {
        case .absent: return .absent
        case .integers(let values): return .integers(Array(values[range]))
        case .reals(let values): return .reals(Array(values[range]))
        case .mixed(let values):
            let part = Array(values[range])
            return part.contains { $0 != nil } ? .mixed(part) : .absent
        }
    }
}

/// Which leaf of each shape carries the asked series.
struct SeriesLeaves {
    private let names: [String?]
    private var known: [ShapeID: [Int]] = [:]
    private var last: (id: ShapeID, indexes: [Int])?

    /// The series of these names; nil for one that the target does not have.
    init(names: [String?]) { self.names = names }

    var count: Int { names.count }

    /// The index of the leaf of each series in that shape, -1 where the shape lacks it.
    mutating func indexes(in shape: Shape, id: ShapeID) -> [Int] {
        if let last, last.id == id { return last.indexes }
        let indexes = known[id] ?? find(in: shape)
        known[id] = indexes
        last = (id, indexes)
        return indexes
    }

    private func find(in shape: Shape) -> [Int] {
        var asked: [String: [Int]] = [:]
        for (index, name) in names.enumerated() {
            if let name { asked[name, default: []].append(index) }
        }
        var found = [Int](repeating: -1, count: names.count)
        for series in shape.series where shape.leafKinds.indices.contains(series.leaf) {
            for index in asked[series.name] ?? [] { found[index] = series.leaf }
        }
        return found
    }
}

/// Collects the values of one series, in the narrowest form that holds them all.
struct ColumnBuilder {
    private var integers: [Int64] = []
    private var reals: [Double] = []
    private var mixed: [Number?] = []
    private var count = 0

    mutating func append(_ value: Number?) {
        defer { count += 1 }
        switch value {
        case .integer(let integer)? where integers.count == count:
            integers.append(integer)
            return
        case .real(let real)? where reals.count == count:
            reals.append(real)
            return
        default:
            break
        }
        if mixed.count < count || !(integers.isEmpty && reals.isEmpty) { widen() }
        mixed.append(value)
        // A column of which nothing was seen yet stays narrow until it must not.
        if count == 0 { return }
    }

    /// Moves what was collected into `mixed`.
    private mutating func widen() {
        if integers.count == count && count > 0 {
            mixed = integers.map { .integer($0) }
        } else if reals.count == count && count > 0 {
            mixed = reals.map { .real($0) }
        }
        integers = []
        reals = []
    }

    /// What was collected.
    var column: SeriesColumn {
        if count > 0 && integers.count == count { return .integers(integers) }
        if count > 0 && reals.count == count { return .reals(reals) }
        return mixed.contains { $0 != nil } ? .mixed(mixed) : .absent
    }
}

extension VaultSnapshot {
    /// The values of `series` in the scrapes of `range`, and around it.
    ///
    /// Holds every successful scrape with a time in the range, and for each of them also the one directly before
    /// and after it (by position) and the one before and after it in its run, so that pairs which straddle an end
    /// of the range are complete. Rows further outside may be there too: the reader clips.
    package func seriesBlocks(
        of target: TargetID,
        series: [SeriesID],
        in range: TimeRange
    ) throws -> SeriesBlockCursor {
        try reading {
            let names = try series.map { try name(of: $0, target: target) }
            let history = try history(of: target)
            return SeriesBlockCursor(
                history,
                stretches: try widened(range, of: history),
                stepStarts: try stepStarts(of: target),
                names: names
            )
        }
    }

    /// The stretches of `range`, with the rows around them as stretches of one row.
    private func widened(_ range: TimeRange, of history: TargetHistory) throws -> [HistoryRows.Stretch] {
        let inside = HistoryRows.stretches(of: history, in: range)
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

    /// The last row with a value of `series` before `position` in `run` (any run where nil); for series that
    /// some scrapes lack.
    package func lastSample(
        of series: SeriesID,
        target: TargetID,
        in run: RunID?,
        before position: ScrapePosition
    ) throws -> (SeriesRow, Number)? {
        try reading { try nearestSample(of: series, target: target, in: run, position, isBefore: true) }
    }

    /// The first row with a value of `series` at or after `position` in `run`.
    package func firstSample(
        of series: SeriesID,
        target: TargetID,
        in run: RunID,
        atOrAfter position: ScrapePosition
    ) throws -> (SeriesRow, Number)? {
        try reading { try nearestSample(of: series, target: target, in: run, position, isBefore: false) }
    }

    private func nearestSample(
        of series: SeriesID,
        target: TargetID,
        in run: RunID?,
        _ position: ScrapePosition,
        isBefore: Bool
    ) throws -> (SeriesRow, Number)? {
        guard let name = try name(of: series, target: target) else { return nil }
        let history = try history(of: target)
        var leaves = SeriesLeaves(names: [name])
        var sample = try tailSample(history, in: run, position, isBefore, &leaves)
        let chunks = isBefore ? Array(history.chunks.reversed()) : history.chunks
        for chunk in chunks {
            guard isBefore ? chunk.first < position : chunk.last >= position else { continue }
            if let found = sample?.0.position, isBefore ? chunk.last < found : chunk.first > found { break }
            guard let found = try chunkSample(chunk, in: run, position, isBefore, &leaves) else { continue }
            if let other = sample?.0.position, isBefore ? other > found.0.position : other < found.0.position
            {
                break
            }
            sample = found
            break
        }
        guard let (found, value) = sample else { return nil }
        var row = found
        row.isAfterStep = try stepStarts(of: target).contains(row.position)
        return (row, value)
    }

    private func tailSample(
        _ history: TargetHistory,
        in run: RunID?,
        _ position: ScrapePosition,
        _ isBefore: Bool,
        _ leaves: inout SeriesLeaves
    ) throws -> (SeriesRow, Number)? {
        let index = history.tailIndex(atOrAfter: position)
        let places = isBefore ? Array((0..<index).reversed()) : Array(index..<history.tail.count)
        var document = ScannedDocument()
        for place in places {
            let row = history.tail[place]
            guard let rowRun = row.run, run == nil || run == rowRun, let shapeID = row.shape else { continue }
            // The shape says whether the series is there, so most rows without it cost no body.
            let leaf = leaves.indexes(in: try store.shape(shapeID), id: shapeID)[0]
            guard leaf >= 0 else { continue }
            let (_, body) = try store.understand(row, into: &document)
            guard let value = Shape.number(document.leaves[leaf], in: body) else { continue }
            let found = SeriesRow(
                seq: row.seq,
                position: row.position,
                run: rowRun,
                isAfterStep: false,
                shape: shapeID
            )
            return (found, value)
        }
        return nil
    }

    private func chunkSample(
        _ entry: ChunkEntry,
        in run: RunID?,
        _ position: ScrapePosition,
        _ isBefore: Bool,
        _ leaves: inout SeriesLeaves
    ) throws -> (SeriesRow, Number)? {
        if let run {
            guard let part = entry.part(of: run), isBefore ? part.first < position : part.last >= position
            else {
                return nil
            }
        }
        // A chunk none of whose shapes has the series is not read.
        var byShape: [Int?] = []
        for shape in entry.shapes {
            let leaf = leaves.indexes(in: try store.shape(shape.id), id: shape.id)[0]
            byShape.append(leaf < 0 ? nil : leaf)
        }
        guard byShape.contains(where: { $0 != nil }) else { return nil }
        let chunk = try store.chunk(entry)
        let rows = try chunk.seriesRows()
        let column = try chunk.column(byShape)
        let index = TargetHistory.index(rows.count) { rows[$0].position < position }
        var place = isBefore ? index - 1 : index
        while rows.indices.contains(place) {
            if run == nil || rows[place].run == run, let value = column[place] { return (rows[place], value) }
            place += isBefore ? -1 : 1
        }
        return nil
    }
}
