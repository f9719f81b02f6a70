/// What the command line of `record` says, as it was written; nil and empty where it says nothing.
package struct RecorderFlags: Hashable, Sendable {
    /// `--db`.
    package var database: String?
    /// `--interval`.
    package var interval: String?
    /// `--timeout`.
    package var timeout: String?
    /// `--retain`.
    package var retain: String?
    /// `--max-size`.
    package var maxSize: String?
    /// `--for`.
    package var duration: String?
    /// `--count`.
    package var scrapeCount: Int64?
    /// `--self`.
    package var recordsItself = false
    /// `--discover`.
    package var discovers = false
    /// `--keep-query`.
    package var keepsQuery = false
    /// `NAME=URL …`.
    package var targets: [String] = []

    // The rest concerns the targets above and none of the file's, so that no password goes where it was not
    // meant to go.

    /// `--username`.
    package var username: String?
    /// `--password-file`.
    package var passwordFile: String?
    /// `--bearer-token-file`.
    package var bearerTokenFile: String?
    /// `--header 'NAME: VALUE' …`.
    package var headers: [String] = []
    /// `--ca-file`.
    package var caFile: String?
    /// `--client-cert`.
    package var clientCertificate: String?
    /// `--client-key`.
    package var clientKey: String?
    /// `--insecure NAME …`: the targets whose certificate may be any.
    package var insecure: [String] = []
    /// `--redact-cmdline`.
    package var redactsCommandLine = false
    /// `--label NAME=VALUE …`.
    package var labels: [String] = []

    /// Nothing said.
    package init() {}

    /// Whether anything is said that needs one of them to be reached by https.
    var concernsTLS: Bool { caFile != nil || clientCertificate != nil || clientKey != nil }

    /// Whether anything is said that needs a target of the command line; arguments are redacted of what is found as well.
    func concernsOwnTargets(discovers: Bool) -> Bool {
        username != nil || passwordFile != nil || bearerTokenFile != nil || !headers.isEmpty || caFile != nil
            || clientCertificate != nil || clientKey != nil || redactsCommandLine && !discovers
            || !labels.isEmpty
    }
}
