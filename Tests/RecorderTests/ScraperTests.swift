import Model
import NIOSSL
import TestBasics
import TestSupport
import Testing

@testable import Recorder

/// Scrapes a real server, hostile or not, as the service would.
struct ScraperBench {
    let network = ScrapeNetwork()
    let largeBodies = LargeBodyGate()

    /// Runs `body` with a scraper, and gives back what that took.
    func with<Result: Sendable>(
        _ settings: TargetSettings,
        _ body: @Sendable (Scraper) async throws -> Result
    ) async throws -> Result {
        let isSecure = settings.url.scheme == "https"
        let scraper = Scraper(
            settings: settings,
            tls: isSecure ? try await network.acquire(settings.tls) : nil,
            eventLoop: network.eventLoop,
            clock: .system,
            largeBodies: largeBodies,
            userAgent: "expvault/test"
        )
        do {
            let result = try await body(scraper)
            await scraper.close()
            network.shutdown()
            return result
        } catch {
            await scraper.close()
            network.shutdown()
            throw error
        }
    }

    static func settings(_ url: String, timeoutMilliseconds: Int64 = 300_000) throws -> TargetSettings {
        TargetSettings(
            name: "t",
            url: try TargetURL.parse(url).url,
            // The deadline is the shorter of the two, and a busy machine no answer.
            intervalMilliseconds: 3_600_000,
            timeoutMilliseconds: timeoutMilliseconds
        )
    }

    /// One scrape of a new server with that answer.
    static func scrape(_ answer: ExpvarAnswer, timeoutMilliseconds: Int64 = 300_000) async throws -> Scrape {
        let server = try await ExpvarServer.start { _ in answer }
        let settings = try settings(server.url(), timeoutMilliseconds: timeoutMilliseconds)
        let scrape = try await ScraperBench().with(settings) { try await $0.scrape() }
        await server.stop()
        return scrape
    }
}

extension Scrape {
    var document: String? {
        if case .document(let body) = outcome { String(decoding: body, as: UTF8.self) } else { nil }
    }

    var reason: String? {
        if case .failure(let reason, _) = outcome { reason } else { nil }
    }

    var failureBody: [UInt8] {
        if case .failure(_, let body) = outcome { body } else { [] }
    }
}

@Suite struct ScraperTests {
    private static let small = "{\"a\": 1}\n"

    @Test("a scrape has the body as it was served, and what is known of it")
    func document() async throws {
        let scrape = try await ScraperBench.scrape(.body(Self.small))
        #expect(scrape.document == Self.small)
        #expect(scrape.status == 200)
        #expect(scrape.serverDate?.milliseconds == 784_111_777_000)
        #expect((0..<5_000_000_000).contains(scrape.durationNanoseconds ?? -1))
        #expect(scrape.bootID?.count == 36)
        #expect((scrape.bootNanoseconds ?? 0) > 0)
        #expect(abs(scrape.time.milliseconds - HostClock.system.wallMilliseconds()) < 5000)
    }

    @Test("requests share one connection, and say who we are and what we take")
    func requests() async throws {
        let server = try await ExpvarServer.start { _ in .body(Self.small) }
        var settings = try ScraperBench.settings(server.url("/debug/vars?x=1"))
        settings.headers = [HeaderField(name: "X-Team", value: .text("blue"))]
        settings.credentials = .basicInline(username: "me", password: "pass")
        try await ScraperBench().with(settings) { scraper in
            for _ in 0..<3 { _ = try await scraper.scrape() }
        }
        #expect(server.requests.count == 3)
        #expect(server.connectionCount == 1)
        let request = try #require(server.requests.first)
        #expect(request.path == "/debug/vars?x=1")
        #expect(request.header("Accept-Encoding") == "identity")
        #expect(request.header("User-Agent") == "expvault/test")
        #expect(request.header("Host") == "127.0.0.1:\(server.port)")
        #expect(request.header("X-Team") == "blue")
        #expect(request.header("Authorization") == "Basic bWU6cGFzcw==")
        await server.stop()
    }

    @Test("the header Host is the one that was given")
    func host() async throws {
        let server = try await ExpvarServer.start { _ in .body(Self.small) }
        var settings = try ScraperBench.settings(server.url())
        settings.headers = [HeaderField(name: "host", value: .text("localhost:2019"))]
        _ = try await ScraperBench().with(settings) { try await $0.scrape() }
        let request = try #require(server.requests.first)
        #expect(request.headers.filter { $0.name.lowercased() == "host" }.map(\.value) == ["localhost:2019"])
        await server.stop()
    }

    @Test("what had come of a body is kept, up to its limit, whether server or deadline cut it off")
    func remains() async throws {
        let server = try await ExpvarServer.start { request in
            switch request.path {
            case "/cut": .cut(String(repeating: "x", count: 36_000))
            case "/long": .cut(String(repeating: "y", count: 300_000))
            default: .drip(milliseconds: 20)
            }
        }
        func scrape(_ path: String, timeout: Int64 = 60_000) async throws -> Scrape {
            var settings = try ScraperBench.settings(server.url(path))
            settings.timeoutMilliseconds = timeout
            return try await ScraperBench().with(settings) { try await $0.scrape() }
        }
        let cut = try await scrape("/cut")
        #expect(cut.status == 200)
        #expect(
            cut.outcome
                == .failure(
                    reason: "the server closed the connection before the answer was complete",
                    body: [UInt8](repeating: UInt8(ascii: "x"), count: 36_000)
                )
        )
        guard case .failure(_, let long) = try await scrape("/long").outcome else {
            Issue.record("a body that is cut is no document")
            return
        }
        #expect(long == [UInt8](repeating: UInt8(ascii: "y"), count: Scrape.failureBodyMax))
        // However busy the machine is: a head comes at some time, and then some bytes before some deadline.
        var dripped: [UInt8] = []
        _ = try await Waiting.until {
            guard case .failure(let reason, let body) = try await scrape("/drip", timeout: 500).outcome else {
                return true
            }
            #expect(reason == "timed out after 500ms")
            dripped = body
            return !body.isEmpty
        }
        #expect(!dripped.isEmpty)
        await server.stop()
    }

    @Test("a server that repeats a credential, or the URL's query, is not quoted")
    func echo() async throws {
        let server = try await ExpvarServer.start { request in
            let words = "refused: \(request.header("Authorization") ?? "") \(request.path)"
            return .answer(status: 403, headers: [], body: Array(words.utf8))
        }
        var settings = try ScraperBench.settings(server.url())
        settings.credentials = .basicInline(username: "me", password: "pass")
        #expect(try await ScraperBench().with(settings) { try await $0.scrape() }.reason == "status 403")
        settings = try ScraperBench.settings(server.url("/debug/vars?token=canary"))
        #expect(try await ScraperBench().with(settings) { try await $0.scrape() }.reason == "status 403")
        settings.keepsQuery = true
        #expect(
            try await ScraperBench().with(settings) { try await $0.scrape() }.reason
                == "status 403: refused: /debug/vars?token=canary"
        )
        await server.stop()
    }

    @Test("a Unix socket is asked as any server is, and one that is not there, or may not be, says so")
    func unixSocket() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("app.sock")
        let server = try await ExpvarServer.start(socket: path) { _ in .body(Self.small) }
        let settings = try ScraperBench.settings("unix:\(path):/debug/vars?x=1")
        let scrapes = try await ScraperBench().with(settings) { scraper in
            [try await scraper.scrape(), try await scraper.scrape()]
        }
        #expect(scrapes.map(\.document) == [Self.small, Self.small])
        #expect(server.requests.map(\.path) == ["/debug/vars?x=1", "/debug/vars?x=1"])
        #expect(server.requests.first?.header("Host") == "localhost")
        #expect(server.connectionCount == 1)
        await server.stop()
        TemporaryDirectory.remove(path)
        #expect(
            try await ScraperBench().with(settings) { try await $0.scrape() }.reason
                == "the socket is not there"
        )
        try directory.write([], to: "app.sock")
        #expect(
            try await ScraperBench().with(settings) { try await $0.scrape() }.reason == "connection refused"
        )
    }

    @Test("a connection that the server closed between two scrapes is not missed")
    func closedInBetween() async throws {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: \(Self.small.utf8.count)\r\n\r\n\(Self.small)"
        let server = try await ExpvarServer.start { _ in .raw(Array(text.utf8)) }
        let settings = try ScraperBench.settings(server.url())
        let scrapes = try await ScraperBench().with(settings) { scraper in
            var scrapes: [Scrape] = []
            for _ in 0..<20 { scrapes.append(try await scraper.scrape()) }
            return scrapes
        }
        #expect(scrapes.map(\.document) == [String?](repeating: Self.small, count: 20))
        await server.stop()
    }

    @Test(
        "what a server does wrong is a failed scrape with its own reason",
        arguments: [
            (.status(404), "status 404"),
            (.status(500), "status 500"),
            (.status(204), "status 204"),
            (
                .answer(
                    status: 503,
                    headers: [],
                    body: Array("\n  database is\u{1b}[31m down\r\nsecond line\n".utf8)
                ),
                #"status 503: database is\u{1b}[31m down"#
            ),
            (
                .answer(
                    status: 502,
                    headers: [],
                    body: Array("<html><head><Title>502 Bad\n Gateway</title></head><h1>x</h1>".utf8)
                ),
                "status 502: 502 Bad Gateway"
            ),
            (
                .answer(
                    status: 403,
                    headers: [],
                    body: Array("{\n  \"error\": \"host not allowed\"\n}\n".utf8)
                ),
                #"status 403: { "error": "host not allowed" }"#
            ),
            (.answer(status: 500, headers: [], body: [0, 1, 2, 0xff]), "status 500"),
            (
                .answer(status: 500, headers: [], body: [UInt8](repeating: 0x61, count: 500)),
                "status 500: \(String(repeating: "a", count: 120))…"
            ),
            (.answer(status: 500, headers: [("Content-Encoding", "br")], body: [0x61]), "status 500"),
            (
                .status(302, headers: [("Location", "http://u:canary@127.0.0.1:1/x")]),
                "redirect to http://127.0.0.1:1/x, not followed"
            ),
            (
                .status(301, headers: [("Location", "/else\u{202e}")]),
                "redirect to /else\\u{202e}, not followed"
            ),
            (.status(302, headers: [("Location", "//u:canary@h/")]), "status 302, a redirect, not followed"),
            (
                .answer(status: 200, headers: [("Content-Encoding", "gzip")], body: [0x1f, 0x8b, 8, 0]),
                "the answer is encoded as gzip, which was not asked for"
            ),
            (
                .answer(
                    status: 200,
                    headers: [("Content-Encoding", "br")],
                    body: [UInt8](repeating: 0x1f, count: 1 << 20)
                ),
                "the answer is encoded as br, which was not asked for"
            ),
            (.cut("{\"a\": 1,"), "the server closed the connection before the answer was complete"),
            (.drop, "the server closed the connection before the answer was complete"),
            (.raw(Array("SSH-2.0-OpenSSH_9.2\r\n\r\n".utf8)), "the answer is no HTTP"),
            (.headerFlood, "the headers are larger than 16KiB"),
            (
                .answer(
                    status: 200,
                    headers: [("X-Large", String(repeating: "x", count: 20_000))],
                    body: Array("{}".utf8)
                ),
                "the headers are larger than 16KiB"
            ),
            (.endlessBody, "the body is larger than 16MiB"),
        ] as [(ExpvarAnswer, String)]
    )
    func failures(answer: ExpvarAnswer, reason: String) async throws {
        let scrape = try await ScraperBench.scrape(answer, timeoutMilliseconds: 30_000)
        #expect(scrape.reason == reason)
        #expect(scrape.failureBody.count <= Scrape.failureBodyMax)
    }

    @Test("of a failed scrape the beginning of the body is kept")
    func failureBody() async throws {
        let body = [UInt8](repeating: 0x78, count: 100_000)
        let scrape = try await ScraperBench.scrape(.answer(status: 503, headers: [], body: body))
        #expect(scrape.failureBody == Array(body.prefix(65_536)))
        #expect(scrape.status == 503)
    }

    @Test("a body of 16 MiB is taken whole, one byte more is not")
    func largest() async throws {
        for (length, isTaken) in [(Scraper.bodyBytesMax, true), (Scraper.bodyBytesMax + 1, false)] {
            let body = [UInt8](repeating: 0x20, count: length)
            let answer = ExpvarAnswer.answer(status: 200, headers: [], body: body)
            let scrape = try await ScraperBench.scrape(answer, timeoutMilliseconds: 30_000)
            #expect((scrape.reason == nil) == isTaken)
        }
    }

    @Test(
        "the deadline holds for the whole scrape",
        arguments: [.silence, .drip(milliseconds: 50)] as [ExpvarAnswer]
    )
    func deadline(answer: ExpvarAnswer) async throws {
        let scrape = try await ScraperBench.scrape(answer, timeoutMilliseconds: 300)
        #expect(scrape.reason == "timed out after 300ms")
        #expect((scrape.durationNanoseconds ?? 0) >= 300_000_000)
    }

    @Test("an answer just within the deadline counts")
    func slow() async throws {
        let answer = ExpvarAnswer.delayed(milliseconds: 200, .body(Self.small))
        let scrape = try await ScraperBench.scrape(answer, timeoutMilliseconds: 300_000)
        #expect(scrape.document == Self.small)
        #expect((scrape.durationNanoseconds ?? 0) >= 200_000_000)
    }

    @Test("a server that is not there is refused, one that has no name is not resolved")
    func unreachable() async throws {
        let taken = try TakenPort()
        let settings = try ScraperBench.settings("http://127.0.0.1:\(taken.port)")
        let refused = try await ScraperBench().with(settings) { try await $0.scrape() }
        #expect(refused.reason == "connection refused")
        taken.close()
        let nameless = try ScraperBench.settings("http://no-such-host.invalid:1/")
        let unknown = try await ScraperBench().with(nameless) { try await $0.scrape() }
        #expect(unknown.reason == "the host name cannot be resolved")
    }

    @Test("credential files are read again after a 401")
    func rotatedToken() async throws {
        let directory = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(directory) }
        let path = "\(directory)/token"
        try TemporaryDirectory.write("old\n", to: path)
        let server = try await ExpvarServer.start { request in
            request.header("Authorization") == "Bearer new" ? .body(Self.small) : .status(401)
        }
        var settings = try ScraperBench.settings(server.url())
        settings.credentials = .bearer(tokenFile: path)
        let reasons = try await ScraperBench().with(settings) { scraper in
            var reasons = [try await scraper.scrape().reason]
            try TemporaryDirectory.write("new\n", to: path)
            reasons.append(try await scraper.scrape().reason)
            try TemporaryDirectory.write("gone\n", to: path, mode: 0o644)
            reasons.append(try await scraper.scrape().reason)
            return reasons
        }
        // The file is not looked at while it works.
        #expect(reasons == ["status 401: the credential is refused", nil, nil])
        await server.stop()
    }

    @Test("cancellation ends a scrape at once, and leaves none")
    func cancelled() async throws {
        let server = try await ExpvarServer.start { _ in .silence }
        let settings = try ScraperBench.settings(server.url(), timeoutMilliseconds: 3_600_000)
        let wasCancelled = try await ScraperBench().with(settings) { scraper in
            let task = Task { try await scraper.scrape() }
            #expect(await Waiting.until { !server.requests.isEmpty })
            // Not answered for an hour: that this returns at all is what is shown.
            task.cancel()
            do {
                _ = try await task.value
                return false
            } catch {
                return error is CancellationError
            }
        }
        #expect(wasCancelled)
        await server.stop()
    }
}
