package import Model

/// What `targets` says of one target.
package struct TargetAnswer: Hashable, Sendable {
    /// Its name.
    package var target: String
    /// Where its newest scrape came from; nil where imported lines never said.
    package var url: String?
    /// The labels that its newest scrape has.
    package var labels: [String: String]
    /// The time of its first scrape, failed ones included; nil before the first.
    package var first: Timestamp?
    /// The time of its last scrape, failed ones included.
    package var last: Timestamp?
    /// How many scrapes got a document.
    package var scrapes: Int64
    /// How many failed.
    package var failures: Int64
    /// The newest failed scrape.
    package var lastFailure: FailureAnswer?
    /// Steps between wall clock and boot clock, in order.
    package var clockSteps: [ClockStepAnswer]
    /// The newest difference between the answer's `Date` and our time, in seconds; nil where never sent.
    package var clockSkewSeconds: Double?
    /// Whether several processes take turns behind one URL.
    package var isAlternating: Bool
    /// Where they do, how many scrapes cannot be told apart: nothing proves which process they are of.
    package var unproven: Int64 = 0
    /// Whether scrapes were put in between, and their runs are still to be found.
    package var isUnsettled = false
    /// How many runs of the last day are more than are remembered, so that their processes count as new ones.
    package var runsForgotten = 0
    /// Whether numeric leaves were left out of the series, since there were too many (semantics.md, "Scrapes, runs, neighbours").
    package var isSeriesLimited: Bool
    /// What of its documents could not be read; nil where all could.
    package var unread: UnreadAnswer?
    /// Its runs, ascending by their first scrape.
    package var runs: [RunAnswer]
}

/// What of a target's documents could not be read, as `targets` tells it.
package struct UnreadAnswer: Hashable, Sendable {
    /// How many scrapes had any such part.
    package var scrapes: Int64
    /// How many paths there are to such parts.
    package var paths: Int
    /// The first of them, by its bytes.
    package var firstPath: String
    /// Why that could not be read.
    package var reason: String
}

/// A failed scrape, as `targets` names it.
package struct FailureAnswer: Hashable, Sendable {
    /// When it was sent.
    package var time: Timestamp
    /// Why it failed, in words for a person.
    package var reason: String
}

/// A clock step, as `targets` names it.
package struct ClockStepAnswer: Hashable, Sendable {
    /// The time of the scrape before it, by the wall clock of its moment.
    package var before: Timestamp
    /// The time of the scrape after it, by the wall clock of its moment.
    package var after: Timestamp
    /// How far the wall clock moved against the boot clock, in milliseconds; negative for a step back.
    package var milliseconds: Int64
}

/// One life of a target's process.
package struct RunAnswer: Hashable, Sendable {
    /// The end of its first collection, in Unix ns; nil where no ring held it.
    package var startedNanoseconds: UInt64?
    /// The time of its first scrape.
    package var first: Timestamp
    /// The time of its last scrape.
    package var last: Timestamp
    /// How many scrapes it has.
    package var scrapes: Int64
    /// The process's arguments; empty where absent.
    package var commandLine: [String]
    /// Where its first scrape came from; nil where an imported line did not say.
    package var url: String?
    /// Whether the process before it ended: else it answered elsewhere, or lived beside that.
    package var isRestart = true
}

extension TargetAnswer {
    /// When the process was found to have begun anew, ascending.
    package var restarts: [Timestamp] { runs.dropFirst().filter(\.isRestart).map(\.first) }
}

/// What `series` says of one series.
package struct SeriesAnswer: Hashable, Sendable {
    /// The target's name.
    package var target: String
    /// The series' name, as cli.md spells names.
    package var series: String
    /// What its values are; of a custom variable what its samples in the range showed.
    package var kind: SeriesKind
    /// The unit of its values; nil where it counts things or nobody knows.
    package var unit: Unit?
    /// The time of its first sample in the range.
    package var firstSeen: Timestamp
    /// The time of its last sample in the range.
    package var lastSeen: Timestamp
    /// How many samples the range holds; 0 only of a variable that is NaN or infinite in every scrape that has it.
    package var points: Int
    /// The newest sample's value; NaN where there is none.
    package var value: Number
}

/// What `rate` says of one series.
package struct RateAnswer: Hashable, Sendable {
    /// The target's name.
    package var target: String
    /// The series' name.
    package var series: String
    /// The unit of `increase`; `rate` is in that unit a second.
    package var unit: Unit?
    /// The beginning of the range that was asked for; the target's first scrape where it is open.
    package var from: Timestamp
    /// The end of the range that was asked for; the target's last scrape, included, where it is open.
    package var to: Timestamp
    /// By how much the counter rose: an integer where all pairs and their parts are integers, else a double.
    package var increase: Number
    /// `increase / coveredSeconds`; nil where nothing is covered.
    package var rate: Double?
    /// How often the counter began again.
    package var resets: Int
    /// The time that pairs of samples cover in the range, each moment once.
    package var coveredSeconds: Double
    /// Every step of the range in order; nil where no step was asked for.
    package var points: [RatePoint]?
}

/// One step of a rate.
package struct RatePoint: Hashable, Sendable {
    /// Where the step begins: a whole multiple of the step since 1970, also where the range cuts it.
    package var start: Timestamp
    /// By how much the counter rose in the step; nil where nothing is covered.
    package var increase: Number?
    /// `increase / coveredSeconds`; nil where nothing is covered.
    package var rate: Double?
    /// The time covered in the step.
    package var coveredSeconds: Double
}

/// What `values` says of one series.
package struct ValuesAnswer: Hashable, Sendable {
    /// The target's name.
    package var target: String
    /// The series' name.
    package var series: String
    /// The unit of its values.
    package var unit: Unit?
    /// How many samples the range holds; may be 0.
    package var count: Int
    /// The lowest sample; nil where there is none.
    package var min: Number?
    /// The highest sample; nil where there is none.
    package var max: Number?
    /// The arithmetic mean: the exact sum over the count, rounded once; nil where there is no sample.
    package var mean: Double?
    /// The value of the first sample; nil where there is none.
    package var first: Number?
    /// The value of the last sample; nil where there is none.
    package var last: Number?
    /// Every step of the range in order; nil where no step was asked for.
    package var points: [ValuesPoint]?
}

/// One step of the values of a series.
package struct ValuesPoint: Hashable, Sendable {
    /// Where the step begins: a whole multiple of the step since 1970, also where the range cuts it.
    package var start: Timestamp
    /// How many samples the step holds.
    package var count: Int
    /// The lowest sample; nil where there is none.
    package var min: Number?
    /// The highest sample; nil where there is none.
    package var max: Number?
    /// The mean, rounded once; nil where there is no sample.
    package var mean: Double?
    /// The last sample; nil where there is none.
    package var last: Number?
}

/// What `pauses` says of one target.
package struct PausesAnswer: Hashable, Sendable {
    /// The target's name.
    package var target: String
    /// The collections of the whole range; its totals are 0, never nil, where there are none.
    package var summary: PauseSummary
    /// How many of them ended nobody knows when (Go before 1.5): they count where the scrape was that showed them first.
    package var unknownEnds = 0
    /// Every step of the range in order; nil where no step was asked for.
    package var points: [PausePoint]?
}

/// One step of the pauses.
package struct PausePoint: Hashable, Sendable {
    /// Where the step begins: a whole multiple of the step since 1970, also where the range cuts it.
    package var start: Timestamp
    /// The collections of the step; of an empty step `count` and `missed` are 0 and all else is nil.
    package var summary: PauseSummary
}

/// What `show` prints: a body as it was served, or as much as was kept of a failed scrape's.
package struct ShowAnswer: Hashable, Sendable {
    /// When the request was sent.
    package var time: Timestamp
    /// Why the scrape failed; nil for a successful one.
    package var failure: String?
    /// The body, byte for byte.
    package var body: [UInt8]
}
