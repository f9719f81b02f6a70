import Model

/// What another configuration changes, as far as a person should know: the line that a reload logs.
package struct ConfigurationChange: Hashable, Sendable {
    /// Targets that were not recorded before.
    package var added: [String] = []
    /// Targets that are recorded no longer.
    package var removed: [String] = []
    /// Targets that are recorded in another way, each with the settings that are others.
    package var changed: [String] = []
    /// Settings of the recorder that are others from now on.
    package var settings: [String] = []
    /// Settings that are others in the file and stay as they are until a restart.
    package var awaitingRestart: [String] = []

    /// What leads from one configuration to the other.
    package init(from old: RecorderConfiguration, to new: RecorderConfiguration) {
        let before = Dictionary(old.targets.map { ($0.name, $0) }) { first, _ in first }
        let after = Set(new.targets.map(\.name))
        for target in new.targets {
            guard let known = before[target.name] else {
                added.append(target.name)
                continue
            }
            let differences = target.differences(from: known)
            guard !differences.isEmpty else { continue }
            changed.append("\(target.name) (\(differences.joined(separator: ", ")))")
        }
        removed = old.targets.map(\.name).filter { !after.contains($0) }
        if old.retainMilliseconds != new.retainMilliseconds { settings.append("retain") }
        if old.maxSizeBytes != new.maxSizeBytes { settings.append("max_size") }
        if old.ownIntervalMilliseconds != new.ownIntervalMilliseconds { settings.append("self") }
        if old.database != new.database { awaitingRestart.append("database") }
        if old.discovers != new.discovers { awaitingRestart.append("discover") }
        // These can only come from the command line, which no signal changes; so that nothing is ever silent.
        if old.durationMilliseconds != new.durationMilliseconds { awaitingRestart.append("for") }
        if old.scrapeCountMax != new.scrapeCountMax { awaitingRestart.append("count") }
    }
}

extension ConfigurationChange: CustomStringConvertible {
    /// So many names are listed of each kind; the rest is a number.
    private static let namesMax = 20

    /// What changed, on one line; `nothing changed` where nothing did.
    package var description: String {
        var parts: [String] = []
        func add(_ verb: String, _ names: [String]) {
            guard !names.isEmpty else { return }
            let rest = names.count - Self.namesMax
            let list = names.prefix(Self.namesMax).joined(separator: ", ")
            parts.append("\(verb) \(list)\(rest > 0 ? " and \(rest) more" : "")")
        }
        add("added", added)
        add("removed", removed)
        add("changed", changed)
        add("set", settings)
        if parts.isEmpty && awaitingRestart.isEmpty { return "nothing changed" }
        if !awaitingRestart.isEmpty {
            parts.append("\(awaitingRestart.joined(separator: ", ")) stays as it was until a restart")
        }
        return parts.joined(separator: "; ")
    }
}

extension TargetSettings {
    /// The settings that are others than those of `other`, as the configuration file names them.
    fileprivate func differences(from other: TargetSettings) -> [String] {
        var names: [String] = []
        func compare<Value: Equatable>(_ name: String, _ value: (TargetSettings) -> Value) {
            if value(self) != value(other) { names.append(name) }
        }
        compare("url") { $0.url }
        compare("interval") { $0.intervalMilliseconds }
        compare("timeout") { $0.timeoutMilliseconds }
        compare("credentials") { $0.credentials }
        compare("headers") { $0.headers }
        compare("TLS") { $0.tls }
        compare("redact_cmdline") { $0.redactsCommandLine }
        compare("labels") { $0.labels }
        compare("service_address") { $0.serviceAddress }
        compare("keep_query") { $0.keepsQuery }
        // A setting that this list lacks changes the target all the same.
        if names.isEmpty, self != other { names.append("settings") }
        return names
    }
}
