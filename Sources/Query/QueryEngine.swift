package import Storage

/// Answers questions about one snapshot of a database; see docs/semantics.md for what the numbers mean.
///
/// Answers are plain values in a fixed order: by target name, then by series name. Everything a command of
/// cli.md prints is in them; how it is printed is the caller's. Errors are `QueryError`, or `StorageError` from
/// below. Owned by one task at a time, as the snapshot is.
package struct QueryEngine {
    /// Two scrapes of different runs further apart than this are a gap, in milliseconds.
    package static let gapDefault: Int64 = 5 * 60 * 1000

    let snapshot: VaultSnapshot

    /// Answers from `snapshot`.
    package init(_ snapshot: VaultSnapshot) {
        self.snapshot = snapshot
    }
}
