import Model
package import Query

/// Asks Query what the view shows, and remembers what cannot have changed.
///
/// It is given a new snapshot each time and keeps none. A target without a new scrape is not read again, so that most
/// refreshes read next to nothing; what is read is the window and no more.
package struct LiveReader {
    /// The steps of a window; each at least as long as the usual time between two scrapes.
    static let stepCount: Int64 = 60
    /// What "now" is for a rate: the last minute recorded, in milliseconds.
    package static let recentMilliseconds: Int64 = 60_000
    /// So many failed scrapes are listed at most.
    static let listMax = 100
    /// Names are looked through for new ones that often, in milliseconds.
    static let namesMilliseconds: Int64 = 10_000
    /// The percentiles of pauses that are shown.
    package static let percentiles = ["50", "90", "99"]

    private static let heap = "HeapAlloc"
    private static let gauges = [heap, "HeapInuse", "HeapSys", "HeapObjects", "NextGC", "GCCPUFraction"]
    private static let counters = ["TotalAlloc", "NumGC"]
    private static let memstats = "memstats."

    /// What a reading was made from: unless this changes, it stays as it is.
    fileprivate struct Source: Hashable {
        var last: Timestamp?
        var scrapes: Int64
        var failures: Int64
        var runs: Int
        var range: TimeRange
    }

    private let chosen: [String]
    private let percentiles: [DecimalPercentile]
    private var known: [String: (source: Source, reading: TargetReading, count: Int)] = [:]
    /// How many readings there were: who was not read for the longest time comes first.
    private var count = 0
    private var database = ""
    private var names: (time: Timestamp, of: String?, names: SeriesNames)?

    /// A reader of the targets of those names, of all where there are none.
    ///
    /// - Throws: nothing in fact: the percentiles are ours.
    package init(targets chosen: [String]) throws(QueryError) {
        self.chosen = chosen
        var percentiles: [DecimalPercentile] = []
        for text in LiveReader.percentiles { percentiles.append(try DecimalPercentile(text)) }
        self.percentiles = percentiles
    }

    /// Reads what is asked for from one moment's snapshot.
    ///
    /// - Parameters:
    ///   - request: What the view wants to know.
    ///   - engine: Answers of one snapshot.
    ///   - database: The UUID of the database: with another one nothing that is remembered holds.
    ///   - isLate: Whether to come to an end; asked between two targets, of which the first is always read.
    /// - Returns: What was read; of targets that there was no time for what was known of them.
    /// - Throws: `QueryError.unknownTarget`, and what is thrown below Query.
    package mutating func read(
        _ request: LiveRequest,
        from engine: QueryEngine,
        database: String,
        isLate: () -> Bool
    ) throws -> LiveReading {
        if database != self.database {
            known = [:]
            names = nil
            self.database = database
        }
        var reading = LiveReading(request: request)
        switch request.subject {
        case .targets(let first):
            reading.targets = try targets(first, request, engine, isLate)
        case .target(let name):
            for target in try engine.targets([name]) {
                reading.targets.append(try self.reading(of: target, request, engine))
            }
        case .series(let keys, let target):
            reading.names = try namesIfChanged(of: target, request.now, engine)
            for (target, series) in Dictionary(grouping: keys, by: \.target) {
                try read(series.map(\.series), of: target, request, engine, into: &reading.series)
            }
        }
        return reading
    }
}

/// Targets.
extension LiveReader {
    private mutating func targets(
        _ first: [String],
        _ request: LiveRequest,
        _ engine: QueryEngine,
        _ isLate: () -> Bool
    ) throws -> [TargetReading] {
        let answers = try engine.targets(chosen)
        let gone = Set(known.keys).subtracting(answers.map(\.target))
        for name in gone { known[name] = nil }
        let seen = Set(first)
        let order = answers.indices.sorted { rank(answers[$0], seen) < rank(answers[$1], seen) }
        count += 1
        var isFirst = true
        for index in order where isFirst || !isLate() {
            _ = try reading(of: answers[index], request, engine)
            isFirst = false
        }
        return answers.compactMap { answer in
            // What there was no time for shows at least how its scraping goes.
            var reading = known[answer.target]?.reading
            reading?.target = answer
            return reading ?? TargetReading(target: answer, range: LiveGrid(request, usual: nil).range)
        }
    }

    /// Those never read come first, then those that are seen, then the rest; of equal ones the longest not read.
    private func rank(_ target: TargetAnswer, _ seen: Set<String>) -> (Int, Int) {
        guard let known = known[target.target] else { return (0, 0) }
        return (seen.contains(target.target) ? 1 : 2, known.count)
    }

    private mutating func reading(
        of target: TargetAnswer,
        _ request: LiveRequest,
        _ engine: QueryEngine
    ) throws -> TargetReading {
        let before = known[target.target]?.reading.scrapes?.usualMilliseconds
        var grid = LiveGrid(request, usual: before)
        var source = Source(target, grid.range)
        if let known = known[target.target], known.source == source {
            var reading = known.reading
            reading.target = target
            self.known[target.target]?.count = count
            return reading
        }
        let scrapes = try engine.scrapes(
            target: target.target,
            range: grid.range,
            listMax: LiveReader.listMax
        )
        if before == nil {
            grid = LiveGrid(request, usual: scrapes.usualMilliseconds)
            source = Source(target, grid.range)
        }
        var reading = TargetReading(target: target, range: grid.range, scrapes: scrapes)
        if scrapes.succeeded > 0 { try fill(&reading, grid, engine) }
        known[target.target] = (source, reading, count)
        return reading
    }

    private func fill(_ reading: inout TargetReading, _ grid: LiveGrid, _ engine: QueryEngine) throws {
        let target = [reading.target.target]
        let gauges = try asking(LiveReader.gauges) {
            try engine.values($0, targets: target, range: grid.range, step: grid.grid)
        }
        for answer in gauges {
            let name = String(answer.series.dropFirst(LiveReader.memstats.count))
            reading.gauges[name] = answer.last
            if name == LiveReader.heap {
                reading.heapCourse = Course(answer.points, grid, start: \.start) { $0.max?.double }
            }
        }
        let speeds = try asking(LiveReader.counters) {
            try engine.rate($0, targets: target, range: grid.range, step: grid.grid)
        }
        let recent = try asking(LiveReader.counters) {
            try engine.rate($0, targets: target, range: grid.recent(before: reading.target.last))
        }
        for answer in speeds {
            let speed = Speed(
                recent: recent.first { $0.series == answer.series }?.rate,
                mean: answer.rate,
                course: Course(answer.points, grid, start: \.start, value: \.rate)
            )
            if answer.series.hasSuffix("NumGC") {
                reading.collections = speed
            } else {
                reading.allocation = speed
            }
        }
        let pauses = try engine.pauses(
            targets: target,
            range: grid.range,
            percentiles: percentiles,
            step: grid.grid
        ).first
        reading.pauses = pauses?.summary
        reading.pauseCourse = Course(pauses?.points, grid, start: \.start) {
            $0.summary.maxNanoseconds.map { Double($0) }
        }
    }

    /// The answers about those series of memstats that there are; a program that is no Go program may have some.
    private func asking<Answer>(_ series: [String], _ ask: ([String]) throws -> [Answer]) throws -> [Answer] {
        let names = series.map { LiveReader.memstats + $0 }
        do {
            return try ask(names)
        } catch QueryError.unknownSeries {
            return try names.flatMap { name in
                do { return try ask([name]) } catch QueryError.unknownSeries { return [] }
            }
        }
    }
}

/// Series.
extension LiveReader {
    private mutating func namesIfChanged(
        of target: String?,
        _ now: Timestamp,
        _ engine: QueryEngine
    ) throws -> SeriesNames? {
        if let names, names.of == target {
            let age = now.milliseconds &- names.time.milliseconds
            if age >= 0, age < LiveReader.namesMilliseconds { return names.names }
        }
        var keys: [SeriesKey] = []
        for answer in try engine.targets(target.map { [$0] } ?? chosen)
        where keys.count <= SeriesNames.countMax {
            keys += try engine.names(target: answer.target).map {
                SeriesKey(target: answer.target, series: $0.name)
            }
        }
        let found = SeriesNames(keys)
        names = (now, target, found)
        return found
    }

    private func read(
        _ series: [String],
        of target: String,
        _ request: LiveRequest,
        _ engine: QueryEngine,
        into readings: inout [SeriesKey: SeriesReading]
    ) throws {
        let usual = known[target]?.reading.scrapes?.usualMilliseconds
        let grid = LiveGrid(request, usual: usual)
        let selectors = series.map(QueryEngine.selector(exactly:))
        for answer in try engine.series(selectors, targets: [target], range: grid.range) {
            let key = SeriesKey(target: target, series: answer.series)
            readings[key] = SeriesReading(series: answer)
        }
        let found = readings.keys.filter { $0.target == target }.map(\.series)
        guard !found.isEmpty else { return }
        let values = try engine.values(
            found.map(QueryEngine.selector(exactly:)),
            targets: [target],
            range: grid.range,
            step: grid.grid
        )
        for answer in values {
            let key = SeriesKey(target: target, series: answer.series)
            readings[key]?.values = answer
            readings[key]?.course = Course(answer.points, grid, start: \.start) { $0.max?.double }
        }
        let counters = found.filter {
            readings[SeriesKey(target: target, series: $0)]?.series.kind == .counter
        }
        guard !counters.isEmpty else { return }
        let rates = try engine.rate(
            counters.map(QueryEngine.selector(exactly:)),
            targets: [target],
            range: grid.range,
            step: grid.grid
        )
        for answer in rates {
            let key = SeriesKey(target: target, series: answer.series)
            readings[key]?.rate = answer
            readings[key]?.course = Course(answer.points, grid, start: \.start, value: \.rate)
        }
    }
}

/// The range and the steps that a window comes to at one moment.
struct LiveGrid: Hashable {
    /// The length of a step in milliseconds.
    let step: Int64
    /// Whole steps, the last of which holds now.
    let range: TimeRange

    var grid: StepGrid { StepGrid(stepMilliseconds: step) }

    /// The steps for a target that is usually scraped every `usual` milliseconds.
    ///
    /// A step shorter than that would be empty now and then.
    init(_ request: LiveRequest, usual: Int64?) {
        let window = max(1, request.window)
        let least = max(1, window / LiveReader.stepCount)
        let times = (max(0, min(usual ?? 0, window)) + least - 1) / least
        step = least * max(1, times)
        // The first milliseconds of 1970 have no window before them; nothing is recorded then.
        let until = (max(0, min(request.now.milliseconds, .max / 2)) / step + 1) * step
        let count = (window + step - 1) / step
        range = TimeRange(
            since: Timestamp(milliseconds: until - count * step),
            until: Timestamp(milliseconds: until)
        )
    }

    /// The last minute before the last scrape, as far as it lies in the window.
    func recent(before last: Timestamp?) -> TimeRange {
        let last = last ?? Timestamp(milliseconds: 0)
        let since = last.advanced(byMilliseconds: -LiveReader.recentMilliseconds)
        let start = range.since.map { max($0, since) } ?? since
        return TimeRange(since: min(start, last), until: last)
    }
}

extension LiveReader.Source {
    init(_ target: TargetAnswer, _ range: TimeRange) {
        self.init(
            last: target.last,
            scrapes: target.scrapes,
            failures: target.failures,
            runs: target.runs.count,
            range: range
        )
    }
}

extension Course {
    fileprivate init<Point>(
        _ points: [Point]?,
        _ grid: LiveGrid,
        start: (Point) -> Timestamp,
        value: (Point) -> Double?
    ) {
        self.init(start: points?.first.map(start), step: grid.step, values: points?.map(value) ?? [])
    }
}
