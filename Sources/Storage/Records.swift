package import Expvar
package import Model

/// A target as the database knows it.
package struct TargetRecord: Hashable, Sendable {
    package var id: TargetID
    /// Its name; unique in the database.
    package var name: String
    /// Where its newest scrape came from.
    package var origin: Origin
    /// The position of its first and last scrape, failed ones included; nil before the first.
    package var first: ScrapePosition?
    package var last: ScrapePosition?
    /// How many scrapes got a document, and how many failed.
    package var scrapeCount: Int64
    package var failureCount: Int64
    /// The newest failed scrape.
    package var lastFailure: (time: Timestamp, reason: String)?
    /// Steps between wall clock and boot clock.
    package var clockSteps: [ClockStep]
    /// The newest difference between the answer's `Date` and our time, in milliseconds; nil where never sent.
    package var clockSkewMilliseconds: Int64?
    /// Whether several processes take turns behind one URL: runs of it interleave, or lived side by side.
    package var isAlternating: Bool
    /// Where it is alternating, how many scrapes showed no collection in common with what came before in their run, so
    /// that they may belong to another process; else 0.
    package var unprovenCount: Int64 = 0
    /// Whether scrapes were put in between and their runs are still to be found (an import is at work, or was killed).
    package var isUnsettled = false
    /// Whether series were left out: over 10 000 leaves, or over 1000 new names in a day.
    package var isSeriesLimited: Bool

    package static func == (a: TargetRecord, b: TargetRecord) -> Bool { a.id == b.id }
    package func hash(into hasher: inout Hasher) { hasher.combine(id) }
}

/// A step: wall clock and boot clock parted by more than a minute between two scrapes.
package struct ClockStep: Hashable, Sendable {
    /// The positions of the scrapes before and after it.
    package var before: ScrapePosition
    package var after: ScrapePosition
    /// How far the wall clock moved against the boot clock, in milliseconds; negative for a step back.
    package var milliseconds: Int64
}

/// A run of a target.
package struct RunRecord: Hashable, Sendable {
    package var id: RunID
    /// The end of its first collection in Unix ns, where a ring held it.
    package var startedNanoseconds: UInt64?
    package var first: ScrapePosition
    package var last: ScrapePosition
    package var scrapeCount: Int64
    /// The process's arguments; empty where absent.
    package var commandLine: [String]
    /// The URL of its first scrape; all others have its scheme, host, port and path.
    package var url: String?
    /// How it begins.
    package var beginning = RunBeginning.fresh
}

/// A series of a target.
package struct SeriesRecord: Hashable, Sendable {
    package var id: SeriesID
    package var name: String
}

/// A stored scrape without its body.
package struct ScrapeRecord: Hashable, Sendable {
    /// Its number in the order of commits, database-wide.
    package var seq: Int64
    package var target: TargetID
    package var position: ScrapePosition
    package var origin: Origin
    package var durationNanoseconds: Int64?
    package var status: Int?
    package var serverDate: Timestamp?
    package var bootID: String?
    package var bootNanoseconds: Int64?
    /// The run it belongs to; nil for a failed scrape.
    package var run: RunID?
    /// How many collections it was the first to show, the newest of its ring.
    package var seenCount = 0
    /// Of a run's first scrape how the run begins.
    package var beginning = RunBeginning.fresh
    /// Why it failed; nil for a successful scrape.
    package var failure: String?
    /// Whether a clock step lies between this scrape and the target's scrape before it.
    package var isAfterStep: Bool
}

/// One successful scrape in a block of series.
package struct SeriesRow: Hashable, Sendable {
    package var seq: Int64
    package var position: ScrapePosition
    package var run: RunID
    /// Whether a clock step lies between the target's successful scrape before it and this one.
    package var isAfterStep: Bool
    /// The shape of its document.
    package var shape: ShapeID
}

/// The number of a shape in its database.
package struct ShapeID: Hashable, Sendable {
    package let value: Int64
    package init(_ value: Int64) { self.value = value }
}

/// The values of one series in a block, one for each row of the block.
package enum SeriesColumn: Sendable {
    /// No row has the series.
    case absent
    /// Every row has it, each an integer in the range of Int64.
    case integers([Int64])
    /// Every row has it, each a double.
    case reals([Double])
    /// Anything else; nil where a row lacks it.
    case mixed([Number?])

    /// The value in that row.
    package subscript(row: Int) -> Number? {
        switch self {
        case .absent: nil
        case .integers(let values): .integer(values[row])
        case .reals(let values): .real(values[row])
        case .mixed(let values): values[row]
        }
    }
}

/// A stretch of a target's successful scrapes with the values of some series, ascending by position.
package struct SeriesBlock: Sendable {
    package var rows: [SeriesRow]
    /// A column for each asked series, in the order in which they were asked.
    package var columns: [SeriesColumn]
}

/// A collection as it is stored.
package struct CollectionRecord: Hashable, Sendable {
    package var run: RunID
    package var collection: Collection
    /// Whether its end is a Unix time; before Go 1.5 it is not.
    package var isEndKnown = true
}

/// Collections that nobody saw, at the scrape that showed it.
package struct MissedRecord: Hashable, Sendable {
    package var run: RunID
    /// The position of the later scrape, to which they belong.
    package var position: ScrapePosition
    package var missed: MissedCollections
}
