import JSON
import TestBasics
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// What the built binary says where something outside it is wrong: each cause has words of its own.
@Suite struct WordsTests {
    private func database(_ directory: TemporaryDirectory) async throws -> String {
        let bodies = (0..<2).map { CommandLineTests.body(requests: $0) }
        let file = try directory.write(CommandLineTests.lines(bodies).utf8, to: "lines.ndjson")
        let db = directory.file("words.db")
        _ = try await Expvault.output("import", "--db", db, file)
        return db
    }

    private func export(_ db: String, _ arguments: String...) async throws -> ChildProcess.Outcome {
        try await ChildProcess.run(Expvault.binary, ["export", "elasticsearch", "--db", db] + arguments)
    }

    /// One scrape, and the reason for which it failed.
    private func reason(_ arguments: String...) async throws -> String {
        let directory = try TemporaryDirectory()
        let db = directory.file("one.db")
        let outcome = try await ChildProcess.run(
            Expvault.binary,
            ["record", "--db", db, "--count", "1", "--interval", "10s"] + arguments
        )
        let targets = try JSONText.array(try await Expvault.output("targets", "--db", db, "--format", "json"))
        return try #require(targets.first?["last_failure"]?["reason"]?.string, "\(outcome.error)")
    }

    @Test("429 at GET / is waited for, and named as overload where that takes too long")
    func overloaded() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let server = try await ElasticsearchServer.start()
        server.with { $0.questionFaults = [.whole(status: 429)] }
        let patient = try await export(db, "--url", server.url)
        #expect(patient.status == 0, "\(patient.error)")
        server.with { $0.questionFaults = [.whole(status: 429)] }
        let hasty = try await export(db, "--url", server.url, "--max-wait", "1ms")
        #expect(hasty.status == 69)
        #expect(hasty.error.contains("is overloaded: it answered 429"), "\(hasty.error)")
        #expect(!hasty.error.contains("portal"))
        try await server.stop()
    }

    @Test("no credential and a wrong one are two things, for a cluster and for a target")
    func unauthorized() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let secret = try directory.write("some-secret-of-ours\n".utf8, to: "secret")
        var cluster = ElasticsearchCluster()
        cluster.authorization = "ApiKey another"
        let server = try await ElasticsearchServer.start(cluster)
        let none = try await export(db, "--url", server.url)
        #expect(none.status == 77)
        #expect(none.error.contains("no credential was given"), "\(none.error)")
        let wrong = try await export(db, "--url", server.url, "--api-key-file", secret)
        #expect(wrong.status == 77)
        #expect(wrong.error.contains("the key or password is wrong or has expired"), "\(wrong.error)")
        #expect(!wrong.error.contains("no credential"))
        try await server.stop()

        let target = try await ExpvarServer.start { _ in .status(401) }
        #expect(
            try await reason("a=\(target.url())")
                == "status 401: no credential is set (see username and bearer_token_file)"
        )
        #expect(
            try await reason("--bearer-token-file", secret, "a=\(target.url())")
                == "status 401: the credential is refused"
        )
        await target.stop()
    }

    @Test("a certificate that has expired and one of an unknown authority are two things for an export")
    func certificates() async throws {
        let made = try TestCertificates.make()
        defer { made.remove() }
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        for (pair, words) in [
            (made.expired, "has expired, on 20"),
            (made.selfSigned, "is signed by no authority that is trusted; see --ca-file"),
            (made.otherHost, "is for another host"),
        ] {
            let server = try await ElasticsearchServer.start(tls: try pair.serverConfiguration())
            let outcome = try await export(db, "--url", server.url, "--ca-file", made.authority)
            #expect(outcome.status == 69)
            #expect(outcome.error.contains(words), "\(outcome.error)")
            try await server.stop()
        }
        let plain = try await ElasticsearchServer.start()
        let outcome = try await export(
            db,
            "--url",
            "https://127.0.0.1:\(plain.port)",
            "--max-wait",
            "1ms"
        )
        #expect(outcome.status == 69)
        #expect(outcome.error.contains("TLS"), "\(outcome.error)")
        try await plain.stop()
    }

    @Test("a client key that is another certificate's is told before anything is sent or recorded")
    func clientKey() async throws {
        let made = try TestCertificates.make()
        defer { made.remove() }
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let pair = ["--client-cert", made.client.certificate, "--client-key", made.good.key]
        let words = "is not the key of the certificate in \(made.client.certificate)"
        let exported = try await ChildProcess.run(
            Expvault.binary,
            ["export", "elasticsearch", "--db", db, "--url", "https://127.0.0.1:1"] + pair
        )
        #expect(exported.status == 78)
        #expect(exported.error.contains(words), "\(exported.error)")
        let recorded = try await ChildProcess.run(
            Expvault.binary,
            ["record", "--db", directory.file("none.db"), "--count", "1"] + pair + ["a=https://127.0.0.1:1"]
        )
        #expect(recorded.status == 78)
        #expect(recorded.error.contains(words), "\(recorded.error)")
        #expect(!directory.names.contains("none.db"))
    }

    @Test("what is said of a server twice, or of TLS where there is none, is refused")
    func contradictions() async throws {
        let made = try TestCertificates.make()
        defer { made.remove() }
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let twice = try await export(db, "--url", "https://h", "--cloud-id", "x:ZXhhbXBsZS5jb20kYWJj")
        #expect(twice.status == 64)
        #expect(twice.error.contains("--url and --cloud-id exclude one another"))
        for option in ["--ca-file", "--ca-fingerprint", "--client-cert"] {
            let outcome = try await export(db, "--url", "http://127.0.0.1:1", option, made.authority)
            #expect(outcome.status == 78)
            #expect(outcome.error.contains("\(option) is for https"), "\(outcome.error)")
        }
        func record(_ arguments: [String]) async throws -> ChildProcess.Outcome {
            let words = ["record", "--db", directory.file("none.db"), "--count", "1"]
            return try await ChildProcess.run(Expvault.binary, words + arguments)
        }
        let flag = try await record(["--ca-file", made.authority, "a=http://127.0.0.1:1"])
        #expect(flag.status == 78)
        #expect(flag.error.contains("are for https"), "\(flag.error)")
        let insecure = try await record(["--insecure", "a", "a=http://127.0.0.1:1"])
        #expect(insecure.status == 78)
        #expect(insecure.error.contains("--insecure is for https"), "\(insecure.error)")
        let text = "targets: [{name: a, url: 'http://127.0.0.1:1', ca_file: '\(made.authority)'}]\n"
        let file = try await record(["--config", try directory.write(text.utf8, to: "expvault.yaml")])
        #expect(file.status == 78)
        #expect(file.error.contains("ca_file is for https"), "\(file.error)")
        // Of two targets one may be reached without.
        let mixed = try await record([
            "--ca-file", made.authority, "a=http://127.0.0.1:1", "b=https://127.0.0.1:1",
        ])
        #expect(mixed.status != 78, "\(mixed.error)")
    }

    @Test("a URL's scheme and host are the same in capitals, and --dry-run says by what it goes")
    func dryRun() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let server = try await ElasticsearchServer.start()
        let sent = try await export(db, "--url", "HTTP://LOCALHOST:\(server.port)")
        #expect(sent.status == 0, "\(sent.error)")
        let same = try await export(
            db,
            "--url",
            "http://localhost:\(server.port)",
            "--dry-run",
            "--format",
            "json"
        )
        #expect(same.status == 0)
        #expect(same.error.contains("no server was asked"))
        let known = try #require(try JSONText.lines(same.text).first)
        #expect(known["destination_known"]?.boolean == true)
        #expect(known["documents"]?.integer == 0)
        // The same cluster by another name: nobody was asked, and that is said.
        let other = try await export(db, "--url", server.url, "--dry-run", "--format", "json")
        #expect(
            other.error.contains("also what the same server may have taken under another"),
            "\(other.error)"
        )
        let unknown = try #require(try JSONText.lines(other.text).first)
        #expect(unknown["destination_known"]?.boolean == false)
        #expect(unknown["documents"]?.integer == 4)
        try await server.stop()
    }

    @Test("no progress line says that 0 ns are left while there is more to do")
    func progress() async throws {
        let directory = try TemporaryDirectory()
        let bodies = (0..<400).map { CommandLineTests.body(requests: $0) }
        let file = try directory.write(CommandLineTests.lines(bodies).utf8, to: "lines.ndjson")
        let db = directory.file("long.db")
        _ = try await Expvault.output("import", "--db", db, "--url", "api=http://127.0.0.1:6060", file)
        let server = try await ElasticsearchServer.start()
        server.with { $0.standing = .slow(milliseconds: 500) }
        let terminal = try PseudoTerminal(
            Expvault.binary,
            ["export", "elasticsearch", "--db", db, "--url", server.url],
            columns: 100,
            rows: 24
        )
        var shown: Set<String> = []
        let ended = try await terminal.wait { screen in
            for line in screen.lines { shown.insert(line) }
            return screen.lines.contains { $0.contains("possibly") || $0.hasPrefix("DESTINATION") }
        }
        #expect(ended, "\(shown)")
        let status = try await terminal.end()
        #expect(status == 0, "\(terminal.screen.lines)")
        #expect(shown.contains { $0.contains(" documents") }, "\(shown)")
        #expect(!shown.contains { $0.contains("ns left") || $0.contains("ms left") }, "\(shown)")
        try await server.stop()
    }

    @Test("a name that the page does not go by is answered with the option that adds it")
    func hostName() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let page = try Expvault.start(["serve", "--db", db, "--listen", "127.0.0.1:0"])
        #expect(await page.waitForError("serving "))
        let line = page.errorSoFar.split(separator: "\n").first { $0.contains(" on http://") }
        let port = try #require(line?.split(separator: ":").last.flatMap { Int($0) })
        let response = try RawHTTP.get(port: port, "/", host: "recorder.example:\(port)")
        #expect(response.status == 421)
        #expect(String(decoding: response.body, as: UTF8.self).contains("--host-name NAME"))
        page.signal(SIGTERM)
        #expect(try await page.wait().status == 0)
    }

    @Test("a page for all addresses says at the start what browsers elsewhere will miss")
    func everyAddress() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let token = try directory.write("0123456789abcdef-token\n".utf8, to: "token")
        // The port is taken on the loopback already, so that nothing listens for others while this runs.
        let taken = try await ExpvarServer.start { _ in .body("{}") }
        let listen = ["serve", "--db", db, "--listen", "0.0.0.0:\(taken.port)", "--token-file", token]
        let unnamed = try await ChildProcess.run(Expvault.binary, listen)
        #expect(unnamed.status == 69)
        #expect(unnamed.error.contains("--host-name NAME"), "\(unnamed.error)")
        let named = try await ChildProcess.run(Expvault.binary, listen + ["--host-name", "recorder.example"])
        #expect(named.status == 69)
        #expect(!named.error.contains("--host-name NAME"), "\(named.error)")
        await taken.stop()
    }

    @Test("record --serve is for the loopback, and says who serves others")
    func recordServe() async throws {
        let directory = try TemporaryDirectory()
        let outcome = try await Expvault.run(
            "record",
            "--db",
            directory.file("none.db"),
            "--serve",
            "0.0.0.0:0",
            "a=http://127.0.0.1:1"
        )
        #expect(outcome.status == 64)
        #expect(outcome.error.contains("`expvault serve`"), "\(outcome.error)")
        #expect(outcome.error.split(separator: "\n").count == 1)
        #expect(directory.names.isEmpty)
    }

    @Test(
        "every level of the log can be asked for",
        arguments: [
            ("trace", true), ("debug", true), ("info", true), ("notice", false), ("warning", false),
            ("error", false),
            ("critical", false),
        ]
    )
    func logLevels(level: String, isInformed: Bool) async throws {
        let directory = try TemporaryDirectory()
        let server = try await ExpvarServer.start { _ in .body("{}") }
        let outcome = try await Expvault.run(
            "record",
            "--db",
            directory.file("a.db"),
            "--count",
            "1",
            "--log-level",
            level,
            "a=\(server.url())"
        )
        await server.stop()
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(outcome.error.contains(" info: ") == isInformed, "\(outcome.error)")
    }

    @Test("the example configuration shows every key that a file may have")
    func exampleConfiguration() async throws {
        let directory = try TemporaryDirectory()
        let path = Repository.root + "/packaging/expvault.yaml"
        let bytes = try #require(TemporaryDirectory.contents(of: path))
        let example = String(decoding: bytes, as: UTF8.self)
        for text in ["qqqqqqqqqq: 1\n", "targets: [{qqqqqqqqqq: 1}]\n"] {
            let file = try directory.write(text.utf8, to: "expvault.yaml")
            let outcome = try await Expvault.run(
                "record",
                "--db",
                directory.file("none.db"),
                "--config",
                file
            )
            #expect(outcome.status == 78)
            let list = try #require(outcome.error.components(after: "known are "), "\(outcome.error)")
            #expect(list.count > 5)
            for key in list {
                #expect(example.contains("\(key):"), "\(key) is not in packaging/expvault.yaml")
            }
        }
    }
}

extension String {
    /// The words of a list with commas that follows `mark` to the end; nil where there is none.
    fileprivate func components(after mark: String) -> [String]? {
        guard let start = firstRange(of: mark)?.upperBound else { return nil }
        return self[start...].split(whereSeparator: { $0 == "," || $0.isWhitespace }).map(String.init)
    }
}
