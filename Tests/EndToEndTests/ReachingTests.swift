import JSON
import TestBasics
import TestSupport
import Testing

/// How a target is named and reached, and what is said where something else answers.
@Suite struct ReachingTests {
    private static let document = #"{"cmdline": ["a"], "n": 1}"#

    /// One scrape of each target, however long a busy machine takes over it.
    private func record(_ db: String, _ words: [String]) async throws -> ChildProcess.Outcome {
        try await ChildProcess.run(
            Expvault.binary,
            [
                "record", "--db", db, "--count", "1", "--interval", "60s", "--timeout", "60s", "--log-level",
                "warning",
            ]
                + words
        )
    }

    /// The failures by target, with how much was kept of the body; "" where there was none.
    private func failures(_ db: String) async throws -> [String: (reason: String, kept: Int64?)] {
        let sql = "SELECT target, ifnull(failure, '') AS failure, length(body) AS kept FROM scrapes"
        let rows = try JSONText.array(try await Expvault.output("sql", "--db", db, "--format", "json", sql))
        return Dictionary(
            rows.map { ($0["target"]?.string ?? "", ($0["failure"]?.string ?? "", $0["kept"]?.integer)) }
        ) { first, _ in first }
    }

    @Test(
        "a port, a host and port, a base path, a query and a Unix socket are enough, with a name or without"
    )
    func forms() async throws {
        let directory = try TemporaryDirectory()
        let (db, socket) = (directory.file("a.db"), directory.file("app.sock"))
        let server = try await ExpvarServer.start { _ in .body(Self.document) }
        let behind = try await ExpvarServer.start(socket: socket) { _ in .body(Self.document) }
        let port = server.port
        let outcome = try await record(
            db,
            [
                ":\(port)", "127.0.0.1:\(port)/base/", "q=127.0.0.1:\(port)/y?token=canary",
                "unix:\(socket)", "deep=unix:\(socket):/deep/",
            ]
        )
        #expect(outcome.status == 0, "\(outcome.error)")
        let targets = try JSONText.array(try await Expvault.output("targets", "--db", db, "--format", "json"))
        let urls = Dictionary(uniqueKeysWithValues: targets.map { ($0["target"]?.string, $0["url"]?.string) })
        #expect(
            urls == [
                "localhost:\(port)": "http://localhost:\(port)/debug/vars",
                "127.0.0.1:\(port)": "http://127.0.0.1:\(port)/base/debug/vars",
                "q": "http://127.0.0.1:\(port)/y?token=…",
                "app.sock": "unix:\(socket):/debug/vars", "deep": "unix:\(socket):/deep/debug/vars",
            ]
        )
        #expect(Set(server.requests.map(\.path)) == ["/debug/vars", "/base/debug/vars", "/y?token=canary"])
        #expect(Set(behind.requests.map(\.path)) == ["/debug/vars", "/deep/debug/vars"])
        let documents = try await Expvault.output(
            "export",
            "file",
            "--db",
            db,
            "--target",
            "deep",
            "--out",
            "-"
        )
        for document in try JSONText.lines(documents) {
            #expect(document["service"]?["address"]?.string == "unix:\(socket)")
        }
        // The same words again are the same targets: nothing moved.
        #expect(try await record(db, ["unix:\(socket)", ":\(port)"]).status == 0)
        let again = try JSONText.array(try await Expvault.output("targets", "--db", db, "--format", "json"))
        #expect(again.count == 5)
        #expect(again.allSatisfy { $0["runs"]?.elements?.count == 1 })
        await server.stop()
        await behind.stop()
    }

    @Test("a server that wants a certain Host gets it, and without it its own words are the reason")
    func host() async throws {
        let directory = try TemporaryDirectory()
        let db = directory.file("a.db")
        let server = try await ExpvarServer.start { request in
            request.header("Host") == "localhost:2019"
                ? .body(Self.document)
                : .answer(status: 403, headers: [], body: Array("{\"error\":\"host not allowed\"}\n".utf8))
        }
        let url = "c=\(server.url())"
        #expect(try await record(db, ["--header", "Host: localhost:2019", url]).status == 0)
        #expect(try await record(directory.file("b.db"), [url]).status == 1)
        #expect(try await failures(db)["c"]?.reason == "")
        #expect(
            try await failures(directory.file("b.db"))["c"]?.reason
                == #"status 403: {"error":"host not allowed"}"#
        )
        await server.stop()
    }

    @Test(
        "what answers in the place of a document is named for what it is, and what came of one that was cut is kept"
    )
    func others() async throws {
        let directory = try TemporaryDirectory()
        let db = directory.file("a.db")
        let server = try await ExpvarServer.start { request in
            switch request.path {
            case "/prometheus": .body("# HELP up About.\n# TYPE up gauge\nup{job=\"a\"} 1\n")
            case "/html": .body("<!doctype html><title>Sign in</title>")
            case "/list": .body("[1, 2]\n")
            case "/down": .answer(status: 503, headers: [], body: Array("\nstarting up\nwait\n".utf8))
            case "/cut": .cut("{\"a\": \"" + String(repeating: "x", count: 36_000))
            default: .body(Self.document)
            }
        }
        let names = ["prometheus", "html", "list", "down", "cut", "good"]
        let outcome = try await record(db, names.map { "\($0)=127.0.0.1:\(server.port)/\($0)" })
        #expect(outcome.status == 0, "\(outcome.error)")
        let found = try await failures(db)
        #expect(
            found.mapValues(\.reason) == [
                "prometheus": "the body is Prometheus text, not a document of /debug/vars",
                "html": "the body is HTML, not a document of /debug/vars",
                "list": "the body is a JSON array, not a document of /debug/vars",
                "down": "status 503: starting up",
                "cut": "the server closed the connection before the answer was complete", "good": "",
            ]
        )
        #expect(found["cut"]?.kept == 36_007)
        await server.stop()
    }
}
