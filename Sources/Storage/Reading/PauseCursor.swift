import Expvar
package import Model

/// Collections, in columns: when each ended and how long it paused.
///
/// The numbers are the bit patterns of unsigned ones, as a chunk has them: a year has millions, which are not copied.
package struct PauseColumns: Sendable {
    /// Unix nanoseconds; of those whose end is not known the time of the scrape that was the first to show them.
    package var ends: [Int64] = []
    /// Nanoseconds.
    package var pauses: [Int64] = []

    /// None.
    package init() {}

    /// Those columns, equally long.
    package init(ends: [Int64], pauses: [Int64]) {
        self.ends = ends
        self.pauses = pauses
    }

    mutating func append(_ collection: Collection) {
        ends.append(Int64(bitPattern: collection.endNanoseconds))
        pauses.append(Int64(bitPattern: collection.pauseNanoseconds))
    }

    /// Adds a collection that a scrape at that time was the first to show; says whether its end is known.
    mutating func append(_ collection: Collection, shownAt time: Timestamp) -> Bool {
        guard PauseRing.isUnknown(end: collection.endNanoseconds, shownAt: time) else {
            append(collection)
            return true
        }
        ends.append(Int64(clamping: Int128(time.milliseconds) * 1_000_000))
        pauses.append(Int64(bitPattern: collection.pauseNanoseconds))
        return false
    }

    mutating func append(_ other: PauseColumns) {
        if ends.isEmpty {
            self = other
        } else {
            ends += other.ends
            pauses += other.pauses
        }
    }

    /// Those that ended then.
    func ended(in wanted: ClosedRange<UInt64>) -> PauseColumns {
        var result = PauseColumns()
        for (end, pause) in zip(ends, pauses) where wanted.contains(UInt64(bitPattern: end)) {
            result.ends.append(end)
            result.pauses.append(pause)
        }
        return result
    }
}

/// Some collections of a target.
package enum PauseBatch: Sendable {
    /// One by one.
    case columns(PauseColumns)
    /// All of a chunk, as wide steps ask for them.
    case digest(PauseDigest)
}

/// Goes over the collections of a target that ended in a range, a chunk at a time, without their numbers, which takes a
/// third of the work.
///
/// By the positions of the scrapes that were first to show them; ends ascend mostly, and are not promised to.
package final class PauseCursor {
    private let snapshot: VaultSnapshot
    private let target: TargetID
    private let range: TimeRange
    /// The nanoseconds that the range holds; nil where none.
    private let wanted: ClosedRange<UInt64>?
    private let renewal: Duration?
    /// Chunks with more collections than that may come as digests; none where nil.
    package var digestsAbove: Int?
    /// How many of those that were given so far ended nobody knows when: they count where the scrape was that showed them.
    package private(set) var unknownEndCount = 0
    private var history: TargetHistory
    /// The collections of the tail's scrapes, ascending by position, without those that were given.
    private var tail: ArraySlice<(position: ScrapePosition, found: PauseColumns, unknownEndCount: Int)> = []
    /// All scrapes up to this one were looked at.
    private var passed: ScrapePosition?
    /// The last scrape that there was at the beginning.
    private let end: ScrapePosition?
    /// Where all ends lie, exactly so at an end that the range leaves open; nil where there are none.
    package private(set) var extent: ClosedRange<UInt64>?

    init(_ snapshot: VaultSnapshot, _ target: TargetID, endingIn range: TimeRange, renewal: Duration?) throws
    {
        self.snapshot = snapshot
        self.target = target
        self.range = range
        self.renewal = renewal
        wanted = CollectionReader.nanoseconds(of: range)
        history = try snapshot.history(of: target)
        end = wanted == nil ? nil : history.last
        try readTail()
        guard let wanted else { return }
        for chunk in history.chunks {
            if let ends = chunk.knownEnds, ends.overlaps(wanted) { extend(to: ends.clamped(to: wanted)) }
        }
        for (_, found, _) in tail {
            for end in found.ends { extend(to: UInt64(bitPattern: end)...UInt64(bitPattern: end)) }
        }
    }

    private func extend(to ends: ClosedRange<UInt64>) {
        guard let known = extent else {
            extent = ends
            return
        }
        extent = min(known.lowerBound, ends.lowerBound)...max(known.upperBound, ends.upperBound)
    }

    /// The next ones; nil at the end.
    package func next() throws -> PauseBatch? {
        try snapshot.reading {
            guard let wanted, let end else { return nil }
            while passed.map({ $0 < end }) ?? true {
                try renew()
                var columns = PauseColumns()
                let index = passed.map { history.chunkIndex(endingAtOrAfter: $0.next) } ?? 0
                guard index < history.chunks.count, history.chunks[index].first <= end else {
                    passed = end
                    takeTail(through: end, into: &columns)
                    return columns.ends.isEmpty ? nil : .columns(columns)
                }
                let chunk = history.chunks[index]
                takeTail(through: chunk.last, into: &columns)
                if chunk.hasUnknownEnds {
                    columns.append(try pausesByRow(of: chunk, in: wanted, through: end))
                } else if let ends = chunk.ends, ends.overlaps(wanted) {
                    let isWhole = wanted.contains(ends.lowerBound) && wanted.contains(ends.upperBound)
                    // Made for the next question too: of no use where nothing is kept.
                    if isWhole, columns.ends.isEmpty, isUntouched(chunk, through: end), let digestsAbove,
                        history.store.kept != nil,
                        let digest = try history.store.chunk(chunk).pauseDigest(above: digestsAbove)
                    {
                        passed = chunk.last
                        return .digest(digest)
                    }
                    let found = try pauses(of: chunk, through: end)
                    columns.append(isWhole ? found : found.ended(in: wanted))
                }
                passed = chunk.last
                if !columns.ends.isEmpty { return .columns(columns) }
            }
            return nil
        }
    }

    /// Those of a chunk that were not given; all of them, but where chunks were merged since.
    private func pauses(of entry: ChunkEntry, through end: ScrapePosition) throws -> PauseColumns {
        let chunk = try history.store.chunk(entry)
        if isUntouched(entry, through: end) { return try chunk.pauses() }
        let rows = try chunk.rows()
        var result = PauseColumns()
        for found in try chunk.collections() {
            let position = rows[found.row].position
            if passed.map({ $0 < position }) ?? true, position <= end { result.append(found.collection) }
        }
        return result
    }

    /// Those of a chunk that were not given and lie in the range, each looked at with the scrape that showed it first.
    private func pausesByRow(
        of entry: ChunkEntry,
        in wanted: ClosedRange<UInt64>,
        through end: ScrapePosition
    ) throws -> PauseColumns {
        let chunk = try history.store.chunk(entry)
        let rows = try chunk.rows()
        var result = PauseColumns()
        for found in try chunk.collections() {
            let position = rows[found.row].position
            guard passed.map({ $0 < position }) ?? true, position <= end else { continue }
            var one = PauseColumns()
            let isKnown = one.append(found.collection, shownAt: position.time)
            guard let moment = one.ends.first, wanted.contains(UInt64(bitPattern: moment)) else { continue }
            if !isKnown { unknownEndCount += 1 }
            result.append(one)
        }
        return result
    }

    /// Whether none of a chunk was given, and all of it was there at the beginning.
    private func isUntouched(_ entry: ChunkEntry, through end: ScrapePosition) -> Bool {
        passed.map { $0 < entry.first } ?? true && entry.last <= end
    }

    private func takeTail(through end: ScrapePosition, into columns: inout PauseColumns) {
        while let next = tail.first, next.position <= end {
            columns.append(next.found)
            unknownEndCount += next.unknownEndCount
            tail.removeFirst()
        }
    }

    private func readTail() throws {
        tail = []
        guard let end else { return }
        var document = ScannedDocument()
        for row in history.tail where row.seen > 0 && row.position <= end {
            guard row.run != nil, passed.map({ $0 < row.position }) ?? true else { continue }
            let (shape, bytes) = try history.store.understand(row, into: &document)
            let state = ProcessState(shape: shape, document: document, body: bytes)
            var found = PauseColumns()
            var unknown = 0
            for collection in state.newestCollections(Int(clamping: row.seen))
            where range.holds(collection, shownAt: row.position.time) {
                if !found.append(collection, shownAt: row.position.time) { unknown += 1 }
            }
            if !found.ends.isEmpty { tail.append((row.position, found, unknown)) }
        }
    }

    /// Places are positions, which stay what they are.
    private func renew() throws {
        guard let renewal, snapshot.isOlder(than: renewal) else { return }
        try snapshot.renew()
        history = try snapshot.history(of: target)
        try readTail()
    }
}

extension VaultSnapshot {
    /// The stored collections of a target that ended in `range`, chunk by chunk.
    ///
    /// Where there is a `renewal`, the cursor goes on in a newer transaction each time that the snapshot is older than
    /// that; what was asked of it before then may be out of date, but nothing is given of scrapes after its last one.
    package func pauses(
        of target: TargetID,
        endingIn range: TimeRange,
        renewal: Duration? = nil
    ) throws -> PauseCursor {
        try reading { try PauseCursor(self, target, endingIn: range, renewal: renewal) }
    }
}

extension CollectionReader {
    /// The nanoseconds that a range holds; nil where none.
    static func nanoseconds(of range: TimeRange) -> ClosedRange<UInt64>? {
        // The first and the last nanosecond; times of the range are signed.
        let first = Int128(range.since?.milliseconds ?? 0) * 1_000_000
        let last = range.until.map { Int128($0.milliseconds) * 1_000_000 - 1 } ?? Int128(UInt64.max)
        let low = UInt64(clamping: first)
        guard last >= 0, first <= Int128(UInt64.max), low <= UInt64(clamping: last) else { return nil }
        return low...UInt64(clamping: last)
    }
}
