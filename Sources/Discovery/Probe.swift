import Model
import NIOCore
import NIOHTTP1
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Asks programs for their document: one GET of each path that is known to serve it, each on a connection of its own.
final class Probe: Sendable {
    /// An answer, as far as it is read.
    private struct Answer: Sendable {
        var status: Int
        var body: [UInt8]
    }

    /// There was none in time.
    private struct TimedOut: Error {}

    /// How long one GET may take.
    private static let timeLimit = TimeAmount.seconds(1)
    /// So much of an answer is read: enough to tell what it is.
    private static let bodyBytesMax = 256 << 10
    /// Where programs serve it, the usual place first.
    private static let paths = ["/debug/vars", "/_expvar", "/debug/metrics"]

    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    /// Ends the thread.
    func close() async {
        // Nothing is on the way any more that an error here could be about.
        try? await group.shutdownGracefully()
    }

    /// The URL that answered, or the usual one, and what came of it.
    func ask(_ target: ProbeTarget) async -> (url: String, answer: String) {
        switch target.place {
        case .foreign(let address, let port):
            let url = ProbeTarget.url(address, port: port, path: Probe.paths[0])
            return (url, "not asked: no address of this host's")
        case .unix(let socket):
            return await ask(
                { ProbeTarget.url(socket: socket, path: $0) },
                host: "localhost",
                { $0.connect(unixDomainSocketPath: socket) }
            ) ?? (ProbeTarget.url(socket: socket, path: Probe.paths[0]), "no answer")
        case .tcp(let addresses, let port):
            var last: (url: String, answer: String)?
            for address in addresses {
                let host = "\(ProbeTarget.host(address)):\(port)"
                let result = await ask(
                    { ProbeTarget.url(address, port: port, path: $0) },
                    host: host,
                    { $0.connect(host: address.text, port: port) }
                )
                if let result { return result }
                last =
                    last ?? (ProbeTarget.url(address, port: port, path: Probe.paths[0]), "connection refused")
            }
            return last ?? ("", "no answer")
        }
    }

    /// nil where nobody takes the connection.
    private func ask(
        _ url: (String) -> String,
        host: String,
        _ connect: @escaping @Sendable (ClientBootstrap) -> EventLoopFuture<any Channel>
    ) async -> (url: String, answer: String)? {
        var first: String?
        for path in Probe.paths {
            let answer: Answer
            do {
                answer = try await get(path, host: host, connect)
            } catch {
                guard first == nil else { break }
                if Probe.isRefusal(error) { return nil }
                return (url(path), Probe.words(for: error))
            }
            if Probe.isDocument(answer, isUsualPath: path == Probe.paths[0]) {
                return (url(path), Finding.vars)
            }
            first = first ?? Probe.words(for: answer)
            // Who wants a credential, or TLS, wants it everywhere.
            guard [200, 404, 405].contains(answer.status) else { break }
        }
        return (url(Probe.paths[0]), first ?? "no answer")
    }

    private static func isDocument(_ answer: Answer, isUsualPath: Bool) -> Bool {
        guard answer.status == 200, answer.body.first(where: { $0 > 0x20 }) == UInt8(ascii: "{") else {
            return false
        }
        if isUsualPath { return true }
        // Elsewhere many a thing is a JSON object.
        return [#""memstats""#, #""cmdline""#].contains { answer.body.firstRange(of: Array($0.utf8)) != nil }
    }

    private static func words(for answer: Answer) -> String {
        guard answer.status != 200 else { return AnswerText.name(of: answer.body) ?? "no document" }
        return "status \(answer.status)" + (AnswerText.words(of: answer.body).map { ": \($0)" } ?? "")
    }

    private static func words(for error: any Error) -> String {
        switch error {
        case is TimedOut, ChannelError.connectTimeout: "no answer within 1s"
        case is HTTPParserError: "no HTTP"
        case let error as IOError where error.errnoCode == ECONNREFUSED: "connection refused"
        case let error as IOError where error.errnoCode == EACCES: "no permission"
        case let error as IOError where error.errnoCode == ENOENT: "the socket is not there"
        default: "closed without an answer"
        }
    }

    private static func isRefusal(_ error: any Error) -> Bool {
        if let error = error as? NIOConnectionError {
            return error.connectionErrors.allSatisfy { isRefusal($0.error) }
        }
        return (error as? IOError)?.errnoCode == ECONNREFUSED
    }

    private func get(
        _ path: String,
        host: String,
        _ connect: @Sendable (ClientBootstrap) -> EventLoopFuture<any Channel>
    ) async throws -> Answer {
        let eventLoop = group.next()
        let promise = eventLoop.makePromise(of: Answer.self)
        let timer = eventLoop.scheduleTask(in: Probe.timeLimit) { promise.fail(TimedOut()) }
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(Probe.timeLimit)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(Receiver(promise))
                }
            }
        let connection = connect(bootstrap)
        connection.whenComplete { result in
            switch result {
            case .failure(let error): promise.fail(error)
            case .success(let channel):
                let headers = HTTPHeaders([
                    ("Host", host), ("Accept-Encoding", "identity"), ("Connection", "close"),
                    ("User-Agent", "expvault/\(ProductVersion.text)"),
                ])
                let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: path, headers: headers)
                channel.write(HTTPClientRequestPart.head(head), promise: nil)
                channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
                promise.futureResult.whenComplete { _ in channel.close(promise: nil) }
            }
        }
        defer { timer.cancel() }
        return try await promise.futureResult.get()
    }

    /// The last handler of a connection: gathers an answer.
    private final class Receiver: ChannelInboundHandler {
        typealias InboundIn = HTTPClientResponsePart

        private let promise: EventLoopPromise<Answer>
        private var answer: Answer?

        init(_ promise: EventLoopPromise<Answer>) { self.promise = promise }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): answer = Answer(status: Int(head.status.code), body: [])
            case .body(let part):
                answer?.body += part.readableBytesView
                if let answer, answer.body.count >= Probe.bodyBytesMax { promise.succeed(answer) }
            case .end: finish(HTTPParserError.unknown)
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            finish(ChannelError.eof)
            context.fireChannelInactive()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            finish(error)
            context.close(promise: nil)
        }

        /// Whatever came before is answer enough to tell what it is.
        private func finish(_ error: any Error) {
            if let answer { promise.succeed(answer) } else { promise.fail(error) }
        }
    }
}
