import AsyncHTTPClient
import Model
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Sends single requests and says what came of them; decides nothing.
///
/// No request is sent twice here, no redirect is followed (it would carry the credential elsewhere), no proxy is
/// taken from the environment.
package final class ElasticsearchClient: Sendable {
    /// Where and how.
    package struct Settings: Sendable {
        package var url: ElasticsearchURL
        package var authentication = Authentication.none
        package var tls = ClientTLS()
        /// How long a request may take, in milliseconds, from its first byte to the answer's last.
        package var requestTimeout: Int64 = 60_000
        /// Bytes of request bodies a second, as they go over the wire; nil: no limit.
        package var rateLimit: Int64?
        package var userAgent = "expvault"

        /// The settings for that server, with defaults.
        package init(url: ElasticsearchURL) {
            self.url = url
        }
    }

    /// An answer, whole.
    package struct Answer: Sendable {
        package var status: Int
        /// `X-Elastic-Product`.
        package var product: String?
        /// `Retry-After` in milliseconds from now.
        package var retryAfter: Int64?
        package var body: [UInt8]
    }

    /// What came of a request.
    package enum Outcome: Sendable {
        case answer(Answer)
        /// None came, or half of one.
        ///
        /// - `isCertainlyNotSent`: there was no connection, so the server cannot have seen it.
        /// - `isTLS`: the server's certificate or its TLS is refused; that does not mend itself soon.
        case failed(reason: String, isCertainlyNotSent: Bool, isTLS: Bool)
        case answerTooLarge(reason: String)
    }

    /// A longer answer is not read.
    ///
    /// That of 5,000 items, each with a reason of 2 KiB, fits.
    package static let answerBytesMax = 16 << 20

    package let settings: Settings
    /// Cleans what servers say of our credentials.
    package let text: ServerText
    private let client: HTTPClient
    private let group: MultiThreadedEventLoopGroup
    private let pacer: Pacer?

    /// A client of that server; nothing is asked yet, but for the chain of certificates where a CA's fingerprint is
    /// given.
    package static func open(_ settings: Settings) async throws -> ElasticsearchClient {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let tls = try await settings.tls.configuration(for: settings.url, group: group)
            return ElasticsearchClient(settings, tls: tls, group: group)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    private init(_ settings: Settings, tls: TLSConfiguration, group: MultiThreadedEventLoopGroup) {
        self.settings = settings
        self.group = group
        text = ServerText(secrets: settings.authentication.secrets)
        pacer = settings.rateLimit.map(Pacer.init)
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls,
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(10), read: nil),
            connectionPool: .init(idleTimeout: .seconds(30)),
            ignoreUncleanSSLShutdown: false,
            decompression: .disabled
        )
        configuration.httpVersion = .http1Only
        // The machine decides when to try again.
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
    }

    /// Ends every connection.
    package func close() async {
        // Nothing is on the way any more that an error here could be about.
        try? await client.shutdown()
        try? await group.shutdownGracefully()
    }

    /// Sends one request.
    ///
    /// `path` begins with a slash and holds the query.
    package func send(
        _ method: String,
        _ path: String,
        body: [UInt8] = [],
        contentType: String = "application/json",
        isGzipped: Bool = false
    ) async -> Outcome {
        var request = HTTPClientRequest(url: settings.url.description + path)
        request.method = HTTPMethod(rawValue: method)
        request.headers.add(name: "Accept", value: "application/json")
        request.headers.add(name: "User-Agent", value: settings.userAgent)
        if let header = settings.authentication.header {
            request.headers.add(name: "Authorization", value: header)
        }
        if !body.isEmpty {
            request.headers.add(name: "Content-Type", value: contentType)
            if isGzipped { request.headers.add(name: "Content-Encoding", value: "gzip") }
            request.body = paced(body)
        }
        do {
            return .answer(
                try await withTimeout(allowing: body.count) { [request] in try await self.ask(request) }
            )
        } catch {
            return outcome(of: error)
        }
    }

    private func ask(_ request: HTTPClientRequest) async throws -> Answer {
        // The deadline around us cancels; this one only has to be later.
        let response = try await client.execute(request, timeout: .hours(24))
        var body: [UInt8] = []
        for try await part in response.body {
            guard body.count + part.readableBytes <= ElasticsearchClient.answerBytesMax else {
                throw TooLarge()
            }
            body.append(contentsOf: part.readableBytesView)
        }
        // The sequence ends silently where the task was cancelled.
        try Task.checkCancellation()
        let now = Timestamp(milliseconds: MonotonicClock.wall)
        return Answer(
            status: Int(response.status.code),
            product: response.headers.first(name: "X-Elastic-Product"),
            retryAfter: response.headers.first(name: "Retry-After").flatMap {
                RetryAfter.milliseconds($0, now: now)
            },
            body: body
        )
    }

    private struct TooLarge: Error {}
    private struct TimedOut: Error {}

    private func withTimeout(
        allowing bytes: Int,
        _ body: @escaping @Sendable () async throws -> Answer
    ) async throws -> Answer {
        // A rate limit makes a request slow on purpose; requests on the way at once share it.
        let pacing = settings.rateLimit.map { Int64(bytes) * 4_000 / $0 } ?? 0
        let limit = settings.requestTimeout + pacing
        return try await withThrowingTaskGroup(of: Answer?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await Task.sleep(for: .milliseconds(limit))
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let answer = first else { throw TimedOut() }
            return answer
        }
    }

    // MARK: Pacing

    /// A body, in pieces that are sent only when the bucket has the tokens for them where there is a limit.
    private func paced(_ body: [UInt8]) -> HTTPClientRequest.Body {
        guard let pacer else { return .bytes(ByteBuffer(bytes: body)) }
        return .stream(PacedBody(body: body, pacer: pacer), length: .known(Int64(body.count)))
    }

    /// The bucket that all requests share.
    private final class Pacer: Sendable {
        private let bucket: Mutex<TokenBucket>

        init(bytesPerSecond: Int64) {
            bucket = Mutex(TokenBucket(bytesPerSecond: bytesPerSecond, now: MonotonicClock.now))
        }

        func wait(for bytes: Int) async throws {
            let delay = bucket.withLock { $0.take(bytes, now: MonotonicClock.now) }
            if delay > 0 { try await Task.sleep(for: .milliseconds(delay)) }
        }
    }

    private struct PacedBody: AsyncSequence, Sendable {
        let body: [UInt8]
        let pacer: Pacer

        func makeAsyncIterator() -> Iterator { Iterator(body: body, pacer: pacer) }

        struct Iterator: AsyncIteratorProtocol {
            let body: [UInt8]
            let pacer: Pacer
            var offset = 0

            mutating func next() async throws -> ByteBuffer? {
                guard offset < body.count else { return nil }
                let end = Swift.min(offset + 16_384, body.count)
                try await pacer.wait(for: end - offset)
                defer { offset = end }
                return ByteBuffer(bytes: body[offset..<end])
            }
        }
    }

    // MARK: Errors in words

    private func outcome(of error: any Error) -> Outcome {
        switch error {
        case is TooLarge:
            return .answerTooLarge(reason: "more than \(ElasticsearchClient.answerBytesMax) bytes")
        case is TimedOut:
            return .failed(
                reason: "no answer within \(DurationText.format(milliseconds: settings.requestTimeout))",
                isCertainlyNotSent: false,
                isTLS: false
            )
        case let error as NIOConnectionError:
            return .failed(reason: connection(error), isCertainlyNotSent: true, isTLS: false)
        case is NIOSSLExtraError:
            return .failed(
                reason: "the certificate of \(settings.url) is for another host",
                isCertainlyNotSent: true,
                isTLS: true
            )
        case is NIOSSLError, is BoringSSLError: return tls("\(error)")
        case let error as IOError where error.errnoCode == ECONNREFUSED:
            return .failed(reason: "connection refused", isCertainlyNotSent: true, isTLS: false)
        case ChannelError.connectTimeout:
            return .failed(reason: "no connection in time", isCertainlyNotSent: true, isTLS: false)
        case let error as HTTPClientError where error == .connectTimeout || error == .tlsHandshakeTimeout:
            return .failed(reason: "no connection in time", isCertainlyNotSent: true, isTLS: false)
        case is HTTPClientError, is HTTPParserError, is IOError, is ChannelError:
            return .failed(
                reason: "the connection was cut before the answer was complete",
                isCertainlyNotSent: false,
                isTLS: false
            )
        default:
            return .failed(reason: text.clean("\(error)"), isCertainlyNotSent: false, isTLS: false)
        }
    }

    private func connection(_ error: NIOConnectionError) -> String {
        // With several addresses the last one's reason stands for all; they nearly always agree.
        guard let last = error.connectionErrors.last else { return "the host name cannot be resolved" }
        if let system = last.error as? IOError {
            return system.errnoCode == ECONNREFUSED
                ? "connection refused" : String(cString: strerror(system.errnoCode))
        }
        return "no connection in time"
    }

    /// BoringSSL's errors are told apart by the names in their text; they have no other public face.
    private func tls(_ words: String) -> Outcome {
        // An unclean end in the middle of an answer is a cut like any other.
        if words.contains("uncleanShutdown") || words.contains("unableToReadFromBio") {
            return .failed(
                reason: "the connection was cut before the answer was complete",
                isCertainlyNotSent: false,
                isTLS: false
            )
        }
        let reason =
            words.contains("CERTIFICATE_VERIFY_FAILED")
            ? "the certificate of \(settings.url) is expired, or signed by nobody that is trusted; see --ca-file"
            : "TLS with \(settings.url) failed"
        return .failed(reason: reason, isCertainlyNotSent: true, isTLS: true)
    }
}

/// The clocks that exports go by.
enum MonotonicClock {
    /// Milliseconds of a clock that only goes forward.
    static var now: Int64 { read(CLOCK_MONOTONIC) }
    /// The wall clock in Unix milliseconds; for dates that others wrote only.
    static var wall: Int64 { read(CLOCK_REALTIME) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) &* 1_000 &+ Int64(time.tv_nsec) / 1_000_000
    }
}
