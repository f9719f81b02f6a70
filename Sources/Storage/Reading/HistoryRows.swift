import Model
import SQLite

/// Reads a target's scrapes in order of position, chunks and tail merged.
final class HistoryRows {
    /// A stretch of positions, both ends included.
    struct Stretch: Equatable {
        var first: ScrapePosition
        var last: ScrapePosition
    }

    private let history: TargetHistory
    private let afterSeq: Int64
    private let failures: Bool
    private var stretches: ArraySlice<Stretch>
    /// The rest of the chunk that is being read, ascending.
    private var ofChunk: ArraySlice<ScrapeRow> = []
    /// The next chunk and the next row of the tail to look at, once a stretch was begun.
    private var chunkIndex = 0
    private var tailIndex = 0
    private var hasBegun = false

    /// The scrapes in those stretches, which ascend and do not overlap.
    init(_ history: TargetHistory, stretches: [Stretch], afterSeq: Int64 = 0, failures: Bool) {
        self.history = history
        self.afterSeq = afterSeq
        self.failures = failures
        self.stretches = stretches[...]
    }

    /// The scrapes with a time in `range`.
    convenience init(_ history: TargetHistory, range: TimeRange, afterSeq: Int64 = 0, failures: Bool) throws {
        self.init(
            history,
            stretches: try HistoryRows.stretches(of: history, in: range),
            afterSeq: afterSeq,
            failures: failures
        )
    }

    /// The range's part of each epoch.
    static func stretches(of history: TargetHistory, in range: TimeRange) throws -> [Stretch] {
        if range == .all {
            guard let first = history.first, let last = history.last else { return [] }
            return [Stretch(first: first, last: last)]
        }
        let since = range.since ?? Timestamp(milliseconds: .min)
        let last = range.until?.advanced(byMilliseconds: -1) ?? Timestamp(milliseconds: .max)
        guard since <= last, range.until?.milliseconds != .min else { return [] }
        return try history.epochs().map {
            Stretch(
                first: ScrapePosition(epoch: $0, time: since),
                last: ScrapePosition(epoch: $0, time: last)
            )
        }
    }

    /// The next scrape; nil at the end.
    func next() throws -> ScrapeRow? {
        while let stretch = stretches.first {
            if !hasBegun { begin(stretch) }
            while let row = try nextRow(in: stretch) {
                if row.seq > afterSeq && (failures || row.run != nil) { return row }
            }
            stretches.removeFirst()
            hasBegun = false
        }
        return nil
    }

    private func begin(_ stretch: Stretch) {
        hasBegun = true
        ofChunk = []
        chunkIndex = history.chunkIndex(endingAtOrAfter: stretch.first)
        tailIndex = history.tailIndex(atOrAfter: stretch.first)
    }

    private func nextRow(in stretch: Stretch) throws -> ScrapeRow? {
        var tailRow: ScrapeRow?
        if tailIndex < history.tail.count, history.tail[tailIndex].position <= stretch.last {
            tailRow = history.tail[tailIndex]
        }
        while ofChunk.isEmpty, chunkIndex < history.chunks.count {
            let chunk = history.chunks[chunkIndex]
            guard chunk.first <= stretch.last, tailRow.map({ chunk.first < $0.position }) ?? true else {
                break
            }
            chunkIndex += 1
            // What the row of `chunks` rules out is not read.
            guard chunk.seqs.upperBound > afterSeq, failures || chunk.documentCount > 0 else { continue }
            let rows = try history.store.chunk(chunk).rows()
            let first = TargetHistory.index(rows.count) { rows[$0].position < stretch.first }
            let end = TargetHistory.index(rows.count) { rows[$0].position <= stretch.last }
            ofChunk = rows[first..<max(first, end)]
        }
        if let row = ofChunk.first, tailRow.map({ row.position < $0.position }) ?? true {
            ofChunk.removeFirst()
            return row
        }
        if tailRow != nil { tailIndex += 1 }
        return tailRow
    }
}
