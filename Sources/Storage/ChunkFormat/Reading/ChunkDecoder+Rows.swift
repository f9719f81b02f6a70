import Codec
package import Expvar
package import Model

/// What a chunk knows of a scrape besides its body.
package struct ChunkRow: Hashable, Sendable {
    /// What came of it.
    package enum Outcome: Hashable, Sendable {
        /// A document of that shape and run; `missed` is nil where no collections were.
        case document(shape: ShapeID, run: RunID, missed: MissedCollections?)
        /// None, and why.
        case failure(reason: String)
    }

    /// Its number in the order of commits.
    package var seq: Int64
    /// Its place among the target's scrapes.
    package var position: ScrapePosition
    /// The row number of its origin.
    package var origin: Int64
    /// The row number of its boot id.
    package var boot: Int64?
    /// CLOCK_BOOTTIME in nanoseconds.
    package var bootNanoseconds: Int64?
    /// How long the request took.
    package var durationNanoseconds: Int64?
    /// The HTTP status.
    package var status: Int?
    /// The answer's `Date`.
    package var serverDate: Timestamp?
    /// Whether a clock step lies between the target's scrape before it and this one.
    package var isAfterStep: Bool
    /// What came of it.
    package var outcome: Outcome
    /// How many collections it was the first to show.
    package var seenCount = 0
}

/// A collection that a document of a chunk was the first to show.
package struct ChunkCollection: Hashable, Sendable {
    /// The row of the document.
    package var row: Int
    /// The run of the document.
    package var run: RunID
    /// The collection.
    package var collection: Collection
}

extension ChunkDecoder {
    /// All rows, without their bodies.
    package func rows() throws -> [ChunkRow] {
        let seq = try stream(ChunkStream.seq)
        let time = try stream(ChunkStream.time)
        let epoch = try stream(ChunkStream.epoch)
        let origin = try stream(ChunkStream.origin)
        let flags = try stream(ChunkStream.flags)
        let boot = try stream(ChunkStream.boot)
        let bootNanoseconds = try stream(ChunkStream.bootNanoseconds)
        let duration = try stream(ChunkStream.duration)
        let status = try stream(ChunkStream.status)
        let serverDate = try stream(ChunkStream.serverDate)
        let runs = try stream(ChunkStream.run)
        let missedCount = try stream(ChunkStream.missedCount)
        let missedPause = try stream(ChunkStream.missedPause)
        let counts = try stream(ChunkStream.ringCount)
        let seen = try stream(ChunkStream.seen)
        let reasons = try reasons()

        var rows: [ChunkRow] = []
        rows.reserveCapacity(rowCount)
        var failures = 0
        var documents = try documents()[...]
        for row in 0..<rowCount {
            let known = ChunkRowFlags(rawValue: flags[row])
            guard known.isSubset(of: .all) else { throw ChunkError.damaged("unknown flags of a row") }
            let outcome: ChunkRow.Outcome
            var seenCount = 0
            if let document = documents.first, document.row == row {
                documents.removeFirst()
                let missed = MissedCollections(
                    count: UInt64(bitPattern: missedCount[document.number]),
                    pauseNanoseconds: UInt64(bitPattern: missedPause[document.number])
                )
                seenCount = Int(truncatingIfNeeded: seen[document.number] &+ counts[document.number])
                outcome = .document(
                    shape: header.shapes[document.shape].id,
                    run: RunID(runs[document.number]),
                    missed: known.contains(.missed) ? missed : nil
                )
            } else {
                outcome = .failure(reason: reasons[failures])
                failures += 1
            }
            rows.append(
                ChunkRow(
                    seq: seq[row],
                    position: ScrapePosition(epoch: epoch[row], time: Timestamp(milliseconds: time[row])),
                    origin: origin[row],
                    boot: known.contains(.boot) ? boot[row] : nil,
                    bootNanoseconds: known.contains(.bootNanoseconds) ? bootNanoseconds[row] : nil,
                    durationNanoseconds: known.contains(.duration) ? duration[row] : nil,
                    status: known.contains(.status) ? Int(status[row]) : nil,
                    serverDate: known.contains(.serverDate) ? Timestamp(milliseconds: serverDate[row]) : nil,
                    isAfterStep: known.contains(.isAfterStep),
                    outcome: outcome,
                    seenCount: seenCount
                )
            )
        }
        return rows
    }

    /// Calls `body` with each scrape, as it was when the chunk was made: what merging needs.
    package func forEachScrape(
        shape: (ShapeID) throws -> Shape,
        _ body: (ChunkScrape) throws -> Void
    ) throws {
        let rows = try rows()
        try forEachTidyBody(in: 0..<rowCount, shape: shape) { index, tidy in
            let row = rows[index]
            let bytes = tidy.bytes
            let outcome: ChunkScrape.Outcome
            switch row.outcome {
            case .failure(let reason): outcome = .failure(reason: reason, body: bytes)
            case .document(let shape, let run, let missed):
                outcome = .document(shape: shape, run: run, seen: row.seenCount, missed: missed, body: bytes)
            }
            try body(
                ChunkScrape(
                    seq: row.seq,
                    position: row.position,
                    origin: row.origin,
                    boot: row.boot,
                    bootNanoseconds: row.bootNanoseconds,
                    durationNanoseconds: row.durationNanoseconds,
                    status: row.status,
                    serverDate: row.serverDate,
                    isAfterStep: row.isAfterStep,
                    outcome: outcome,
                    order: tidy.order
                )
            )
        }
    }

    /// The reason of each failed scrape, in order.
    func reasons() throws -> [String] {
        guard documentCount < rowCount else { return [] }
        let texts = try texts()
        return try stream(ChunkStream.reason).map { place in
            guard place >= 0, place < Int64(texts.reasons.count) else {
                throw ChunkError.damaged("a reason's place")
            }
            return String(decoding: texts.reasons[Int(place)], as: UTF8.self)
        }
    }

    /// The documents as rows of a block of series, one for each document.
    package func seriesRows() throws -> [SeriesRow] {
        if let cachedSeriesRows { return cachedSeriesRows }
        let rows = try decodedSeriesRows()
        cachedSeriesRows = rows
        return rows
    }

    private func decodedSeriesRows() throws -> [SeriesRow] {
        let seq = try stream(ChunkStream.seq)
        let time = try stream(ChunkStream.time)
        let epoch = try stream(ChunkStream.epoch)
        let flags = try stream(ChunkStream.flags)
        let runs = try stream(ChunkStream.run)
        var step = false
        var last = -1
        return try documents().map { document in
            let row = document.row
            // A step before a failed scrape lies between the documents around it, too.
            step = false
            for row in last + 1...row where ChunkRowFlags(rawValue: flags[row]).contains(.isAfterStep) {
                step = true
            }
            last = row
            return SeriesRow(
                seq: seq[row],
                position: ScrapePosition(epoch: epoch[row], time: Timestamp(milliseconds: time[row])),
                run: RunID(runs[document.number]),
                isAfterStep: step,
                shape: header.shapes[document.shape].id
            )
        }
    }

    /// Ends and pauses of the collections that the documents of the chunk were the first to show, in order.
    ///
    /// Nil where the rings are needed for that: where a document shows more than it set, or one is raw.
    func pauses() throws -> PauseColumns? {
        guard header.columnRowCount == header.documentCount else { return nil }
        let counts = try stream(ChunkStream.ringCount)
        let seen = try stream(ChunkStream.seen)
        let ends = try stream(ChunkStream.ringEnd)
        let pauses = try stream(ChunkStream.ringPause)
        var next = 0
        for count in counts {
            guard count >= 0, count <= Int64(PauseRing.slots), next + Int(count) <= ends.count else {
                throw ChunkError.damaged("a number of collections")
            }
            next += Int(count)
        }
        // Mostly each document shows as many as it sets.
        if next == ends.count, seen.allSatisfy({ $0 == 0 }) {
            return PauseColumns(ends: ends, pauses: pauses)
        }
        var result = PauseColumns()
        result.ends.reserveCapacity(ends.count)
        result.pauses.reserveCapacity(ends.count)
        // The stretch that ends at `next` and is not copied yet.
        var open = 0
        next = 0
        for (count, less) in zip(counts, seen) {
            let end = next + Int(count)
            if less != 0 {
                // Of a ring that a run brings along only the newest are its own.
                guard less < 0, less &+ count >= 0 else { return nil }
                result.ends += ends[open..<next]
                result.pauses += pauses[open..<next]
                open = end - Int(less &+ count)
            }
            next = end
        }
        result.ends += ends[open..<next]
        result.pauses += pauses[open..<next]
        return result
    }

    /// The collections that the documents of the chunk were the first to show, in order; `shape` is asked for only where
    /// documents are raw.
    package func collections(
        shape: ((ShapeID) throws -> Shape)? = nil
    ) throws -> [ChunkCollection] {
        let counts = try stream(ChunkStream.ringCount)
        let seen = try stream(ChunkStream.seen)
        let ends = try stream(ChunkStream.ringEnd)
        let pauses = try stream(ChunkStream.ringPause)
        let runs = try stream(ChunkStream.run)
        guard ends.count > 0 || seen.contains(where: { $0 != 0 }) else { return [] }
        let numbers = try header.shapes.map { shape in
            try shape.rings.map { try stream(header.columns[shape.columns[$0.collectionCount]].stream) }
        }
        let places = try header.shapes.map { shape in
            try shape.rings.flatMap { try columnRows(shape.columns[$0.collectionCount]) }
        }
        let blobs = try documents().contains(where: \.isRaw) ? blobs() : nil
        var rings: [Int64: ChunkRing] = [:]
        var next = 0
        var result: [ChunkCollection] = []
        for document in try documents() {
            let run = runs[document.number]
            let count = counts[document.number]
            let seenCount = seen[document.number] &+ count
            guard count >= 0, count <= Int64(PauseRing.slots), seenCount >= 0,
                seenCount <= Int64(PauseRing.slots),
                next + Int(count) <= ends.count
            else { throw ChunkError.damaged("a number of collections") }
            if document.isRaw {
                guard seenCount > 0, let blobs, let shape else { continue }
                let found = try shape(header.shapes[document.shape].id)
                for collection in Self.newest(Int(seenCount), blobs.blob(document.place), found) {
                    result.append(ChunkCollection(row: document.row, run: RunID(run), collection: collection))
                }
                continue
            }
            guard let numbersOfShape = numbers[document.shape] else {
                guard count == 0, seenCount == 0 else {
                    throw ChunkError.damaged("collections without rings")
                }
                continue
            }
            if count == 0, seenCount == 0 { continue }
            let place =
                places[document.shape].map { Self.index(of: document.place, in: $0) } ?? document.place
            guard place < numbersOfShape.count else { throw ChunkError.damaged("a count of collections") }
            let n = UInt64(bitPattern: numbersOfShape[place])
            var ring = rings.removeValue(forKey: run) ?? ChunkRing()
            for age in stride(from: Int(count) - 1, through: 0, by: -1) {
                ring.set(
                    n &- UInt64(age),
                    end: UInt64(bitPattern: ends[next]),
                    pause: UInt64(bitPattern: pauses[next])
                )
                next += 1
            }
            for age in stride(from: Int(seenCount) - 1, through: 0, by: -1) {
                let number = n &- UInt64(age)
                let slot = ChunkRing.slot(number)
                result.append(
                    ChunkCollection(
                        row: document.row,
                        run: RunID(run),
                        collection: Collection(
                            n: number,
                            endNanoseconds: ring.ends[slot],
                            pauseNanoseconds: ring.pauses[slot]
                        )
                    )
                )
            }
            rings[run] = ring
        }
        return result
    }

    /// The place of `value` in an ascending list; past the end where it is not there.
    static func index(of value: Int, in list: [Int]) -> Int {
        var low = 0
        var high = list.count
        while low < high {
            let middle = (low + high) / 2
            if list[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low < list.count && list[low] == value ? low : list.count
    }

    /// The newest collections of a raw body.
    private static func newest(_ count: Int, _ body: [UInt8], _ shape: Shape) -> [Collection] {
        var document = ScannedDocument()
        do { try document.scan(body) } catch { return [] }
        let state = ProcessState(shape: shape, document: document, body: body)
        guard let n = state.collectionCount, let ends = state.endRing, let pauses = state.pauseRing,
            ends.count == PauseRing.slots, pauses.count == PauseRing.slots
        else { return [] }
        return (0..<count).reversed().map { age in
            let number = n &- UInt64(age)
            let slot = ChunkRing.slot(number)
            return Collection(n: number, endNanoseconds: ends[slot], pauseNanoseconds: pauses[slot])
        }
    }
}
