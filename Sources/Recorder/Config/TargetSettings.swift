package import Model

/// One target as it is to be recorded: everything decided, nothing left to defaults.
package struct TargetSettings: Hashable, Sendable {
    /// Its name; see `TargetName`.
    package var name: String
    /// What is asked.
    package var url: TargetURL
    /// From one scrape to the next, in milliseconds.
    package var intervalMilliseconds: Int64
    /// How long a scrape may take, in milliseconds; the interval bounds it too.
    package var timeoutMilliseconds: Int64
    /// Who we say we are.
    package var credentials: Credentials = .none
    /// Headers sent with every request.
    package var headers: [HeaderField] = []
    /// How `https` is spoken.
    package var tls = TLSSettings()
    /// Whether the arguments in `cmdline` are replaced by a hash before they are stored.
    package var redactsCommandLine = false
    /// Labels by name.
    package var labels: [String: String] = [:]
    /// What documents have as the service's address.
    package var serviceAddress: String?
    /// Whether the values of the URL's query are stored and shown as they are.
    package var keepsQuery = false

    /// A target with the defaults.
    package init(name: String, url: TargetURL, intervalMilliseconds: Int64, timeoutMilliseconds: Int64) {
        self.name = name
        self.url = url
        self.intervalMilliseconds = intervalMilliseconds
        self.timeoutMilliseconds = timeoutMilliseconds
    }

    /// The deadline of one scrape, in milliseconds.
    package var deadlineMilliseconds: Int64 { min(intervalMilliseconds, timeoutMilliseconds) }

    /// What documents need to know of where its scrapes come from.
    package var origin: Origin {
        Origin(url: keepsQuery ? url.text : url.description, labels: labels, serviceAddress: serviceAddress)
    }
}

/// A header of a request.
package struct HeaderField: Hashable, Sendable {
    /// A token.
    package var name: String
    /// Where its value comes from.
    package var value: Value

    /// The value of a header.
    package enum Value: Hashable, Sendable {
        /// As it was written; may be a secret: never logged.
        case text(String)
        /// What stands in that file, which nobody but its owner may read.
        case file(String)
    }

    /// The value as it is sent; the file is read each time.
    func text() throws(ConfigurationError) -> String {
        switch value {
        case .text(let text): text
        case .file(let path): try CredentialFile.read(path)
        }
    }

    /// Names that the recorder sets itself, in lower case.
    static let reserved: Set<String> = [
        "accept-encoding", "authorization", "connection", "content-length", "transfer-encoding", "te",
        "upgrade", "expect", "range",
    ]
}

/// What a target asks for to let us in.
package enum Credentials: Hashable, Sendable {
    /// Nothing.
    case none
    /// User and password, the password in a file (RFC 7617).
    case basic(username: String, passwordFile: String)
    /// User and password as they stood in the URL or the environment.
    case basicInline(username: String, password: String)
    /// A token in a file (RFC 6750).
    case bearer(tokenFile: String)
}

/// How a target's certificate is checked, and what we show ourselves with.
package struct TLSSettings: Hashable, Sendable {
    /// Certificates to trust instead of the system's, PEM.
    package var caFile: String?
    /// Our certificate, PEM.
    package var clientCertificateFile: String?
    /// Its key, PEM.
    package var clientKeyFile: String?
    /// Whether any certificate will do.
    package var isInsecure = false
    /// What the files held when the configuration was read; see `RecorderConfiguration.checkFiles`.
    var fingerprint: String?

    /// The system's roots, no client certificate, everything checked.
    package init() {}
}
