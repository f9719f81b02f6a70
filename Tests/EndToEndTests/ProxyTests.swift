import JSON
import TestBasics
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// `export elasticsearch` through a real proxy, tinyproxy, as Debian has it.
@Suite struct ProxyTests {
    private static let program = "tinyproxy/usr/bin/tinyproxy"
    private static let isThere = (try? Programs.tool(program)) != nil

    private struct NotStarted: Error {}

    /// A proxy on a free port, with a password where one is given, and a log.
    private static func start(
        _ directory: TemporaryDirectory,
        password: String? = nil
    ) async throws -> (process: ChildProcess, port: Int) {
        for _ in 0..<20 {
            let taken = try TakenPort()
            let port = Int(taken.port)
            taken.close()
            var lines = [
                "Port \(port)", "Listen 127.0.0.1", "Timeout 60", "MaxClients 20", "LogLevel Connect",
                "DisableViaHeader Yes",
                "LogFile \"\(directory.file("proxy.log"))\"",
            ]
            if let password { lines.append("BasicAuth edge \(password)") }
            let file = try directory.write((lines.joined(separator: "\n") + "\n").utf8, to: "tinyproxy.conf")
            let process = try ChildProcess.start(try Programs.tool(program), ["-d", "-c", file])
            let isUp = await Waiting.until { !process.isRunning || connects(port) }
            // Another process may have taken the port in between.
            if isUp, process.isRunning { return (process, port) }
        }
        throw NotStarted()
    }

    private static func connects(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    private func database(_ directory: TemporaryDirectory) async throws -> String {
        try await ReplayMappingTests.database(
            directory,
            (0..<20).map { CommandLineTests.body(requests: $0, collections: $0) }
        )
    }

    private func log(_ directory: TemporaryDirectory) -> String {
        String(decoding: directory.read("proxy.log"), as: UTF8.self)
    }

    @Test(
        "https goes through a tunnel, http by whole URLs, and every document arrives",
        .enabled(if: isThere, "scripts/fetch-test-servers tinyproxy brings it"),
        arguments: [true, false]
    )
    func through(isTLS: Bool) async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let proxy = try await Self.start(directory, password: "geheim-4711")
        let certificates = try TestCertificates.make()
        defer { certificates.remove() }
        let server = try await ElasticsearchServer.start(
            tls: isTLS ? try certificates.good.serverConfiguration() : nil
        )
        let password = try directory.write("geheim-4711\n".utf8, to: "password")
        var arguments = ["export", "elasticsearch", "--url", server.url, "--db", db, "--format", "json"]
        if isTLS { arguments += ["--ca-file", certificates.authority] }
        let named = ["--proxy", "http://127.0.0.1:\(proxy.port)"]
        let outcome = try await ChildProcess.run(
            Expvault.binary,
            arguments + named + ["--proxy-user", "edge", "--proxy-password-file", password]
        )
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(try JSONText.lines(outcome.text).first?["sent"]?.integer == 40)
        let said = log(directory)
        #expect(
            said.contains(
                isTLS ? "CONNECT 127.0.0.1:\(server.port)" : "http://127.0.0.1:\(server.port)/_bulk"
            ),
            "\(said)"
        )
        // Without the password the proxy says no, and that is told as what it is.
        let refused = try await ChildProcess.run(Expvault.binary, arguments + named)
        #expect(refused.status == (isTLS ? 69 : 77), "\(refused.error)")
        #expect(refused.error.contains("--proxy-password-file"), "\(refused.error)")
        // By the environment, where a URL may hold them; what NO_PROXY names goes without.
        let variable = isTLS ? "HTTPS_PROXY" : "HTTP_PROXY"
        let environment = [variable: "http://edge:geheim-4711@127.0.0.1:\(proxy.port)"]
        let before = log(directory).count
        let by = try await ChildProcess.run(Expvault.binary, arguments, environment: environment)
        #expect(by.status == 0, "\(by.error)")
        let after = log(directory).count
        #expect(after > before)
        let without = try await ChildProcess.run(
            Expvault.binary,
            arguments,
            environment: environment.merging(["NO_PROXY": "example.org,127.0.0.1"]) { $1 }
        )
        #expect(without.status == 0, "\(without.error)")
        #expect(log(directory).count == after)
        proxy.process.signal(SIGTERM)
        _ = try await proxy.process.wait()
        let away = try await ChildProcess.run(
            Expvault.binary,
            arguments + named + ["--max-wait", "1s"]
        )
        #expect(away.status == 69)
        #expect(away.error.contains("by the proxy 127.0.0.1:\(proxy.port)"), "\(away.error)")
        try await server.stop()
    }

    @Test("a password on the command line is refused, whatever the proxy")
    func passwordInURL() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let outcome = try await Expvault.run(
            "export",
            "elasticsearch",
            "--url",
            "http://127.0.0.1:1",
            "--db",
            db,
            "--proxy",
            "http://u:secret@127.0.0.1:2"
        )
        #expect(outcome.status == 78)
        #expect(outcome.error.contains("--proxy-password-file"))
        #expect(!outcome.error.contains("secret"))
    }
}
