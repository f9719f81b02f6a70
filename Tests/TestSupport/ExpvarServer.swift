import NIOCore
import NIOPosix
package import NIOSSL
import Synchronization

/// A request that an `ExpvarServer` got.
package struct ExpvarRequest: Sendable {
    /// Path and query.
    package var path: String
    /// The headers in order, names as they were sent.
    package var headers: [(name: String, value: String)]
    /// How many requests for this path there were, this one included.
    package var number: Int
    /// Which connection it came on, from 1.
    package var connection: Int

    /// The value of the first header of that name.
    package func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

/// What an `ExpvarServer` does with a request.
package indirect enum ExpvarAnswer: Sendable {
    /// A status with headers and a body of known length.
    case answer(status: Int, headers: [(String, String)], body: [UInt8])
    /// The other answer after a while.
    case delayed(milliseconds: Int64, ExpvarAnswer)
    /// A body without end, as fast as the other side takes it.
    case endlessBody
    /// A body of that many spaces, made while it is sent.
    case longBody(bytes: Int)
    /// A head, then one byte of the body after each pause.
    case drip(milliseconds: Int64)
    /// Headers without end.
    case headerFlood
    /// These bytes as they are, and then the connection is closed.
    case raw([UInt8])
    /// The connection is closed without an answer.
    case drop
    /// Nothing, ever.
    case silence

    /// 200 with that body.
    package static func body(_ text: String) -> ExpvarAnswer {
        .answer(
            status: 200,
            headers: [("Content-Type", "application/json; charset=utf-8")],
            body: Array(text.utf8)
        )
    }

    /// That status with a short body.
    package static func status(_ status: Int, headers: [(String, String)] = []) -> ExpvarAnswer {
        .answer(status: status, headers: headers, body: Array("status \(status)\n".utf8))
    }

    /// A body that is said to be longer than what comes before the connection is closed.
    package static func cut(_ text: String) -> ExpvarAnswer {
        .raw(Array("HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count + 100)\r\n\r\n\(text)".utf8))
    }
}

extension ExpvarAnswer: CustomStringConvertible {
    /// A few words, without the body.
    package var description: String {
        switch self {
        case .answer(let status, let headers, let body):
            "\(status), \(headers.count) headers, \(body.count) bytes"
        case .delayed(let milliseconds, let answer): "after \(milliseconds) ms \(answer)"
        case .endlessBody: "a body without end"
        case .longBody(let bytes): "\(bytes) bytes made while they are sent"
        case .drip(let milliseconds): "a byte every \(milliseconds) ms"
        case .headerFlood: "headers without end"
        case .raw(let bytes): "\(bytes.count) bytes as they are"
        case .drop: "a closed connection"
        case .silence: "nothing"
        }
    }
}

/// A real HTTP server on 127.0.0.1 whose answers, also hostile ones, a test decides.
///
/// It speaks just as much HTTP as the tests need, and so can break every rule of it.
package final class ExpvarServer: Sendable {
    /// Decides what becomes of a request.
    package typealias Handler = @Sendable (ExpvarRequest) -> ExpvarAnswer

    /// The port that it listens on.
    package let port: Int
    private let scheme: String
    private let channel: any Channel
    private let group: MultiThreadedEventLoopGroup
    private let log: RequestLog

    /// Starts a server on a free port, or at that Unix socket.
    package static func start(
        tls: TLSConfiguration? = nil,
        socket: String? = nil,
        _ handler: @escaping Handler
    ) async throws -> ExpvarServer {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let log = RequestLog()
        let context = try tls.map { try NIOSSLContext(configuration: $0) }
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        ConnectionHandler(log: log, connection: log.nextConnection(), handler: handler)
                    )
                }
            }
        let channel =
            if let socket {
                try await bootstrap.bind(unixDomainSocketPath: socket).get()
            } else {
                try await bootstrap.bind(host: "127.0.0.1", port: 0).get()
            }
        return ExpvarServer(
            port: channel.localAddress?.port ?? 0,
            scheme: tls == nil ? "http" : "https",
            channel: channel,
            group: group,
            log: log
        )
    }

    private init(
        port: Int,
        scheme: String,
        channel: any Channel,
        group: MultiThreadedEventLoopGroup,
        log: RequestLog
    ) {
        self.port = port
        self.scheme = scheme
        self.channel = channel
        self.group = group
        self.log = log
    }

    /// The URL of a path.
    package func url(_ path: String = "/debug/vars", host: String = "127.0.0.1") -> String {
        "\(scheme)://\(host):\(port)\(path)"
    }

    /// The requests so far.
    package var requests: [ExpvarRequest] { log.requests }

    /// How many connections there were.
    package var connectionCount: Int { log.connectionCount }

    /// Stops listening and ends every connection.
    package func stop() async {
        // Both fail only where they were done before.
        try? await channel.close()
        try? await group.shutdownGracefully()
    }
}

/// What a server has seen.
private final class RequestLog: Sendable {
    private struct State {
        var requests: [ExpvarRequest] = []
        var connections = 0
    }

    private let state = Mutex(State())

    var requests: [ExpvarRequest] { state.withLock { $0.requests } }
    var connectionCount: Int { state.withLock { $0.connections } }

    func nextConnection() -> Int {
        state.withLock {
            $0.connections += 1
            return $0.connections
        }
    }

    func note(path: String, headers: [(String, String)], connection: Int) -> ExpvarRequest {
        state.withLock { state in
            let number = state.requests.count { $0.path == path } + 1
            let request = ExpvarRequest(
                path: path,
                headers: headers.map { (name: $0.0, value: $0.1) },
                number: number,
                connection: connection
            )
            state.requests.append(request)
            return request
        }
    }
}

/// One connection: gathers the heads of requests, and answers each.
private final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let log: RequestLog
    private let connection: Int
    private let handler: ExpvarServer.Handler
    private var received: [UInt8] = []

    init(log: RequestLog, connection: Int, handler: @escaping ExpvarServer.Handler) {
        self.log = log
        self.connection = connection
        self.handler = handler
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received.append(contentsOf: unwrapInboundIn(data).readableBytesView)
        while let head = takeHead() {
            let lines = head.split(separator: "\r\n")
            guard let words = lines.first?.split(separator: " "), words.count == 3 else {
                context.close(promise: nil)
                return
            }
            let headers = lines.dropFirst().map { line in
                let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
                return (String(parts[0]), parts.count > 1 ? String(parts[1].drop { $0 == " " }) : "")
            }
            let request = log.note(path: String(words[1]), headers: headers, connection: connection)
            perform(handler(request), on: context.channel)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func takeHead() -> String? {
        let end = Array("\r\n\r\n".utf8)
        guard let range = received.firstRange(of: end) else { return nil }
        let head = String(decoding: received[..<range.lowerBound], as: UTF8.self)
        received.removeSubrange(..<range.upperBound)
        return head
    }

    private func perform(_ answer: ExpvarAnswer, on channel: any Channel) {
        switch answer {
        case .answer(let status, let headers, let body):
            var head = "HTTP/1.1 \(status) X\r\nContent-Length: \(body.count)\r\n"
            head += "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            head += headers.map { "\($0.0): \($0.1)\r\n" }.joined() + "\r\n"
            Self.write(Array(head.utf8) + body, to: channel)
        case .delayed(let milliseconds, let answer):
            let bound = NIOLoopBound(self, eventLoop: channel.eventLoop)
            channel.eventLoop.scheduleTask(in: .milliseconds(milliseconds)) {
                bound.value.perform(answer, on: channel)
            }
        case .endlessBody:
            Self.write(Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".utf8), to: channel)
            let chunk = "10000\r\n" + String(repeating: "{\"a\": 1,", count: 8192) + "\r\n"
            Self.repeatForever(Array(chunk.utf8), on: channel, pause: .zero)
        case .longBody(let bytes):
            Self.write(Array("HTTP/1.1 200 OK\r\nContent-Length: \(bytes)\r\n\r\n".utf8), to: channel)
            Self.writeSpaces(bytes, to: channel)
        case .drip(let milliseconds):
            Self.write(Array("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n".utf8), to: channel)
            Self.repeatForever([UInt8(ascii: "{")], on: channel, pause: .milliseconds(milliseconds))
        case .headerFlood:
            Self.write(Array("HTTP/1.1 200 OK\r\n".utf8), to: channel)
            let line = "X-Flood: \(String(repeating: "x", count: 500))\r\n"
            Self.repeatForever(Array(line.utf8), on: channel, pause: .zero)
        case .raw(let bytes):
            channel.writeAndFlush(ByteBuffer(bytes: bytes)).whenComplete { _ in channel.close(promise: nil) }
        case .drop:
            channel.close(promise: nil)
        case .silence:
            break
        }
    }

    private static func write(_ bytes: [UInt8], to channel: any Channel) {
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }

    private static func writeSpaces(_ count: Int, to channel: any Channel) {
        guard count > 0 else { return }
        let now = min(count, 1 << 16)
        channel.writeAndFlush(ByteBuffer(repeating: 0x20, count: now)).whenSuccess {
            // Through the loop, so that a fast reader makes no deep recursion.
            channel.eventLoop.execute { writeSpaces(count - now, to: channel) }
        }
    }

    /// Writes the bytes again and again, each time when the last ones have gone out, until the connection ends.
    private static func repeatForever(_ bytes: [UInt8], on channel: any Channel, pause: TimeAmount) {
        channel.writeAndFlush(ByteBuffer(bytes: bytes)).whenSuccess {
            channel.eventLoop.scheduleTask(in: pause) { repeatForever(bytes, on: channel, pause: pause) }
        }
    }
}
