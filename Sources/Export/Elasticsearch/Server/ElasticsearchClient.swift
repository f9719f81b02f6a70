package import HTTPClient
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
/// No request is sent twice here, and no redirect is followed (it would carry the credential elsewhere).
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
        /// Between us and the server.
        package var proxy: HTTPProxy?
        /// What of its credentials must never be shown.
        package var proxySecrets: [String] = []

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
    private let connections: ServerConnections
    private let group: MultiThreadedEventLoopGroup
    private let pacer: RequestPacer?

    /// A client of that server; nothing is asked yet, but for the chain of certificates where a CA's fingerprint is
    /// given.
    package static func open(_ settings: Settings) async throws -> ElasticsearchClient {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let tls = try await settings.tls.configuration(
                for: settings.url,
                proxy: settings.proxy,
                group: group
            )
            // Without https none is needed, and what a context takes is measured in milliseconds.
            let context = settings.url.isTLS ? try NIOSSLContext(configuration: tls) : nil
            return ElasticsearchClient(settings, tls: context, group: group)
        } catch {
            // The process goes on, or ends, all the same.
            try? await group.shutdownGracefully()
            throw error
        }
    }

    private init(_ settings: Settings, tls: NIOSSLContext?, group: MultiThreadedEventLoopGroup) {
        self.settings = settings
        self.group = group
        text = ServerText(secrets: settings.authentication.secrets + settings.proxySecrets)
        pacer = settings.rateLimit.map(RequestPacer.init)
        connections = ServerConnections(
            to: HTTPConnection.Server(
                host: settings.url.host,
                port: settings.url.port,
                tls: tls,
                proxy: settings.proxy
            ),
            on: group.next()
        )
    }

    /// Ends every connection.
    package func close() async {
        await connections.close()
        // Nothing is on the way any more that an error here could be about.
        try? await group.shutdownGracefully()
    }

    /// Sends one request.
    ///
    /// The parts of `path` are names as they are, and percent-encoded here; `query` is ready to be sent.
    package func send(
        _ method: String,
        _ path: [String],
        query: String = "",
        body: [UInt8] = [],
        contentType: String = "application/json",
        isGzipped: Bool = false
    ) async -> Outcome {
        let place =
            "/" + path.map(URLText.segment).joined(separator: "/") + (query.isEmpty ? "" : "?" + query)
        var headers = HTTPHeaders([("Host", hostHeader), ("Accept", "application/json")])
        headers.add(name: "User-Agent", value: settings.userAgent)
        if let header = settings.authentication.header {
            headers.add(name: "Authorization", value: header)
        }
        if !body.isEmpty {
            headers.add(name: "Content-Type", value: contentType)
            if isGzipped { headers.add(name: "Content-Encoding", value: "gzip") }
        }
        if !body.isEmpty || ["POST", "PUT"].contains(method) {
            headers.add(name: "Content-Length", value: String(body.count))
        }
        let head = HTTPRequestHead(
            version: .http1_1,
            method: HTTPMethod(rawValue: method),
            uri: settings.url.basePath + place,
            headers: headers
        )
        do {
            let answer = try await connections.send(
                head,
                body: body.isEmpty ? nil : body,
                pacer: pacer,
                deadline: deadline(allowing: body.count)
            )
            return answer.isCut ? Self.tooLarge : .answer(Self.answer(answer))
        } catch {
            let outcome = outcome(of: error)
            guard case .failed(_, let isCertainlyNotSent, true) = outcome,
                TLSFailure(errorText: "\(error)") == .untrusted
            else { return outcome }
            return .failed(
                reason: await TLSFailureText.untrusted(settings.url, proxy: settings.proxy, group: group),
                isCertainlyNotSent: isCertainlyNotSent,
                isTLS: true
            )
        }
    }

    /// `Host` names the port where it is not the scheme's own (RFC 9110, 7.2).
    private var hostHeader: String {
        let host = settings.url.host.contains(":") ? "[\(settings.url.host)]" : settings.url.host
        return settings.url.port == (settings.url.isTLS ? 443 : 80) ? host : "\(host):\(settings.url.port)"
    }

    /// When an answer must be there, in nanoseconds of the monotonic clock.
    private func deadline(allowing bytes: Int) -> Int64 {
        // A rate limit makes a request slow on purpose; requests on the way at once share it.
        // Bounded: a body is some megabytes, and a limit at least one byte.
        let pacing = settings.rateLimit.map { Int64(bytes) * 4_000 / $0 } ?? 0
        let (limit, isBeyond) = settings.requestTimeout.addingReportingOverflow(pacing)
        let (milliseconds, isFar) = MonotonicClock.now.addingReportingOverflow(isBeyond ? .max : limit)
        let (nanoseconds, isEndless) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        return isFar || isEndless ? .max : nanoseconds
    }

    private static func answer(_ answer: HTTPConnection.Answer) -> Answer {
        let now = Timestamp(milliseconds: MonotonicClock.wall)
        return Answer(
            status: Int(answer.head.status.code),
            product: answer.head.headers.first(name: "X-Elastic-Product"),
            retryAfter: answer.head.headers.first(name: "Retry-After").flatMap {
                RetryAfter.milliseconds($0, now: now)
            },
            body: answer.body
        )
    }

    // MARK: Errors in words

    private static let tooLarge = Outcome.answerTooLarge(
        reason: "an answer of more than \(answerBytesMax >> 20) MiB"
    )

    private func outcome(of error: any Error) -> Outcome {
        switch error {
        case is DeadlineExceeded:
            return .failed(
                reason: "no answer within \(DurationText.format(milliseconds: settings.requestTimeout))",
                isCertainlyNotSent: false,
                isTLS: false
            )
        case let error as NIOConnectionError:
            return .failed(reason: connection(error), isCertainlyNotSent: true, isTLS: false)
        case let error as ProxyRefused: return proxyRefused(error)
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
        case is HTTPConnection.Closed, is ResponseHeadLimit.Exceeded, is HTTPParserError, is IOError,
            is ChannelError:
            return .failed(
                reason: "the connection was cut before the answer was complete",
                isCertainlyNotSent: false,
                isTLS: false
            )
        default:
            return .failed(reason: text.clean("\(error)"), isCertainlyNotSent: false, isTLS: false)
        }
    }

    private func proxyRefused(_ error: ProxyRefused) -> Outcome {
        let place = settings.proxy.map { "the proxy \($0)" } ?? "the proxy"
        let words =
            switch error.status {
            case 0: "\(place) answers with something that is no HTTP; is it a proxy?"
            case 407:
                "\(place) wants to know who asks (407); see --proxy-user and --proxy-password-file"
            case 403: "\(place) lets nobody through to \(settings.url) (403)"
            default: "\(place) opens no tunnel to \(settings.url): it answered \(error.status)"
            }
        // What it says of credentials and rules does not mend itself soon, what it says of the server may.
        let isLasting = error.status < 500
        return .failed(reason: words, isCertainlyNotSent: true, isTLS: isLasting)
    }

    private func connection(_ error: NIOConnectionError) -> String {
        let reason = connectionReason(error)
        return settings.proxy.map { "\(reason), by the proxy \($0)" } ?? reason
    }

    private func connectionReason(_ error: NIOConnectionError) -> String {
        // With several addresses the last one's reason stands for all; they nearly always agree.
        guard let last = error.connectionErrors.last else { return "the host name cannot be resolved" }
        if let system = last.error as? IOError {
            return system.errnoCode == ECONNREFUSED
                ? "connection refused" : String(cString: strerror(system.errnoCode))
        }
        return "no connection in time"
    }

    private func tls(_ words: String) -> Outcome {
        let failure = TLSFailure(errorText: words)
        return .failed(
            reason: TLSFailureText.words(for: words, of: "\(settings.url)"),
            // An unclean end in the middle of an answer is a cut like any other.
            isCertainlyNotSent: failure != .cut,
            // A server that is being started may end a handshake, too: that mends itself.
            isTLS: failure != .cut && failure != .endedInHandshake
        )
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
