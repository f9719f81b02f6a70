package import Model
import Storage

/// What became of one series, or of one measure of the pauses, from one range to another.
package struct ChangeAnswer: Hashable, Sendable {
    /// What two ranges are compared by.
    package enum Measure: String, Hashable, Sendable {
        /// The rate of a counter.
        case rate
        /// The mean of a gauge.
        case mean
        /// A measure of the pauses, in nanoseconds.
        case pause
    }

    /// The series' name; of a pause its measure: `p50`, `p99`, `max`.
    package var series: String
    /// What is compared.
    package var measure: Measure
    /// The unit of the values; of a rate, in that unit a second.
    package var unit: Unit?
    /// Its value in the first range; nil where nothing is known.
    package var before: Double?
    /// Its value in the second range; nil where nothing is known.
    package var after: Double?
    /// How much it changed, from 0 to 1: the difference over the greater of the two.
    package var weight: Double
}

extension QueryEngine {
    /// What changed most from `before` to `after`: each series' mean or rate, and the pauses, ranked.
    ///
    /// A counter is compared by its rate, anything else by its mean; a custom variable counts as what its samples
    /// showed. What is the same in both ranges is left out.
    ///
    /// - Throws: `QueryError.unknownTarget`.
    package func changes(
        target: String,
        before: TimeRange,
        after: TimeRange,
        limit: Int
    ) throws -> [ChangeAnswer] {
        let earlier = try series(targets: [target], range: before)
        let later = try series(targets: [target], range: after)
        // By the bytes of names: two keys that Unicode holds equivalent are two series.
        var kinds: [[UInt8]: SeriesKind] = [:]
        // A counter has to look like one in both ranges: what fell in one of them is a gauge.
        for answer in earlier + later where !Self.isPart(ofBySize: answer.series) {
            let name = Array(answer.series.utf8)
            let known = kinds[name]
            kinds[name] = known.map { $0 == answer.kind ? $0 : .gauge } ?? answer.kind
        }
        func names(of wanted: Set<SeriesKind>) -> [String] {
            kinds.filter { wanted.contains($0.value) }.keys.sorted { $0.lexicographicallyPrecedes($1) }
                .map { String(decoding: $0, as: UTF8.self) }
        }
        let counters = names(of: [.counter])
        let gauges = names(of: [.gauge, .state])
        var changes = try pauseChanges(target: target, before: before, after: after)
        changes += try compared(counters, .rate, before, after) { names, range in
            try rate(names, targets: [target], range: range).map { ($0.series, $0.unit, $0.rate) }
        }
        changes += try compared(gauges, .mean, before, after) { names, range in
            try values(names, targets: [target], range: range).map { ($0.series, $0.unit, $0.mean) }
        }
        let ranked = changes.filter { $0.weight > 0 }.sorted {
            ($1.weight, $0.series) < ($0.weight, $1.series)
        }
        return Array(ranked.prefix(limit))
    }

    /// The size classes are too many lines, and have their own picture.
    private static func isPart(ofBySize name: String) -> Bool { name.hasPrefix("memstats.BySize.") }

    private func compared(
        _ names: [String],
        _ measure: ChangeAnswer.Measure,
        _ before: TimeRange,
        _ after: TimeRange,
        _ ask: ([String], TimeRange) throws -> [(name: String, unit: Unit?, value: Double?)]
    ) throws -> [ChangeAnswer] {
        guard !names.isEmpty else { return [] }
        let selectors = names.map(Self.selector)
        let pairs = zip(try ask(selectors, before), try ask(selectors, after))
        return pairs.map { before, after in
            ChangeAnswer(after.name, measure, after.unit, before: before.value, after: after.value)
        }
    }

    private func pauseChanges(target: String, before: TimeRange, after: TimeRange) throws -> [ChangeAnswer] {
        let percentiles = try ["50", "99", "100"].map { try DecimalPercentile($0) }
        let earlier = try pauses(targets: [target], range: before, percentiles: percentiles).first?.summary
        let later = try pauses(targets: [target], range: after, percentiles: percentiles).first?.summary
        return ["p50", "p99", "max"].enumerated().map { index, name in
            ChangeAnswer(
                name,
                .pause,
                .nanoseconds,
                before: earlier?.percentiles[index].map { Double($0) },
                after: later?.percentiles[index].map { Double($0) }
            )
        }
    }
}

extension ChangeAnswer {
    init(_ series: String, _ measure: Measure, _ unit: Unit?, before: Double?, after: Double?) {
        self.series = series
        self.measure = measure
        self.unit = unit
        self.before = before
        self.after = after
        guard let before, let after else {
            // What is there in one range only came or went: as much of a change as there can be.
            weight = before == nil && after == nil ? 0 : 1
            return
        }
        let greater = max(before.magnitude, after.magnitude)
        // Halved first, so that the ends of the range of double do not overflow.
        weight = greater == 0 ? 0 : min(1, (after / 2 - before / 2).magnitude / (greater / 2))
    }
}
