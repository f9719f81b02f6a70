import AsyncHTTPClient
import Model
import NIOCore
import NIOHTTP1

/// Scrapes one target: one GET, within limits and a deadline.
actor Scraper {
    /// A larger body is a failed scrape, in bytes (semantics.md, "Scrape").
    static let bodyBytesMax = 16 << 20

    private let settings: TargetSettings
    private let client: HTTPClient
    private let eventLoopGroup: any EventLoopGroup
    private let clock: HostClock
    private let largeBodies: LargeBodyGate
    private let userAgent: String
    /// The value of `Authorization`; read from the files at first, and again after a 401.
    private var authorization: String?
    /// Whether the last request was answered, so that a connection may be there that the server has just
    /// closed.
    private var mayReuseConnection = false
    /// What was found out about a refused certificate, until one is accepted.
    private var certificateReason: String?

    init(
        settings: TargetSettings,
        client: HTTPClient,
        eventLoopGroup: any EventLoopGroup,
        clock: HostClock,
        largeBodies: LargeBodyGate,
        userAgent: String
    ) {
        self.settings = settings
        self.client = client
        self.eventLoopGroup = eventLoopGroup
        self.clock = clock
        self.largeBodies = largeBodies
        self.userAgent = userAgent
    }

    /// What an answer came to.
    private struct Answer {
        var status: Int
        var serverDate: Timestamp?
        var outcome: ScrapeOutcome
    }

    /// Sends one request now; every failure is a scrape too.
    ///
    /// - Throws: `CancellationError` only.
    func scrape() async throws -> Scrape {
        let started = clock.monotonicNanoseconds()
        var scrape = Scrape(
            time: Timestamp(milliseconds: clock.wallMilliseconds()),
            bootID: clock.bootID,
            bootNanoseconds: clock.bootNanoseconds(),
            outcome: .failure(reason: "", body: [])
        )
        do {
            let request = try makeRequest()
            let deadline = started &+ settings.deadlineMilliseconds * 1_000_000
            let answer = try await withDeadline(deadline, clock: clock) { [self] in
                try await ask(request)
            }
            scrape.status = answer.status
            scrape.serverDate = answer.serverDate
            scrape.outcome = answer.outcome
            if answer.status == 401 { authorization = nil }
            certificateReason = nil
            mayReuseConnection = true
        } catch {
            try Task.checkCancellation()
            mayReuseConnection = false
            scrape.outcome = .failure(reason: await reason(for: error), body: [])
        }
        scrape.durationNanoseconds = clock.monotonicNanoseconds() &- started
        return scrape
    }

    private func makeRequest() throws(ConfigurationError) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: settings.url.description)
        for header in settings.headers {
            request.headers.add(name: header.name, value: header.value)
        }
        request.headers.replaceOrAdd(name: "Accept-Encoding", value: "identity")
        if !request.headers.contains(name: "User-Agent") {
            request.headers.add(name: "User-Agent", value: userAgent)
        }
        if !request.headers.contains(name: "Accept") {
            request.headers.add(name: "Accept", value: "application/json")
        }
        if let value = try authorizationValue() {
            request.headers.replaceOrAdd(name: "Authorization", value: value)
        }
        return request
    }

    private func authorizationValue() throws(ConfigurationError) -> String? {
        if let authorization { return authorization }
        switch settings.credentials {
        case .none: return nil
        case .basicInline(let username, let password):
            authorization = Self.basic(username, password)
        case .basic(let username, let file):
            authorization = Self.basic(username, try CredentialFile.read(file))
        case .bearer(let file):
            authorization = "Bearer \(try CredentialFile.read(file))"
        }
        return authorization
    }

    private static func basic(_ username: String, _ password: String) -> String {
        "Basic \(Base64.text(of: Array("\(username):\(password)".utf8), alphabet: .standard))"
    }

    private func ask(_ request: HTTPClientRequest) async throws -> Answer {
        let response: HTTPClientResponse
        do {
            response = try await execute(request)
        } catch let error where mayReuseConnection && Self.isClosedConnection(error) {
            // The server closed an idle connection just as we asked on it; a GET may be sent again (RFC 9110,
            // 9.2.2).
            mayReuseConnection = false
            response = try await execute(request)
        }
        let status = Int(response.status.code)
        let serverDate = response.headers.first(name: "Date").flatMap(HTTPDate.parse)
        let (body, isTooLarge) = try await read(response, isDocument: status == 200)
        let reason = Self.failure(of: response, status: status, isTooLarge: isTooLarge)
        let outcome: ScrapeOutcome =
            reason.map { .failure(reason: $0, body: Array(body.prefix(Scrape.failureBodyMax))) }
            ?? .document(body)
        return Answer(status: status, serverDate: serverDate, outcome: outcome)
    }

    private func execute(_ request: HTTPClientRequest) async throws -> HTTPClientResponse {
        // The deadline around us cancels; this one only has to be later.
        try await client.execute(request, timeout: .hours(24 * 31))
    }

    private static func isClosedConnection(_ error: any Error) -> Bool {
        if let error = error as? HTTPClientError { return error == .remoteConnectionClosed }
        return error is IOError || error is ChannelError
    }

    private static func failure(of response: HTTPClientResponse, status: Int, isTooLarge: Bool) -> String? {
        if (300..<400).contains(status), status != 304 {
            return FailureReason.redirect(status: status, location: response.headers.first(name: "Location"))
        }
        if status != 200 { return "status \(status)" }
        let encoding = response.headers[canonicalForm: "Content-Encoding"].joined(separator: ", ")
            .lowercased()
        if !encoding.isEmpty, encoding != "identity" {
            let shown = EscapedText.escape(encoding, charactersMax: 40)
            return "the answer is encoded as \(shown), which was not asked for"
        }
        return isTooLarge ? "the body is larger than \(SizeText.exact(bytes: Int64(bodyBytesMax)))" : nil
    }

    /// Reads the body to its end; of one that is no document not more than is kept, so that the connection
    /// lives where that is all.
    private func read(
        _ response: HTTPClientResponse,
        isDocument: Bool
    ) async throws -> (body: [UInt8], isTooLarge: Bool) {
        let bytesMax = isDocument ? Self.bodyBytesMax : Scrape.failureBodyMax
        var body: [UInt8] = []
        var isLarge = false
        for try await chunk in response.body {
            guard body.count + chunk.readableBytes <= bytesMax else {
                body.append(contentsOf: chunk.readableBytesView.prefix(bytesMax - body.count))
                return (Array(body.prefix(Scrape.failureBodyMax)), true)
            }
            if !isLarge, body.count + chunk.readableBytes > LargeBodyGate.freeBytes {
                try await largeBodies.enter(settings.name)
                isLarge = true
                // The most that may come: pages that are not written to take no memory, and growing step by
                // step would hold the body twice while it is copied.
                body.reserveCapacity(bytesMax)
            }
            body.append(contentsOf: chunk.readableBytesView)
        }
        // The sequence ends silently where the task was cancelled.
        try Task.checkCancellation()
        return (body, false)
    }

    private func reason(for error: any Error) async -> String {
        if error is DeadlineExceeded {
            return FailureReason.timedOut(afterMilliseconds: settings.deadlineMilliseconds)
        }
        let reason = FailureReason.describe(error)
        guard reason == FailureReason.refusedCertificate else { return reason }
        if let certificateReason { return certificateReason }
        let now = Timestamp(milliseconds: clock.wallMilliseconds())
        let found = await CertificateInspection.reason(for: settings.url, now: now, group: eventLoopGroup)
        certificateReason = found ?? reason
        return certificateReason ?? reason
    }
}
