import HTTPClient
import Model
import NIOCore
import NIOHTTP1
import NIOSSL

/// Scrapes one target: one GET, within limits and a deadline.
///
/// Runs on the event loop of its connection.
actor Scraper {
    /// A larger body is a failed scrape, in bytes (semantics.md, "Scrapes, runs, neighbours").
    static let bodyBytesMax = 16 << 20
    /// A longer head is a failed scrape: status line and headers, in bytes.
    static let headBytesMax = 16 << 10

    private let settings: TargetSettings
    private let connection: HTTPConnection
    private let eventLoop: any EventLoop
    private let executor: any SerialExecutor
    private let clock: HostClock
    private let largeBodies: LargeBodyGate
    private let userAgent: String
    /// The value of `Authorization`; read from the files at first, and again after a 401.
    private var authorization: String?
    /// What of the request nobody may read, so that no answer shows it.
    private var secrets: [String] = []
    /// The request, as long as it stays the same.
    private var request: HTTPRequestHead?
    /// What was found out about a refused certificate, until one is accepted.
    private var certificateReason: String?

    init(
        settings: TargetSettings,
        tls: NIOSSLContext?,
        eventLoop: any EventLoop,
        clock: HostClock,
        largeBodies: LargeBodyGate,
        userAgent: String
    ) {
        self.settings = settings
        self.eventLoop = eventLoop
        executor = eventLoop.executor
        connection = HTTPConnection(
            to: HTTPConnection.Server(
                host: settings.url.host,
                port: settings.url.port ?? (tls == nil ? 80 : 443),
                tls: tls,
                socketPath: settings.url.socketPath
            ),
            on: eventLoop,
            limits: Scraper.limits
        )
        self.clock = clock
        self.largeBodies = largeBodies
        self.userAgent = userAgent
    }

    private static let limits = {
        var limits = HTTPConnection.Limits(
            document: bodyBytesMax,
            other: Scrape.failureBodyMax,
            head: headBytesMax,
            freeBytes: LargeBodyGate.freeBytes
        )
        limits.remainsBytes = Scrape.failureBodyMax
        return limits
    }()

    /// The event loop's thread.
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Closes the connection; there is no scrape after this.
    func close() { connection.close() }

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
            // Bounded: by the interval, RecorderConfiguration.intervalMillisecondsMax.
            let deadline = started &+ settings.deadlineMilliseconds * 1_000_000
            let answer = try await ask(request, deadline: deadline)
            scrape.status = answer.status
            scrape.serverDate = answer.serverDate
            scrape.outcome = answer.outcome
            // A key that is not good any more is often told by 403.
            if answer.status == 401 || answer.status == 403 {
                authorization = nil
                self.request = nil
            }
            certificateReason = nil
        } catch {
            try Task.checkCancellation()
            let remains = connection.remains
            scrape.status = remains.map { Int($0.head.status.code) }
            scrape.outcome = .failure(reason: await reason(for: error), body: remains?.body ?? [])
        }
        scrape.durationNanoseconds = clock.monotonicNanoseconds() &- started
        return scrape
    }

    private func makeRequest() throws(ConfigurationError) -> HTTPRequestHead {
        if let request { return request }
        var headers = HTTPHeaders([("Host", settings.url.hostAndPort)])
        // Some servers repeat the URL that they refuse, and what stands in its query is shown to nobody.
        secrets =
            settings.keepsQuery ? [] : URLQuery.values(of: settings.url.pathAndQuery).filter { $0.count > 3 }
        for header in settings.headers {
            let value = try header.text()
            if case .file = header.value { secrets.append(value) }
            if header.name.lowercased() == "host" {
                // The one that the server was told; the first header, as most send it.
                headers.replaceOrAdd(name: "Host", value: value)
            } else {
                headers.add(name: header.name, value: value)
            }
        }
        headers.replaceOrAdd(name: "Accept-Encoding", value: "identity")
        if !headers.contains(name: "User-Agent") {
            headers.add(name: "User-Agent", value: userAgent)
        }
        if !headers.contains(name: "Accept") {
            headers.add(name: "Accept", value: "application/json")
        }
        if let value = try authorizationValue() {
            headers.replaceOrAdd(name: "Authorization", value: value)
            // Without the scheme before it.
            secrets.append(String(value[(value.firstIndex(of: " ") ?? value.startIndex)...].dropFirst()))
        }
        let made = HTTPRequestHead(
            version: .http1_1,
            method: .GET,
            uri: settings.url.pathAndQuery,
            headers: headers
        )
        request = made
        return made
    }

    private func authorizationValue() throws(ConfigurationError) -> String? {
        if let authorization { return authorization }
        switch settings.credentials {
        case .none: return nil
        case .basicInline(let username, let password): authorization = basic(username, password)
        case .basic(let username, let file): authorization = basic(username, try CredentialFile.read(file))
        case .bearer(let file):
            authorization = "Bearer \(try CredentialFile.read(file))"
        }
        return authorization
    }

    private func basic(_ username: String, _ password: String) -> String {
        secrets.append(password)
        return "Basic \(Base64.text(of: Array("\(username):\(password)".utf8), alphabet: .standard))"
    }

    private func ask(_ request: HTTPRequestHead, deadline: Int64) async throws -> Answer {
        var progress = try await connection.send(request, deadline: deadline)
        while case .growsLarge = progress {
            do {
                let (name, largeBodies) = (settings.name, largeBodies)
                try await withDeadline(deadline, clock: clock) { try await largeBodies.enter(name) }
            } catch {
                connection.close()
                throw error
            }
            progress = try await connection.goOn()
        }
        guard case .answered(let response) = progress else {
            preconditionFailure("BUG: an answer that grows large is gone on with")
        }
        let head = response.head
        let status = Int(head.status.code)
        let serverDate = head.headers.first(name: "Date").flatMap(HTTPDate.parse)
        let reason = failure(of: response, status: status)
        let outcome: ScrapeOutcome =
            reason.map { .failure(reason: $0, body: Array(response.body.prefix(Scrape.failureBodyMax))) }
            ?? .document(response.body)
        return Answer(status: status, serverDate: serverDate, outcome: outcome)
    }

    /// The reason for a 401: what was shown is wrong, or nothing was.
    private var unauthorized: String {
        switch settings.credentials {
        // A header may be one, whatever it is called.
        case .none where settings.headers.isEmpty:
            "status 401: no credential is set (see username and bearer_token_file)"
        case .none: "status 401"
        case .basic, .basicInline, .bearer: "status 401: the credential is refused"
        }
    }

    private func failure(of response: HTTPConnection.Answer, status: Int) -> String? {
        let headers = response.head.headers
        if (300..<400).contains(status), status != 304 {
            return FailureReason.redirect(status: status, location: headers.first(name: "Location"))
        }
        let encoding = headers[canonicalForm: "Content-Encoding"].joined(separator: ", ").lowercased()
        let isEncoded = !encoding.isEmpty && encoding != "identity"
        guard status == 200 else {
            let reason = status == 401 ? unauthorized : "status \(status)"
            let words = isEncoded ? nil : AnswerText.words(of: response.body, hiding: secrets)
            guard (400..<600).contains(status), let words, words != "status \(status)" else { return reason }
            // One colon is enough.
            return reason.contains(":") ? "\(reason); it says: \(words)" : "\(reason): \(words)"
        }
        if isEncoded {
            let shown = EscapedText.escape(encoding, charactersMax: 40)
            return "the answer is encoded as \(shown), which was not asked for"
        }
        guard response.isCut else { return nil }
        return "the body is larger than \(SizeText.exact(bytes: Int64(Scraper.bodyBytesMax)))"
    }

    private func reason(for error: any Error) async -> String {
        if error is DeadlineExceeded {
            return FailureReason.timedOut(afterMilliseconds: settings.deadlineMilliseconds)
        }
        let reason = FailureReason.describe(error)
        guard reason == FailureReason.refusedCertificate else { return reason }
        if let certificateReason { return certificateReason }
        let now = Timestamp(milliseconds: clock.wallMilliseconds())
        let found = await CertificateInspection.reason(for: settings.url, now: now, group: eventLoop)
        certificateReason = found ?? reason
        return certificateReason ?? reason
    }
}
