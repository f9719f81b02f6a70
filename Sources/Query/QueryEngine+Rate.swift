package import Model

extension QueryEngine {
    /// By how much counters rose, and how fast, in `range` and in each step of it.
    ///
    /// - Parameters:
    ///   - selectors: Names and globs of series. A glob passes over gauges and states of memstats.
    ///   - targets: Names of targets; all where empty.
    ///   - range: What to answer for; pairs of samples that straddle an end count with their part inside.
    ///   - step: The steps to answer for beside the whole; none where nil.
    ///   - gapMilliseconds: Two scrapes of different runs further apart than this are a gap.
    /// - Throws: `QueryError.unknownTarget`, `.unknownSeries`, `.notACounter`, `.tooManySteps`.
    package func rate(
        _ selectors: [String],
        targets: [String] = [],
        range: TimeRange = .all,
        step: StepGrid? = nil,
        gapMilliseconds: Int64 = QueryEngine.gapDefault
    ) throws -> [RateAnswer] {
        fatalError("pending")
    }
}
