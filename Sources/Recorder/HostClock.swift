import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The clocks of the recording host, and sleeping by them; a parameter, so that tests bring their own.
package struct HostClock: Sendable {
    /// Nanoseconds on a clock that never steps; the schedule follows it.
    package var monotonicNanoseconds: @Sendable () -> Int64
    /// Unix milliseconds on the wall clock; scrapes get their time from it.
    package var wallMilliseconds: @Sendable () -> Int64
    /// CLOCK_BOOTTIME in nanoseconds: against the wall clock it shows steps, also through a suspend.
    package var bootNanoseconds: @Sendable () -> Int64
    /// Which boot `bootNanoseconds` counts from; nil where the system does not tell.
    package var bootID: String?
    /// Returns when the monotonic clock has reached that moment; throws `CancellationError`.
    package var sleep: @Sendable (_ untilMonotonicNanoseconds: Int64) async throws -> Void

    /// A clock of those functions.
    package init(
        monotonicNanoseconds: @escaping @Sendable () -> Int64,
        wallMilliseconds: @escaping @Sendable () -> Int64,
        bootNanoseconds: @escaping @Sendable () -> Int64,
        bootID: String?,
        sleep: @escaping @Sendable (_ untilMonotonicNanoseconds: Int64) async throws -> Void
    ) {
        self.monotonicNanoseconds = monotonicNanoseconds
        self.wallMilliseconds = wallMilliseconds
        self.bootNanoseconds = bootNanoseconds
        self.bootID = bootID
        self.sleep = sleep
    }

    /// The system's clocks.
    package static let system = HostClock(
        monotonicNanoseconds: { read(CLOCK_MONOTONIC) },
        wallMilliseconds: { read(CLOCK_REALTIME) / 1_000_000 },
        bootNanoseconds: { read(CLOCK_BOOTTIME) },
        bootID: readBootID(),
        sleep: { until in
            // Sleeping by one clock and planning by another: after a suspend the sleep may end early, so look
            // again.
            while true {
                let rest = until - read(CLOCK_MONOTONIC)
                try Task.checkCancellation()
                if rest <= 0 { return }
                try await Task.sleep(nanoseconds: UInt64(rest))
            }
        }
    )

    /// The system's clocks, with an event loop's timers: for tasks that run there these wake no other thread.
    static func system(sleepingOn eventLoop: any EventLoop) -> HostClock {
        var clock = system
        clock.sleep = { until in
            while true {
                try Task.checkCancellation()
                if until <= read(CLOCK_MONOTONIC) { return }
                let timer = eventLoop.scheduleTask(deadline: .uptimeNanoseconds(UInt64(max(0, until)))) {}
                await withTaskCancellationHandler {
                    // It fails where it was cancelled, and that only we do.
                    try? await timer.futureResult.get()
                } onCancel: {
                    timer.cancel()
                }
            }
        }
        return clock
    }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    private static func readBootID() -> String? {
        guard let file = fopen("/proc/sys/kernel/random/boot_id", "re") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = fread(&bytes, 1, bytes.count, file)
        let text = String(decoding: bytes[..<count].prefix { $0 > 0x20 }, as: UTF8.self)
        return text.isEmpty ? nil : text
    }
}
