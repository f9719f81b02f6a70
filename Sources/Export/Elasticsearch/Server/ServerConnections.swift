import HTTPClient
import NIOCore
import NIOHTTP1
import Synchronization

/// The connections to a server: as many as requests are on the way at once, each kept for the next request.
///
/// Runs on the event loop of its connections.
actor ServerConnections {
    /// Status line and headers of an answer, in bytes: each deprecated thing of a request is a `Warning` header.
    static let headBytesMax = 1 << 20

    private let server: HTTPConnection.Server
    private let eventLoop: any EventLoop
    private let executor: any SerialExecutor
    /// Those without a request; each connects anew by itself where the server closed it meanwhile.
    private var idle: [HTTPConnection] = []

    init(to server: HTTPConnection.Server, on eventLoop: any EventLoop) {
        self.server = server
        self.eventLoop = eventLoop
        executor = eventLoop.executor
    }

    /// The event loop's thread.
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private static let limits = {
        var limits = HTTPConnection.Limits(
            document: ElasticsearchClient.answerBytesMax,
            other: ElasticsearchClient.answerBytesMax,
            head: headBytesMax
        )
        limits.connectTimeout = .seconds(10)
        limits.idleTimeout = .seconds(30)
        return limits
    }()

    /// Sends one request, once; throws as `HTTPConnection.send` does.
    func send(
        _ head: HTTPRequestHead,
        body: [UInt8]?,
        pacer: RequestPacer?,
        deadline: Int64
    ) async throws -> HTTPConnection.Answer {
        let connection =
            idle.popLast() ?? HTTPConnection(to: server, on: eventLoop, limits: ServerConnections.limits)
        var delay: (@Sendable (Int) -> TimeAmount)?
        if let pacer { delay = { .milliseconds(pacer.delay(for: $0)) } }
        let requestBody = body.map {
            HTTPConnection.RequestBody(bytes: ByteBuffer(bytes: $0), delay: delay)
        }
        do {
            guard
                case .answered(let answer) = try await connection.send(
                    head,
                    body: requestBody,
                    deadline: deadline
                )
            else { preconditionFailure("BUG: an answer asks for room only where there is a limit for it") }
            idle.append(connection)
            return answer
        } catch {
            connection.close()
            throw error
        }
    }

    /// Ends every connection; nothing is on the way any more.
    func close() {
        for connection in idle { connection.close() }
        idle = []
    }
}

/// The bucket of bytes a second that all requests to a server share.
final class RequestPacer: Sendable {
    private let bucket: Mutex<TokenBucket>

    init(bytesPerSecond: Int64) {
        bucket = Mutex(TokenBucket(bytesPerSecond: bytesPerSecond, now: MonotonicClock.now))
    }

    /// How many milliseconds to wait before so many more bytes go out.
    func delay(for bytes: Int) -> Int64 {
        bucket.withLock { $0.take(bytes, now: MonotonicClock.now) }
    }
}
