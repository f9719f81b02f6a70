import Logging
import Model
import TestSupport
import Testing

@testable import Dashboard

/// Who gets an answer: the second table of the faults, "a page in the user's browser".
@Suite struct AccessTests {
    @Test("only the exact names of the loopback with our port are answered")
    func hosts() async throws {
        try await withServer(RecordedVault(), hostNames: ["Monitor.example"]) { port in
            for host in ["localhost", "127.0.0.1", "[::1]", "LOCALHOST", "monitor.example"] {
                try #expect(RawHTTP.get(port: port, "/", host: "\(host):\(port)").status == 200, "\(host)")
            }
            let wrong = [
                "evil.example", "evil.example:\(port)", "localhost", "127.0.0.1", "127.0.0.1:1",
                "localhost.:\(port)",
                "localhost:\(port).evil.example", "127.0.0.2:\(port)", "0.0.0.0:\(port)",
                "x@localhost:\(port)",
                "localhost:\(port),evil.example", "",
            ]
            for host in wrong {
                for path in ["/", "/api/targets"] {
                    try #expect(RawHTTP.get(port: port, path, host: host).status == 421, "\(host)\(path)")
                }
            }
            let none = "GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
            try #expect(RawHTTP.exchange(port: port, none)?.status != 200)
            let two = "GET / HTTP/1.1\r\nHost: localhost:\(port)\r\nHost: evil.example\r\n\r\n"
            try #expect(RawHTTP.exchange(port: port, two)?.status == 421)
            let absolute = "GET http://evil.example/ HTTP/1.1\r\nHost: localhost:\(port)\r\n\r\n"
            try #expect(RawHTTP.exchange(port: port, absolute)?.status == 400)
        }
    }

    @Test("only GET and HEAD are answered")
    func methods() async throws {
        try await withServer(RecordedVault()) { port in
            for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"] {
                let response = try RawHTTP.get(port: port, "/api/targets", method: method)
                #expect(response.status == 405, "\(method)")
                #expect(response.values("allow") == ["GET, HEAD"])
            }
            let whole = try RawHTTP.get(port: port, "/api/names?target=api")
            let head = try RawHTTP.get(port: port, "/api/names?target=api", method: "HEAD")
            #expect(head.status == 200)
            #expect(head.body.isEmpty)
            #expect(head.values("content-length") == [String(whole.body.count)])
            let body = try RawHTTP.get(port: port, "/", headers: "Content-Length: 4\r\n")
            #expect(body.status == 413)
            let chunked = try RawHTTP.get(port: port, "/", headers: "Transfer-Encoding: chunked\r\n")
            #expect(chunked.status == 413 || chunked.status == 400)
        }
    }

    @Test("a path is one of ours, letter for letter")
    func paths() async throws {
        try await withServer(RecordedVault()) { port in
            let wrong = [
                "//", "/index.html", "/../etc/passwd", "/..%2f..%2fetc/passwd", "/%2e%2e/etc/passwd", "/api",
                "/api/",
                "/api/targets/", "/API/targets", "/api//targets", "/app.js/", "/app.js%00", "/./",
                "/recorded.db",
                "/api/%74argets", "/api/targets;x", "/api/targets%3F",
            ]
            for path in wrong { try #expect(RawHTTP.get(port: port, path).status == 404, "\(path)") }
            let long = "/?" + String(repeating: "x", count: DashboardLimits.targetBytesMax)
            try #expect(RawHTTP.get(port: port, long).status == 414)
        }
    }

    @Test("every answer forbids scripts and frames from elsewhere, and none allows other origins")
    func headers() async throws {
        try await withServer(RecordedVault(), token: nil) { port in
            for path in ["/", "/app.js", "/style.css", "/api/targets", "/nothing", "/api/rate?x=1"] {
                let response = try RawHTTP.get(port: port, path, headers: "Origin: http://evil.example\r\n")
                let policy = try #require(response.values("content-security-policy").first)
                #expect(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"))
                #expect(policy.contains("script-src 'self';") && !policy.contains("unsafe"))
                #expect(response.values("x-content-type-options") == ["nosniff"])
                #expect(response.values("cross-origin-resource-policy") == ["same-origin"])
                #expect(!response.headers.contains { $0.name.lowercased().hasPrefix("access-control") })
            }
        }
    }

    @Test("a page from elsewhere may be followed here by a link, and may ask nothing")
    func foreignPages() async throws {
        try await withServer(RecordedVault()) { port in
            for site in ["cross-site", "same-site"] {
                let header = "Sec-Fetch-Site: \(site)\r\n"
                try #expect(RawHTTP.get(port: port, "/", headers: header).status == 200)
                try #expect(RawHTTP.get(port: port, "/api/targets", headers: header).status == 403)
                try #expect(RawHTTP.get(port: port, "/app.js", headers: header).status == 403)
            }
            let own = "Sec-Fetch-Site: same-origin\r\n"
            try #expect(RawHTTP.get(port: port, "/api/targets", headers: own).status == 200)
        }
    }

    @Test("with a token nothing is answered without it")
    func token() async throws {
        try await withServer(RecordedVault(), token: "0123456789abcdef-canary") { port in
            for path in ["/", "/app.js", "/api/targets", "/nothing"] {
                let response = try RawHTTP.get(port: port, path)
                #expect(response.status == 401)
                #expect(response.values("www-authenticate").first?.hasPrefix("Basic") == true)
                #expect(!String(decoding: response.body, as: UTF8.self).contains("canary"))
            }
            let right = [
                "Bearer 0123456789abcdef-canary",
                // any:0123456789abcdef-canary
                "Basic YW55OjAxMjM0NTY3ODlhYmNkZWYtY2FuYXJ5",
            ]
            for value in right {
                let response = try RawHTTP.get(port: port, "/", headers: "Authorization: \(value)\r\n")
                #expect(response.status == 200, "\(value)")
            }
            let wrong = [
                "Bearer 0123456789abcdef-canarx", "Bearer 0123456789abcdef", "Bearer", "Basic !!!",
                "Basic YW55",
                "Bearer 0123456789abcdef-canary2", "Digest 0123456789abcdef-canary", "Basic =====",
                "Bearer \u{1}",
            ]
            for value in wrong {
                let response = try RawHTTP.get(port: port, "/", headers: "Authorization: \(value)\r\n")
                #expect([400, 401].contains(response.status), "\(value)")
            }
        }
    }

    @Test("beyond the loopback nothing is served without a token")
    func beyondLoopback() async throws {
        let vault = try await RecordedVault()
        for host in ["0.0.0.0", "::", "192.0.2.1", "127.0.0.1.example", "1270.0.0.1"] {
            let configuration = DashboardConfiguration(
                database: vault.path,
                host: host,
                port: 0,
                now: { Timestamp(milliseconds: 0) }
            )
            await #expect(throws: DashboardServer.StartError.openWithoutToken(host: host)) {
                try await DashboardServer.start(configuration, logger: Logger(label: "test"))
            }
        }
        #expect(DashboardConfiguration.isLoopback("127.0.0.1") && DashboardConfiguration.isLoopback("::1"))
    }
}
