import Expvar
import Model
import Storage

/// A series that a question is about.
struct SelectedSeries {
    var name: String
    /// Its record; nil for `up` and `scrape.duration_seconds`, which no body holds.
    var record: SeriesRecord?
    /// Its kind; nil for custom variables, whose samples only show it.
    var kind: SeriesKind?
    /// Its unit; nil where it counts things or nobody knows.
    var unit: Unit?
}

/// A target that a question is about, with the series of it, ascending by name.
struct SelectedTarget {
    var record: TargetRecord
    var series: [SelectedSeries]
}

extension QueryEngine {
    /// The targets of those names, all where `names` is empty, each once, by name.
    func records(_ names: [String]) throws -> [TargetRecord] {
        let all = try snapshot.targets()
        guard !names.isEmpty else { return all }
        for name in names where !all.contains(where: { Self.isSame($0.name, name) }) {
            throw QueryError.unknownTarget(name, known: NearestNames.among(all.map(\.name), to: name))
        }
        return all.filter { target in names.contains { Self.isSame($0, target.name) } }
    }

    /// The series that `selectors` match, target by target; targets without any are left out.
    ///
    /// Every selector must match in one target at least.
    func select(_ selectors: [String], targets targetNames: [String]) throws -> [SelectedTarget] {
        let selectors = selectors.map(SeriesSelector.init)
        var hasMatched = [Bool](repeating: false, count: selectors.count)
        // A report asks for a thousand names of a thousand series: only globs are tried on each.
        let names = Dictionary(
            grouping: selectors.indices.filter { selectors[$0].isName },
            by: { selectors[$0].name }
        )
        let globs = selectors.indices.filter { !selectors[$0].isName }
        var all: [String] = []
        var selected: [SelectedTarget] = []
        for target in try records(targetNames) {
            let known = try series(of: target)
            let matching = known.filter { series in
                var matched = names[Array(series.name.utf8)] ?? []
                matched += globs.filter { selectors[$0].matches(series.name) }
                for index in matched { hasMatched[index] = true }
                return !matched.isEmpty
            }
            if hasMatched.contains(false) { all += known.map(\.name) }
            if !matching.isEmpty { selected.append(SelectedTarget(record: target, series: matching)) }
        }
        for index in hasMatched.indices where !hasMatched[index] && selectors[index].isName {
            hasMatched[index] = try addUnlisted(
                selectors[index].exactName,
                targets: targetNames,
                to: &selected
            )
        }
        if let index = hasMatched.firstIndex(of: false) {
            let text = selectors[index].text
            throw QueryError.unknownSeries(text, nearest: NearestNames.among(Array(Set(all)), to: text))
        }
        return selected
    }

    /// Adds a series that no list has, of the targets whose stored bodies have it; says whether there are any.
    private func addUnlisted(
        _ name: String,
        targets names: [String],
        to selected: inout [SelectedTarget]
    ) throws -> Bool {
        var isFound = false
        for target in try records(names) where target.first != nil {
            guard let record = try snapshot.unlistedSeries(named: name, of: target) else { continue }
            isFound = true
            let meaning = MemStats.meaning(ofSeries: name)
            let series = SelectedSeries(
                name: name,
                record: record,
                kind: meaning?.kind,
                unit: meaning?.unit
            )
            if let index = selected.firstIndex(where: { $0.record.id == target.id }) {
                selected[index].series.append(series)
                selected[index].series.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
            } else {
                selected.append(SelectedTarget(record: target, series: [series]))
                selected.sort { $0.record.name.utf8.lexicographicallyPrecedes($1.record.name.utf8) }
            }
        }
        return isFound
    }

    /// All series of a target, ascending by the bytes of their names.
    private func series(of target: TargetRecord) throws -> [SelectedSeries] {
        guard target.first != nil else { return [] }
        let added = [
            SelectedSeries(name: AddedSeries.up, kind: .state),
            SelectedSeries(name: AddedSeries.duration, kind: .gauge, unit: .seconds),
        ]
        // A map `scrape` of the target's own with such a key would make the name mean two series; it means ours.
        let own = try snapshot.series(of: target.id).filter { record in
            !added.contains { Self.isSame($0.name, record.name) }
        }
        let served = own.map { record in
            let meaning = MemStats.meaning(ofSeries: record.name)
            return SelectedSeries(name: record.name, record: record, kind: meaning?.kind, unit: meaning?.unit)
        }
        return (served + added).sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    /// The window of a question about that target.
    ///
    /// - Throws: `QueryError.tooManySteps`, `.tooManyPoints` for so many series.
    func window(
        _ range: TimeRange,
        of target: TargetRecord,
        step: StepGrid?,
        seriesCount: Int
    ) throws -> QueryWindow {
        let zero = Timestamp(milliseconds: 0)
        let ends = (first: target.first?.time ?? zero, last: target.last?.time ?? zero)
        var extent = (first: ends.first.milliseconds, last: ends.last.milliseconds)
        if step != nil, let times = try self.extent(of: target) { extent = times }
        let window = try QueryWindow(range, ends: ends, extent: extent, grid: step)
        let steps = window.steps?.count ?? 0
        guard seriesCount == 0 || steps <= Self.pointsMax / seriesCount else {
            throw QueryError.tooManyPoints(series: seriesCount, steps: steps)
        }
        return window
    }

    /// The earliest and the latest time of the target's scrapes; nil where it has none.
    ///
    /// Order is by epoch, and the clock was set back where one began: the latest time may be any epoch's last.
    /// So where there is more than one epoch, every scrape is looked at, without its body.
    func extent(of target: TargetRecord) throws -> (first: Int64, last: Int64)? {
        guard let first = target.first, let last = target.last else { return nil }
        var extent = (first: first.time.milliseconds, last: last.time.milliseconds)
        guard first.epoch != last.epoch else { return extent }
        let scrapes = try snapshot.scrapes(of: target.id, in: .all, failures: true)
        while let scrape = try scrapes.next() {
            extent.first = min(extent.first, scrape.position.time.milliseconds)
            extent.last = max(extent.last, scrape.position.time.milliseconds)
        }
        return extent
    }

    /// Whether two names are the same, by their bytes.
    static func isSame(_ a: String, _ b: String) -> Bool {
        a.utf8.elementsEqual(b.utf8)
    }
}
