import Codec

/// What memstats says twice: fields that are sums of others, for chunks whose columns are not searched for such.
///
/// Source: Go's runtime/mstats.go (`HeapAlloc` is `Alloc`; `HeapSys` is `HeapInuse` and `HeapIdle`; `HeapObjects` is
/// what was allocated and not freed), and where the rings come from: `LastGC`, `PauseTotalNs` and `NumGC` follow from
/// the collections. An identity that does not hold, in another version of Go, is not used: each is tried first.
enum ChunkIdentities {
    /// A summand: a field of memstats, or a stream that is there for predictions.
    enum Source {
        case field(String)
        case stream(Int)
    }

    private static let identities: [String: [(source: Source, weight: Int64)]] = [
        "memstats.HeapAlloc": [(.field("Alloc"), 1)],
        "memstats.HeapInuse": [(.field("HeapSys"), 1), (.field("HeapIdle"), -1)],
        "memstats.HeapObjects": [(.field("Mallocs"), 1), (.field("Frees"), -1)],
        "memstats.StackSys": [(.field("StackInuse"), 1)],
        "memstats.LastGC": [(.stream(ChunkStream.lastEnd), 1)],
        "memstats.PauseTotalNs": [(.stream(ChunkStream.pauseTotal), 1)],
        "memstats.NumGC": [(.stream(ChunkStream.ringTotal), 1)],
    ]

    /// The prediction of a series' changes by others, if there is one that nearly always holds.
    ///
    /// `field` finds the stream of a field of memstats that stands before the series and has as many values, and
    /// `values` the values of a stream. The prediction is in units of 1.
    static func prediction(
        of name: String,
        _ column: [Int64],
        field: (String) -> Int?,
        values: (Int) -> [Int64]
    ) -> LinearPrediction? {
        guard let identity = identities[name] else { return nil }
        var terms: [LinearPrediction.Term] = []
        for (source, weight) in identity {
            let stream: Int? =
                switch source {
                case .field(let name): field("memstats.\(name)")
                case .stream(let number): number
                }
            guard let stream else { return nil }
            terms.append(LinearPrediction.Term(column: stream, isGap: false, weight: weight))
        }
        let columns = terms.map { values($0.column) }
        guard columns.allSatisfy({ $0.count == column.count }) else { return nil }
        var exceptions = 0
        for t in column.indices.dropFirst() {
            var expected: Int64 = 0
            for (term, values) in zip(terms, columns) {
                expected &+= term.weight &* (values[t] &- values[t - 1])
            }
            if column[t] &- column[t - 1] != expected { exceptions += 1 }
        }
        return exceptions * 8 < column.count ? LinearPrediction(terms: terms, bias: 0, shift: 0) : nil
    }
}
