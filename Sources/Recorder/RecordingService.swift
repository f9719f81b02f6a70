package import Logging
package import Model

/// Records: one loop for each target, all into one sink, until cancelled.
///
/// `run` is called once. Cancellation cuts off requests under way and commits what was scraped; it takes as
/// long as one commit.
package final class RecordingService: Sendable {
    /// One GET of a target; throws `CancellationError` only.
    package typealias Fetch = @Sendable (TargetSettings) async throws -> Scrape

    /// What is done between two commits, under the configuration that holds then: retention.
    package typealias Maintenance = @Sendable (RecorderConfiguration) async throws -> Void

    private enum Event: Sendable {
        case reload(RecorderConfiguration, redaction: CommandLineRedaction?)
        case ended(String)
    }

    private let configuration: RecorderConfiguration
    private let sink: any ScrapeSink
    /// nil: the system's.
    private let givenClock: HostClock?
    private let userAgent: String
    private let fetch: Fetch?
    private let logger: Logger
    private let maintenance: Maintenance?
    private let heartbeat: Heartbeat?
    private let events: AsyncStream<Event>
    private let eventSource: AsyncStream<Event>.Continuation

    /// A service that records what `configuration` names into `sink`.
    ///
    /// `fetch` replaces HTTP in tests. `maintenance` is called between two commits, about once a minute; `heartbeat`
    /// beats while it records.
    package init(
        configuration: RecorderConfiguration,
        sink: any ScrapeSink,
        logger: Logger,
        userAgent: String = "expvault",
        clock: HostClock? = nil,
        fetch: Fetch? = nil,
        maintenance: Maintenance? = nil,
        heartbeat: Heartbeat? = nil
    ) {
        self.configuration = configuration
        self.sink = sink
        self.logger = logger
        self.userAgent = userAgent
        givenClock = clock
        self.fetch = fetch
        self.maintenance = maintenance
        self.heartbeat = heartbeat
        (events, eventSource) = AsyncStream.makeStream(of: Event.self)
    }

    /// Goes over to another configuration: targets come, go and change; the others' schedules go on
    /// undisturbed.
    ///
    /// The database stays the one that is open. `--for` counts from the start of `run`.
    ///
    /// - Throws: `ConfigurationError` where the key for `redact_cmdline` cannot be had; nothing changes then.
    package func reload(_ configuration: RecorderConfiguration) throws {
        eventSource.yield(.reload(configuration, redaction: try redaction(for: configuration)))
    }

    /// Records until cancelled, or until every target's schedule has ended.
    ///
    /// - Throws: `ConfigurationError` before anything was recorded.
    package func run() async throws -> RecordingSummary {
        let redaction = try redaction(for: configuration)
        LargeBlocks.returnAtOnce()
        let network = ScrapeNetwork()
        let clock = givenClock ?? HostClock.system(sleepingOn: network.eventLoop)
        let summary = await withTaskExecutorPreference(network.executor) {
            await record(on: network, clock, redaction)
        }
        network.shutdown()
        return summary
    }

    private func record(
        on network: ScrapeNetwork,
        _ clock: HostClock,
        _ redaction: CommandLineRedaction?
    ) async -> RecordingSummary {
        let largeBodies = LargeBodyGate()
        let committer = ScrapeCommitter(
            sink: sink,
            clock: clock,
            configuration: configuration,
            largeBodies: largeBodies,
            logger: logger,
            maintenance: maintenance
        )
        let start = clock.monotonicNanoseconds()
        await withDiscardingTaskGroup { group in
            group.addTask { await committer.run() }
            group.addTask { [clock] in await OwnLoop(committer: committer, clock: clock).run() }
            if let heartbeat {
                group.addTask { [clock] in await heartbeat.run(committer, clock) }
            }
            var roster = TargetRoster(configuration)
            var redaction = redaction
            var configuration = configuration
            func begin(_ targets: [TargetRoster.Beginning]) {
                for target in targets {
                    let loop = ScrapeLoop(
                        settings: target.settings,
                        schedule: schedule(target.settings, configuration, start: start, clock),
                        clock: clock,
                        committer: committer,
                        largeBodies: largeBodies,
                        redaction: target.settings.redactsCommandLine ? redaction : nil,
                        logger: logger
                    )
                    group.addTask { [self] in
                        await untilStopped(target.stop) { [self] in await run(loop, network) }
                        eventSource.yield(.ended(target.settings.name))
                    }
                }
            }
            begin(roster.begin())
            for await event in events {
                switch event {
                case .ended(let name):
                    begin(roster.ended(name))
                case .reload(let new, let newRedaction):
                    configuration = new
                    redaction = newRedaction ?? redaction
                    await committer.reload(new)
                    begin(roster.reload(new))
                }
                if roster.isFinished, !configuration.awaitsTargets { break }
            }
            group.cancelAll()
        }
        return await committer.finish()
    }

    /// Runs one loop with a connection of its own.
    private func run(_ loop: ScrapeLoop, _ network: ScrapeNetwork) async {
        let settings = loop.settings
        let name = EscapedText.escape(settings.name)
        if let fetch { return await loop.run { try await fetch(settings) } }
        let isSecure = settings.url.scheme == "https"
        if settings.tls.isInsecure, isSecure {
            logger.warning("target \(name): its certificate is not checked (insecure)")
        }
        do {
            let scraper = Scraper(
                settings: settings,
                tls: isSecure ? try await network.acquire(settings.tls) : nil,
                eventLoop: network.eventLoop,
                clock: loop.clock,
                largeBodies: loop.largeBodies,
                userAgent: userAgent
            )
            await loop.run { try await scraper.scrape() }
            await scraper.close()
            if isSecure { await network.release(settings.tls) }
        } catch {
            // The files were read when the configuration was; they must have changed since.
            logger.error("target \(name) is not recorded: \(EscapedText.escape("\(error)"))")
        }
    }

    /// Runs `body`, and cancels it when `stop` ends.
    private func untilStopped(_ stop: AsyncStream<Never>, _ body: @escaping @Sendable () async -> Void) async
    {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await body() }
            group.addTask { for await _ in stop {} }
            await group.next()
            group.cancelAll()
        }
    }

    private func schedule(
        _ settings: TargetSettings,
        _ configuration: RecorderConfiguration,
        start: Int64,
        _ clock: HostClock
    ) -> ScrapeSchedule {
        ScrapeSchedule(
            name: settings.name,
            // Bounded: RecorderConfiguration.intervalMillisecondsMax.
            interval: settings.intervalMilliseconds * 1_000_000,
            start: clock.monotonicNanoseconds(),
            // At most a third of Int64's range; see DurationText.millisecondsMax.
            until: configuration.durationMilliseconds.map { start &+ $0.multipliedOrMax(by: 1_000_000) },
            count: configuration.scrapeCountMax
        )
    }

    private func redaction(for other: RecorderConfiguration) throws -> CommandLineRedaction? {
        guard other.targets.contains(where: \.redactsCommandLine) else { return nil }
        // The database that is open, whatever a later configuration says.
        let database = configuration.database
        return CommandLineRedaction(key: try CommandLineRedaction.loadKey(besideDatabase: database))
    }
}
