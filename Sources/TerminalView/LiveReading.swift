package import Model
package import Query

/// What the view shows of one target; every number is an answer of Query.
package struct TargetReading: Hashable, Sendable {
    /// What `targets` says of it.
    package var target: TargetAnswer
    /// The window, in whole steps.
    package var range: TimeRange
    /// When it was looked whether there is a newer scrape.
    package var lookedAt: Timestamp?
    /// How the scraping went in the window; nil where there was no time yet to look.
    package var scrapes: ScrapesAnswer?
    /// The newest values of gauges in the window, by their names without `memstats.`.
    package var gauges: [String: Number] = [:]
    /// How HeapAlloc went: the greatest value of each step.
    package var heapCourse = Course.none
    /// Bytes allocated a second: in the last minute recorded, and in the window.
    package var allocation = Speed()
    /// Collections a second: in the last minute recorded, and in the window.
    package var collections = Speed()
    /// The pauses of the window, with the percentiles of `LiveReader.percentiles`.
    package var pauses: PauseSummary?
    /// How the longest pause of each step went, in nanoseconds.
    package var pauseCourse = Course.none

    /// HeapAlloc, the newest in the window.
    package var heap: Number? { gauges["HeapAlloc"] }
    /// The 99th percentile of the pauses in the window, in nanoseconds.
    package var pauses99: UInt64? { pauses.flatMap { $0.percentiles.count > 2 ? $0.percentiles[2] : nil } }
}

/// How fast a counter rises.
package struct Speed: Hashable, Sendable {
    /// A second, in the last minute recorded; nil where nothing is covered.
    package var recent: Double?
    /// A second, in the window; nil where nothing is covered.
    package var mean: Double?
    /// The rate of each step.
    package var course = Course.none
}

/// A series of a target.
package struct SeriesKey: Hashable, Sendable {
    /// The target's name.
    package var target: String
    /// The series' name.
    package var series: String

    /// The series of that name of that target.
    package init(target: String, series: String) {
        self.target = target
        self.series = series
    }
}

/// What the view shows of one series.
package struct SeriesReading: Hashable, Sendable {
    /// What `series` says of it, and so whether it is a counter.
    package var series: SeriesAnswer
    /// Its values in the window.
    package var values: ValuesAnswer?
    /// Of a counter how fast it rose in the window.
    package var rate: RateAnswer?
    /// The greatest value of each step, or a counter's rate.
    package var course = Course.none
}

/// What the view wants to know at one moment.
package struct LiveRequest: Hashable, Sendable {
    /// Of what.
    package enum Subject: Hashable, Sendable {
        /// Of all targets; of these first where there is no time for all.
        case targets(first: [String])
        /// Of one target.
        case target(String)
        /// Of these series, and which there are at all.
        case series([SeriesKey], of: String?)
    }

    /// Of what.
    package var subject: Subject
    /// The wall clock.
    package var now: Timestamp
    /// How far back the view goes, in milliseconds.
    package var window: Int64

    /// A request of that moment.
    package init(subject: Subject, now: Timestamp, window: Int64) {
        self.subject = subject
        self.now = now
        self.window = window
    }
}

/// What was read for a request.
package struct LiveReading: Hashable, Sendable {
    /// What it answers.
    package var request: LiveRequest
    /// The targets asked for, by name; of one that there was no time for what was read last.
    package var targets: [TargetReading] = []
    /// The names of all series, ascending, where series were asked for and the names have changed.
    package var names: SeriesNames?
    /// The series asked for; those that have no sample in the window are left out.
    package var series: [SeriesKey: SeriesReading] = [:]
}
