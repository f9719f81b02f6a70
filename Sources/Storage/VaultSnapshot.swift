package import Expvar
package import Model

/// A consistent view of a database: everything read from it is of one moment.
///
/// Owned by one task at a time.
package final class VaultSnapshot {
    /// The database's UUID.
    package var databaseUUID: String { fatalError("pending") }
    /// The name of the host that records (for `agent.name`).
    package var recordingHost: String { fatalError("pending") }
    /// The highest `seq` in the snapshot; 0 where nothing is recorded.
    package var lastSeq: Int64 { fatalError("pending") }

    init() {}

    /// All targets, ascending by name.
    package func targets() throws -> [TargetRecord] { fatalError("pending") }

    /// The runs of a target, ascending by first position.
    package func runs(of target: TargetID) throws -> [RunRecord] { fatalError("pending") }

    /// The series of a target, ascending by name; `up` and `scrape.duration_seconds` are not among them.
    package func series(of target: TargetID) throws -> [SeriesRecord] { fatalError("pending") }

    /// A shape, from a cache.
    package func shape(_ id: ShapeID) throws -> Shape { fatalError("pending") }

    /// The scrapes of a target with a time in `range` and a `seq` above `seq`, failed ones included where asked,
    /// ascending by position.
    package func scrapes(
        of target: TargetID, in range: TimeRange, afterSeq seq: Int64 = 0, failures: Bool
    ) throws -> ScrapeCursor { fatalError("pending") }

    /// The newest scrape of a target at or before `time` (the newest of all where nil); by (time, epoch),
    /// successful unless `failures`.
    package func newestScrape(
        of target: TargetID, atOrBefore time: Timestamp?, failures: Bool
    ) throws -> (ScrapeRecord, body: [UInt8])? { fatalError("pending") }

    /// The successful scrape of a target directly before `position`, in that run (any where nil), with its body.
    package func scrape(
        of target: TargetID, before position: ScrapePosition, in run: RunID?
    ) throws -> (ScrapeRecord, body: [UInt8])? { fatalError("pending") }

    /// The values of `series` in the scrapes of `range`, and around it.
    ///
    /// Holds every successful scrape with a time in the range, and for each of them also the one directly before
    /// and after it (by position) and the one before and after it in its run, so that pairs which straddle an end
    /// of the range are complete. Rows further outside may be there too: the reader clips.
    package func seriesBlocks(
        of target: TargetID, series: [SeriesID], in range: TimeRange
    ) throws -> SeriesBlockCursor { fatalError("pending") }

    /// The last row with a value of `series` before `position` in `run` (any run where nil); for series that
    /// some scrapes lack.
    package func lastSample(
        of series: SeriesID, target: TargetID, in run: RunID?, before position: ScrapePosition
    ) throws -> (SeriesRow, Number)? { fatalError("pending") }

    /// The first row with a value of `series` at or after `position` in `run`.
    package func firstSample(
        of series: SeriesID, target: TargetID, in run: RunID, atOrAfter position: ScrapePosition
    ) throws -> (SeriesRow, Number)? { fatalError("pending") }

    /// Calls `body` for each stored collection of a target that ended in `range`; in no promised order.
    package func forEachCollection(
        of target: TargetID, endingIn range: TimeRange, _ body: (CollectionRecord) throws -> Void
    ) throws { fatalError("pending") }

    /// What was missed, of scrapes with a time in `range`, ascending by position.
    package func missed(of target: TargetID, in range: TimeRange) throws -> [MissedRecord] { fatalError("pending") }
}

/// Goes over scrapes one by one.
package final class ScrapeCursor {
    init() {}

    /// The next scrape; nil at the end. Its body is decoded only when `body()` is called.
    package func next() throws -> ScrapeRecord? { fatalError("pending") }

    /// The body of the scrape that `next()` returned last; for a failed scrape what was kept of it.
    package func body() throws -> [UInt8] { fatalError("pending") }
}

/// Goes over blocks of series.
package final class SeriesBlockCursor {
    init() {}

    /// The next block; nil at the end.
    package func next() throws -> SeriesBlock? { fatalError("pending") }
}
