import ArgumentParser
import Dashboard
import Logging
import Model
import Recorder
import ServiceLifecycle
import Storage
import Synchronization
import UnixSignals

/// `expvault record`: scrape until told to stop.
struct RecordCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "record",
        abstract: "Scrape targets and store every scrape, until Ctrl-C or SIGTERM.",
        discussion: """
            EXAMPLES
              expvault record :6060 unix:/run/app.sock
              expvault record --discover
              expvault record api=http://127.0.0.1:6060 \\
                  etcd=http://127.0.0.1:2379
              expvault record api=http://127.0.0.1:6060 \\
                  --interval 1s --for 10m
              expvault record --config /etc/expvault/expvault.yaml \\
                  --retain 30d --max-size 1GiB

            A URL without a path gets /debug/vars, one that ends in / gets debug/vars behind it, one without a scheme \
            http://, and :6060 is localhost. Without NAME= a target is called host:port, or by its socket's file. SIGHUP \
            reads the configuration file again. Credentials come from files that only their owner may read, never from \
            the command line.
            """
    )

    @Argument(
        help: ArgumentHelp("Targets: NAME=URL, URL, HOST:PORT, :PORT or unix:PATH.", valueName: "name=url")
    )
    var targets: [String] = []
    @Option(help: ArgumentHelp("A YAML file with targets and settings.", valueName: "file"))
    var config: String?
    @OptionGroup(title: "Schedule") var schedule: RecordScheduleOptions
    @OptionGroup(title: "Targets on the command line") var access: RecordAccessOptions
    @OptionGroup var database: DatabaseOptions
    @Option(
        help: ArgumentHelp(
            "Also serve the page there, as `serve` does, for this host alone.",
            valueName: "address:port"
        )
    )
    var serve: ListenArgument?
    @Option(help: "trace, debug (a line for each stored scrape), info, notice, warning, error or critical.")
    var logLevel = LogLevel.info

    func validate() throws {
        guard let serve, !DashboardConfiguration.isLoopback(serve.host) else { return }
        throw ValidationError(
            "record --serve takes an address of the loopback alone, as in 127.0.0.1:9121; for other hosts run "
                + "`expvault serve` beside it, which has --token-file and --host-name"
        )
    }

    func run() async throws {
        var settings = try resolve()
        let level = logLevel.level
        let logger = Logger(label: "expvault") { _ in StandardErrorLog(logLevel: level) }
        let putAside = PutAsideFlag()
        let writer = try await VaultWriter.open(
            path: settings.database,
            create: true,
            putAside: { aside in
                putAside.isSet.store(true, ordering: .relaxed)
                logger.critical("\(PutAsideText.words(aside))")
            },
            fileChange: { logger.critical("\(EscapedText.escape($0.description))") }
        )
        await writer.reserveRoom()
        let keeper = settings.discovers ? try await discover(&settings, logger) : nil
        let retention = RetentionKeeper(
            writer: writer,
            database: settings.database,
            logger: logger,
            now: { HostClock.system.monotonicNanoseconds() }
        )
        try await retention.begin(settings)
        let systemd = SystemdNotifier(environment: Terminal.environment)
        let service = RecordingService(
            configuration: settings,
            sink: writer,
            logger: logger,
            userAgent: "expvault/\(ProductVersion.text)",
            maintenance: { try await retention.maintain($0) },
            heartbeat: systemd.flatMap(heartbeat)
        )
        if await writer.lacksWAL { logger.warning("\(WithoutWALText.words(settings.database))") }
        if let words = DirectoryWarning.words(database: settings.database) { logger.warning("\(words)") }
        logger.info("recording \(settings.targets.count) target(s) into \(settings.database)")
        let summary: RecordingSummary
        var page: DashboardServer?
        do {
            page = try await startPage(settings.database, logger)
            summary = try await supervise(service, settings, keeper, systemd, logger)
        } catch {
            await page?.stop()
            // The first error is the one to tell.
            try? await writer.close()
            throw error
        }
        await page?.stop()
        await retention.end()
        // Before the file is closed, which may fail as well.
        logger.info("\(summary)")
        try await writer.close()
        if let status = verdict(on: summary, wasPutAside: putAside.isSet.load(ordering: .relaxed)) {
            throw ExitCode(status.rawValue)
        }
    }

    /// What a recording came to, as a script should learn it; nil where all is well.
    ///
    /// A recorder that runs until it is told to stop has seen all sorts of things by then; one that was to take so
    /// many scrapes, or so long, has a result.
    private func verdict(on summary: RecordingSummary, wasPutAside: Bool) -> ExitStatus? {
        if summary.notStored > 0 { return .inputOutput }
        guard schedule.length != nil || schedule.count != nil else { return nil }
        if wasPutAside { return .dataError }
        guard summary.scrapes == 0 else { return nil }
        StandardStreams.errorLine(
            "expvault: no scrape succeeded; `expvault targets` says why the last one failed"
        )
        return .failed
    }

    /// Serves the page where that was asked for; it reads the database as any other reader does.
    private func startPage(_ database: String, _ logger: Logger) async throws -> DashboardServer? {
        guard let serve else { return nil }
        let configuration = DashboardConfiguration(
            database: database,
            host: serve.host,
            port: serve.port,
            now: { TimeArgument.wallClock() },
            giveBack: { LargeBlocks.giveBack() }
        )
        let page = try await DashboardServer.start(configuration, logger: logger)
        logger.info("serving \(database) on http://\(serve.text(port: page.port))")
        return page
    }

    /// Flags over environment over file.
    private func resolve() throws -> RecorderConfiguration {
        var flags = RecorderFlags()
        flags.database = database.path
        flags.targets = targets
        schedule.apply(to: &flags)
        access.apply(to: &flags)
        return try RecorderConfiguration.load(path: config, flags: flags, environment: Terminal.environment)
    }

    /// Looks once for targets on this host, and adds them.
    private func discover(
        _ settings: inout RecorderConfiguration,
        _ logger: Logger
    ) async throws -> DiscoveryKeeper {
        let recorded = try RecordedPlaces(database: settings.database)
        let keeper = DiscoveryKeeper(settings, recorded: recorded, logger: logger)
        settings = await keeper.look() ?? settings
        return keeper
    }

    /// Runs the service; the first SIGINT or SIGTERM ends it, SIGHUP reads the configuration again.
    private func supervise(
        _ service: RecordingService,
        _ settings: RecorderConfiguration,
        _ keeper: DiscoveryKeeper?,
        _ systemd: SystemdNotifier?,
        _ logger: Logger
    ) async throws -> RecordingSummary {
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
        return try await withThrowingTaskGroup(of: RecordingSummary?.self) { group in
            group.addTask { try await service.run() }
            group.addTask {
                var current = settings
                for await signal in signals {
                    guard signal == .sighup else { break }
                    await reload(service, &current, keeper, logger, systemd)
                }
                return nil
            }
            if let keeper {
                group.addTask { await keeper.run(service, endingAfter: settings.durationMilliseconds) }
            }
            systemd?.notify(.ready)
            var summary: RecordingSummary?
            while let result = try await group.next() {
                summary = result ?? summary
                systemd?.notify(.stopping)
                group.cancelAll()
            }
            return summary ?? RecordingSummary()
        }
    }

    /// Feeds systemd's watchdog, where it waits for that.
    private func heartbeat(of systemd: SystemdNotifier) -> Heartbeat? {
        systemd.watchdogMilliseconds.map { interval in
            Heartbeat(intervalMilliseconds: interval) { systemd.notify(.watchdog) }
        }
    }

    private func reload(
        _ service: RecordingService,
        _ current: inout RecorderConfiguration,
        _ keeper: DiscoveryKeeper?,
        _ logger: Logger,
        _ systemd: SystemdNotifier?
    ) async {
        systemd?.notify(.reloading)
        defer { systemd?.notify(.ready) }
        do {
            let resolved = try resolve()
            let before = await keeper?.merged ?? current
            var settings = resolved
            // What waits for a restart is not in force, and what is compared with next time is what is.
            settings.database = current.database
            settings.durationMilliseconds = current.durationMilliseconds
            settings.scrapeCountMax = current.scrapeCountMax
            settings.foundTarget = keeper == nil ? nil : resolved.foundTarget ?? before.foundTarget
            guard !settings.targets.isEmpty || settings.discovers else {
                throw ConfigurationError("it names no target, and discover holds from a restart on")
            }
            let all = await keeper?.merging(settings) ?? settings
            try service.reload(all)
            await keeper?.adopt(settings)
            current = settings
            var told = resolved
            told.targets = all.targets
            let change = ConfigurationChange(from: before, to: told)
            let words = EscapedText.escape("\(change)")
            logger.log(
                level: change.awaitingRestart.isEmpty ? .info : .warning,
                "read the configuration again: \(all.targets.count) target(s); \(words)"
            )
        } catch {
            logger.error("the configuration is kept as it was: \(error)")
        }
    }
}

/// Whether a damaged database was put aside, as the writer's thread tells.
private final class PutAsideFlag: Sendable {
    let isSet = Atomic(false)
}

/// Log levels as flags name them.
enum LogLevel: String, CaseIterable, ExpressibleByArgument {
    case trace
    case debug
    case info
    case notice
    case warning
    case error
    case critical

    /// The level of swift-log.
    var level: Logger.Level { Logger.Level(rawValue: rawValue) ?? .info }
}
