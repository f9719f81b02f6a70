package import Model

/// Everything that `export elasticsearch` may be told; the defaults are those of its flags.
package struct ReplayConfiguration: Sendable {
    /// Whether a form of the pauses is sent.
    package enum WhenMapped: String, CaseIterable, Sendable {
        /// The histogram where the stream maps it, values where the server knows no histogram.
        case automatic = "auto"
        case on
        case off
    }

    /// The database.
    package var vaultPath: String
    /// The server, and how it is spoken to.
    package var client: ElasticsearchClient.Settings
    package var namespace = "default"
    /// Names of targets; all where empty.
    package var targets: Set<String> = []
    package var range = TimeRange.all
    /// Whether bodies are sent through the stream's own pipeline.
    package var isViaPipeline = false
    package var preservesOriginal = false
    package var includesPauses = true
    package var pauseHistogram = WhenMapped.automatic
    /// Whether pauses are sent as a field with each of them.
    package var pauseValues = WhenMapped.automatic
    /// Whether an export that left something out, or sent what is cut, has failed.
    package var isStrict = false
    /// Whether to stay, and send what is recorded from now on.
    package var follows = false
    /// Whether the quarantine is sent instead of the database.
    package var retriesRejected = false
    /// How long to go on without progress, in milliseconds; without effect on one who follows.
    package var waitMax: Int64 = 300_000
    /// 0 to 9; 0 sends uncompressed.
    ///
    /// 4 costs half the time of 6, and a twentieth more bytes.
    package var gzipLevel: Int32 = 4
    /// Bulk requests on the way at once.
    package var inFlightMax = ReplayMachine.Rules().inFlightMax
    /// The size of a bulk request before compression.
    package var requestBytesMax = ReplayMachine.Rules().requestBytesMax
    /// Our own version, for `agent.version`.
    package var version = "0"
    /// How often one who follows looks for new scrapes, in milliseconds.
    package var followInterval: Int64 = 2_000

    /// Everything recorded in that database, to that server.
    package init(vaultPath: String, url: ElasticsearchURL) {
        self.vaultPath = vaultPath
        client = ElasticsearchClient.Settings(url: url)
    }

    /// The mode of the destination: documents made by us, or bodies for a pipeline.
    var mode: String { ReplayConfiguration.mode(isViaPipeline: isViaPipeline) }

    static func mode(isViaPipeline: Bool) -> String { isViaPipeline ? "pipeline" : "documents" }

    /// Whether all of the database is meant.
    var isWhole: Bool { targets.isEmpty && range == .all }

    /// - Throws: `ExportSetupError` for what contradicts itself or is out of range.
    package func check() throws(ExportSetupError) {
        try StreamNamespace.check(namespace)
        guard (0...9).contains(gzipLevel) else { throw ExportSetupError("--gzip-level takes 0 to 9") }
        guard (1...16).contains(inFlightMax) else {
            throw ExportSetupError("1 to 16 requests can be in flight")
        }
        guard client.requestTimeout > 0, waitMax > 0 else {
            throw ExportSetupError("--request-timeout and --max-wait must be longer than nothing")
        }
        if !client.url.isTLS, let option = client.tls.options.first {
            throw ExportSetupError("\(option) is for https, and the server's URL is \(client.url)")
        }
        if let rate = client.rateLimit, rate < 1 {
            throw ExportSetupError("--rate-limit must let something through")
        }
        guard !(follows && (retriesRejected || !isWhole)) else {
            throw ExportSetupError(
                "--follow goes with the whole recording, not with --since, --until, --target or --retry-rejected"
            )
        }
        guard !(retriesRejected && !isWhole) else {
            throw ExportSetupError(
                "--retry-rejected sends all that was refused; leave out --since, --until and --target"
            )
        }
    }
}

/// How far an export is, for a line on a terminal.
package struct ReplayProgress: Sendable {
    package var summary: ReplaySummary
    /// Documents that are left, about.
    package var remaining: Int64?
    /// Documents answered for in a second, over the last while.
    package var documentsPerSecond: Double
    /// What is being retried and why; nil while things go on.
    package var waitReason: String?
    /// How long until the next try, in milliseconds.
    package var waitMilliseconds: Int64?

    /// How long the rest takes at this rate, in whole seconds from 1 on; nil where nobody can say.
    ///
    /// When everything was read, what is on the way is not answered yet, and how long that takes is not known.
    package var secondsLeft: Double? {
        guard let remaining, remaining > 0, documentsPerSecond > 0 else { return nil }
        return (Double(remaining) / documentsPerSecond).rounded(.up)
    }
}

/// What an export was and how it ended.
package struct ReplayReport: Sendable {
    /// The server's URL, product and version.
    package var destination: String
    package var server: String
    package var summary: ReplaySummary
    package var end: ReplayEnd
    /// Documents that are not in the destination yet, at most; nil where that cannot be told.
    package var pending: Int64?
    /// What a person should know, a sentence each: that the histogram was left out, and why.
    package var notes: [String]

    /// Whether what was left out or cut is a failure, too.
    package var isStrict = false

    /// The exit status in the manner of sysexits.
    package var exitStatus: Int32 { end.exitStatus(summary, isStrict: isStrict) }

    /// Why it ended before its time; nil where it did not.
    package var complaint: String? {
        switch end {
        case .done, .cancelled: nil
        case .cancelledWaiting(let reason):
            // What questions meet names the server already.
            reason.hasPrefix(destination)
                ? "ended while waiting for \(reason)" : "ended while waiting for \(destination): \(reason)"
        case .gaveUp(let reason): "\(destination) could not be reached in time: \(reason)"
        case .stopped(let stop): stop.description
        }
    }

    /// What is left to be sent, in words; nil where nothing is.
    package var leftWords: String? {
        guard end != .done, let pending, pending > 0 else { return nil }
        return "up to \(pending) documents are not sent yet; the next export goes on there"
    }
}
