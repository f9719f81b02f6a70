import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// The connection to one target: one GET at a time, kept open from one to the next.
///
/// A scrape is one request and one answer of some kilobytes, so there is no pool, no queue and no stream here: the
/// answer is gathered where it arrives, and the caller woken once. Why not AsyncHTTPClient: decision 10.
///
///     socket (TLS) -> ByteCounter -> HTTPResponseDecoder -> HeadWatcher -> Receiver
///
/// Unchecked: everything but `cancel` is called on `eventLoop`, on which the scraper runs.
final class HTTPConnection: @unchecked Sendable {
    /// What came of a GET so far.
    enum Progress {
        /// All of it, or as much as may be kept.
        case answered(Answer)
        /// The body grows beyond `LargeBodyGate.freeBytes`: nothing more is read before `goOn` is called.
        case growsLarge
    }

    /// An answer.
    struct Answer {
        var head: HTTPResponseHead
        var body: [UInt8]
        /// Whether there was more body than is kept.
        var isCut = false
    }

    /// The server closed the connection before the answer was complete.
    struct Closed: Error {}

    /// How much is kept of a body.
    struct BodyLimits {
        /// Of an answer with status 200.
        var document: Int
        /// Of any other.
        var other: Int
    }

    /// Waited for a connection at most this long, whatever the deadline.
    private static let connectTimeout = TimeAmount.seconds(60)
    /// A server may close an idle connection at any time; after so long most have.
    private static let idleTimeout = TimeAmount.seconds(90)
    /// What is read at once: most bodies whole.
    private static let readBytes = 32 * 1024

    /// One GET; an object, so that its body grows in place.
    private final class Exchange {
        let number: UInt64
        let request: HTTPRequestHead
        /// Fails the exchange at its deadline.
        let timer: Scheduled<Void>
        /// Whoever waits; nil while the caller waits for room.
        var continuation: CheckedContinuation<Progress, any Error>?
        /// What came while nobody waited.
        var outcome: Result<Progress, any Error>?
        var isOnUsedConnection = false
        var head: HTTPResponseHead?
        var body: [UInt8] = []
        var isLarge = false

        init(
            number: UInt64,
            request: HTTPRequestHead,
            timer: Scheduled<Void>,
            continuation: CheckedContinuation<Progress, any Error>
        ) {
            self.number = number
            self.request = request
            self.timer = timer
            self.continuation = continuation
        }
    }

    private let url: TargetURL
    private let tls: NIOSSLContext?
    private let eventLoop: any EventLoop
    private let limits: BodyLimits
    private var channel: (any Channel)?
    private var exchange: Exchange?
    private var exchangeCount: UInt64 = 0
    private var idleTimer: Scheduled<Void>?
    /// Room for a body like the last one.
    private var bodyBytes = 0
    private var isPaused = false

    /// A connection to that host, made with the first request; `tls` for https.
    init(to url: TargetURL, tls: NIOSSLContext?, on eventLoop: any EventLoop, limits: BodyLimits) {
        self.url = url
        self.tls = tls
        self.eventLoop = eventLoop
        self.limits = limits
    }

    // MARK: For the caller

    /// Sends a GET, and gathers the answer.
    ///
    /// - Throws: `DeadlineExceeded` at that moment of the monotonic clock, `CancellationError`, or why there is no
    ///   answer. The connection is closed then.
    func get(
        _ request: HTTPRequestHead,
        deadline: Int64,
        isolation: isolated (any Actor)? = #isolation
    ) async throws -> Progress {
        eventLoop.assertInEventLoop()
        precondition(exchange == nil, "BUG: a connection asks one thing at a time")
        exchangeCount += 1
        let number = exchangeCount
        return try await waiting(for: number) { continuation in
            let moment = NIODeadline.uptimeNanoseconds(UInt64(max(0, deadline)))
            let timer = eventLoop.scheduleTask(deadline: moment) { self.fail(number, DeadlineExceeded()) }
            let exchange = Exchange(
                number: number,
                request: request,
                timer: timer,
                continuation: continuation
            )
            exchange.body.reserveCapacity(bodyBytes)
            self.exchange = exchange
            idleTimer?.cancel()
            idleTimer = nil
            if let channel, channel.isActive {
                exchange.isOnUsedConnection = true
                send(on: channel)
            } else {
                connect()
            }
        }
    }

    /// Reads on after `growsLarge`; throws as `get` does.
    func goOn(isolation: isolated (any Actor)? = #isolation) async throws -> Progress {
        eventLoop.assertInEventLoop()
        guard let exchange else { throw Closed() }
        if let outcome = exchange.outcome {
            self.exchange = nil
            return try outcome.get()
        }
        return try await waiting(for: exchange.number) { continuation in
            exchange.continuation = continuation
            // The most that may come: pages that are not written to take no memory, and growing step by step would
            // hold the body twice while it is copied.
            exchange.body.reserveCapacity(limits.document)
            isPaused = false
            channel?.read()
        }
    }

    /// Lets go of the connection, and of an answer that nobody waits for any more.
    func close() {
        eventLoop.assertInEventLoop()
        idleTimer?.cancel()
        exchange?.timer.cancel()
        exchange = nil
        disconnect()
    }

    private func waiting(
        for number: UInt64,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (CheckedContinuation<Progress, any Error>) -> Void
    ) async throws -> Progress {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                body(continuation)
                // Cancelled before there was anything to cancel.
                if Task.isCancelled { fail(number, CancellationError()) }
            }
        } onCancel: {
            eventLoop.execute { self.fail(number, CancellationError()) }
        }
    }

    // MARK: The connection

    private func connect() {
        guard let number = exchange?.number else { return }
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(HTTPConnection.connectTimeout)
            .channelOption(
                .recvAllocator,
                value: FixedSizeRecvByteBufferAllocator(capacity: HTTPConnection.readBytes)
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.fill(channel.pipeline.syncOperations) }
            }
        let port = url.port ?? (tls == nil ? 80 : 443)
        bootstrap.connect(host: url.host, port: port).whenComplete { result in
            switch result {
            case .failure(let error):
                self.fail(number, error)
            case .success(let channel):
                guard self.exchange?.number == number else { return channel.close(promise: nil) }
                self.channel = channel
                self.send(on: channel)
            }
        }
    }

    private func fill(_ pipeline: ChannelPipeline.SynchronousOperations) throws {
        if let tls {
            let isName = (try? SocketAddress(ipAddress: url.host, port: 1)) == nil
            let host = isName ? url.host : nil
            try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: host))
        }
        let (counter, watcher) = ResponseHeadLimit.handlers()
        // An answer of 1xx is no answer yet, but counts as head.
        let decoder = HTTPResponseDecoder(
            leftOverBytesStrategy: .dropBytes,
            informationalResponseStrategy: .forward
        )
        try pipeline.addHandlers([
            counter, HTTPRequestEncoder(), ByteToMessageHandler(decoder), watcher, Receiver(self),
        ])
    }

    private func send(on channel: any Channel) {
        guard let exchange else { return }
        // Where it cannot be written, the connection ends, which the receiver sees, with the better reason.
        channel.write(HTTPClientRequestPart.head(exchange.request), promise: nil)
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
    }

    private func disconnect() {
        isPaused = false
        let channel = channel
        self.channel = nil
        channel?.close(promise: nil)
    }

    // MARK: The end of an exchange

    private func finish(_ result: Result<Progress, any Error>) {
        guard let exchange else { return }
        exchange.timer.cancel()
        guard let continuation = exchange.continuation else {
            exchange.outcome = result
            return
        }
        self.exchange = nil
        continuation.resume(with: result)
    }

    private func fail(_ number: UInt64, _ error: any Error) {
        guard let exchange, exchange.number == number, exchange.outcome == nil else { return }
        disconnect()
        let isOurs = error is DeadlineExceeded || error is CancellationError
        if exchange.isOnUsedConnection, exchange.head == nil, !isOurs {
            // The server closed an idle connection just as we asked on it; a GET may be sent again (RFC 9110,
            // 9.2.2).
            exchange.isOnUsedConnection = false
            return connect()
        }
        finish(.failure(error))
    }

    private func complete(_ head: HTTPResponseHead, isCut: Bool) {
        let body = exchange?.body ?? []
        bodyBytes = min(body.count + body.count / 8, LargeBodyGate.freeBytes)
        if isCut || !head.isKeepAlive || head.status == .switchingProtocols {
            disconnect()
        } else {
            idleTimer = eventLoop.scheduleTask(in: HTTPConnection.idleTimeout) { self.disconnect() }
        }
        finish(.success(.answered(Answer(head: head, body: body, isCut: isCut))))
    }

    // MARK: What comes in

    private func receive(_ part: HTTPClientResponsePart) {
        guard let exchange, exchange.outcome == nil else { return disconnect() }
        switch part {
        case .head(let head):
            if head.status == .switchingProtocols { return complete(head, isCut: false) }
            if !(100..<200).contains(head.status.code) { exchange.head = head }
        case .body(let buffer):
            guard let head = exchange.head else { return }
            let bytesMax = head.status == .ok ? limits.document : limits.other
            let room = bytesMax - exchange.body.count
            exchange.body.append(contentsOf: buffer.readableBytesView.prefix(room))
            if buffer.readableBytes > room { return complete(head, isCut: true) }
            guard !exchange.isLarge, exchange.body.count > LargeBodyGate.freeBytes else { return }
            exchange.isLarge = true
            isPaused = true
            let continuation = exchange.continuation
            exchange.continuation = nil
            continuation?.resume(returning: .growsLarge)
        case .end:
            guard let head = exchange.head else { return }
            complete(head, isCut: false)
        }
    }

    /// The last handler of a connection's pipeline.
    private final class Receiver: ChannelDuplexHandler {
        typealias InboundIn = HTTPClientResponsePart
        typealias OutboundIn = HTTPClientRequestPart

        private let owner: HTTPConnection

        init(_ owner: HTTPConnection) { self.owner = owner }

        private func isCurrent(_ context: ChannelHandlerContext) -> Bool { owner.channel === context.channel }

        func read(context: ChannelHandlerContext) {
            // While it is paused, TCP holds the server back.
            if !(owner.isPaused && isCurrent(context)) { context.read() }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            if isCurrent(context) { owner.receive(unwrapInboundIn(data)) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            guard isCurrent(context) else { return context.close(promise: nil) }
            end(error)
        }

        func channelInactive(context: ChannelHandlerContext) {
            if isCurrent(context) { end(Closed()) }
            context.fireChannelInactive()
        }

        private func end(_ error: any Error) {
            guard let number = owner.exchange?.number else { return owner.disconnect() }
            owner.fail(number, error)
        }
    }
}
