import Expvar
package import Model

extension VaultSnapshot {
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
