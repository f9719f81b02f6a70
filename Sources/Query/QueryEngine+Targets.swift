package import Model

extension QueryEngine {
    /// What is recorded: the targets of those names, all where `names` is empty; by name.
    ///
    /// - Throws: `QueryError.unknownTarget`.
    package func targets(_ names: [String] = []) throws -> [TargetAnswer] {
        fatalError("pending")
    }

    /// The newest successful scrape at or before `time` (`failures`: any), the newest of all where nil.
    ///
    /// - Throws: `QueryError.unknownTarget`, `.noScrape`.
    package func show(target: String, at time: Timestamp? = nil, failures: Bool = false) throws -> ShowAnswer {
        fatalError("pending")
    }
}
