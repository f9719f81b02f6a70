import NIOCore
import NIOHTTP1

/// Counts the bytes of a request before anything parses them, and closes what sends too many.
///
/// Owned by the connection's event loop.
final class RequestBudget: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var left = DashboardLimits.requestBytesMax

    /// A request is whole: the next one has the full budget.
    func renew() { left = DashboardLimits.requestBytesMax }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        left -= unwrapInboundIn(data).readableBytes
        guard left >= 0 else {
            context.close(promise: nil)
            return
        }
        context.fireChannelRead(data)
    }
}

/// One connection: hands each request to the guard, then to the assets or to the database.
final class RequestHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let service: DashboardService
    private let requests: RequestGuard
    private let budget: RequestBudget
    private var head: HTTPRequestHead?
    private var patience: Scheduled<Void>?

    init(service: DashboardService, guard requests: RequestGuard, budget: RequestBudget) {
        self.service = service
        self.requests = requests
        self.budget = budget
    }

    func channelActive(context: ChannelHandlerContext) {
        wait(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        patience?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            guard
                head.headers.contains(name: "content-length")
                    || head.headers.contains(name: "transfer-encoding")
            else {
                self.head = head
                return
            }
            // Nobody waits for a body: the guard refuses what announces one, and the connection ends.
            patience?.cancel()
            respond(to: head, context)
        case .body:
            break
        case .end:
            guard let head else { return }
            self.head = nil
            patience?.cancel()
            budget.renew()
            respond(to: head, context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    /// Closes the connection where nothing more comes of it for that long.
    private func wait(_ context: ChannelHandlerContext) {
        let channel = context.channel
        patience?.cancel()
        patience = context.eventLoop.scheduleTask(in: .seconds(DashboardLimits.patienceSeconds)) {
            channel.close(promise: nil)
        }
    }

    private func respond(to head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let request = RequestHead(
            method: head.method.rawValue,
            target: head.uri,
            headers: head.headers.map { ($0.name, $0.value) }
        )
        do throws(Refusal) {
            let (path, query) = try requests.admit(request)
            if let asset = Asset.all[path] {
                return send(
                    Answer(status: 200, contentType: asset.contentType, body: asset.bytes),
                    head,
                    context
                )
            }
            guard let route = Route(rawValue: path) else {
                throw Refusal(status: 404, reason: "there is nothing at that address")
            }
            let question = try QueryString(query, allowed: route.parameters)
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            service.ask(route, question, on: context.eventLoop).whenComplete { result in
                let (handler, context) = bound.value
                switch result {
                case .success(let answer): handler.send(answer, head, context)
                case .failure: context.close(promise: nil)
                }
            }
        } catch {
            send(.refusal(error), head, context)
        }
    }

    private func send(_ answer: Answer, _ request: HTTPRequestHead, _ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        var headers = ResponseHeaders.all
        headers.add(name: "Content-Type", value: answer.contentType)
        headers.add(name: "Content-Length", value: String(answer.body.count))
        switch answer.status {
        case 401: headers.add(name: "WWW-Authenticate", value: "Basic realm=\"expvault\", charset=\"UTF-8\"")
        case 405: headers.add(name: "Allow", value: "GET, HEAD")
        case 503: headers.add(name: "Retry-After", value: "1")
        default: break
        }
        // Whoever was refused for how it asked gets no second request on the same connection.
        let isKept = request.isKeepAlive && ![400, 413, 414, 421].contains(answer.status)
        headers.add(name: "Connection", value: isKept ? "keep-alive" : "close")
        let status = HTTPResponseStatus(statusCode: answer.status)
        let response = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        context.write(wrapOutboundOut(.head(response)), promise: nil)
        if request.method != .HEAD {
            let buffer = context.channel.allocator.buffer(bytes: answer.body)
            context.write(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
        }
        wait(context)
        let written = context.eventLoop.makePromise(of: Void.self)
        let channel = context.channel
        written.futureResult.whenComplete { _ in
            if !isKept { channel.close(promise: nil) }
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
    }
}

/// The headers that every answer carries.
enum ResponseHeaders {
    /// Nothing is loaded or asked but from this server, no script but the file, no frame around, nothing kept.
    static let all: HTTPHeaders = [
        "Content-Security-Policy":
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
            + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
    ]
}
