package import Model

extension QueryEngine {
    /// The samples of series in `range`, summed up, and in each step of it; for any series, `up` too.
    ///
    /// - Throws: `QueryError.unknownTarget`, `.unknownSeries`, `.tooManySteps`.
    package func values(
        _ selectors: [String], targets: [String] = [], range: TimeRange = .all, step: StepGrid? = nil
    ) throws -> [ValuesAnswer] {
        fatalError("pending")
    }
}
