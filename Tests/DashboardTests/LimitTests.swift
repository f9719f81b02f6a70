import JSON
import TestSupport
import Testing

@testable import Dashboard

/// What one client may take.
@Suite struct LimitTests {
    @Test("a request of more bytes than a request needs is cut off")
    func requestBytes() async throws {
        try await withServer(RecordedVault()) { port in
            let padding = String(repeating: "x", count: 1000)
            let flood = (0..<100).map { "X-\($0): \(padding)\r\n" }.joined()
            let request = "GET / HTTP/1.1\r\nHost: localhost:\(port)\r\n\(flood)\r\n"
            try #expect(RawHTTP.exchange(port: port, request) == nil)
            // A line that never ends, and a body that nobody asked for.
            try #expect(RawHTTP.exchange(port: port, String(repeating: "G", count: 100_000))?.status != 200)
            let body = "POST / HTTP/1.1\r\nHost: localhost:\(port)\r\nContent-Length: 9999999\r\n\r\n"
            let answer = try RawHTTP.exchange(port: port, body + String(repeating: "b", count: 100_000))
            #expect(answer?.status != 200)
            try #expect(RawHTTP.get(port: port, "/").status == 200)
        }
    }

    @Test("connections beyond the limit are closed, and those within it go on")
    func connections() async throws {
        try await withServer(RecordedVault()) { port in
            let idle = try (0..<DashboardLimits.connectionsMax).map { _ in try RawHTTP(port: port) }
            // The server takes connections in their order: the next one is one too many.
            let extra = try RawHTTP(port: port)
            extra.send("GET / HTTP/1.1\r\nHost: localhost:\(port)\r\nConnection: close\r\n\r\n")
            #expect(extra.readToEnd().isEmpty)
            let request = "GET /style.css HTTP/1.1\r\nHost: localhost:\(port)\r\nConnection: close\r\n\r\n"
            idle[0].send(request)
            #expect(idle[0].readToEnd().count > 1000)
        }
    }

    @Test("several requests on one connection are answered in order")
    func pipelining() async throws {
        try await withServer(RecordedVault()) { port in
            let connection = try RawHTTP(port: port)
            let paths = ["/api/targets", "/style.css", "/nothing", "/api/names?target=api"]
            for (index, path) in paths.enumerated() {
                let last = index == paths.count - 1 ? "Connection: close\r\n" : ""
                connection.send("GET \(path) HTTP/1.1\r\nHost: localhost:\(port)\r\n\(last)\r\n")
            }
            let text = String(decoding: connection.readToEnd(), as: UTF8.self)
            #expect(text.split(separator: "HTTP/1.1 ").map { $0.prefix(3) } == ["200", "200", "404", "200"])
        }
    }

    @Test(
        "a question that makes no sense, or asks too much, is refused with a sentence",
        arguments: [
            "rate?target=api&since=0&until=1", "rate?target=api&series=x&since=5&until=5",
            "rate?target=api&series=x&since=9&until=5", "rate?target=api&series=x&since=a&until=5",
            "rate?target=api&series=x&since=0&until=99999999999999999999", "rate?series=x&since=0&until=5",
            "values?target=api&series=up&since=0&until=5&points=0",
            "values?target=api&series=up&since=0&until=5&points=5000",
            "values?target=api&series=up&since=0&until=5&points=-1",
            "values?target=api&series=up&since=0&until=5&least=0",
            "values?target=api&series=up&since=0&until=253402300800001",
            "values?target=api&series=up&since=-62167219200001&until=5",
            "pauses?target=api&since=-9223372036854775808&until=0",
            "pauses?target=api&since=0&until=9223372036854775807",
            "values?target=api&target=b&series=up&since=0&until=5",
            "targets?x=1", "names?target=%ff", "names?target=%4", "names?target", "names",
            "scrapes?target=api",
            "changes?target=api&since=0&until=5", "rate?target=api&series=memstats.HeapAlloc&since=0&until=5",
            "values?target=api&since=0&until=5"
                + String(repeating: "&series=up", count: DashboardLimits.seriesMax + 1),
        ]
    )
    func questions(question: String) async throws {
        try await withServer(RecordedVault()) { port in
            let response = try RawHTTP.get(port: port, "/api/\(question)")
            #expect(response.status == 400)
            #expect(response.json?["error"]?.string?.isEmpty == false)
        }
    }

    @Test("what is not there is 404, with its name")
    func unknown() async throws {
        try await withServer(RecordedVault()) { port in
            for question in [
                "names?target=apx", "values?target=api&series=memstats.Nothing&since=0&until=5",
                // A name is no glob here.
                "values?target=api&series=memstats.*&since=0&until=5",
            ] {
                let response = try RawHTTP.get(port: port, "/api/\(question)")
                #expect(response.status == 404, "\(question)")
                #expect(response.json?["error"]?.string?.isEmpty == false)
            }
        }
    }
}
