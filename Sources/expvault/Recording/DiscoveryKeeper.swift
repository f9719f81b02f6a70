import Discovery
import Logging
import Model
import Recorder

/// What `record --discover` has found: looks at the start and each minute, and adds it to what is configured.
actor DiscoveryKeeper {
    /// From one look to the next.
    static let interval = Duration.seconds(60)
    /// Those that were found have ended by then.
    private static let grace = Duration.seconds(2)

    private var settings: RecorderConfiguration
    private var names: DiscoveredNames
    private let logger: Logger
    private var lastNotes: [String] = []
    private var isFullTold = false

    /// Beside the targets of `settings`; what its database has keeps its names.
    init(_ settings: RecorderConfiguration, recorded: RecordedPlaces, logger: Logger) {
        self.settings = settings
        self.logger = logger
        names = DiscoveredNames(named: Self.named(settings), recorded: recorded.targets)
    }

    private static func named(_ settings: RecorderConfiguration) -> [DiscoveredNames.Target] {
        settings.targets.map { DiscoveredNames.Target(name: $0.name, url: $0.url.description) }
    }

    /// The configuration with what was found.
    var merged: RecorderConfiguration { merging(settings) }

    /// Another configuration with what was found, but for what it names itself.
    func merging(_ settings: RecorderConfiguration) -> RecorderConfiguration {
        var names = names
        names.named = Self.named(settings)
        return settings.adding(names.targets.map { (name: $0.name, url: $0.url) })
    }

    /// That configuration holds from now on; the targets that were found stay.
    func adopt(_ settings: RecorderConfiguration) {
        self.settings = settings
        names.named = Self.named(settings)
    }

    /// Looks once; returns the configuration where there is something new.
    func look() async -> RecorderConfiguration? {
        let discovery = await Discovery.look()
        let change = names.take(discovery.findings)
        for added in change.added {
            let go = added.finding.goVersion.map { ", \($0)" } ?? ""
            logger.info(
                "found \(EscapedText.escape(added.target.name)): process \(added.finding.process)\(EscapedText.escape(go)) at \(EscapedText.escape(added.target.url))"
            )
        }
        if change.leftOutCount > 0, !isFullTold {
            isFullTold = true
            logger.warning(
                "\(change.leftOutCount) more targets were found and are not recorded: \(DiscoveredNames.targetsMax) are the most; name them in the configuration"
            )
        }
        let notes = DiscoveryText.notes(discovery)
        if notes != lastNotes {
            for note in notes { logger.notice("\(note)") }
            lastNotes = notes
        }
        return change.added.isEmpty ? nil : merged
    }

    /// Looks each minute, and hands what is new to the service, until cancelled or, `length` milliseconds from now, the
    /// recording has ended: what was found ends by itself, and where nothing was, this does.
    func run(_ service: RecordingService, endingAfter length: Int64?) async -> RecordingSummary? {
        let end = length.map { ContinuousClock.now + .milliseconds($0) + Self.grace }
        while !Task.isCancelled {
            let next = ContinuousClock.now + Self.interval
            // Cancelled: the loop ends.
            try? await Task.sleep(until: min(next, end ?? next), clock: .continuous)
            if Task.isCancelled { break }
            if let end, ContinuousClock.now >= end { break }
            guard let new = await look() else { continue }
            do {
                try service.reload(new)
            } catch {
                logger.error("what was found is not recorded: \(EscapedText.escape("\(error)"))")
            }
        }
        return nil
    }
}
