package import Storage

/// Answers questions about one snapshot of a database; see docs/semantics.md for what the numbers mean.
///
/// Answers are plain values in a fixed order: by target name, then by series name. Everything a command of
/// cli.md prints is in them; how it is printed is the caller's. Errors are `QueryError`, or `StorageError` from
/// below. Owned by one task at a time, as the snapshot is.
package struct QueryEngine {
    /// Two scrapes of different runs further apart than this are a gap, in milliseconds.
    package static let gapDefault: Int64 = 5 * 60 * 1000

    /// Series times steps of one answer: a day of 300 series with a point for each scrape fits.
    ///
    /// Each takes some 150 bytes while it is counted.
    package static let pointsMax = 3_000_000

    let snapshot: VaultSnapshot
    /// Whether what chunks say of their parts is made use of; where not, every scrape is looked at.
    let sumsUp: Bool

    /// Answers from `snapshot`.
    package init(_ snapshot: VaultSnapshot) {
        self.init(snapshot, sumsUp: true)
    }

    /// Answers from `snapshot`; as slowly as can be where `sumsUp` is false, for a test to compare.
    init(_ snapshot: VaultSnapshot, sumsUp: Bool) {
        self.snapshot = snapshot
        self.sumsUp = sumsUp
    }

    /// Which stretches of time may be summed up for an answer in `window`; nil for none.
    func wholeness(_ window: QueryWindow) -> ((ClosedRange<Int64>) -> Bool)? {
        guard sumsUp else { return nil }
        return { window.isWhole($0) }
    }
}
