import ArgumentParser
import Recorder

/// When `record` scrapes, when it ends, how much it keeps.
struct RecordScheduleOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("From one scrape of a target to the next (default: 10s).", valueName: "duration")
    )
    var interval: String?
    @Option(help: ArgumentHelp("How long a scrape may take (default: 5s).", valueName: "duration"))
    var timeout: String?
    @Option(name: .customLong("for"), help: ArgumentHelp("Stop after this long.", valueName: "duration"))
    var length: String?
    @Option(help: ArgumentHelp("Stop after so many scrapes of each target.", valueName: "n"))
    var count: Int64?
    @Option(help: ArgumentHelp("Drop what is older than this, such as 30d.", valueName: "duration"))
    var retain: String?
    @Option(
        help: ArgumentHelp(
            "Drop the oldest where file and WAL would be larger, such as 1GiB.",
            valueName: "size"
        )
    )
    var maxSize: String?
    @Flag(
        name: .customLong("self"),
        help: "Also record what the recorder tells of itself, as the target expvault."
    )
    var recordsItself = false

    @Flag(help: "Also record what `expvault discover` finds on this host, now and each minute.")
    var discover = false
    @Flag(help: "Store and show the values of the URLs' queries, which are … else.")
    var keepQuery = false

    /// Notes what was said.
    func apply(to flags: inout RecorderFlags) {
        flags.keepsQuery = keepQuery
        flags.discovers = discover
        flags.interval = interval
        flags.timeout = timeout
        flags.duration = length
        flags.scrapeCount = count
        flags.retain = retain
        flags.maxSize = maxSize
        flags.recordsItself = recordsItself
    }
}

/// How targets that are given as NAME=URL are reached.
struct RecordAccessOptions: ParsableArguments {
    @Option(help: "The user for basic authentication.")
    var username: String?
    @Option(
        help: ArgumentHelp("The file with the user's password (or $EXPVAULT_PASSWORD).", valueName: "file")
    )
    var passwordFile: String?
    @Option(help: ArgumentHelp("The file with a bearer token.", valueName: "file"))
    var bearerTokenFile: String?
    @Option(
        name: .customLong("header"),
        help: ArgumentHelp(
            "A header to send, its value in a file (0600) where it is @FILE; may repeat.",
            valueName: "name: value"
        )
    )
    var headers: [String] = []
    @Option(help: ArgumentHelp("Trust the certificates in this PEM file alone.", valueName: "file"))
    var caFile: String?
    @Option(help: ArgumentHelp("The client certificate, PEM.", valueName: "file"))
    var clientCert: String?
    @Option(help: ArgumentHelp("The key of the client certificate, PEM.", valueName: "file"))
    var clientKey: String?
    @Option(help: ArgumentHelp("Do not check the certificate of this target; may repeat.", valueName: "name"))
    var insecure: [String] = []
    @Flag(name: .customLong("redact-cmdline"), help: "Keep the arguments in cmdline out of the database.")
    var redactsCommandLine = false
    @Option(
        name: .customLong("label"),
        help: ArgumentHelp("A label of the targets; may repeat.", valueName: "name=value")
    )
    var labels: [String] = []

    /// Notes what was said.
    func apply(to flags: inout RecorderFlags) {
        flags.username = username
        flags.passwordFile = passwordFile
        flags.bearerTokenFile = bearerTokenFile
        flags.headers = headers
        flags.caFile = caFile
        flags.clientCertificate = clientCert
        flags.clientKey = clientKey
        flags.insecure = insecure
        flags.redactsCommandLine = redactsCommandLine
        flags.labels = labels
    }
}
