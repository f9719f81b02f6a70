import Model
import NIOSSL
import TestSupport
import Testing

@testable import Recorder

@Suite struct ScraperTLSTests {
    /// One scrape of a server that shows that certificate.
    private func scrape(
        _ configuration: TLSConfiguration,
        host: String = "127.0.0.1",
        _ change: (inout TLSSettings) -> Void
    ) async throws -> Scrape {
        let server = try await ExpvarServer.start(tls: configuration) { _ in .body("{}") }
        var settings = try ScraperBench.settings(server.url(host: host))
        change(&settings.tls)
        let scrape = try await ScraperBench().with(settings) { try await $0.scrape() }
        await server.stop()
        return scrape
    }

    @Test("a certificate is taken or refused, each refusal with its reason")
    func certificates() async throws {
        let made = try TestCertificates.make()
        defer { made.remove() }
        let trust: (inout TLSSettings) -> Void = { $0.caFile = made.authority }
        let good = try made.good.serverConfiguration()

        #expect(try await scrape(good, trust).document == "{}")
        #expect(try await scrape(good, host: "localhost", trust).document == "{}")
        #expect(
            try await scrape(good) { _ in }.reason
                == "the certificate is signed by no authority that is trusted (see ca_file)"
        )
        let expired = try await scrape(made.expired.serverConfiguration(), trust).reason
        #expect(expired?.hasPrefix("the certificate has expired, on 20") == true, "\(expired ?? "")")
        #expect(
            try await scrape(made.otherHost.serverConfiguration(), trust).reason
                == "the certificate is for another host"
        )
        #expect(
            try await scrape(made.selfSigned.serverConfiguration(), trust).reason
                == "the certificate is signed by no authority that is trusted (see ca_file)"
        )
        #expect(
            try await scrape(made.selfSigned.serverConfiguration()) { $0.isInsecure = true }.document == "{}"
        )
        #expect(
            try await scrape(made.expired.serverConfiguration()) { $0.isInsecure = true }.document == "{}"
        )
    }

    @Test("TLS 1.1 is refused")
    func oldTLS() async throws {
        let made = try TestCertificates.make()
        defer { made.remove() }
        var old = try made.good.serverConfiguration()
        old.minimumTLSVersion = .tlsv1
        old.maximumTLSVersion = .tlsv11
        let reason = try await scrape(old) { $0.caFile = made.authority }.reason
        #expect(reason == "the server speaks no TLS 1.2 or newer")
        let insecure = try await scrape(old) { $0.isInsecure = true }.reason
        #expect(insecure == "the server speaks no TLS 1.2 or newer")
    }

    @Test("a client certificate is shown where one is set")
    func clientCertificate() async throws {
        let made = try TestCertificates.make()
        defer { made.remove() }
        var strict = try made.good.serverConfiguration()
        strict.certificateVerification = .noHostnameVerification
        strict.trustRoots = .file(made.authority)
        let without = try await scrape(strict) { $0.caFile = made.authority }
        #expect(without.reason == "the server wants a client certificate (see client_cert)")
        let with = try await scrape(strict) { tls in
            tls.caFile = made.authority
            tls.clientCertificateFile = made.client.certificate
            tls.clientKeyFile = made.client.key
        }
        #expect(with.document == "{}")
    }

    @Test("a server without TLS is told from one with it")
    func plain() async throws {
        let server = try await ExpvarServer.start { _ in .body("{}") }
        let settings = try ScraperBench.settings(
            "https://127.0.0.1:\(server.port)/",
            timeoutMilliseconds: 300
        )
        let scrape = try await ScraperBench().with(settings) { try await $0.scrape() }
        // Our hello is no HTTP to it, and what it does then is its own affair.
        #expect(scrape.reason != nil)
        #expect(scrape.document == nil)
        await server.stop()
    }

    @Test("files that are no certificates are configuration errors that name them")
    func files() throws {
        let made = try TestCertificates.make()
        defer { made.remove() }
        var tls = TLSSettings()
        tls.caFile = made.good.key
        #expect(throws: ConfigurationError("holds no certificate in PEM", file: made.good.key)) {
            try tls.clientConfiguration()
        }
        tls.caFile = "\(made.directory)/absent"
        #expect(throws: ConfigurationError.self) { try tls.clientConfiguration() }
        tls.caFile = nil
        tls.clientCertificateFile = made.client.certificate
        tls.clientKeyFile = made.client.certificate
        #expect(throws: ConfigurationError.self) { try tls.clientConfiguration() }
        tls.clientKeyFile = made.good.key
        #expect(
            throws: ConfigurationError(
                "is not the key of the certificate in \(made.client.certificate)",
                file: made.good.key
            )
        ) { try tls.clientConfiguration() }
    }

    @Test("a renewed certificate counts as a change")
    func renewed() throws {
        let first = try TestCertificates.make()
        defer { first.remove() }
        var tls = TLSSettings()
        tls.caFile = first.authority
        let before = try tls.fileFingerprint()
        #expect(try tls.fileFingerprint() == before)
        tls.caFile = first.selfSigned.certificate
        #expect(try tls.fileFingerprint() != before)
    }
}
