import Expvar
package import Model
import Storage

/// The live bytes of one of the allocator's size classes.
package struct SizeClassAnswer: Hashable, Sendable {
    /// The size of its objects in bytes, as memstats names it.
    package var size: Double
    /// By step: size × (mallocs − frees) of the last scrape in it; nil where there was none.
    package var liveBytes: [Double?]
}

extension QueryEngine {
    /// The live bytes of each size class of a target in the steps of `range`, ascending by size.
    ///
    /// Empty where the target has no `BySize`.
    ///
    /// - Returns: The beginnings of the steps, and the classes.
    /// - Throws: `QueryError.unknownTarget`, `.tooManySteps`.
    package func sizeClasses(
        target: String,
        range: TimeRange = .all,
        step: StepGrid
    ) throws -> (starts: [Timestamp], classes: [SizeClassAnswer]) {
        let prefix = "memstats.BySize."
        guard try names(target: target).contains(where: { $0.name.hasPrefix(prefix) }) else {
            return ([], [])
        }
        var starts: [Timestamp] = []
        var classes: [SizeClassAnswer] = []
        for selected in try select([prefix + "*"], targets: [target]) {
            let window = try window(
                range,
                of: selected.record,
                step: step,
                seriesCount: selected.series.count
            )
            guard let steps = window.steps else { continue }
            starts = (0..<steps.count).map { Timestamp(milliseconds: steps.start(of: $0)) }
            let last = try lastValues(of: selected, in: range, window, steps)
            var columns: [String: [String: [Number?]]] = [:]
            for (series, values) in zip(selected.series, last) {
                let keys = SeriesNaming.keys(of: series.name)
                if keys.count == 4 { columns[keys[2], default: [:]][keys[3]] = values }
            }
            classes += columns.compactMap { SizeClassAnswer(key: $0, fields: $1) }
        }
        return (starts, classes.sorted { $0.size < $1.size })
    }

    /// By series and by step: the last value in it.
    private func lastValues(
        of target: SelectedTarget,
        in range: TimeRange,
        _ window: QueryWindow,
        _ steps: StepSpan
    ) throws -> [[Number?]] {
        let last = LastValues(seriesCount: target.series.count, steps)
        let blocks = try snapshot.seriesBlocks(
            of: target.record.id,
            series: target.series.compactMap(\.record?.id),
            in: range,
            renewal: VaultSnapshot.ageMax,
            isWhole: wholeness(window)
        )
        blocks.willRenew = { try last.settle() }
        while let stretch = try blocks.nextStretch() {
            switch stretch {
            case .rows(let block):
                try last.add(
                    block.columns,
                    window.stretches(of: block.rows.map(\.position.time.milliseconds))
                )
            case .summary(let summary):
                try last.add(summary)
            }
        }
        try last.settle()
        return last.values
    }
}

/// The last value of each series in each step.
private final class LastValues {
    /// By series and by step.
    private(set) var values: [[Number?]]
    private let steps: StepSpan
    /// The last stretch of a step, which is not asked before it is known to be the last: of a step of some days that is
    /// one in thirty.
    private var open: (summary: SeriesSummary, step: Int)?

    init(seriesCount: Int, _ steps: StepSpan) {
        self.steps = steps
        values = Array(repeating: Array(repeating: nil, count: steps.count), count: seriesCount)
    }

    /// Adds scrapes one by one.
    func add(_ columns: [SeriesColumn], _ stretches: [WindowStretch]) throws {
        try settle()
        for (series, column) in columns.enumerated() {
            for stretch in stretches {
                guard let step = stretch.step,
                    let value = stretch.rows.reversed().lazy.compactMap({ column[$0] }).first
                else { continue }
                values[series][step] = value
            }
        }
    }

    /// Adds a stretch that lies in one step.
    func add(_ summary: SeriesSummary) throws {
        guard let step = steps.index(of: summary.first.position.time.milliseconds) else { return }
        if let open, open.step != step || !summary.endsWithAll { try settle() }
        open = (summary, step)
    }

    /// Takes the values of the stretch that is open.
    func settle() throws {
        guard let (summary, step) = open else { return }
        open = nil
        for series in values.indices {
            switch try summary.knowledge(of: series) {
            case .absent: continue
            case .statistics(let known): values[series][step] = known.last
            case .unknown:
                let column = try summary.block(series).column
                let value = (0..<summary.count).reversed().lazy.compactMap { column[$0] }.first
                if let value { values[series][step] = value }
            }
        }
    }
}

extension SizeClassAnswer {
    /// The class of that key, of what its fields were last in each step; nil where one lacks.
    init?(key: String, fields: [String: [Number?]]) {
        guard let mallocs = fields["Mallocs"], let frees = fields["Frees"] else { return nil }
        // The key is the size; its own series says the same, where there is one.
        guard let size = fields["Size"]?.lazy.compactMap({ $0?.double }).first ?? Double(key) else {
            return nil
        }
        self.size = size
        liveBytes = zip(mallocs, frees).map { mallocs, frees -> Double? in
            guard let made = mallocs?.exactInteger, let freed = frees?.exactInteger else { return nil }
            return size * Double(made - freed)
        }
    }
}
