import AsyncHTTPClient
import NIOCore
import NIOPosix

/// One HTTP client for each way of speaking TLS, all on one thread, shared by the targets.
actor HTTPClients {
    private struct Lease {
        var client: HTTPClient
        var users: Int
    }

    private let group: MultiThreadedEventLoopGroup
    private var leases: [TLSSettings: Lease] = [:]
    private var closing = 0
    private var isEnding = false

    init() {
        // A scrape is a few milliseconds of work every few seconds: one thread serves hundreds of targets.
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    }

    /// The event loops, for the look at a certificate that was refused.
    nonisolated var eventLoopGroup: any EventLoopGroup { group }

    /// The client for that TLS; give it back with `release`.
    func acquire(_ tls: TLSSettings) throws(ConfigurationError) -> HTTPClient {
        if let lease = leases[tls] {
            leases[tls]?.users += 1
            return lease.client
        }
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: try tls.clientConfiguration(),
            redirectConfiguration: .disallow,
            // The whole scrape has one deadline, which the scraper keeps.
            timeout: .init(connect: .seconds(60), read: nil),
            connectionPool: .init(idleTimeout: .seconds(90)),
            ignoreUncleanSSLShutdown: false,
            decompression: .disabled
        )
        configuration.httpVersion = .http1Only
        // A refused connection is a failed scrape at once; the next tick tries again.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.http1_1ConnectionDebugInitializer = { channel in
            ResponseHeadLimit.install(in: channel)
        }
        let client = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
        leases[tls] = Lease(client: client, users: 1)
        return client
    }

    /// Gives a client back; its last user closes it, which goes on in the background.
    func release(_ tls: TLSSettings) {
        guard var lease = leases[tls] else { return }
        lease.users -= 1
        guard lease.users == 0 else {
            leases[tls] = lease
            return
        }
        leases[tls] = nil
        closing += 1
        let client = lease.client
        // Not awaited: a server may leave TLS's last word unanswered for seconds.
        client.shutdown { _ in
            Task { await self.closed() }
        }
    }

    /// Ends the thread once the last connection is closed, in the background; every client was given back.
    func shutdown() {
        precondition(leases.isEmpty, "BUG: a client is still in use")
        isEnding = true
        endThread()
    }

    private func closed() {
        closing -= 1
        endThread()
    }

    private func endThread() {
        guard isEnding, closing == 0 else { return }
        group.shutdownGracefully { _ in }
    }
}
