/// Tells somebody (systemd's watchdog) that the recorder records, as long as it does.
///
/// A beat is told only after a question has gone the way of a commit: from the event loop that all scrapes run on, over
/// the committer, to the thread that stores. Where any of these hangs, beats stay away, and whoever waits for them
/// starts the recorder anew.
package struct Heartbeat: Sendable {
    /// From one beat to the next, in milliseconds.
    let intervalMilliseconds: Int64
    let beat: @Sendable () -> Void

    /// A heartbeat that calls `beat` at that interval.
    package init(intervalMilliseconds: Int64, beat: @escaping @Sendable () -> Void) {
        self.intervalMilliseconds = intervalMilliseconds
        self.beat = beat
    }

    /// Beats until cancelled.
    func run(_ committer: ScrapeCommitter, _ clock: HostClock) async {
        do {
            while true {
                await committer.answer()
                beat()
                try await clock.sleep(clock.monotonicNanoseconds() &+ intervalMilliseconds &* 1_000_000)
            }
        } catch {
            // Cancelled: the recorder ends.
            return
        }
    }
}
