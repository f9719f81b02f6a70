extension Salvage {
    /// Reads the database at `source`, which is left as it is, and writes what can be read of it into a file at
    /// `destination`, which appears whole or not at all.
    ///
    /// - Parameters:
    ///   - source: The damaged database.
    ///   - destination: Where the new one goes.
    ///   - replaces: Whether a file that is there is replaced.
    ///   - begins: Called once before anything is written, with all paths that are only there until the file is whole.
    /// - Returns: What was brought over, and what was not.
    /// - Throws: `StorageError`, `.cannotCreate` where something is there that is not to be replaced.
    package static func write(
        from source: String,
        to destination: String,
        replaces: Bool = false,
        begins: ([String]) -> Void = { _ in }
    ) throws -> SalvageSummary {
        try StorageError.wrapping(destination) {
            let draft = try DatabaseDraft(destination, source: source, replaces: replaces, begins: begins)
            defer { draft.end() }
            let summary = try run(from: source, to: draft.path)
            _ = try draft.finish()
            return summary
        }
    }
}
