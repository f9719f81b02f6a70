/// When a target is scraped: a grid on the monotonic clock that does not drift.
///
/// Pure; nanoseconds throughout.
///
/// Tick k of a target is due at start + phase + k × interval. The phase follows from the target's name, so
/// that targets are spread over the interval and keep their place through a restart. One more tick comes
/// early, within the first second, so that nobody waits a long interval for the first scrape.
///
/// A tick that passed while a scrape was still running, or while the process was stopped, is taken late if
/// that is less than half an interval; older ones are skipped and counted. So there is never a burst, and a
/// scrape that takes a whole interval does not cost the next tick.
package struct ScrapeSchedule: Hashable, Sendable {
    /// What to do next.
    package struct Tick: Hashable, Sendable {
        /// When to scrape; may have passed already.
        package var at: Int64
        /// How many ticks were skipped before this one.
        package var skipped: Int64
    }

    private let interval: Int64
    /// Tick 0.
    private let gridStart: Int64
    /// The early tick; nil once it was given out.
    private var early: Int64?
    /// The next tick of the grid.
    private var index: Int64
    private let until: Int64?
    private var remaining: Int64?

    /// A schedule from `start` on, with the phase of `name`.
    ///
    /// It ends before `until`, and after `count` ticks, where these are given.
    package init(name: String, interval: Int64, start: Int64, until: Int64? = nil, count: Int64? = nil) {
        precondition(interval > 0, "BUG: an interval must be longer than nothing")
        self.interval = interval
        self.until = until
        remaining = count
        let phase = Self.phase(of: name, interval: interval)
        gridStart = start &+ phase
        // The phase, shrunk from the interval to the first second.
        let earlySpan = min(interval, 1_000_000_000)
        let earlyTick = start &+ Int64(Double(phase) / Double(interval) * Double(earlySpan))
        // Not twice within half an interval.
        index = gridStart &- earlyTick < interval / 2 ? 1 : 0
        early = earlyTick
    }

    /// When the schedule ends by time; nil where it does not, or has ended by count.
    var end: Int64? {
        remaining == 0 ? nil : until
    }

    /// The next tick, seen from `now`; nil when the schedule has ended.
    package mutating func next(now: Int64) -> Tick? {
        if remaining == 0 { return nil }
        var tick = Tick(at: early ?? due(index), skipped: 0)
        let tolerance = interval / 2
        if now &- tick.at > tolerance {
            // The first of the grid that is not too late: the smallest k with now - due(k) <= tolerance.
            let first = max(index, (now &- tolerance &- gridStart &+ interval &- 1) / interval)
            tick.skipped = first - index + (early == nil ? 0 : 1)
            tick.at = due(first)
            index = first + 1
        } else if early == nil {
            index += 1
        }
        early = nil
        if let until, tick.at >= until { return nil }
        remaining = remaining.map { $0 - 1 }
        return tick
    }

    /// Where in the interval a target of that name has its ticks: `[0, interval)`.
    static func phase(of name: String, interval: Int64) -> Int64 {
        // FNV-1a: the same in every process, unlike Swift's hashes, and even enough for this. The last
        // multiplications of short names hardly reach the high bits, so these are mixed down once more (the
        // finalizer of splitmix64).
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name.utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        hash = (hash ^ (hash >> 30)) &* 0xbf58_476d_1ce4_e5b9
        hash = (hash ^ (hash >> 27)) &* 0x94d0_49bb_1331_11eb
        hash ^= hash >> 31
        return Int64(hash % UInt64(interval))
    }

    private func due(_ index: Int64) -> Int64 {
        gridStart &+ index &* interval
    }
}
