package import Model

/// Gives each scrape of a target its place in time.
///
/// See semantics.md, "Scrapes, runs, neighbours".
///
/// Pure: what the clocks said goes in, the position comes out.
///
/// | wall against boot clock since the scrape before   | t                             | step | epoch |
/// | ---                                               | ---                           | ---  | ---   |
/// | kept pace                                         | the wall clock                | no   | same  |
/// | fell back by up to a minute                       | goes on by the boot clock     | no   | same  |
/// | while t is ahead of the wall clock                | goes on by the boot clock     | no   | same  |
/// | gained more than a minute                         | the wall clock                | yes  | same  |
/// | fell back by more than a minute                   | the wall clock                | yes  | next  |
///
/// Across a restart of the host (or where a scrape has no boot clock) only the wall clock is left: more than a
/// minute before the last t is a step back, less goes on one millisecond after it, and forward is time that passed.
package enum ScrapeClock {
    /// Wall and boot clock part by more than this at a step, in milliseconds.
    package static let stepMin: Int64 = 60_000
    /// By as much the two clocks may part from scrape to scrape without meaning anything, in milliseconds: they are
    /// read one after the other, by a process that may be made to wait in between.
    package static let jitterMax: Int64 = 1_000

    /// What the clocks said when a request was sent.
    package struct Reading: Hashable, Sendable {
        /// The wall clock.
        package var wall: Timestamp
        /// Which boot the boot clock belongs to; nil where unknown.
        package var bootID: String?
        /// The boot clock in nanoseconds; nil where unknown.
        package var bootNanoseconds: Int64?

        /// These readings.
        package init(wall: Timestamp, bootID: String?, bootNanoseconds: Int64?) {
            self.wall = wall
            self.bootID = bootID
            self.bootNanoseconds = bootNanoseconds
        }
    }

    /// A target's last scrape: its place, and what the clocks said.
    package struct Last: Hashable, Sendable {
        /// Its final position.
        package var position: ScrapePosition
        /// The clocks.
        package var reading: Reading

        /// The last scrape.
        package init(position: ScrapePosition, reading: Reading) {
            self.position = position
            self.reading = reading
        }
    }

    /// Where a scrape goes.
    package struct Placement: Hashable, Sendable {
        /// Its position, after the last one's.
        package var position: ScrapePosition
        /// How far the wall clock moved against the boot clock, in milliseconds, where that is a step.
        package var stepMilliseconds: Int64?
    }

    /// The place of a scrape at `now` that follows `last`; nil for a target's first.
    package static func place(_ now: Reading, after last: Last?) -> Placement {
        guard let last else { return Placement(position: ScrapePosition(epoch: 0, time: now.wall)) }
        guard let elapsed = bootMilliseconds(from: last.reading, to: now) else {
            return placeWithoutBootClock(now, after: last)
        }
        let parted = difference(difference(now.wall, last.reading.wall), elapsed)
        if parted < -stepMin { return nextEpoch(now, after: last, step: parted) }
        let next = last.position.time.advanced(byMilliseconds: 1)
        if parted > stepMin {
            return same(last, time: max(now.wall, next), step: parted)
        }
        let lead = difference(last.position.time, last.reading.wall)
        if now.wall > last.position.time && parted >= -jitterMax && lead <= jitterMax {
            return same(last, time: now.wall)
        }
        return same(last, time: max(now.wall, last.position.time.advanced(byMilliseconds: elapsed), next))
    }

    private static func placeWithoutBootClock(_ now: Reading, after last: Last) -> Placement {
        let back = difference(now.wall, last.position.time)
        if back < -stepMin {
            return nextEpoch(now, after: last, step: difference(now.wall, last.reading.wall))
        }
        return same(last, time: max(now.wall, last.position.time.advanced(byMilliseconds: 1)))
    }

    private static func same(_ last: Last, time: Timestamp, step: Int64? = nil) -> Placement {
        Placement(position: ScrapePosition(epoch: last.position.epoch, time: time), stepMilliseconds: step)
    }

    private static func nextEpoch(_ now: Reading, after last: Last, step: Int64) -> Placement {
        Placement(
            position: ScrapePosition(epoch: last.position.epoch &+ 1, time: now.wall),
            stepMilliseconds: step
        )
    }

    /// How much the boot clock went on; nil where the two readings cannot be compared.
    private static func bootMilliseconds(from last: Reading, to now: Reading) -> Int64? {
        guard let id = now.bootID, id == last.bootID, let a = last.bootNanoseconds,
            let b = now.bootNanoseconds,
            b >= a
        else { return nil }
        let (nanoseconds, overflow) = b.subtractingReportingOverflow(a)
        return overflow ? nil : nanoseconds / 1_000_000
    }

    private static func difference(_ a: Timestamp, _ b: Timestamp) -> Int64 {
        difference(a.milliseconds, b.milliseconds)
    }

    /// a − b, at the ends of Int64 where it lies beyond.
    private static func difference(_ a: Int64, _ b: Int64) -> Int64 {
        let (value, overflow) = a.subtractingReportingOverflow(b)
        return overflow ? (a < b ? .min : .max) : value
    }
}
