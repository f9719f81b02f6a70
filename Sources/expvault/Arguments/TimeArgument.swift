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
        // Bounded: the kernel's clock ends in the year 2262.
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    init?(argument: String) {
        guard let timestamp = TimeText.parse(argument, now: TimeArgument.now) else { return nil }
        self.timestamp = timestamp
    }
}
