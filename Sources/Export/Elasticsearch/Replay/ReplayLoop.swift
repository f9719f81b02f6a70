/// What the shell remembers between two turns: timers, the source's state, the rate.
struct ReplayLoop {
    var machine: ReplayMachine
    var wireBytes: Int64 = 0
    /// When the source was last read from.
    var fedAt: Int64 = MonotonicClock.now
    private(set) var isSourceEmpty = false

    private let interval: Int64
    private let follows: Bool
    private let followInterval: Int64
    private var emptySince: Int64 = 0
    /// When the earliest timer that runs will fire; nil where none runs.
    private var timers: [Int64] = []
    private var reportedAt: Int64 = .min
    /// Answered documents at some moments of the last ten seconds, oldest first.
    private var marks: [(at: Int64, count: Int)] = []

    init(machine: ReplayMachine, interval: Int64, follows: Bool, followInterval: Int64) {
        self.machine = machine
        self.interval = interval
        self.follows = follows
        self.followInterval = followInterval
    }

    var summary: ReplaySummary {
        var summary = machine.summary
        summary.bytesOnWire = wireBytes
        return summary
    }

    /// The source had nothing more.
    mutating func sourceIsEmpty(now: Int64) {
        isSourceEmpty = true
        emptySince = now
        machine.sourceExhausted()
    }

    /// Whether it is time to look for new scrapes; then the source is asked again.
    mutating func mayRefresh(now: Int64) -> Bool {
        guard follows, isSourceEmpty, now - emptySince >= followInterval else { return false }
        isSourceEmpty = false
        return true
    }

    /// How long the next timer must run, in milliseconds; nil where one that runs already is early enough.
    mutating func timerToStart(now: Int64, restAfter: Int64) -> Int64? {
        var moments: [Int64] = [now + 60_000]
        if let wake = machine.wakeAt { moments.append(wake) }
        if fedAt > now - restAfter { moments.append(fedAt + restAfter) }
        if follows, isSourceEmpty { moments.append(emptySince + followInterval) }
        // While something is being waited for, a person wants to see the seconds go.
        if machine.standstill(now: now) != nil { moments.append(now + 1_000) }
        let next = max(moments.min() ?? now, now + 1)
        if let earliest = timers.min(), earliest <= next { return nil }
        timers.append(next)
        return next - now
    }

    /// A timer fired: the earliest one.
    mutating func timerFired() {
        guard let earliest = timers.indices.min(by: { timers[$0] < timers[$1] }) else { return }
        timers.remove(at: earliest)
    }

    /// Tells how far the export is, unless that was told just now.
    mutating func report(_ remaining: Int64?, _ progress: ElasticsearchReplay.Progress, isLast: Bool) {
        let now = MonotonicClock.now
        guard isLast || reportedAt == .min || now - reportedAt >= interval else { return }
        reportedAt = now
        let summary = summary
        let count = summary.sent + summary.thereBefore + summary.refused
        marks.append((now, count))
        while marks.count > 2, now - marks[0].at > 10_000 { marks.removeFirst() }
        let span = now - marks[0].at
        let rate = span > 0 ? Double(count - marks[0].count) * 1_000 / Double(span) : 0
        let wait = wait(now: now)
        progress(
            ReplayProgress(
                summary: summary,
                remaining: remaining,
                documentsPerSecond: rate,
                waitReason: wait?.reason,
                waitMilliseconds: wait.map { $0.until - now }
            )
        )
    }

    /// What is waited for, in words, and until when; nil also while a try is under way.
    private func wait(now: Int64) -> (reason: String, until: Int64)? {
        switch machine.standstill(now: now) {
        case .failing(let reason, _, let until) where until > now: (reason, until)
        case .lookUp(let until): (Standstill.lookUpWords, until)
        default: nil
        }
    }
}
