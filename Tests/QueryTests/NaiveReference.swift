import Model

/// One successful scrape of a made-up history.
struct NaiveScrape {
    var t: Int64
    var epoch: Int64 = 0
    var run: Int64 = 1
    var isAfterStep = false
    /// The samples by series.
    var values: [String: Number] = [:]
    /// The maps of the document.
    ///
    /// A series `m.x` sits in the map `m` where the document has that map.
    var maps: Set<String> = []
}

/// The definitions of semantics.md over plain arrays, in the dumbest way, with nothing of the module under test.
struct NaiveReference {
    /// Ascending by (epoch, t).
    var scrapes: [NaiveScrape]
    var gap: Int64

    /// One pair of a counter.
    struct Pair {
        var start: Int64
        var end: Int64
        var whole: Int128?
        var real: Double
        var isReset: Bool
    }

    struct Rate {
        var increase = 0.0
        /// The increase where every pair counts whole and is an integer.
        var wholeIncrease: Int128? = 0
        var resets = 0
        var coveredMilliseconds = 0
    }

    /// Every pair of the series in the whole history.
    func pairs(_ series: String) -> [Pair] {
        var pairs: [Pair] = []
        for b in scrapes.indices {
            guard let value = scrapes[b].values[series] else { continue }
            let sameRun = scrapes[..<b].indices.filter { scrapes[$0].run == scrapes[b].run }
            if let a = sameRun.last(where: { scrapes[$0].values[series] != nil }),
                let before = scrapes[a].values[series]
            {
                guard !isStep(a, b) else { continue }
                if value < before {
                    add(a, b, value < .integer(0) ? .integer(0) : value, from: nil, isReset: true, to: &pairs)
                } else {
                    add(a, b, value, from: before, isReset: false, to: &pairs)
                }
            } else if sameRun.isEmpty {
                guard b > 0, !isGap(b - 1, b) else { continue }
                add(b - 1, b, value, from: nil, isReset: true, to: &pairs)
            } else if let a = sameRun.last, isInMap(series, b), isInMap(series, a) {
                guard !isStep(a, b) else { continue }
                add(a, b, value, from: nil, isReset: false, to: &pairs)
            } else if let a = scrapes[..<b].indices.last(where: { scrapes[$0].values[series] != nil }) {
                guard !isGap(a, b) else { continue }
                add(a, b, value, from: nil, isReset: true, to: &pairs)
            }
        }
        return pairs
    }

    /// The rate of the series in `[since, until)`.
    func rate(_ series: String, since: Int64, until: Int64) -> Rate {
        Self.rate(pairs(series), since: since, until: until)
    }

    /// What those pairs amount to in `[since, until)`.
    static func rate(_ pairs: [Pair], since: Int64, until: Int64) -> Rate {
        var rate = Rate()
        var covered: Set<Int64> = []
        for pair in pairs {
            if pair.isReset, since <= pair.end, pair.end < until { rate.resets += 1 }
            let start = max(pair.start, since)
            let end = min(pair.end, until)
            guard start < end else { continue }
            covered.formUnion(start..<end)
            rate.increase += pair.real * Double(end - start) / Double(pair.end - pair.start)
            if start == pair.start, end == pair.end, let whole = pair.whole, let sum = rate.wholeIncrease {
                rate.wholeIncrease = sum + whole
            } else {
                rate.wholeIncrease = nil
            }
        }
        rate.coveredMilliseconds = covered.count
        return rate
    }

    private func add(
        _ a: Int,
        _ b: Int,
        _ value: Number,
        from before: Number?,
        isReset: Bool,
        to pairs: inout [Pair]
    ) {
        let before = before ?? .integer(0)
        var whole: Int128?
        if let x = before.exactInteger, let y = value.exactInteger { whole = y - x }
        pairs.append(
            Pair(
                start: scrapes[a].t,
                end: scrapes[b].t,
                whole: whole,
                real: whole.map { Double($0) } ?? value.double - before.double,
                isReset: isReset
            )
        )
    }

    private func isInMap(_ series: String, _ scrape: Int) -> Bool {
        guard let dot = series.firstIndex(of: ".") else { return false }
        return scrapes[scrape].maps.contains(String(series[..<dot]))
    }

    private func isStep(_ a: Int, _ b: Int) -> Bool {
        scrapes[a].epoch != scrapes[b].epoch || scrapes[a + 1...b].contains { $0.isAfterStep }
    }

    private func isGap(_ a: Int, _ b: Int) -> Bool {
        isStep(a, b) || (scrapes[a].run != scrapes[b].run && scrapes[b].t - scrapes[a].t > gap)
    }
}
