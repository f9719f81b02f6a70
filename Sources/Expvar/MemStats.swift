package import Model

/// What is known of a field of memstats.
package struct SeriesMeaning: Hashable, Sendable {
    /// Its kind.
    package var kind: SeriesKind
    /// Its unit, nil where it counts things.
    package var unit: Unit?
}

/// The kinds and units of Go's runtime.MemStats; source: semantics.md and Go's runtime/mstats.go.
package enum MemStats {
    /// The meaning of the series of that name; nil for custom variables and unlisted fields of memstats,
    /// whose kind only their history shows.
    package static func meaning(ofSeries name: String) -> SeriesMeaning? {
        fatalError("pending")
    }
}
