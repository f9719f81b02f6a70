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
    ///   - pauses: Nanoseconds, ascending.
    ///   - missed: How many were not seen.
    ///   - missedNanoseconds: What those paused together.
    ///   - percentiles: Which to answer.
    init(
        sorted pauses: ArraySlice<UInt64>,
        missed: UInt128,
        missedNanoseconds: UInt128,
        percentiles: [DecimalPercentile]
    ) {
        // 2⁶³ pauses below 2⁶⁴ add up to less than 2¹²⁷.
        let total = pauses.reduce(0 as Int128) { $0 &+ Int128($1) }
        count = pauses.count
        self.missed = Number(nearest: Int128(clamping: missed))
        totalNanoseconds = Number(nearest: total)
        self.missedNanoseconds = Number(nearest: Int128(clamping: missedNanoseconds))
        minNanoseconds = pauses.first
        maxNanoseconds = pauses.last
        meanNanoseconds = pauses.isEmpty ? nil : ExactSum.quotient(total, by: UInt64(pauses.count))
        self.percentiles = percentiles.map { percentile in
            pauses.isEmpty ? nil : pauses[pauses.startIndex + percentile.rank(of: pauses.count) - 1]
        }
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
