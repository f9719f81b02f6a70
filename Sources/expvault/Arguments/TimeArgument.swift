import ArgumentParser
import Model

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A moment as cli.md lets people write it: RFC 3339, a date, Unix milliseconds, `now`, or a duration back.
struct TimeArgument: ExpressibleByArgument {
    /// The moment that was meant.
    let timestamp: Timestamp

    /// One `now` for the whole command, so that `--since 1h --until now` is an hour exactly.
    static let now = wallClock()

    /// The wall clock now.
    static func wallClock() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    init?(argument: String) {
        guard let timestamp = TimeArgument.parse(argument, now: TimeArgument.now) else { return nil }
        self.timestamp = timestamp
    }

    /// The moment that `text` means at `now`; nil where it means none.
    static func parse(_ text: String, now: Timestamp) -> Timestamp? {
        if text == "now" { return now }
        if let milliseconds = Int64(text) { return Timestamp(milliseconds: milliseconds) }
        if let back = DurationText.milliseconds(text) { return now.advanced(byMilliseconds: -back) }
        return TimestampText.parse(text)
    }
}
