import NIOCore
import NIOHTTP1

/// Ends a connection whose answer's head grows beyond a limit.
///
/// NIO's decoder allows 2 MiB; so the bytes are counted before the decoder, and the count begins anew when the
/// decoder, on the other side, has seen a whole answer.
///
///     socket (TLS) -> ByteCounter -> HTTPResponseDecoder -> HeadWatcher -> HTTPConnection
package enum ResponseHeadLimit {
    /// The head went beyond the limit.
    package struct Exceeded: Error {}

    /// The two handlers of a new connection: before the decoder, and after it; the limit is on status line and
    /// headers, in bytes.
    static func handlers(bytesMax: Int) -> (any ChannelHandler, any ChannelHandler) {
        let count = Count(bytesMax: bytesMax)
        return (ByteCounter(count), HeadWatcher(count))
    }

    /// Shared by the two handlers of one connection, on its event loop.
    private final class Count {
        let bytesMax: Int
        var isAwaitingHead = true
        var bytes = 0

        init(bytesMax: Int) { self.bytesMax = bytesMax }
    }

    private final class ByteCounter: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias InboundOut = ByteBuffer

        private let count: Count

        init(_ count: Count) { self.count = count }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            count.bytes += unwrapInboundIn(data).readableBytes
            context.fireChannelRead(data)
            // Asked after the decoder had its turn: if it found the head's end in these bytes, they may be
            // more.
            if count.isAwaitingHead, count.bytes > count.bytesMax {
                count.bytes = 0
                context.fireErrorCaught(Exceeded())
                context.close(promise: nil)
            }
        }
    }

    private final class HeadWatcher: ChannelInboundHandler {
        typealias InboundIn = HTTPClientResponsePart
        typealias InboundOut = HTTPClientResponsePart

        private let count: Count

        init(_ count: Count) { self.count = count }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            // An endless row of 1xx answers is a flood of headers too.
            case .head(let head) where (100..<200).contains(head.status.code): break
            case .head(let head):
                count.isAwaitingHead = false
                // A head that came whole in one read; `: ` and the line's end are four bytes.
                let bytes = head.headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 }
                guard bytes <= count.bytesMax else {
                    context.fireErrorCaught(Exceeded())
                    context.close(promise: nil)
                    return
                }
            case .body: break
            case .end:
                count.isAwaitingHead = true
                count.bytes = 0
            }
            context.fireChannelRead(data)
        }
    }
}
