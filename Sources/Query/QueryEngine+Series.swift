package import Model

extension QueryEngine {
    /// The series that a selector matches (all where there is none) and that have a sample in `range`.
    ///
    /// - Throws: `QueryError.unknownTarget`, `.unknownSeries`.
    package func series(
        _ selectors: [String] = [], targets: [String] = [], range: TimeRange = .all
    ) throws -> [SeriesAnswer] {
        fatalError("pending")
    }
}
