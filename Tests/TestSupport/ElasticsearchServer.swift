import NIOCore
import NIOHTTP1
import NIOPosix
package import NIOSSL
import Synchronization

/// A stand-in for Elasticsearch: a real HTTP server on 127.0.0.1 over an `ElasticsearchCluster`.
///
/// What it is asked goes to the cluster; what becomes of the answer on the wire (late, cut, half, never) is decided
/// by the faults that were planned.
package final class ElasticsearchServer: Sendable {
    /// What a test may look at and change while it runs.
    package struct State: Sendable {
        package var cluster: ElasticsearchCluster
        /// Consumed one for each bulk request.
        package var faults: [ElasticsearchFault] = []
        /// Done to each bulk request for which nothing is planned.
        package var standing = ElasticsearchFault.none
        /// The same for requests that are none, such as `GET /`: consumed by one each, then they are answered.
        package var questionFaults: [ElasticsearchFault] = []
        /// Every request line that came, such as `POST /_bulk?…`.
        package var requests: [String] = []
        /// Requests that were none by the rules of HTTP, such as a body before its head.
        package var malformedRequests = 0
        /// Bytes of bulk bodies on the wire.
        package var bulkBytes = 0
        /// Keeps nothing and says 201 to everything: a sink that only reads and answers, for timing.
        package var isSink = false
    }

    package let port: Int
    private let scheme: String
    private let channel: any Channel
    private let group: MultiThreadedEventLoopGroup
    private let state: Mutex<State>

    /// Starts a server on a free port, or on the given one.
    package static func start(
        _ cluster: ElasticsearchCluster = ElasticsearchCluster(),
        tls: TLSConfiguration? = nil,
        port: Int = 0
    ) async throws -> ElasticsearchServer {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let context = try tls.map { try NIOSSLContext(configuration: $0) }
        let box = Box()
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    }
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                    try channel.pipeline.syncOperations.addHandler(RequestHandler(box: box))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        let server = ElasticsearchServer(
            port: channel.localAddress?.port ?? 0,
            scheme: tls == nil ? "http" : "https",
            channel: channel,
            group: group,
            state: State(cluster: cluster)
        )
        box.server.withLock { $0 = server }
        return server
    }

    private init(
        port: Int,
        scheme: String,
        channel: any Channel,
        group: MultiThreadedEventLoopGroup,
        state: State
    ) {
        self.port = port
        self.scheme = scheme
        self.channel = channel
        self.group = group
        self.state = Mutex(state)
    }

    /// Where it listens.
    package var url: String { "\(scheme)://127.0.0.1:\(port)" }

    /// Looks at or changes what it is about.
    package func with<Result: Sendable>(
        _ body: (inout sending State) throws -> sending Result
    ) rethrows -> Result {
        try state.withLock(body)
    }

    /// Stops listening, and closes every connection.
    package func stop() async throws {
        try await channel.close()
        try await group.shutdownGracefully()
    }

    // The handlers must know the server, which is there only once they can be made.
    fileprivate final class Box: Sendable {
        let server = Mutex<ElasticsearchServer?>(nil)
    }

    /// What goes out on the wire.
    fileprivate enum Outcome: Sendable {
        case answer(ElasticsearchAnswer, afterMilliseconds: Int64)
        /// The answer's head, and half of its body.
        case half(ElasticsearchAnswer)
        case close
        case silence
    }

    fileprivate func outcome(of request: ElasticsearchRequest, uri: String) -> Outcome {
        state.withLock { state in
            state.requests.append("\(request.method) \(uri)")
            guard request.path.hasSuffix("/_bulk") || request.path == "/_bulk" else {
                let fault = state.questionFaults.isEmpty ? .none : state.questionFaults.removeFirst()
                return ElasticsearchServer.outcome(of: request, fault, &state.cluster)
            }
            state.bulkBytes += request.body.count
            if state.isSink { return .answer(ElasticsearchServer.sinkAnswer(request), afterMilliseconds: 0) }
            let fault = state.faults.isEmpty ? state.standing : state.faults.removeFirst()
            return ElasticsearchServer.outcome(of: request, fault, &state.cluster)
        }
    }

    private static func outcome(
        of request: ElasticsearchRequest,
        _ fault: ElasticsearchFault,
        _ cluster: inout ElasticsearchCluster
    ) -> Outcome {
        switch fault {
        case .whole(let status, let body, let retryAfter, let applies):
            if applies { _ = cluster.answer(request) }
            var answer = ElasticsearchAnswer(status: status, text: body)
            if let retryAfter { answer.headers.append(("Retry-After", retryAfter)) }
            return .answer(answer, afterMilliseconds: 0)
        case .redirect(let location):
            var answer = ElasticsearchAnswer(status: 302, text: "")
            answer.headers.append(("Location", location))
            return .answer(answer, afterMilliseconds: 0)
        case .cut(let applies):
            if applies { _ = cluster.answer(request) }
            return .close
        case .cutAndRollOver(let applies):
            if applies { _ = cluster.answer(request) }
            for stream in cluster.streamNames { cluster.rollOver(stream) }
            return .close
        case .long:
            var answer = cluster.answer(request)
            answer.body += Array(repeating: UInt8(ascii: " "), count: 16 << 20)
            return .answer(answer, afterMilliseconds: 0)
        case .silence(let applies):
            if applies { _ = cluster.answer(request) }
            return .silence
        case .slow(let milliseconds): return .answer(cluster.answer(request), afterMilliseconds: milliseconds)
        case .rollOver:
            for stream in cluster.streamNames { cluster.rollOver(stream) }
            return .answer(cluster.answer(request), afterMilliseconds: 0)
        case .half: return .half(cluster.answer(request))
        case .noJSON:
            _ = cluster.answer(request)
            return .answer(
                ElasticsearchAnswer(status: 200, text: "<html>welcome</html>"),
                afterMilliseconds: 0
            )
        case .noItems, .fewerItems, .otherOrder:
            var answer = cluster.answer(request)
            answer.body = ElasticsearchServer.spoiled(answer.body, by: fault)
            return .answer(answer, afterMilliseconds: 0)
        case .none, .items, .failureStore:
            return .answer(cluster.answer(request, fault: fault), afterMilliseconds: 0)
        }
    }

    /// Takes requests apart and puts answers on the wire, on the connection's own thread.
    private final class RequestHandler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let box: Box
        private var head: HTTPRequestHead?
        private var body: [UInt8] = []

        init(box: Box) {
            self.box = box
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                self.head = head
                body.removeAll()
            case .body(let part): body.append(contentsOf: part.readableBytesView)
            case .end:
                guard let head, let server = box.server.withLock({ $0 }) else {
                    return context.close(promise: nil)
                }
                var headers: [String: String] = [:]
                for (name, value) in head.headers { headers[name.lowercased()] = value }
                let request = ElasticsearchRequest(
                    method: head.method.rawValue,
                    uri: head.uri,
                    headers: headers,
                    body: body
                )
                body.removeAll()
                write(server.outcome(of: request, uri: head.uri), head: head, context)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            if error is HTTPParserError {
                box.server.withLock { $0 }?.with { $0.malformedRequests += 1 }
            }
            context.close(promise: nil)
        }

        private func write(_ outcome: Outcome, head: HTTPRequestHead, _ context: ChannelHandlerContext) {
            switch outcome {
            case .close: context.close(promise: nil)
            case .silence: break
            case .half(let answer):
                send(answer, head: head, isHalf: true, context)
            case .answer(let answer, let milliseconds):
                guard milliseconds > 0 else { return send(answer, head: head, isHalf: false, context) }
                let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
                context.eventLoop.scheduleTask(in: .milliseconds(milliseconds)) {
                    let (handler, context) = bound.value
                    handler.send(answer, head: head, isHalf: false, context)
                }
            }
        }

        private func send(
            _ answer: ElasticsearchAnswer,
            head: HTTPRequestHead,
            isHalf: Bool,
            _ context: ChannelHandlerContext
        ) {
            var headers = HTTPHeaders(answer.headers.map { ($0.name, $0.value) })
            headers.add(name: "content-length", value: String(answer.body.count))
            let status = HTTPResponseStatus(statusCode: answer.status)
            context.write(
                wrapOutboundOut(
                    .head(HTTPResponseHead(version: head.version, status: status, headers: headers))
                ),
                promise: nil
            )
            let body = isHalf ? answer.body[..<(answer.body.count / 2)] : answer.body[...]
            if head.method != .HEAD {
                context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
            }
            if isHalf {
                context.flush()
                context.close(promise: nil)
            } else {
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
    }
}
