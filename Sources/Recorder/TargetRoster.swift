/// Which targets are being recorded, which are to be, and what follows from that.
///
/// Pure.
/// A changed target's loop ends before its new one begins, so that there are never two at once.
struct TargetRoster {
    /// A loop to start.
    struct Beginning {
        var settings: TargetSettings
        /// Ends when the loop has to stop.
        var stop: AsyncStream<Never>
    }

    private struct Running {
        var settings: TargetSettings
        var stopper: AsyncStream<Never>.Continuation
        var isStopping = false
    }

    private var desired: [TargetSettings]
    private var running: [String: Running] = [:]
    /// Targets whose schedule has ended.
    private var finished: Set<String> = []

    init(_ configuration: RecorderConfiguration) {
        desired = configuration.targets
    }

    /// Whether nothing runs and nothing is left to run.
    var isFinished: Bool {
        running.isEmpty && desired.allSatisfy { finished.contains($0.name) }
    }

    /// The loops to start now.
    mutating func begin() -> [Beginning] {
        var beginnings: [Beginning] = []
        for settings in desired where running[settings.name] == nil && !finished.contains(settings.name) {
            let (stop, stopper) = AsyncStream.makeStream(of: Never.self)
            running[settings.name] = Running(settings: settings, stopper: stopper)
            beginnings.append(Beginning(settings: settings, stop: stop))
        }
        return beginnings
    }

    /// Another configuration: stops what is gone or changed; returns the loops to start now.
    mutating func reload(_ configuration: RecorderConfiguration) -> [Beginning] {
        desired = configuration.targets
        finished.formIntersection(desired.map(\.name))
        for (name, each) in running where !desired.contains(each.settings) {
            running[name]?.isStopping = true
            each.stopper.finish()
        }
        return begin()
    }

    /// A loop has ended; returns the loops to start now.
    mutating func ended(_ name: String) -> [Beginning] {
        guard let ended = running.removeValue(forKey: name) else { return [] }
        if !ended.isStopping { finished.insert(name) }
        return begin()
    }
}
