import JSON
import TestBasics
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// `expvault discover` and `record --discover`, among real Go programs and others.
///
/// Other programs of this machine may be found as well: each test looks at its own alone.
@Suite struct DiscoverTests {
    /// What is found, by URL.
    private func discover(_ db: String) async throws -> [String: JSONValue] {
        let text = try await Expvault.output("discover", "--db", db, "--format", "json")
        return Dictionary(try JSONText.array(text).map { ($0["url"]?.string ?? "", $0) }) { first, _ in first
        }
    }

    /// Where the demo service listens, as `discover` prints it.
    private static func vars(_ url: String) -> String {
        url.hasPrefix("unix:") ? url + ":/debug/vars" : url + "/debug/vars"
    }

    @Test(
        "Go programs on IPv4, IPv6 and a Unix socket are found and asked, others are not, and no silence holds it up"
    )
    func finds() async throws {
        let directory = try TemporaryDirectory()
        let db = directory.file("a.db")
        let four = try await GoService.start()
        let six = try? await GoService.start(listen: "[::1]:0")
        let socket = try await GoService.start(listen: "unix:\(directory.file("app.sock"))")
        // One that takes connections and never answers, as a program that hangs.
        let silent = try await GoService.start()
        silent.process.signal(SIGSTOP)
        defer { silent.process.signal(SIGCONT) }
        let other = try await ExpvarServer.start { _ in .body("{\"cmdline\": []}") }
        // Recorded already, by another spelling of its address.
        _ = try await Expvault.run(
            "record",
            "--db",
            db,
            "--count",
            "1",
            "--interval",
            "60s",
            "--timeout",
            "60s",
            "demo=:\(four.port)"
        )
        // On a busy machine an answer may take longer than the second that each has.
        let urls = [four.url, socket.url] + (six.map { [$0.url] } ?? [])
        var found: [String: JSONValue] = [:]
        _ = try await Waiting.until {
            found = try await discover(db)
            return urls.allSatisfy { found[Self.vars($0)]?["answer"]?.string == "vars" }
        }
        let first = try #require(found[Self.vars(four.url)])
        #expect(first["answer"]?.string == "vars")
        #expect(first["recorded"]?.boolean == true)
        #expect(first["program"]?.string == "demo-service")
        #expect(first["go"]?.string?.hasPrefix("go1.") == true)
        #expect(first["pid"]?.integer == Int64(four.process.pid))
        #expect(found[Self.vars(socket.url)]?["answer"]?.string == "vars")
        #expect(found[Self.vars(socket.url)]?["recorded"]?.boolean == false)
        if let six { #expect(found[Self.vars(six.url)]?["answer"]?.string == "vars") }
        #expect(found[Self.vars(silent.url)]?["answer"]?.string == "no answer within 1s")
        #expect(other.requests.isEmpty, "whoever is no Go program is not asked")
        #expect(!found.keys.contains { $0.contains(":\(other.port)/") })
        await other.stop()
        silent.process.signal(SIGCONT)
        for service in [four, six?.service, socket.service, silent] { try await service?.stop() }
    }

    @Test(
        "what it prints for the configuration file and for record is taken by both, and no database is no error"
    )
    func formats() async throws {
        let directory = try TemporaryDirectory()
        let db = directory.file("none.db")
        let service = try await GoService.start()
        var (yaml, arguments) = ("", "")
        _ = try await Waiting.until {
            yaml = try await Expvault.output("discover", "--db", db, "--format", "yaml")
            arguments = try await Expvault.output("discover", "--db", db, "--format", "args")
            return yaml.contains(service.url) && arguments.contains(service.url)
        }
        #expect(TemporaryDirectory.contents(of: db) == nil)
        #expect(yaml.contains("url: \"\(service.url)/debug/vars\""), "\(yaml)")
        let word = try #require(
            arguments.split(separator: "\n").first { $0.hasSuffix("\(service.url)/debug/vars") }
        )
        let config = try directory.write(yaml.utf8, to: "expvault.yaml")
        let once = ["--count", "1", "--interval", "60s", "--timeout", "60s"]
        let byFile = try await ChildProcess.run(
            Expvault.binary,
            ["record", "--db", directory.file("f.db"), "--config", config] + once
        )
        #expect(byFile.status == 0, "\(byFile.error)")
        let byWord = try await ChildProcess.run(
            Expvault.binary,
            ["record", "--db", directory.file("w.db"), String(word)] + once
        )
        #expect(byWord.status == 0, "\(byWord.error)")
        try await service.stop()
    }

    @Test("record --discover records what it finds beside what is named, and a reload takes nothing away")
    func records() async throws {
        let directory = try TemporaryDirectory()
        let db = directory.file("a.db")
        let service = try await GoService.start()
        let named = try await GoService.start()
        let config = try directory.write(
            "interval: 60s\ntimeout: 60s\ntargets: [{name: mine, url: ':\(named.port)'}]\n".utf8,
            to: "expvault.yaml"
        )
        let recorder = try Expvault.start(
            ["record", "--db", db, "--discover", "--config", config, "--log-level", "debug"]
        )
        func targets() async throws -> [String: String] {
            let text = try await Expvault.output("targets", "--db", db, "--format", "json")
            return Dictionary(
                try JSONText.array(text).map { ($0["url"]?.string ?? "", $0["target"]?.string ?? "") }
            ) { first, _ in first }
        }
        let url = Self.vars(service.url)
        let isThere = await Waiting.until {
            guard recorder.isRunning else { return true }
            // There is no database in the first moments.
            let found = (try? await targets()) ?? [:]
            return found[url] != nil && found.values.contains("mine")
        }
        #expect(isThere && recorder.isRunning, "\(recorder.errorSoFar)")
        let found = try await targets()
        #expect(found["http://localhost:\(named.port)/debug/vars"] == "mine")
        #expect(found[Self.vars(named.url)] == nil, "it is recorded as it is named")
        #expect(found[url]?.hasPrefix("demo-service") == true)
        #expect(recorder.errorSoFar.contains("found \(found[url] ?? "?"): process \(service.process.pid)"))
        recorder.signal(SIGHUP)
        #expect(await recorder.waitForError("read the configuration again"))
        recorder.signal(SIGTERM)
        let outcome = try await recorder.wait()
        #expect(outcome.status == 0)
        #expect(outcome.error.contains("nothing changed"), "\(outcome.error)")
        try await service.stop()
        try await named.stop()
    }

    @Test(
        "the ports of processes that may not be looked at are counted and named",
        .enabled(if: geteuid() == 0, "another user is needed")
    )
    func hidden() async throws {
        let directory = try TemporaryDirectory()
        chmod(directory.path, 0o755)
        let service = try await GoService.start()
        // A copy that anybody may run, wherever the build lies.
        let program = directory.file("expvault")
        _ = try await ChildProcess.run("/bin/cp", [Expvault.binary, program])
        chmod(program, 0o755)
        let outcome = try await ChildProcess.run(
            "/usr/bin/setpriv",
            [
                "--reuid", "65534", "--regid", "65534", "--clear-groups", program, "discover", "--format",
                "json",
                "--db", "/nonexistent/a.db",
            ]
        )
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(!outcome.text.contains(":\(service.port)/"))
        #expect(outcome.error.contains("may not be looked at"), "\(outcome.error)")
        let ports = outcome.error.split { !$0.isNumber }.compactMap { Int($0) }
        #expect(ports.contains(service.port) || outcome.error.contains(" more)"), "\(outcome.error)")
        try await service.stop()
    }
}
