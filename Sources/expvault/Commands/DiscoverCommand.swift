import ArgumentParser
import Discovery
import Model
import Storage

/// `expvault discover`: what could be recorded on this host.
struct DiscoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "discover",
        abstract: "Find Go programs on this host that serve /debug/vars.",
        discussion: """
            EXAMPLES
              expvault discover
              expvault discover --format yaml >> expvault.yaml
              expvault record $(expvault discover --format args)

            Processes that listen on TCP or a Unix socket and were built by Go are asked for /debug/vars, /_expvar and \
            /debug/metrics: one GET each, a second at most, nobody but this host's own addresses. Other users' processes can \
            be told by root alone (CAP_SYS_PTRACE); their ports are listed. `record --discover` records what this finds, and \
            looks again each minute.
            """
    )

    @Option(
        help: "table for people, json or csv for programs, yaml for a configuration file, args for `record`."
    )
    var format = DiscoverFormat.table
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let recorded = try RecordedPlaces(database: database.resolvedPath)
        let discovery = await Discovery.look()
        switch format {
        case .table, .json, .csv:
            let printer = AnswerPrinter(
                format: format.output,
                keys: [],
                emptyNote: "no Go program listens here that we may look at"
            )
            try printer.print(
                discovery.findings.map { AnswerEntry(record: DiscoveryText.record($0, recorded)) }
            )
        case .yaml: try StandardStreams.output(DiscoveryText.yaml(names(discovery, recorded)))
        case .args: try StandardStreams.output(DiscoveryText.arguments(names(discovery, recorded)))
        }
        for note in DiscoveryText.notes(discovery) { StandardStreams.errorLine(note) }
    }

    private func names(_ discovery: Discovery, _ recorded: RecordedPlaces) -> [DiscoveredNames.Target] {
        var names = DiscoveredNames(named: [], recorded: recorded.targets)
        _ = names.take(discovery.findings)
        return names.targets
    }
}

/// `--format` of `discover`.
enum DiscoverFormat: String, CaseIterable, ExpressibleByArgument {
    case table
    case json
    case csv
    case yaml
    case args

    /// The format of a list; a table for what is no list.
    var output: OutputFormat { OutputFormat(rawValue: rawValue) ?? .table }
}

/// The targets that a database has already.
struct RecordedPlaces {
    /// With the newest URL of each.
    let targets: [DiscoveredNames.Target]
    private let places: Set<String>

    /// Those of the database at `path`; none where there is none.
    init(database path: String) throws {
        do {
            targets = try Vault.openReader(path: path).snapshot().targets().compactMap { target in
                target.origin.url.map { DiscoveredNames.Target(name: target.name, url: $0) }
            }
        } catch StorageError.notFound {
            targets = []
        }
        places = Set(targets.map { DiscoveredNames.place(of: $0.url) })
    }

    /// Whether it has a target at that URL.
    func contains(_ url: String) -> Bool { places.contains(DiscoveredNames.place(of: url)) }
}
