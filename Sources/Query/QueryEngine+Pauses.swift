package import Model

extension QueryEngine {
    /// The collections of each target in `range`, and in each step of it.
    ///
    /// - Throws: `QueryError.unknownTarget`, `.tooManySteps`.
    package func pauses(
        targets: [String] = [],
        range: TimeRange = .all,
        percentiles: [DecimalPercentile],
        step: StepGrid? = nil
    ) throws -> [PausesAnswer] {
        fatalError("pending")
    }
}
