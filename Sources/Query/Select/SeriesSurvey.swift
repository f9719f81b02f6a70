import Model
import Storage

/// What the samples of one series in a range show: where they are, and whether it is a counter.
struct SeriesSurvey {
    private(set) var points = 0
    private(set) var firstSeen = Timestamp(milliseconds: 0)
    private(set) var lastSeen = Timestamp(milliseconds: 0)
    private(set) var value = Number.integer(0)
    private var rose = false
    private var fell = false
    /// The latest value in each run; runs may interleave.
    private var latest: [RunID: Number] = [:]

    /// Counter where it never fell in a run and rose at least once, else gauge.
    var kind: SeriesKind { rose && !fell ? .counter : .gauge }

    /// Adds the next sample in order; its run too where the kind is not known yet.
    mutating func add(_ value: Number, at time: Timestamp, run: RunID?) {
        note(value, at: time)
        guard let run, !fell else { return }
        if let before = latest.updateValue(value, forKey: run) {
            if before < value { rose = true }
            if value < before { fell = true }
        }
    }

    /// Adds samples of which only count, ends and the newest value matter.
    mutating func add(count: Int, from first: Timestamp, to last: Timestamp, value: Number) {
        note(value, at: first)
        lastSeen = last
        points += count - 1
    }

    /// Adds the samples of a stretch of one run, of which a chunk tells this; the run too where the kind is not known yet.
    mutating func add(_ known: ChunkColumnStatistics, from first: Timestamp, to last: Timestamp, run: RunID?)
    {
        if let run, !fell {
            if let before = latest.updateValue(known.last, forKey: run) {
                if before < known.first { rose = true }
                if known.first < before { fell = true }
            }
            if !known.neverRises { rose = true }
            if !known.neverFalls { fell = true }
        }
        add(count: known.count, from: first, to: last, value: known.last)
    }

    /// Forgets a run that ended.
    mutating func forget(_ run: RunID) {
        latest[run] = nil
    }

    private mutating func note(_ value: Number, at time: Timestamp) {
        if points == 0 { firstSeen = time }
        lastSeen = time
        self.value = value
        points += 1
    }
}
