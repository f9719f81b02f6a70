import ArgumentParser
import Export

/// Which server, and how it is told who we are.
struct ElasticsearchServerOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The server, such as https://es.example:9200.", valueName: "url"))
    var url: String?
    @Option(help: ArgumentHelp("An Elastic Cloud deployment, instead of --url.", valueName: "id"))
    var cloudID: String?
    @Option(help: ArgumentHelp("The file with an API key (or $EXPVAULT_ES_API_KEY).", valueName: "file"))
    var apiKeyFile: String?
    @Option(
        help: ArgumentHelp("The user for basic authentication (or $EXPVAULT_ES_USER).", valueName: "name")
    )
    var user: String?
    @Option(
        help: ArgumentHelp("The file with the user's password (or $EXPVAULT_ES_PASSWORD).", valueName: "file")
    )
    var passwordFile: String?
    @Option(
        help: ArgumentHelp("The file with a bearer token (or $EXPVAULT_ES_BEARER_TOKEN).", valueName: "file")
    )
    var bearerTokenFile: String?
    @Option(help: ArgumentHelp("Trust the authorities in this PEM file alone.", valueName: "file"))
    var caFile: String?
    @Option(help: ArgumentHelp("Trust the authority with this SHA-256.", valueName: "hex"))
    var caFingerprint: String?
    @Option(
        help: ArgumentHelp(
            "The proxy to go through (or $HTTPS_PROXY, $HTTP_PROXY, but for what $NO_PROXY names).",
            valueName: "url"
        )
    )
    var proxy: String?
    @Option(help: ArgumentHelp("The user that the proxy wants.", valueName: "name"))
    var proxyUser: String?
    @Option(help: ArgumentHelp("The file with that user's password.", valueName: "file"))
    var proxyPasswordFile: String?
    @Option(help: ArgumentHelp("Our certificate, PEM.", valueName: "file"))
    var clientCert: String?
    @Option(help: ArgumentHelp("Its key, PEM.", valueName: "file"))
    var clientKey: String?

    func validate() throws {
        guard url == nil || cloudID == nil else {
            throw ValidationError("--url and --cloud-id exclude one another: both name the server")
        }
        guard url != nil || cloudID != nil else {
            throw ValidationError("give the server with --url, or with --cloud-id")
        }
    }

    /// The server's address.
    func address() throws -> ElasticsearchURL {
        if let url { return try ElasticsearchURL(url) }
        guard let cloudID, let url = CloudID.url(of: cloudID) else {
            throw ExportSetupError(
                "--cloud-id is none; copy it from the deployment's page, NAME:… with all of it"
            )
        }
        return try ElasticsearchURL(url)
    }

    /// How the server's certificate is verified.
    var tls: ClientTLS {
        var tls = ClientTLS()
        tls.caFile = caFile
        tls.caFingerprint = caFingerprint
        tls.clientCertificateFile = clientCert
        tls.clientKeyFile = clientKey
        return tls
    }

    /// Notes which proxy is gone through, if any.
    func applyProxy(to settings: inout ElasticsearchClient.Settings) throws {
        var choice = ProxyChoice()
        choice.url = proxy
        choice.user = proxyUser
        choice.password = try proxyPasswordFile.map(CredentialText.line)
        try choice.apply(to: &settings, environment: variable)
    }

    /// The credential: from files first, then from the environment.
    func authentication() throws -> Authentication {
        guard [apiKeyFile != nil, user != nil, bearerTokenFile != nil].filter({ $0 }).count <= 1 else {
            throw ExportSetupError("an API key, a user and a bearer token exclude one another")
        }
        if let apiKeyFile { return .apiKey(try CredentialText.line(of: apiKeyFile)) }
        if let bearerTokenFile { return .bearer(try CredentialText.line(of: bearerTokenFile)) }
        if let user = user ?? variable("EXPVAULT_ES_USER") {
            if let passwordFile {
                return .basic(user: user, password: try CredentialText.line(of: passwordFile))
            }
            guard let password = try secret("EXPVAULT_ES_PASSWORD") else {
                throw ExportSetupError("--user needs --password-file, or $EXPVAULT_ES_PASSWORD")
            }
            return .basic(user: user, password: password)
        }
        guard passwordFile == nil else { throw ExportSetupError("--password-file needs --user") }
        if let key = try secret("EXPVAULT_ES_API_KEY") { return .apiKey(key) }
        if let token = try secret("EXPVAULT_ES_BEARER_TOKEN") { return .bearer(token) }
        return .none
    }

    private func variable(_ name: String) -> String? {
        let value = Terminal.variable(name)
        return value.isEmpty ? nil : value
    }

    private func secret(_ name: String) throws -> String? {
        try variable(name).map { try CredentialText.checked($0, from: "$\(name)") }
    }
}

/// What is sent, and how fast.
struct ElasticsearchSendingOptions: ParsableArguments {
    @Option(help: "The data streams' namespace.")
    var namespace = "default"
    @Flag(help: "Send bodies through the streams' own pipeline instead of ready documents.")
    var viaPipeline = false
    @Flag(help: "Keep the body in event.original.")
    var preserveOriginalEvent = false
    @Flag(inversion: .prefixedNo, help: "Add what collections ran: golang.heap.gc.pause.*.")
    var pauses = true
    @Option(help: ArgumentHelp("auto (where the stream maps it), on or off.", valueName: "when"))
    var pauseHistogram = "auto"
    @Option(
        help: ArgumentHelp("Each pause as a value: auto (without histograms), on or off.", valueName: "when")
    )
    var pauseValues = "auto"
    @Flag(help: "Exit 1 also where something was left out, or sent to a field that cuts it.")
    var strict = false
    @Flag(help: "Stay, and send what is recorded from now on.")
    var follow = false
    @Flag(help: "Send what was refused once more, after the mapping is mended.")
    var retryRejected = false
    @Option(help: ArgumentHelp("How long a request may take.", valueName: "duration"))
    var requestTimeout: DurationArgument?
    @Option(
        help: ArgumentHelp("Give up after so long without progress (default: 5m).", valueName: "duration")
    )
    var maxWait: DurationArgument?
    @Option(
        help: ArgumentHelp("At most so many bytes a second over the wire, such as 64KiB.", valueName: "size")
    )
    var rateLimit: SizeArgument?
    @Option(help: ArgumentHelp("0 (none) to 9.", valueName: "level"))
    var gzipLevel: Int32?

    /// Notes what was said.
    func apply(to configuration: inout ReplayConfiguration) throws {
        guard let histogram = ReplayConfiguration.WhenMapped(rawValue: pauseHistogram) else {
            throw ExportSetupError("--pause-histogram takes auto, on or off")
        }
        guard let values = ReplayConfiguration.WhenMapped(rawValue: pauseValues) else {
            throw ExportSetupError("--pause-values takes auto, on or off")
        }
        configuration.namespace = namespace
        configuration.isViaPipeline = viaPipeline
        configuration.preservesOriginal = preserveOriginalEvent
        configuration.includesPauses = pauses
        configuration.pauseHistogram = histogram
        configuration.pauseValues = values
        configuration.isStrict = strict
        configuration.follows = follow
        configuration.retriesRejected = retryRejected
        if let requestTimeout { configuration.client.requestTimeout = requestTimeout.milliseconds }
        if let maxWait { configuration.waitMax = maxWait.milliseconds }
        if let rateLimit { configuration.client.rateLimit = rateLimit.bytes }
        if let gzipLevel { configuration.gzipLevel = gzipLevel }
    }
}
