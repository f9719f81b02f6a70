import Logging
import Model
import Storage

/// Gathers finished scrapes of all targets into shared commits, and says which are durable.
///
/// A scrape waits at most `commitDelayNanoseconds` for others (limits.md). While the store fails (disk
/// full), scrapes are kept up to the limits below and tried again after each delay. Beyond the limits the oldest
/// lose their bodies, and are counted: what is left of them is stored as a failed scrape once there is room, so
/// that `targets` shows what is missing.
actor ScrapeCommitter {
    /// More bytes of waiting bodies than this are committed at once; while the store fails they are given up.
    static let waitingBytesMax = 8 << 20
    /// The same for the number of waiting scrapes.
    static let waitingCountMax = 10_000
    /// How often a scrape is tried that the store refuses for itself and not for want of room.
    static let attemptsMax = 3
    /// From one maintenance to the next, in nanoseconds.
    static let maintenanceInterval: Int64 = 60_000_000_000
    /// From one line that sums up to the next, in nanoseconds.
    static let summaryInterval: Int64 = 3_600_000_000_000
    /// Why a scrape is stored without its body.
    static let noRoomReason = "it could not be stored: the disk had no room, and then the memory"

    private struct Waiting {
        var pending: PendingScrape
        var bytes: Int
        var attempts = 0
        /// Whether the body is gone, and the scrape counted as not stored.
        var isGivenUp = false
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
    private var lastError = ""
    private var isMaintenanceFailing = false
    private var isGivingUp = false
    private var lastMaintenance: Int64
    private var lastSummary: Int64
    private var room = RoomWatch()
    private var collectionWatches: [String: CollectionWatch] = [:]
    private var intervals: [String: Int64]
    private var downTargets: Set<String> = []
    private var summary = RecordingSummary()
    private var commits = OwnDocument.CommitTimes()
    private var ringOverrunsNear: Int64 = 0
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
        lastSummary = lastMaintenance
        intervals = configuration.intervalsByName
        (wakeups, wakeup) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Goes over to another configuration: how long a scrape waits for others, and what is kept.
    func reload(_ configuration: RecorderConfiguration) {
        self.configuration = configuration
        intervals = configuration.intervalsByName
        collectionWatches = collectionWatches.filter { intervals[$0.key] != nil }
    }

    /// Commits what waits, again and again, until cancelled.
    func run() async {
        lookAtRoom()
        for await _ in wakeups {
            do {
                repeat {
                    try await clock.sleep(
                        clock.monotonicNanoseconds() &+ configuration.commitDelayNanoseconds
                    )
                    await commit()
                    // Also while the store fails: what is too old makes room.
                    await maintain()
                } while !waiting.isEmpty
            } catch {
                return
            }
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

    /// From one document of the recorder's own to the next; nil where none is wanted.
    var ownIntervalMilliseconds: Int64? { configuration.ownIntervalMilliseconds }

    /// Takes what the recorder has to tell of itself as a scrape of now.
    func submitOwn() async {
        let document = OwnDocument(
            summary: summary,
            ringOverrunsNear: ringOverrunsNear,
            waiting: waiting.count,
            commits: commits,
            room: RoomWatch.read(database: configuration.database)
        )
        commits.longest = 0
        var pending = PendingScrape(
            target: TargetDescription(name: OwnDocument.targetName, origin: Origin(url: nil)),
            scrape: Scrape(
                time: Timestamp(milliseconds: clock.wallMilliseconds()),
                bootID: clock.bootID,
                bootNanoseconds: clock.bootNanoseconds(),
                outcome: .document(document.body())
            )
        )
        pending.isOwn = true
        await submit(pending)
    }

    /// Comes back once the store has answered.
    func answer() async {
        await sink.answer()
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
        if !waiting.isEmpty { await storeWithoutBodies() }
        summary.notStored += Self.countKept(waiting)
        await forget(waiting)
        waiting = []
        return summary
    }

    /// The last try on a disk without room: that these scrapes were is stored, and why there is no more of them.
    private func storeWithoutBodies() async {
        let reason = "it could not be stored before the recording ended: \(lastError)"
        for index in waiting.indices { dropBody(&waiting[index], reason) }
        for line in Self.lossWords(waiting) { logger.error("\(line)") }
        await sink.makeRoom()
        await commit()
        guard !waiting.isEmpty else { return }
        // Still too many for the room that there is: of each target the newest, which tells of the others.
        let all = waiting
        var counts: [String: Int] = [:]
        for each in all { counts[each.pending.target.name, default: 0] += 1 }
        var seen: Set<String> = []
        waiting = all.reversed().filter { seen.insert($0.pending.target.name).inserted }.reversed()
        for index in waiting.indices {
            let others = (counts[waiting[index].pending.target.name] ?? 1) - 1
            if others > 0 { dropBody(&waiting[index], "\(reason); nor could \(others) before it") }
        }
        // Those that are left out count as not stored, also the failed ones.
        summary.notStored += Self.countKept(all) - Self.countKept(waiting)
        await forget(all)
        await commit()
    }

    /// How many scrapes of each target are lost, in words.
    private static func lossWords(_ waiting: [Waiting]) -> [String] {
        var byTarget: [String: [Timestamp]] = [:]
        for each in waiting where !each.pending.isOwn {
            byTarget[each.pending.target.name, default: []].append(each.pending.scrape.time)
        }
        return byTarget.sorted { $0.key < $1.key }.map { name, times in
            let range = [times.min(), times.max()].compactMap { $0?.description }.joined(separator: " to ")
            return "target \(EscapedText.escape(name)): \(times.count) scrapes could not be stored (\(range))"
        }
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
        let begun = clock.monotonicNanoseconds()
        do {
            let outcomes = try await sink.store(batch.map(\.pending))
            commits.note(clock.monotonicNanoseconds() &- begun)
            await acknowledge(batch, outcomes)
            storesAgain()
        } catch {
            commits.failed += 1
            await noteFailure(of: batch, error)
        }
        isCommitting = false
        let waiters = commitWaiters
        commitWaiters = []
        for waiter in waiters {
            waiter.resume()
        }
    }

    private func acknowledge(_ batch: [Waiting], _ outcomes: [StoredOutcome]) async {
        precondition(batch.count == outcomes.count, "BUG: the store must answer for every scrape")
        for (each, outcome) in zip(batch, outcomes) {
            acknowledge(each, outcome)
        }
        await forget(batch)
    }

    /// Nothing waits any more that the store has refused.
    private func storesAgain() {
        guard isFailing else { return }
        isFailing = false
        isGivingUp = false
        logger.notice("storing again; \(summary.notStored) scrapes could not be stored so far")
    }

    private func acknowledge(_ waiting: Waiting, _ outcome: StoredOutcome) {
        let pending = waiting.pending
        var reason = outcome.failure
        if case .failure(let own, _) = pending.scrape.outcome { reason = own }
        let name = EscapedText.escape(pending.target.name)
        if let old = outcome.movedFrom {
            logger.notice(
                "target \(name) came from \(EscapedText.escape(old)) before: a gap and a new run, whatever it counted there"
            )
        }
        if let unread = outcome.unread {
            logger.warning(
                "target \(name): \(EscapedText.escape(unread.path)) cannot be read: \(EscapedText.escape(unread.reason)); it is kept in the body, all else is read; said once"
            )
        }
        guard let reason else {
            logger.debug("stored target=\(name) t=\(outcome.time.milliseconds)")
            if pending.isOwn { return }
            summary.scrapes += 1
            if downTargets.remove(pending.target.name) != nil { logger.info("target \(name) answers again") }
            watchCollections(of: pending)
            return
        }
        let shown = EscapedText.escape(reason)
        logger.debug("stored target=\(name) t=\(outcome.time.milliseconds) error=\(shown)")
        // Counted when it was given up; the target itself did answer.
        if waiting.isGivenUp || pending.isOwn { return }
        summary.failures += 1
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
        lastError = "\(error)"
        let isReplaced = await sink.replaceDamaged(after: error)
        guard Self.concernsScrape(error), !isReplaced else {
            putBack(batch)
            await giveUpOldest()
            return
        }
        // One of them may be what the store cannot take: each alone, so that the others are not lost with it.
        var rest: [Waiting] = []
        for var each in batch {
            do {
                let outcomes = try await sink.store([each.pending])
                await acknowledge([each], outcomes)
            } catch {
                each.attempts += 1
                rest.append(each)
            }
        }
        let given = rest.filter { $0.attempts >= Self.attemptsMax }
        summary.notStored += Self.countKept(given)
        await forget(given)
        let kept = rest.filter { $0.attempts < Self.attemptsMax }
        putBack(kept)
        // What the store takes besides is no end of the failure: that would be said with every commit.
        if kept.isEmpty { storesAgain() }
    }

    private static func concernsScrape(_ error: any Error) -> Bool {
        switch error as? StorageError {
        case .diskFull, .inputOutput, .permissionDenied, .cannotCreate, .locked, .departed, .notFound,
            .notOurs,
            .newer, .older:
            false
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
        if !isGivingUp {
            isGivingUp = true
            logger.error("too much waits to be stored: the oldest scrapes lose their bodies")
        }
        // All of it before anything is awaited: others may come in between.
        var given: [Waiting] = []
        for index in waiting.indices where waiting[index].bytes > 0 {
            guard waitingBytes > Self.waitingBytesMax else { break }
            given.append(waiting[index])
            waitingBytes -= waiting[index].bytes
            dropBody(&waiting[index])
        }
        let excess = max(0, waiting.count - Self.waitingCountMax)
        summary.notStored += Self.countKept(waiting[..<excess])
        waitingBytes -= waiting[..<excess].reduce(0) { $0 + $1.bytes }
        given += waiting[..<excess]
        waiting.removeFirst(excess)
        await forget(given)
    }

    /// Leaves of a scrape that it was, and why there is no more.
    private func dropBody(_ each: inout Waiting, _ reason: String = ScrapeCommitter.noRoomReason) {
        each.bytes = 0
        switch each.pending.scrape.outcome {
        case .failure(let own, _):
            // What was given up before gets the newer words; a target's own failure keeps its own.
            each.pending.scrape.outcome = .failure(reason: each.isGivenUp ? reason : own, body: [])
        case .document:
            each.pending.scrape.outcome = .failure(reason: reason, body: [])
            each.isGivenUp = true
            if !each.pending.isOwn { summary.notStored += 1 }
        }
    }

    /// How many of them are not counted as not stored yet.
    private static func countKept(_ batch: some Sequence<Waiting>) -> Int64 {
        batch.reduce(0) { $0 + ($1.isGivenUp || $1.pending.isOwn ? 0 : 1) }
    }

    /// Lets the next large body in where one of these was large.
    private func forget(_ batch: [Waiting]) async {
        for each in batch where each.bytes > LargeBodyGate.freeBytes {
            await largeBodies.release(each.pending.target.name)
        }
    }

    private func watchCollections(of pending: PendingScrape) {
        let name = pending.target.name
        guard case .document(let body) = pending.scrape.outcome, let interval = intervals[name] else {
            return
        }
        let time = pending.scrape.bootNanoseconds.map { $0 / 1_000_000 } ?? pending.scrape.time.milliseconds
        let words = collectionWatches[name, default: CollectionWatch()].event(
            body,
            at: time,
            interval: interval
        )
        if collectionWatches[name]?.isNear == true { ringOverrunsNear += 1 }
        if let words { logger.warning("target \(EscapedText.escape(name)): \(words)") }
    }

    private func lookAtRoom() {
        guard let reading = RoomWatch.read(database: configuration.database) else { return }
        for line in room.event(reading) { logger.log(level: line.level, "\(line.text)") }
    }

    private func maintain() async {
        let now = clock.monotonicNanoseconds()
        if now &- lastSummary >= Self.summaryInterval {
            lastSummary = now
            logger.info("so far \(summary)")
        }
        guard now &- lastMaintenance >= Self.maintenanceInterval else { return }
        lastMaintenance = now
        lookAtRoom()
        guard let maintenance else { return }
        do {
            try await maintenance(configuration)
            isMaintenanceFailing = false
        } catch {
            if !isMaintenanceFailing { logger.error("maintenance failed: \(EscapedText.escape("\(error)"))") }
            isMaintenanceFailing = await !sink.replaceDamaged(after: error)
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
    /// The interval of each target, in milliseconds.
    fileprivate var intervalsByName: [String: Int64] {
        Dictionary(targets.map { ($0.name, $0.intervalMilliseconds) }) { first, _ in first }
    }

    /// Scrapes wait for a shared commit at most this long, in milliseconds, and at most the shortest
    /// interval.
    static let commitDelayMillisecondsMax: Int64 = 1000

    /// How long the first waiting scrape waits for others, in nanoseconds.
    var commitDelayNanoseconds: Int64 {
        min(shortestIntervalMilliseconds, Self.commitDelayMillisecondsMax) * 1_000_000
    }
}
