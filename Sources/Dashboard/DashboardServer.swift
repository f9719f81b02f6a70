package import Logging
import Model
import NIOCore
import NIOHTTP1
import NIOPosix
import Storage
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The page and its answers over HTTP/1.1; see docs/dashboard.md.
///
/// The event loop reads and writes sockets; questions go to a few threads of their own, since SQLite blocks.
package final class DashboardServer: Sendable {
    /// The port that is listened on.
    package let port: Int
    private let channel: any Channel
    private let group: MultiThreadedEventLoopGroup
    private let threads: NIOThreadPool

    /// What can keep the page from being served.
    package enum StartError: Error, Hashable, CustomStringConvertible {
        /// Others can reach that address, and there is no token.
        case openWithoutToken(host: String)
        /// The address cannot be listened on.
        case cannotListen(host: String, port: Int, reason: String)

        package var description: String {
            switch self {
            case .openWithoutToken(let host):
                "\(host) can be reached from other hosts; give a token (--token-file), or listen on 127.0.0.1"
            case .cannotListen(let host, let port, let reason):
                "cannot listen on \(host):\(port): \(reason)"
            }
        }
    }

    /// Opens the database and begins to listen.
    ///
    /// - Throws: `StartError`, `StorageError`.
    package static func start(
        _ configuration: DashboardConfiguration,
        logger: Logger
    ) async throws -> DashboardServer {
        guard configuration.token != nil || DashboardConfiguration.isLoopback(configuration.host) else {
            throw StartError.openWithoutToken(host: configuration.host)
        }
        let cache = ChunkCache(
            ChunkCache.Limits(
                chunksMax: DashboardLimits.keptChunksMax,
                bytesMax: DashboardLimits.keptBytesMax,
                decodedBytesMax: DashboardLimits.keptDecodedBytesMax
            )
        )
        let vault = try Vault.openReader(path: configuration.database, keeping: cache)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let age = Duration.seconds(DashboardLimits.keptSeconds)
        group.next().scheduleRepeatedTask(
            initialDelay: .seconds(DashboardLimits.keptSeconds),
            delay: .seconds(DashboardLimits.keptSeconds)
        ) { _ in
            if cache.dropUnused(for: age) { configuration.giveBack() }
        }
        let threads = NIOThreadPool(numberOfThreads: DashboardLimits.queryThreads)
        threads.start()
        let service = DashboardService(
            vault: vault,
            threads: threads,
            now: configuration.now,
            logger: logger,
            hostNames: configuration.hostNames,
            token: configuration.token
        )
        do {
            let channel = try await ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: 64)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.maxMessagesPerRead, value: 1)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture { try service.serve(channel) }
                }
                .bind(host: configuration.host, port: configuration.port).get()
            return DashboardServer(
                port: channel.localAddress?.port ?? configuration.port,
                channel: channel,
                group: group,
                threads: threads
            )
        } catch {
            // The first error is the one to tell.
            try? await threads.shutdownGracefully()
            // The process goes on, or ends, all the same.
            try? await group.shutdownGracefully()
            throw StartError.cannotListen(
                host: configuration.host,
                port: configuration.port,
                reason: "\((error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)")"
            )
        }
    }

    private init(
        port: Int,
        channel: any Channel,
        group: MultiThreadedEventLoopGroup,
        threads: NIOThreadPool
    ) {
        self.port = port
        self.channel = channel
        self.group = group
        self.threads = threads
    }

    /// Stops listening, ends every connection, and waits for the questions that are being answered.
    package func stop() async {
        // Each fails only where it was done before.
        try? await channel.close()
        // The threads first: what they answer goes to the event loop.
        try? await threads.shutdownGracefully()
        // The process goes on, or ends, all the same.
        try? await group.shutdownGracefully()
    }
}

/// What the connections of a server share.
final class DashboardService: Sendable {
    private struct Load {
        var connections = 0
        var queries = 0
    }

    private let vault: Vault
    private let threads: NIOThreadPool
    private let now: @Sendable () -> Timestamp
    private let logger: Logger
    private let hostNames: [String]
    private let token: String?
    private let load = Mutex(Load())

    init(
        vault: Vault,
        threads: NIOThreadPool,
        now: @escaping @Sendable () -> Timestamp,
        logger: Logger,
        hostNames: [String],
        token: String?
    ) {
        self.vault = vault
        self.threads = threads
        self.now = now
        self.logger = logger
        self.hostNames = hostNames
        self.token = token
    }

    /// Sets up a connection, or closes it where there are too many.
    func serve(_ channel: any Channel) throws {
        let isFull = load.withLock { load in
            load.connections += 1
            return load.connections > DashboardLimits.connectionsMax
        }
        channel.closeFuture.whenComplete { [self] _ in load.withLock { $0.connections -= 1 } }
        guard !isFull else {
            channel.close(promise: nil)
            return
        }
        let budget = RequestBudget()
        let requests = RequestGuard(
            port: channel.localAddress?.port ?? 0,
            hostNames: hostNames,
            token: token
        )
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(budget)
        try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: true, withErrorHandling: true)
        try pipeline.addHandler(RequestHandler(service: self, guard: requests, budget: budget))
    }

    /// Answers a question on a thread of its own; refused where too many wait already.
    func ask(_ route: Route, _ query: QueryString, on loop: any EventLoop) -> EventLoopFuture<Answer> {
        let isFull = load.withLock { load in
            guard load.queries < DashboardLimits.queriesMax else { return true }
            load.queries += 1
            return false
        }
        guard !isFull else {
            return loop.makeSucceededFuture(
                .refusal(Refusal(status: 503, reason: "too many questions are being answered; ask again"))
            )
        }
        return threads.runIfActive(eventLoop: loop) { [self] in
            defer { load.withLock { $0.queries -= 1 } }
            do {
                return try route.answer(query, from: vault, now: now())
            } catch {
                let refusal = Route.refusal(for: error)
                if refusal.status == 500 { logger.error("\(route.rawValue): \(error)") }
                return .refusal(refusal)
            }
        }
    }
}
