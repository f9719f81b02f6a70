import Model

/// What `record` is to do: parsed, validated, with every default filled in here.
package struct RecorderConfiguration: Hashable, Sendable {
    /// The database file.
    package var database: String
    /// How long scrapes are kept, in milliseconds; nil: for good.
    package var retainMilliseconds: Int64?
    /// How large the database may grow, in bytes; nil: without bound.
    package var maxSizeBytes: Int64?
    /// `--for`: when to stop, in milliseconds from the start; nil: never.
    package var durationMilliseconds: Int64?
    /// `--count`: after how many scrapes of each target to stop; nil: never.
    package var scrapeCountMax: Int64?
    /// From one document of the recorder's own to the next, in milliseconds; nil: it records none (`--self`).
    package var ownIntervalMilliseconds: Int64?
    /// How targets are recorded that are found on this host; nil: none are looked for (`discover`).
    package var foundTarget: TargetSettings?
    /// The targets in the order of file and flags; names are unique.
    package var targets: [TargetSettings]

    /// The database where nobody names one.
    package static let defaultDatabase = "./expvault.db"
    /// From one scrape to the next where nobody says, in milliseconds.
    package static let defaultIntervalMilliseconds: Int64 = 10_000
    /// How long a scrape may take where nobody says, in milliseconds.
    package static let defaultTimeoutMilliseconds: Int64 = 5_000
    /// A shorter interval is refused: the targets' own work would be mostly ours.
    package static let intervalMillisecondsMin: Int64 = 10
    /// A longer interval is refused: Int64 nanoseconds must hold many of them.
    package static let intervalMillisecondsMax: Int64 = 30 * 86_400_000
    /// A smaller `max_size` is refused.
    ///
    /// Beside the newest scrapes of some targets there must be room for the tables, for a commit that seals, and for its
    /// WAL. What a single commit adds, which is larger where bodies are, may go beyond.
    package static let maxSizeBytesMin: Int64 = 2 << 20
    /// More targets than this are refused.
    package static let targetCountMax = 1000
    /// More labels or headers of one target than this are refused.
    package static let fieldCountMax = 64
    /// A longer label or header value is refused, in bytes.
    package static let fieldBytesMax = 4096

    /// The shortest interval of a target, in milliseconds.
    package var shortestIntervalMilliseconds: Int64 {
        targets.map(\.intervalMilliseconds).min() ?? Self.defaultIntervalMilliseconds
    }

    /// Whether targets are looked for on this host.
    package var discovers: Bool { foundTarget != nil }

    /// Whether there is nothing to record yet, and may be.
    var awaitsTargets: Bool { discovers && targets.isEmpty }

    /// This configuration and targets that were found on this host, recorded as those are; what cannot be one is left out.
    package func adding(_ found: [(name: String, url: String)]) -> RecorderConfiguration {
        guard let foundTarget else { return self }
        var all = self
        for (name, url) in found where !all.targets.contains(where: { $0.name == name }) {
            // What is found is written by ourselves; a path of a socket may be longer than a URL is.
            guard TargetName.isValid(name), let url = try? TargetURL.parse(url).url else { continue }
            var target = foundTarget
            target.name = name
            target.url = url
            all.targets.append(target)
        }
        return all
    }

    /// Reads the file at `path` where there is one, merges it with flags and environment, and reads every
    /// file that is named: all that must succeed before recording, or before a reload changes anything.
    package static func load(
        path: String?,
        flags: RecorderFlags,
        environment: [String: String]
    ) throws(ConfigurationError) -> RecorderConfiguration {
        var file: ConfigurationFile?
        if let path { file = try ConfigurationFile.load(path: path) }
        var configuration = try resolve(file: file, flags: flags, environment: environment)
        try configuration.checkFiles()
        return configuration
    }

    /// Puts together what is said where: flags win over the environment, the environment over the file.
    ///
    /// `--interval` and `--timeout` win over a target's own too. Reads no file: `checkFiles` does.
    ///
    /// - Throws: the first thing that is wrong.
    package static func resolve(
        file: ConfigurationFile?,
        flags: RecorderFlags,
        environment: [String: String]
    ) throws(ConfigurationError) -> RecorderConfiguration {
        try ConfigurationResolver(file: file, flags: flags, environment: environment).resolve()
    }

    /// Reads every file that the configuration names, so that what is wrong with one is known before
    /// recording.
    ///
    /// Notes what the certificates are, so that a renewed one counts as a change at the next reload.
    package mutating func checkFiles() throws(ConfigurationError) {
        for index in targets.indices {
            switch targets[index].credentials {
            case .basic(_, let path), .bearer(let path): _ = try CredentialFile.read(path)
            case .none, .basicInline: break
            }
            for header in targets[index].headers { _ = try header.text() }
            _ = try targets[index].tls.clientConfiguration()
            targets[index].tls.fingerprint = try targets[index].tls.fileFingerprint()
        }
    }
}
