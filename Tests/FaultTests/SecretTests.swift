import JSON
import Model
import SQLite
import TestBasics
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// Who may not learn or change what, on the built binary.
@Suite struct SecretTests {
    private static let canary = "kanarie7vogel3geheim"

    @Test("no credential is in the database, the log, the arguments, a document or an error")
    func canary() async throws {
        let canary = Self.canary
        let server = try await ExpvarServer.start { request in
            switch request.path {
            case "/redirect":
                .status(302, headers: [("Location", "http://u:\(canary)@127.0.0.1:1/x?key=\(canary)")])
            case "/denied": .status(401)
            default:
                .body(
                    "{\"cmdline\": [\"service\", \"--token=\(canary)\"], \"n\": \(request.number), \"memstats\": {}}"
                )
            }
        }
        let directory = try TemporaryDirectory()
        let password = directory.file("password")
        try TemporaryDirectory.write(canary + "\n", to: password)
        let config = directory.file("config.yaml")
        let inURL = "http://user:\(canary)@127.0.0.1:\(server.port)"
        try TemporaryDirectory.write(
            """
            interval: 2s
            targets:
              - {name: basic, url: "\(server.url("/denied"))", username: u, password_file: \(password)}
              - {name: bearer, url: "\(server.url("/denied"))", bearer_token_file: \(password)}
              - {name: header, url: "\(server.url("/redirect"))", headers: {X-Api-Key: "@password"}}
              - {name: url, url: "\(inURL)/x", redact_cmdline: true}
              - {name: wrong, url: "http://user:\(canary)@127.0.0.1:1/x"}
              - {name: query, url: "\(server.url("/ok"))?token=\(canary)&\(canary)", redact_cmdline: true}

            """,
            to: config
        )
        let db = directory.file("vault/a.db")
        let recorder = try Expvault.start(
            ["record", "--db", db, "--config", config, "--log-level", "trace"]
        )
        for name in ["basic", "bearer", "header", "url", "wrong", "query"] {
            #expect(await recorder.waitForError("stored target=\(name)"))
        }
        let arguments = TemporaryDirectory.contents(of: "/proc/\(recorder.pid)/cmdline") ?? []
        recorder.signal(SIGTERM)
        let log = try await recorder.wait()
        #expect(log.status == 0)
        await server.stop()
        #expect(
            server.requests.contains { $0.path == "/ok?token=\(canary)&\(canary)" },
            "the query is sent whole"
        )
        #expect(server.requests.contains { $0.header("X-Api-Key") == canary })

        var said = [("log", Array(log.error.utf8)), ("arguments", arguments)]
        for command in [
            ["targets"], ["targets", "--format", "json"], ["series"],
            ["export", "raw", "--failures", "--out", "-"],
            ["export", "file", "--out", "-"], ["show", "--target", "url"],
            ["export", "elasticsearch", "--url", "http://u:\(canary)@127.0.0.1:1", "--timeout", "1s"],
        ] {
            let outcome = try await ChildProcess.run(
                Expvault.binary,
                command + ["--db", db]
            )
            said.append((command.joined(separator: " "), outcome.output + Array(outcome.error.utf8)))
        }
        for name in ["a.db", "a.db-wal", "a.db-shm", "a.db-lock", "a.db-export"] {
            said.append((name, TemporaryDirectory.contents(of: directory.file("vault/\(name)")) ?? []))
        }
        // As it is, and as HTTP's Basic writes it.
        let forms = [canary, "dXNlcjprYW5hcmll", "dTprYW5hcmll"]
        for (name, bytes) in said {
            for form in forms {
                #expect(
                    !contains(bytes, Array(form.utf8)),
                    "\(form) is in: \(name.replacing(canary, with: "…"))"
                )
            }
        }
        let scrapes = try JSONText.array(try await Expvault.output("targets", "--db", db, "--format", "json"))
        #expect(scrapes.first { $0["target"]?.string == "url" }?["scrapes"]?.integer ?? 0 > 0)
    }

    @Test(
        "a header that carries a credential is taken from a file only, and one that does not as it is",
        arguments: [
            "Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key", "X-Token", "X-Auth-Token",
            "PRIVATE-TOKEN",
            "X-Vault-Token", "apikey", "X-My-Secret", "X-Password", "Ocp-Apim-Subscription-Key", "X-Auth",
        ]
    )
    func secretHeaders(name: String) async throws {
        let canary = Self.canary
        let server = try await ExpvarServer.start { _ in .body("{\"n\": 1}") }
        let directory = try TemporaryDirectory()
        let db = directory.file("a.db")
        func record(_ arguments: [String]) async throws -> ChildProcess.Outcome {
            try await ChildProcess.run(Expvault.binary, ["record", "--db", db, "--count", "1"] + arguments)
        }
        let refused = try await record(["--header", "\(name): \(canary)", "a=\(server.url())"])
        #expect(refused.status == 78, "\(refused.error)")
        #expect(!refused.error.contains(canary))
        let config = directory.file("config.yaml")
        func configure(_ value: String) throws {
            let target = "{name: a, url: \"\(server.url())\", headers: {\(name): \"\(value)\"}}"
            try TemporaryDirectory.write("targets: [\(target)]\n", to: config)
        }
        try configure(canary)
        let inFile = try await record(["--config", config])
        #expect(inFile.status == 78 && !inFile.error.contains(canary), "\(inFile.error)")
        #expect(server.requests.isEmpty)
        guard name != "Authorization" else { return await server.stop() }

        let secret = directory.file("secret")
        try TemporaryDirectory.write(canary + "\n", to: secret, mode: 0o644)
        let open = try await record(["--header", "\(name): @\(secret)", "a=\(server.url())"])
        #expect(open.status == 78 && open.error.contains("chmod 600"), "\(open.error)")
        #expect(chmod(secret, 0o600) == 0)
        let good = try await record(["--header", "\(name): @\(secret)", "a=\(server.url())"])
        #expect(good.status == 0, "\(good.error)")
        try configure("@secret")
        let other = try await record(["--config", config, "--header", "X-Team: blue", "b=\(server.url())"])
        #expect(other.status == 0, "\(other.error)")
        await server.stop()
        #expect(server.requests.map { $0.header(name) ?? "" }.sorted() == ["", canary, canary])
        #expect(server.requests.contains { $0.header("X-Team") == "blue" })
    }

    @Test(
        "a key that was renewed in its file is sent after the server refused the old one",
        arguments: [401, 403]
    )
    func renewedHeader(status: Int) async throws {
        let server = try await ExpvarServer.start { request in
            request.header("X-Api-Key") == "new" ? .body("{\"n\": 1}") : .status(status)
        }
        let directory = try TemporaryDirectory()
        let secret = directory.file("secret")
        try TemporaryDirectory.write("old\n", to: secret)
        let recorder = try Expvault.start([
            "record", "--db", directory.file("a.db"), "--interval", "1s", "--log-level", "debug", "--header",
            "X-Api-Key: @\(secret)",
            "a=\(server.url())",
        ])
        #expect(await recorder.waitForError("error=status \(status)"))
        try TemporaryDirectory.write("new\n", to: secret)
        #expect(await recorder.waitForError("answers again"))
        recorder.signal(SIGTERM)
        #expect(try await recorder.wait().status == 0)
        await server.stop()
    }

    @Test("with --keep-query, or keep_query in the file, queries are stored as they are; in raw lines too")
    func keptQuery() async throws {
        let server = try await ExpvarServer.start { _ in .body("{\"n\": 1}") }
        let directory = try TemporaryDirectory()
        let url = server.url("/vars?debug=1&deep")
        func stored(_ arguments: [String]) async throws -> String {
            let db = directory.file("\(directory.names.count).db")
            let outcome = try await ChildProcess.run(
                Expvault.binary,
                arguments + ["--db", db]
            )
            #expect(outcome.status == 0, "\(outcome.error)")
            let targets = try await Expvault.output("targets", "--db", db, "--format", "json")
            return try JSONText.array(targets).first?["url"]?.string ?? ""
        }
        let config = directory.file("config.yaml")
        try TemporaryDirectory.write("keep_query: true\ntargets: [{name: a, url: \"\(url)\"}]\n", to: config)
        let lines = directory.file("lines.ndjson")
        try TemporaryDirectory.write(
            "{\"ts\":1700000000000,\"target\":\"a\",\"url\":\"\(url)\",\"body\":\"{\\\"n\\\":1}\"}\n",
            to: lines
        )
        let hidden = server.url("/vars?debug=…&…")
        #expect(try await stored(["record", "--count", "1", "a=\(url)"]) == hidden)
        #expect(try await stored(["record", "--count", "1", "--keep-query", "a=\(url)"]) == url)
        #expect(try await stored(["record", "--count", "1", "--config", config]) == url)
        #expect(try await stored(["import", lines]) == hidden)
        #expect(try await stored(["import", "--keep-query", lines]) == url)
        await server.stop()
        #expect(server.requests.allSatisfy { $0.path == "/vars?debug=1&deep" })
    }

    @Test("files are 0600 and the directory that is made 0700, whatever the umask")
    func modes() async throws {
        let server = try await ExpvarServer.start { _ in .body("{\"n\": 1}") }
        let directory = try TemporaryDirectory()
        let db = directory.file("deep/vault/a.db")
        let recorder = try ChildProcess.start(
            "/bin/sh",
            [
                "-c", "umask 000; exec \"$@\"", "sh", Expvault.binary, "record", "--db", db, "--interval",
                "50ms",
                "--redact-cmdline", "a=\(server.url())", "--log-level", "debug",
            ]
        )
        #expect(await recorder.waitForError("stored target=a"))
        for name in ["deep", "deep/vault"] { #expect(mode(directory.file(name)) == 0o700, "\(name)") }
        for name in ["a.db", "a.db-wal", "a.db-shm", "a.db-lock"] {
            #expect(mode(directory.file("deep/vault/\(name)")) == 0o600, "\(name)")
        }
        recorder.signal(SIGTERM)
        let outcome = try await recorder.wait()
        #expect(!outcome.error.contains("may write to the directory"))
        await server.stop()
    }

    @Test("a directory that others may write is warned of, and left as it is", arguments: [0o770, 0o707])
    func openDirectory(permissions: UInt32) async throws {
        let server = try await ExpvarServer.start { _ in .body("{}") }
        let directory = try TemporaryDirectory()
        #expect(chmod(directory.path, permissions) == 0)
        let outcome = try await Expvault.run(
            "record",
            "--db",
            directory.file("a.db"),
            "--interval",
            "60s",
            "--count",
            "1",
            "a=\(server.url())"
        )
        await server.stop()
        #expect(outcome.status == 0)
        #expect(outcome.error.contains("may write to the directory \(directory.path)"), "\(outcome.error)")
        #expect(mode(directory.path) == permissions)
    }

    @Test("a symbolic link in the place of the database is not followed")
    func symbolicLink() async throws {
        let directory = try TemporaryDirectory()
        let real = directory.file("real.db")
        _ = try await Expvault.run("record", "--db", real, "--count", "1", "a=http://127.0.0.1:1")
        let before = TemporaryDirectory.contents(of: real)
        let link = directory.file("link.db")
        #expect(symlink(real, link) == 0)
        for arguments in [
            ["record", "--count", "1", "a=http://127.0.0.1:1"], ["targets"], ["check"], ["compact"],
        ] {
            let outcome = try await ChildProcess.run(Expvault.binary, arguments + ["--db", link])
            #expect(outcome.status == 74, "\(arguments): \(outcome.error)")
            #expect(outcome.error.contains("symbolic link"))
        }
        #expect(TemporaryDirectory.contents(of: real) == before)
    }

    @Test(
        "a hand-made database is refused by all that read, and left as it is",
        arguments: [
            "PRAGMA application_id = 1",
            "CREATE TRIGGER evil AFTER UPDATE ON tail BEGIN DELETE FROM tail; END",
            "CREATE VIEW evil AS SELECT * FROM tail",
            "CREATE TABLE evil(x)",
            "DROP INDEX runs_by_target",
            "ALTER TABLE targets ADD COLUMN evil",
            "PRAGMA user_version = 999",
        ]
    )
    func handMade(sql: String) async throws {
        let directory = try TemporaryDirectory()
        let db = try await handMade(sql, in: directory)
        let before = TemporaryDirectory.contents(of: db)
        for arguments in [["targets"], ["check"], ["compact"], ["export", "raw", "--out", "-"]] {
            let outcome = try await ChildProcess.run(Expvault.binary, arguments + ["--db", db])
            #expect(outcome.status == 65, "\(arguments): \(outcome.status) \(outcome.error)")
            #expect(outcome.output.isEmpty || arguments == ["check"])
        }
        #expect(TemporaryDirectory.contents(of: db) == before)
    }

    @Test(
        "record uses no hand-made database: a foreign or newer one is refused, an altered one put aside as it is",
        arguments: [
            ("PRAGMA application_id = 1", false), ("PRAGMA user_version = 999", false),
            ("CREATE TRIGGER evil AFTER UPDATE ON tail BEGIN DELETE FROM tail; END", true),
            ("CREATE VIEW evil AS SELECT * FROM tail", true), ("DROP INDEX runs_by_target", true),
            ("ALTER TABLE targets ADD COLUMN evil", true),
        ]
    )
    func recordingOntoHandMade(sql: String, isPutAside: Bool) async throws {
        let directory = try TemporaryDirectory()
        let db = try await handMade(sql, in: directory)
        let before = TemporaryDirectory.contents(of: db)
        let outcome = try await Expvault.run("record", "--db", db, "--count", "1", "a=http://127.0.0.1:1")
        #expect(outcome.status == (65), "\(outcome.error)")
        let asides = directory.names.filter {
            $0.hasPrefix("a.db.damaged-") && !$0.hasSuffix("-wal") && !$0.hasSuffix("-shm")
        }
        #expect(asides.count == (isPutAside ? 1 : 0))
        #expect(TemporaryDirectory.contents(of: asides.first.map { directory.file($0) } ?? db) == before)
        guard isPutAside else { return }
        let checked = try await Expvault.run("check", "--db", db)
        #expect(checked.status == 0, "\(checked.error)")
    }

    /// A database of a scrape that somebody has changed.
    private func handMade(_ sql: String, in directory: TemporaryDirectory) async throws -> String {
        let db = directory.file("a.db")
        _ = try await Expvault.run("record", "--db", db, "--count", "1", "a=http://127.0.0.1:1")
        let connection = try Connection(path: db, role: .writer(create: false), busyMilliseconds: 0)
        try connection.execute(sql)
        _ = try connection.checkpoint(.truncate)
        connection.close()
        return db
    }

    private func mode(_ path: String) -> UInt32 {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
    }

    private func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
        bytes.indices.contains { bytes[$0] == part[0] && bytes[$0...].starts(with: part) }
    }
}
