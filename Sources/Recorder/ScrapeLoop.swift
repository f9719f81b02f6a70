import Logging
import Model
import Storage

/// Scrapes one target by its schedule, one scrape after the other.
struct ScrapeLoop: Sendable {
    /// One GET now; throws `CancellationError` only.
    typealias Fetch = @Sendable () async throws -> Scrape

    var settings: TargetSettings
    var schedule: ScrapeSchedule
    var clock: HostClock
    var committer: ScrapeCommitter
    var largeBodies: LargeBodyGate
    /// nil where the arguments may be stored.
    var redaction: CommandLineRedaction?
    var logger: Logger

    /// Runs until the schedule ends, or until cancelled.
    func run(_ fetch: Fetch) async {
        var schedule = schedule
        var wasLate = false
        let target = TargetDescription(name: settings.name, origin: settings.origin)
        while let tick = schedule.next(now: clock.monotonicNanoseconds()) {
            await noteLate(tick.skipped, wasLate: &wasLate)
            do {
                try await clock.sleep(tick.at)
                var scrape = try await fetch()
                if let redaction { scrape = redaction.redact(scrape) }
                // A large body stays in memory until it is stored: then the committer lets the next one in.
                if !scrape.isLarge { await largeBodies.release(settings.name) }
                await committer.submit(PendingScrape(target: target, scrape: scrape))
            } catch {
                // Cancelled: what was not scraped to its end is no scrape.
                await largeBodies.release(settings.name)
                return
            }
        }
        // Until the very end where the schedule has one: `--for 1m` runs for a minute.
        guard let end = schedule.end else { return }
        // Cancelled or not, the loop is over.
        try? await clock.sleep(end)
    }

    private func noteLate(_ skipped: Int64, wasLate: inout Bool) async {
        if skipped > 0 {
            await committer.noteLate(skipped)
            if !wasLate {
                logger.warning(
                    "target \(EscapedText.escape(settings.name)): \(skipped) scrapes left out, late"
                )
            }
        }
        wasLate = skipped > 0
    }
}

extension Scrape {
    /// Whether the body was let in by `LargeBodyGate` and is still whole.
    fileprivate var isLarge: Bool {
        guard case .document(let body) = outcome else { return false }
        return body.count > LargeBodyGate.freeBytes
    }
}
