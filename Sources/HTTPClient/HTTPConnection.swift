package import NIOCore
package import NIOHTTP1
import NIOPosix
import NIOSSL

/// A connection to one server: one request at a time, kept open from one to the next.
///
/// No pool, no queue and no stream: the answer is gathered where it arrives, and the caller woken once. No redirect is
/// followed, nothing is expanded. Why it is our own: decision 15.
///
///     socket (TLS) -> ByteCounter -> HTTPResponseDecoder -> HeadWatcher -> Receiver
///
/// Unchecked: everything is called on `eventLoop`, on which the callers run, but for cancellation, which hops there.
package final class HTTPConnection: @unchecked Sendable {
    /// What came of a request so far.
    package enum Progress {
        /// All of it, or as much as may be kept.
        case answered(Answer)
        /// The body grows beyond `Limits.freeBytes`: nothing more is read before `goOn` is called.
        case growsLarge
    }

    /// An answer.
    package struct Answer: Sendable {
        package var head: HTTPResponseHead
        package var body: [UInt8]
        /// Whether there was more body than is kept.
        package var isCut = false
    }

    /// The server closed the connection before the answer was complete.
    package struct Closed: Error {}

    /// How much of an answer is read, in bytes, and how long one waits for what has no deadline of its own.
    package struct Limits: Sendable {
        /// Of the body of an answer with status 200.
        package var document: Int
        /// Of the body of any other.
        package var other: Int
        /// Of status line and headers.
        package var head: Int
        /// A longer body asks before it is read on (`Progress.growsLarge`); nil: none asks.
        package var freeBytes: Int?
        /// So much of an answer that is cut off is kept, see `remains`; 0: nothing.
        package var remainsBytes = 0
        /// A connection is waited for at most this long, whatever the deadline.
        package var connectTimeout = TimeAmount.seconds(60)
        /// A server may close an idle connection at any time; after so long most have.
        package var idleTimeout = TimeAmount.seconds(90)

        /// Limits of these sizes; the times are as they stand there.
        package init(document: Int, other: Int, head: Int, freeBytes: Int? = nil) {
            self.document = document
            self.other = other
            self.head = head
            self.freeBytes = freeBytes
        }
    }

    /// A request's body, and how fast it may go out.
    package struct RequestBody {
        package var bytes: ByteBuffer
        /// Asked before each piece of so many bytes: how long to wait before it is sent; nil: all is sent at once.
        package var delay: (@Sendable (Int) -> TimeAmount)?

        /// That body, paced by `delay` where there is one.
        package init(bytes: ByteBuffer, delay: (@Sendable (Int) -> TimeAmount)? = nil) {
            self.bytes = bytes
            self.delay = delay
        }
    }

    /// What is read at once: most bodies whole.
    private static let readBytes = 32 * 1024
    /// A paced body goes out in pieces of so many bytes.
    private static let pieceBytes = 16 * 1024

    /// One request and its answer; an object, so that the body grows in place.
    private final class Exchange {
        let number: UInt64
        let request: HTTPRequestHead
        let requestBody: RequestBody?
        /// Whether all of the request was given to the socket; an answer may come before.
        var isSent = false
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
            requestBody: RequestBody?,
            timer: Scheduled<Void>,
            continuation: CheckedContinuation<Progress, any Error>
        ) {
            self.number = number
            self.request = request
            self.requestBody = requestBody
            self.timer = timer
            self.continuation = continuation
        }
    }

    private let server: Server
    private let eventLoop: any EventLoop
    private let limits: Limits
    private var channel: (any Channel)?
    private var exchange: Exchange?
    private var exchangeCount: UInt64 = 0
    private var idleTimer: Scheduled<Void>?
    /// What had come of the last answer that was cut off, by the server, by its deadline or by `close`: its head and
    /// the beginning of its body; nil where no head had come, or `Limits.remainsBytes` is 0.
    package private(set) var remains: Answer?
    /// Room for a body like the last one.
    private var bodyBytes = 0
    private var isPaused = false

    /// A connection to that server, made with the first request.
    package init(to server: Server, on eventLoop: any EventLoop, limits: Limits) {
        self.server = server
        self.eventLoop = eventLoop
        self.limits = limits
    }

    // MARK: For the caller

    /// Sends a request, and gathers the answer.
    ///
    /// A GET is sent once more where the server had closed the idle connection; nothing else ever is.
    ///
    /// - Throws: `DeadlineExceeded` at that moment of the monotonic clock (in nanoseconds), `CancellationError`, or why
    ///   there is no answer. The connection is closed then.
    package func send(
        _ request: HTTPRequestHead,
        body: RequestBody? = nil,
        deadline: Int64,
        isolation: isolated (any Actor)? = #isolation
    ) async throws -> Progress {
        eventLoop.assertInEventLoop()
        precondition(exchange == nil, "BUG: a connection asks one thing at a time")
        exchangeCount += 1
        remains = nil
        let number = exchangeCount
        return try await waiting(for: number) { continuation in
            let moment = NIODeadline.uptimeNanoseconds(UInt64(max(0, deadline)))
            let timer = eventLoop.scheduleTask(deadline: moment) { self.fail(number, DeadlineExceeded()) }
            let exchange = Exchange(
                number: number,
                request: request,
                requestBody: body,
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

    /// Reads on after `growsLarge`; throws as `send` does.
    package func goOn(isolation: isolated (any Actor)? = #isolation) async throws -> Progress {
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
    package func close() {
        eventLoop.assertInEventLoop()
        idleTimer?.cancel()
        exchange?.timer.cancel()
        keepRemains()
        exchange = nil
        disconnect()
    }

    private func keepRemains() {
        guard limits.remainsBytes > 0, let exchange, let head = exchange.head else { return }
        remains = Answer(head: head, body: Array(exchange.body.prefix(limits.remainsBytes)), isCut: true)
    }

    private func waiting(
        for number: UInt64,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (CheckedContinuation<Progress, any Error>) -> Void
    ) async throws -> Progress {
        try await withTaskCancellationHandler {
            // Captured, for the closure to stay on the caller's executor, which is the event loop's thread: else it runs
            // on a thread of the pool, and head and body reach the loop by two queues.
            _ = isolation
            return try await withCheckedThrowingContinuation(isolation: isolation) { continuation in
                eventLoop.assertInEventLoop()
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
        eventLoop.assertInEventLoop()
        guard let number = exchange?.number else { return }
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(limits.connectTimeout)
            .channelOption(
                .recvAllocator,
                value: FixedSizeRecvByteBufferAllocator(capacity: HTTPConnection.readBytes)
            )
        if let proxy = server.proxy, server.tls != nil {
            return connect(number, through: proxy, by: bootstrap)
        }
        let filled = bootstrap.channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture { try self.fill(channel.pipeline.syncOperations) }
        }
        let place = server.proxy.map { ($0.host, $0.port) } ?? (server.host, server.port)
        let connection =
            server.socketPath.map { filled.connect(unixDomainSocketPath: $0) }
            ?? filled.connect(host: place.0, port: place.1)
        connection.whenComplete { result in
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

    /// Connects to the proxy, and has it open a tunnel before anything of ours is in the pipeline.
    private func connect(_ number: UInt64, through proxy: HTTPProxy, by bootstrap: ClientBootstrap) {
        let opened = eventLoop.makePromise(of: Void.self)
        let server = server
        let connected = bootstrap.channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                let tunnel = ProxyTunnel(to: server.host, port: server.port, via: proxy, promise: opened)
                try channel.pipeline.syncOperations.addHandler(tunnel)
            }
        }.connect(host: proxy.host, port: proxy.port)
        connected.whenComplete { result in
            switch result {
            case .failure(let error):
                opened.fail(error)
                self.fail(number, error)
            case .success(let channel):
                guard self.exchange?.number == number else { return channel.close(promise: nil) }
                // From now on whoever ends the exchange ends the connection.
                self.channel = channel
                opened.futureResult.whenComplete { result in
                    guard self.exchange?.number == number, self.channel === channel else {
                        return channel.close(promise: nil)
                    }
                    do {
                        try result.get()
                        try self.fill(channel.pipeline.syncOperations)
                        self.send(on: channel)
                    } catch {
                        self.fail(number, error)
                    }
                }
            }
        }
    }

    private func fill(_ pipeline: ChannelPipeline.SynchronousOperations) throws {
        if let tls = server.tls {
            // An address is no server name (RFC 6066, 3), and NIOSSL refuses it as one.
            let isName = (try? SocketAddress(ipAddress: server.host, port: 1)) == nil
            let host = isName ? server.host : nil
            try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: host))
        }
        let (counter, watcher) = ResponseHeadLimit.handlers(bytesMax: limits.head)
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
        eventLoop.assertInEventLoop()
        guard let exchange else { return }
        // Where it cannot be written, the connection ends, which the receiver sees, with the better reason.
        channel.write(HTTPClientRequestPart.head(server.request(exchange.request)), promise: nil)
        guard let body = exchange.requestBody else {
            exchange.isSent = true
            return channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        }
        guard let delay = body.delay else {
            channel.write(HTTPClientRequestPart.body(.byteBuffer(body.bytes)), promise: nil)
            return end(exchange, on: channel)
        }
        sendNext(body.bytes, after: delay, of: exchange, on: channel)
    }

    private func sendNext(
        _ rest: ByteBuffer,
        after delay: @escaping @Sendable (Int) -> TimeAmount,
        of exchange: Exchange,
        on channel: any Channel
    ) {
        var rest = rest
        guard let piece = rest.readSlice(length: min(rest.readableBytes, HTTPConnection.pieceBytes)),
            piece.readableBytes > 0
        else { return end(exchange, on: channel) }
        let (number, remaining) = (exchange.number, rest)
        eventLoop.scheduleTask(in: delay(piece.readableBytes)) {
            // It may have ended in the meantime, or begun anew elsewhere.
            guard let exchange = self.exchange, exchange.number == number, self.channel === channel else {
                return
            }
            channel.writeAndFlush(HTTPClientRequestPart.body(.byteBuffer(piece)), promise: nil)
            self.sendNext(remaining, after: delay, of: exchange, on: channel)
        }
    }

    private func end(_ exchange: Exchange, on channel: any Channel) {
        let number = exchange.number
        channel.writeAndFlush(HTTPClientRequestPart.end(nil)).whenSuccess {
            if let exchange = self.exchange, exchange.number == number { exchange.isSent = true }
        }
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
        if exchange.isOnUsedConnection, exchange.head == nil, exchange.request.method == .GET, !isOurs {
            // The server closed an idle connection just as we asked on it; a GET may be sent again (RFC 9110,
            // 9.2.2).
            exchange.isOnUsedConnection = false
            return connect()
        }
        keepRemains()
        finish(.failure(error))
    }

    private func complete(_ head: HTTPResponseHead, isCut: Bool) {
        let body = exchange?.body ?? []
        bodyBytes = min(body.count + body.count / 8, limits.freeBytes ?? 0)
        // What is still to be sent of a request that was answered early would be read as the next one.
        if isCut || exchange?.isSent != true || !head.isKeepAlive || head.status == .switchingProtocols {
            disconnect()
        } else {
            idleTimer = eventLoop.scheduleTask(in: limits.idleTimeout) { self.disconnect() }
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
            guard !exchange.isLarge, exchange.body.count > limits.freeBytes ?? .max else { return }
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
