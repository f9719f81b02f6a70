import Expvar
import Model
import Testing

@Suite("Fields of memstats")
struct MemStatsTests {
    /// The table of semantics.md, "Kinds", written out.
    @Test(
        "each listed field has its kind and unit",
        arguments: [
            ("TotalAlloc", SeriesKind.counter, Unit?.some(.bytes)), ("Mallocs", .counter, nil),
            ("Frees", .counter, nil),
            ("Lookups", .counter, nil), ("PauseTotalNs", .counter, .nanoseconds), ("NumGC", .counter, nil),
            ("NumForcedGC", .counter, nil), ("Alloc", .gauge, .bytes), ("Sys", .gauge, .bytes),
            ("HeapAlloc", .gauge, .bytes), ("HeapSys", .gauge, .bytes), ("HeapIdle", .gauge, .bytes),
            ("HeapInuse", .gauge, .bytes), ("HeapReleased", .gauge, .bytes), ("StackInuse", .gauge, .bytes),
            ("StackSys", .gauge, .bytes), ("MSpanInuse", .gauge, .bytes), ("MSpanSys", .gauge, .bytes),
            ("MCacheInuse", .gauge, .bytes), ("MCacheSys", .gauge, .bytes), ("BuckHashSys", .gauge, .bytes),
            ("GCSys", .gauge, .bytes), ("OtherSys", .gauge, .bytes), ("NextGC", .gauge, .bytes),
            ("HeapObjects", .gauge, nil), ("GCCPUFraction", .gauge, nil), ("LastGC", .time, .nanoseconds),
            ("EnableGC", .state, nil), ("DebugGC", .state, nil), ("BySize.48.Mallocs", .counter, nil),
            ("BySize.48.Frees", .counter, nil), ("BySize.48.Size", .label, nil),
        ]
    )
    func listed(field: String, kind: SeriesKind, unit: Unit?) {
        #expect(MemStats.meaning(ofSeries: "memstats.\(field)") == SeriesMeaning(kind: kind, unit: unit))
    }

    @Test(
        "anything else has no declared kind",
        arguments: [
            "Mallocs", "memstats", "memstats.", "memstats.New", "memstats.NumGC.x", "x.memstats.NumGC",
            "memstats\\.NumGC",
            "memstats.BySize.48.Other", "memstats.BySize.48", "memstats.BySize.48.Size.x",
            "memstats.X.48.Size", "up", "",
        ]
    )
    func unlisted(name: String) {
        #expect(MemStats.meaning(ofSeries: name) == nil)
    }
}
