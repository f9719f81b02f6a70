package import Model

/// What is known of a field of memstats.
package struct SeriesMeaning: Hashable, Sendable {
    /// Its kind.
    package var kind: SeriesKind
    /// Its unit, nil where it counts things.
    package var unit: Unit?

    /// A meaning of that kind, in that unit.
    package init(kind: SeriesKind, unit: Unit? = nil) {
        self.kind = kind
        self.unit = unit
    }
}

/// The kinds and units of Go's runtime.MemStats; source: semantics.md and Go's runtime/mstats.go.
package enum MemStats {
    /// The meaning of the series of that name; nil for custom variables and unlisted fields of memstats,
    /// whose kind only their history shows.
    package static func meaning(ofSeries name: String) -> SeriesMeaning? {
        guard name.utf8.starts(with: "memstats.".utf8) else { return nil }
        let keys = SeriesNaming.keys(of: name)
        guard keys[0] == "memstats" else { return nil }
        if keys.count == 2 { return fields[keys[1]] }
        guard keys.count == 4, keys[1] == "BySize" else { return nil }
        return sizeClassFields[keys[3]]
    }

    private static let sizeClassFields: [String: SeriesMeaning] = [
        "Mallocs": SeriesMeaning(kind: .counter),
        "Frees": SeriesMeaning(kind: .counter),
        "Size": SeriesMeaning(kind: .label),
    ]

    private static let fields: [String: SeriesMeaning] = {
        var fields: [String: SeriesMeaning] = [
            "TotalAlloc": SeriesMeaning(kind: .counter, unit: .bytes),
            "PauseTotalNs": SeriesMeaning(kind: .counter, unit: .nanoseconds),
            "HeapObjects": SeriesMeaning(kind: .gauge),
            // A fraction of the CPU time since the process started, 0…1.
            "GCCPUFraction": SeriesMeaning(kind: .gauge),
            "LastGC": SeriesMeaning(kind: .time, unit: .nanoseconds),
            "EnableGC": SeriesMeaning(kind: .state),
            "DebugGC": SeriesMeaning(kind: .state),
        ]
        for name in ["Mallocs", "Frees", "Lookups", "NumGC", "NumForcedGC"] {
            fields[name] = SeriesMeaning(kind: .counter)
        }
        for name in [
            "Alloc", "Sys", "HeapAlloc", "HeapSys", "HeapIdle", "HeapInuse", "HeapReleased", "StackInuse",
            "StackSys",
            "MSpanInuse", "MSpanSys", "MCacheInuse", "MCacheSys", "BuckHashSys", "GCSys", "OtherSys",
            "NextGC",
        ] {
            fields[name] = SeriesMeaning(kind: .gauge, unit: .bytes)
        }
        return fields
    }()
}
