package import NIOCore

/// A proxy through which servers are spoken to.
package struct HTTPProxy: Hashable, Sendable, CustomStringConvertible {
    /// Its name or address.
    package var host: String
    /// The port there.
    package var port: Int
    /// The value of `Proxy-Authorization`; nil where nothing is sent.
    package var authorization: String?

    /// The proxy at that host and port.
    package init(host: String, port: Int, authorization: String? = nil) {
        self.host = host
        self.port = port
        self.authorization = authorization
    }

    /// Where it is; never who we are to it.
    package var description: String { Self.authority(host, port) }

    /// Host and port as a request line has them, an IPv6 address in brackets.
    static func authority(_ host: String, _ port: Int) -> String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

/// The proxy does not let us through.
package struct ProxyRefused: Error, Hashable, Sendable {
    /// Its status; 0 where what it said is no answer.
    package var status: Int
}

/// Has a proxy open a tunnel to a server (RFC 9110, 9.3.6), in which TLS is then spoken.
///
///     CONNECT es.example:9200 HTTP/1.1
///     Host: es.example:9200
///
/// The first handler of a connection's pipeline, and the only one until the proxy has answered; then it is gone.
package final class ProxyTunnel: ChannelInboundHandler, RemovableChannelHandler {
    /// What the socket gives.
    package typealias InboundIn = ByteBuffer
    /// What it takes.
    package typealias OutboundOut = ByteBuffer

    /// A longer head of an answer is none.
    private static let headBytesMax = 16 * 1024

    private let host: String
    private let port: Int
    private let proxy: HTTPProxy
    private var promise: EventLoopPromise<Void>?
    private var head: [UInt8] = []

    /// A tunnel to that host and port; `promise` is told once it is open, or why it is not.
    package init(to host: String, port: Int, via proxy: HTTPProxy, promise: EventLoopPromise<Void>) {
        self.host = host
        self.port = port
        self.proxy = proxy
        self.promise = promise
    }

    /// Asks for the tunnel, where the connection stands already.
    package func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { begin(context) }
    }

    /// Asks for the tunnel.
    package func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    private func begin(_ context: ChannelHandlerContext) {
        let authority = HTTPProxy.authority(host, port)
        var text = "CONNECT \(authority) HTTP/1.1\r\nHost: \(authority)\r\n"
        if let authorization = proxy.authorization { text += "Proxy-Authorization: \(authorization)\r\n" }
        text += "\r\n"
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
    }

    /// Reads on in the proxy's answer.
    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        head += unwrapInboundIn(data).readableBytesView
        guard let end = ProxyTunnel.end(of: head) else {
            if head.count > ProxyTunnel.headBytesMax { fail(ProxyRefused(status: 0), context) }
            return
        }
        // HTTP/1.1 200 Connection established
        let words = head[..<end].split(separator: UInt8(ascii: " "), maxSplits: 2)
        guard words.count >= 2, words[0].starts(with: "HTTP/1.".utf8),
            let status = Int(String(decoding: words[1].prefix(3), as: UTF8.self))
        else { return fail(ProxyRefused(status: 0), context) }
        // A server of TLS says nothing before we do: what follows the head is not the server's.
        guard (200..<300).contains(status), end == head.count else {
            return fail(ProxyRefused(status: status), context)
        }
        let promise = self.promise
        self.promise = nil
        context.pipeline.syncOperations.removeHandler(context: context).whenComplete { _ in promise?.succeed()
        }
    }

    /// Where the head ends, behind its empty line.
    private static func end(of bytes: [UInt8]) -> Int? {
        let mark = Array("\r\n\r\n".utf8)
        guard bytes.count >= mark.count else { return nil }
        return (0...bytes.count - mark.count).first { bytes[$0..<$0 + mark.count].elementsEqual(mark) }
            .map { $0 + mark.count }
    }

    /// Tells who waits that there is no tunnel.
    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(error, context)
    }

    /// Tells who waits that there is no tunnel.
    package func channelInactive(context: ChannelHandlerContext) {
        fail(ChannelError.eof, context)
        context.fireChannelInactive()
    }

    private func fail(_ error: any Error, _ context: ChannelHandlerContext) {
        promise?.fail(error)
        promise = nil
        context.close(promise: nil)
    }
}
