package import Model

/// Where the page is served, from which database, and to whom.
package struct DashboardConfiguration: Sendable {
    /// The database's path.
    package var database: String
    /// The address to listen on: `127.0.0.1`, `::1`, or another where there is a token.
    package var host: String
    /// The port to listen on; 0 for any that is free.
    package var port: Int
    /// Names under which a browser may ask for the page besides localhost, 127.0.0.1 and [::1]; without port.
    package var hostNames: [String]
    /// What a client must know; nil where everyone on this host may look.
    package var token: String?
    /// The wall clock, by which the page says what the last hour is.
    package var now: @Sendable () -> Timestamp
    /// Is called when much memory was let go of, so that the process may give it back.
    package var giveBack: @Sendable () -> Void

    /// A configuration.
    package init(
        database: String,
        host: String = "127.0.0.1",
        port: Int = 9121,
        hostNames: [String] = [],
        token: String? = nil,
        now: @escaping @Sendable () -> Timestamp,
        giveBack: @escaping @Sendable () -> Void = {}
    ) {
        self.database = database
        self.host = host
        self.port = port
        self.hostNames = hostNames
        self.token = token
        self.now = now
        self.giveBack = giveBack
    }

    /// Whether only this host can reach that address.
    package static func isLoopback(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        let isIPv4 = parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
        return isIPv4 || host == "::1" || host == "localhost"
    }

    /// Whether that address stands for all of this host's, so that no browser names it.
    package static func isEveryAddress(_ host: String) -> Bool { host == "0.0.0.0" || host == "::" }
}

/// What one client may ask of the server at most.
package enum DashboardLimits {
    /// Connections at once; a browser holds six.
    package static let connectionsMax = 64
    /// Bytes of a request, its line and headers together.
    package static let requestBytesMax = 16 * 1024
    /// Bytes of a request's target.
    package static let targetBytesMax = 8 * 1024
    /// Seconds until a connection that sends no whole request, or takes no answer, is closed.
    package static let patienceSeconds: Int64 = 30
    /// Questions that are answered at the same time; SQLite blocks its thread.
    package static let queryThreads = 2
    /// Questions that wait or are answered; beyond that the answer is 503.
    package static let queriesMax = 32
    /// Steps of one answer: more than any screen has pixels across.
    package static let pointsMax = 4096
    /// Steps of one answer where nothing else is said.
    package static let pointsDefault = 600
    /// Single collections in one answer.
    package static let collectionsMax = 4000
    /// Series of one question.
    package static let seriesMax = 64
    /// Failed scrapes, reasons, holes and changes in one answer.
    package static let listMax = 200
    /// Opened chunks that are kept from one question to the next, for all clients together: bytes of headers, parts and
    /// digests, which take some 110 kB for a day at 10 s.
    package static let keptBytesMax = 64 << 20
    /// How many of them there are at most.
    package static let keptChunksMax = 1024
    /// Bytes of columns that are kept decoded beside those: of a day some 14 MB are asked for.
    package static let keptDecodedBytesMax = 32 << 20
    /// Seconds without a question after which nothing is kept any longer.
    package static let keptSeconds: Int64 = 60
}
