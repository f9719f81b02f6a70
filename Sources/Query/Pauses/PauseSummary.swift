package import Model

/// The collections of a range or of a step.
package struct PauseSummary: Hashable, Sendable {
    /// How many collections were seen.
    package var count: Int
    /// How many left the ring before anyone saw them.
    package var missed: Number
    /// What the seen ones paused together, in nanoseconds.
    package var totalNanoseconds: Number?
    /// What the missed ones paused together, in nanoseconds.
    package var missedNanoseconds: Number?
    /// The shortest pause seen, in nanoseconds; nil where none was.
    package var minNanoseconds: UInt64?
    /// The longest pause seen, in nanoseconds; nil where none was.
    package var maxNanoseconds: UInt64?
    /// The mean pause in nanoseconds, rounded once; nil where none was seen.
    package var meanNanoseconds: Double?
    /// The pause at each asked percentile, in the order asked; each nil where none was seen.
    package var percentiles: [UInt64?]
}

extension PauseSummary {
    /// The summary of these pauses, and of what was missed beside them.
    ///
    /// - Parameters:
    ///   - pauses: The pauses.
    ///   - missed: How many were not seen.
    ///   - missedNanoseconds: What those paused together.
    ///   - percentiles: Which to answer.
    init(
        _ pauses: SortedPauses,
        missed: UInt128,
        missedNanoseconds: UInt128,
        percentiles: [DecimalPercentile]
    ) {
        count = pauses.count
        self.missed = Number(nearest: Int128(clamping: missed))
        totalNanoseconds = Number(nearest: pauses.total)
        self.missedNanoseconds = Number(nearest: Int128(clamping: missedNanoseconds))
        minNanoseconds = pauses.min
        maxNanoseconds = pauses.max
        meanNanoseconds = count == 0 ? nil : ExactSum.quotient(pauses.total, by: UInt64(count))
        let count = count
        self.percentiles = percentiles.map { count == 0 ? nil : pauses.value(rank: $0.rank(of: count)) }
    }

    /// This summary as a step shows it: of an empty step everything but the counts is nil.
    var asStep: PauseSummary {
        guard count == 0, missed == .integer(0) else { return self }
        var step = self
        step.totalNanoseconds = nil
        step.missedNanoseconds = nil
        return step
    }
}
