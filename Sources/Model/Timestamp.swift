/// A moment on the wall clock, in Unix milliseconds.
///
/// Milliseconds are what a scrape is stored with; the ends of collections keep their nanoseconds and are no
/// `Timestamp`.
package struct Timestamp: Hashable, Comparable, Sendable {
    /// Milliseconds since 1970-01-01T00:00:00Z; negative before.
    package var milliseconds: Int64

    /// The moment that many milliseconds after the Unix epoch.
    package init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// What is taken for a time from outside, in Unix milliseconds: the years 0000 to 9999, which RFC 3339 can
    /// write, and the moment after them, where a range may end.
    ///
    /// Arguments, addresses, lines and headers give no other. The difference of two of them is below 2⁴⁹, so that
    /// sums and differences of times need no thought behind this check, and those of nanoseconds only Int128.
    package static let accepted: ClosedRange<Int64> = -62_167_219_200_000...253_402_300_800_000

    /// The moment that somebody outside named; nil beyond `accepted`.
    package init?(accepting milliseconds: Int64) {
        guard Timestamp.accepted.contains(milliseconds) else { return nil }
        self.milliseconds = milliseconds
    }

    /// The earlier moment first.
    package static func < (a: Timestamp, b: Timestamp) -> Bool {
        a.milliseconds < b.milliseconds
    }

    /// The moment `milliseconds` later (earlier if negative); saturates at the ends of Int64.
    package func advanced(byMilliseconds milliseconds: Int64) -> Timestamp {
        let (sum, overflow) = self.milliseconds.addingReportingOverflow(milliseconds)
        return Timestamp(milliseconds: overflow ? (milliseconds < 0 ? .min : .max) : sum)
    }
}

/// The half-open range `[since, until)` on the wall clock; an end that is nil is open.
package struct TimeRange: Hashable, Sendable {
    /// The first moment in the range; nil where the range has no beginning.
    package var since: Timestamp?
    /// The first moment after the range; nil where the range has no end.
    package var until: Timestamp?

    /// The range of all times.
    package static let all = TimeRange(since: nil, until: nil)

    /// The range `[since, until)`.
    package init(since: Timestamp?, until: Timestamp?) {
        self.since = since
        self.until = until
    }

    /// Whether the moment lies in `[since, until)`.
    package func contains(_ t: Timestamp) -> Bool {
        if let since, t < since { return false }
        if let until, t >= until { return false }
        return true
    }

    /// Whether a moment in Unix nanoseconds lies in `[since, until)`.
    package func contains(nanoseconds: UInt64) -> Bool {
        // A millisecond holds [ms × 10⁶, (ms + 1) × 10⁶) ns, so flooring compares as the exact times would.
        contains(Timestamp(milliseconds: Int64(nanoseconds / 1_000_000)))
    }
}

/// The steps of a range: whole multiples of `step` since 1970.
package struct StepGrid: Hashable, Sendable {
    /// More steps than this in one answer are refused (cli.md).
    package static let countMax: Int64 = 1_000_000

    /// The length of a step in milliseconds, above 0.
    package let step: Int64

    /// A grid of steps of that many milliseconds.
    package init(stepMilliseconds step: Int64) {
        precondition(step > 0, "BUG: a step must be longer than nothing")
        self.step = step
    }

    /// The beginning of the step that holds `t`.
    package func start(of t: Timestamp) -> Timestamp {
        let rest = t.milliseconds % step
        let down = rest < 0 ? rest + step : rest
        return t.advanced(byMilliseconds: -down)
    }
}
