import Logging
import Model
import Storage

/// Gathers finished scrapes of all targets into shared commits, and says which are durable.
///
/// A scrape waits at most `commitDelayNanoseconds` for others (storage.md). While the store fails (disk
/// full), scrapes are kept up to the limits below and tried again after each delay; beyond the limits the
/// oldest are given up and counted.
actor ScrapeCommitter {
    /// More bytes of waiting bodies than this are committed at once; while the store fails they are given up.
    static let waitingBytesMax = 8 << 20
    /// The same for the number of waiting scrapes.
    static let waitingCountMax = 10_000
    /// How often a scrape is tried that the store refuses for itself and not for want of room.
    static let attemptsMax = 3
    /// From one maintenance to the next, in nanoseconds.
    static let maintenanceInterval: Int64 = 60_000_000_000

    private struct Waiting {
        var pending: PendingScrape
        var bytes: Int
        var attempts = 0
    }

    private let sink: any ScrapeSink
    private let clock: HostClock
    private let largeBodies: LargeBodyGate
    private let logger: Logger
    private let maintenance: RecordingService.Maintenance?
    private var configuration: RecorderConfiguration
    private var waiting: [Waiting] = []
    private var waitingBytes = 0
    private var isCommitting = false
    private var commitWaiters: [CheckedContinuation<Void, Never>] = []
    private var isFailing = false
    private var isMaintenanceFailing = false
    private var lastMaintenance: Int64
    private var downTargets: Set<String> = []
    private var summary = RecordingSummary()
    private let wakeups: AsyncStream<Void>
    private let wakeup: AsyncStream<Void>.Continuation

    init(
        sink: any ScrapeSink,
        clock: HostClock,
        configuration: RecorderConfiguration,
        largeBodies: LargeBodyGate,
        logger: Logger,
        maintenance: RecordingService.Maintenance?
    ) {
        self.sink = sink
        self.clock = clock
        self.configuration = configuration
        self.largeBodies = largeBodies
        self.logger = logger
        self.maintenance = maintenance
        lastMaintenance = clock.monotonicNanoseconds()
        (wakeups, wakeup) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Goes over to another configuration: how long a scrape waits for others, and what is kept.
    func reload(_ configuration: RecorderConfiguration) {
        self.configuration = configuration
    }

    /// Commits what waits, again and again, until cancelled.
    func run() async {
        for await _ in wakeups {
            do {
                repeat {
                    try await clock.sleep(
                        clock.monotonicNanoseconds() &+ configuration.commitDelayNanoseconds
                    )
                    await commit()
                } while !waiting.isEmpty
            } catch {
                return
            }
            await maintain()
        }
    }

    /// Takes a finished scrape; returns at once unless too much waits already.
    func submit(_ pending: PendingScrape) async {
        let bytes = pending.scrape.bodyBytes
        waiting.append(Waiting(pending: pending, bytes: bytes))
        waitingBytes += bytes
        wakeup.yield()
        while isOverLimit, !isFailing {
            await commit()
        }
        await giveUpOldest()
    }

    /// Counts ticks that passed without a scrape.
    func noteLate(_ count: Int64) {
        summary.late += count
    }

    /// Commits what is left, once, and says what came of everything.
    func finish() async -> RecordingSummary {
        // The first may join a commit that was under way; the second has what came after.
        await commit()
        if !waiting.isEmpty { await commit() }
        summary.notStored += Int64(waiting.count)
        await forget(waiting)
        waiting = []
        return summary
    }

    private var isOverLimit: Bool {
        waitingBytes > Self.waitingBytesMax || waiting.count > Self.waitingCountMax
    }

    /// Stores everything that waits now; where a commit is under way, waits for its end instead.
    private func commit() async {
        if isCommitting {
            await withCheckedContinuation { commitWaiters.append($0) }
            return
        }
        guard !waiting.isEmpty else { return }
        isCommitting = true
        let batch = waiting
        waiting = []
        waitingBytes = 0
        do {
            let outcomes = try await sink.store(batch.map(\.pending))
            await note(batch, outcomes)
        } catch {
            await noteFailure(of: batch, error)
        }
        isCommitting = false
        let waiters = commitWaiters
        commitWaiters = []
        for waiter in waiters {
            waiter.resume()
        }
    }

    private func note(_ batch: [Waiting], _ outcomes: [StoredOutcome]) async {
        precondition(batch.count == outcomes.count, "BUG: the store must answer for every scrape")
        for (each, outcome) in zip(batch, outcomes) {
            acknowledge(each.pending, outcome)
        }
        await forget(batch)
        if isFailing {
            isFailing = false
            logger.notice("storing again; \(summary.notStored) scrapes could not be stored so far")
        }
    }

    private func acknowledge(_ pending: PendingScrape, _ outcome: StoredOutcome) {
        var reason = outcome.failure
        if case .failure(let own, _) = pending.scrape.outcome { reason = own }
        let name = EscapedText.escape(pending.target.name)
        guard let reason else {
            summary.scrapes += 1
            logger.debug("stored target=\(name) t=\(outcome.time.milliseconds)")
            if downTargets.remove(pending.target.name) != nil { logger.info("target \(name) answers again") }
            return
        }
        summary.failures += 1
        let shown = EscapedText.escape(reason)
        logger.debug("stored target=\(name) t=\(outcome.time.milliseconds) error=\(shown)")
        if downTargets.insert(pending.target.name).inserted {
            logger.warning("target \(name) failed: \(shown)")
        }
    }

    private func noteFailure(of batch: [Waiting], _ error: any Error) async {
        if !isFailing {
            isFailing = true
            let reason = EscapedText.escape("\(error)")
            logger.error("scrapes cannot be stored, and are kept in memory for now: \(reason)")
        }
        guard Self.concernsScrape(error) else {
            putBack(batch)
            await giveUpOldest()
            return
        }
        // One of them may be what the store cannot take: each alone, so that the others are not lost with it.
        var rest: [Waiting] = []
        for var each in batch {
            do {
                let outcomes = try await sink.store([each.pending])
                await note([each], outcomes)
            } catch {
                each.attempts += 1
                rest.append(each)
            }
        }
        let given = rest.filter { $0.attempts >= Self.attemptsMax }
        summary.notStored += Int64(given.count)
        await forget(given)
        putBack(rest.filter { $0.attempts < Self.attemptsMax })
        isFailing = !rest.isEmpty
    }

    private static func concernsScrape(_ error: any Error) -> Bool {
        switch error as? StorageError {
        case .diskFull, .inputOutput, .permissionDenied, .cannotCreate, .locked: false
        default: true
        }
    }

    /// Puts scrapes back in front of those that came meanwhile.
    private func putBack(_ batch: [Waiting]) {
        waiting = batch + waiting
        waitingBytes = waiting.reduce(0) { $0 + $1.bytes }
    }

    private func giveUpOldest() async {
        guard isFailing, isOverLimit else { return }
        var given: [Waiting] = []
        var index = 0
        while waitingBytes > Self.waitingBytesMax || waiting.count - index > Self.waitingCountMax {
            given.append(waiting[index])
            waitingBytes -= waiting[index].bytes
            index += 1
        }
        waiting.removeFirst(index)
        summary.notStored += Int64(given.count)
        await forget(given)
    }

    /// Lets the next large body in where one of these was large.
    private func forget(_ batch: [Waiting]) async {
        for each in batch where each.bytes > LargeBodyGate.freeBytes {
            await largeBodies.release(each.pending.target.name)
        }
    }

    private func maintain() async {
        let now = clock.monotonicNanoseconds()
        guard let maintenance, now &- lastMaintenance >= Self.maintenanceInterval else { return }
        lastMaintenance = now
        do {
            try await maintenance(configuration)
            isMaintenanceFailing = false
        } catch {
            if !isMaintenanceFailing { logger.error("maintenance failed: \(EscapedText.escape("\(error)"))") }
            isMaintenanceFailing = true
        }
    }
}

extension Scrape {
    /// The length of what is kept of the body.
    fileprivate var bodyBytes: Int {
        switch outcome {
        case .document(let body), .failure(_, let body): body.count
        }
    }
}

extension RecorderConfiguration {
    /// Scrapes wait for a shared commit at most this long, in milliseconds, and at most the shortest
    /// interval.
    static let commitDelayMillisecondsMax: Int64 = 1000

    /// How long the first waiting scrape waits for others, in nanoseconds.
    var commitDelayNanoseconds: Int64 {
        min(shortestIntervalMilliseconds, Self.commitDelayMillisecondsMax) * 1_000_000
    }
}
