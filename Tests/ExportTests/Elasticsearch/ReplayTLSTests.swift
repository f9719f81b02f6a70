import Export
import Model
import NIOSSL
import TestSupport
import Testing

/// Real certificates, made for this run: a server is believed only with the right one.
@Suite("Exporting over TLS")
struct ReplayTLSTests {
    private static let certificates = Result { try TestCertificates.make() }

    private func export(
        showing pair: (TestCertificates) -> TestCertificates.Pair,
        requiresClient: Bool = false,
        waitMax: Int64 = 120_000,
        _ change: (inout ClientTLS, TestCertificates) throws -> Void
    ) async throws -> ReplayReport {
        let certificates = try ReplayTLSTests.certificates.get()
        var tls = try pair(certificates).serverConfiguration()
        if requiresClient {
            tls.trustRoots = .file(certificates.authority)
            tls.certificateVerification = .noHostnameVerification
        }
        let service = try RecordedService()
        try await service.record(2)
        let server = try await ElasticsearchServer.start(tls: tls)
        let report = try await server.export(service) { configuration in
            try change(&configuration.client.tls, certificates)
            configuration.waitMax = waitMax
        }.run()
        let count = try server.contents().count
        #expect(count == (report.exitStatus == 0 ? 4 : 0))
        if report.exitStatus != 0 { #expect(server.with { $0.requests }.isEmpty) }
        try await server.stop()
        return report
    }

    @Test("a certificate of the authority named is accepted")
    func good() async throws {
        let report = try await export(showing: \.good) { $0.caFile = $1.authority }
        #expect(report.exitStatus == 0, "\(report.complaint ?? "")")
    }

    @Test("one that is out of date, for another host, or of an authority that nobody named fails closed")
    func bad() async throws {
        let expired = try await export(showing: \.expired) { $0.caFile = $1.authority }
        #expect(expired.exitStatus == 69)
        #expect(expired.complaint?.contains("has expired, on 20") == true)
        let other = try await export(showing: \.otherHost) { $0.caFile = $1.authority }
        #expect(other.exitStatus == 69)
        #expect(other.complaint?.contains("another host") == true)
        let unknown = try await export(showing: \.good) { _, _ in }
        #expect(unknown.exitStatus == 69)
        #expect(unknown.complaint?.contains("signed by no authority that is trusted") == true)
        let selfSigned = try await export(showing: \.selfSigned) { $0.caFile = $1.authority }
        #expect(selfSigned.exitStatus == 69)
        #expect(selfSigned.complaint?.contains("signed by no authority that is trusted") == true)
    }

    @Test("a client certificate is shown where the server wants one")
    func client() async throws {
        let without = try await export(showing: \.good, requiresClient: true, waitMax: 1_500) {
            $0.caFile = $1.authority
        }
        #expect(without.exitStatus == 69)
        let with = try await export(showing: \.good, requiresClient: true) { tls, certificates in
            tls.caFile = certificates.authority
            tls.clientCertificateFile = certificates.client.certificate
            tls.clientKeyFile = certificates.client.key
        }
        #expect(with.exitStatus == 0, "\(with.complaint ?? "")")
    }

    @Test("an authority is found by its fingerprint in the chain, and verifies in full")
    func fingerprint() async throws {
        let certificates = try ReplayTLSTests.certificates.get()
        func fingerprint(of path: String) throws -> String {
            let certificate = try NIOSSLCertificate.fromPEMFile(path)[0]
            return SHA256.hexadecimal(SHA256.digest(try certificate.toDERBytes()))
        }
        // A self-signed certificate is its own authority.
        let own = try fingerprint(of: certificates.selfSigned.certificate)
        let report = try await export(showing: \.selfSigned) { tls, _ in tls.caFingerprint = own.uppercased()
        }
        #expect(report.exitStatus == 0, "\(report.complaint ?? "")")
        // The right authority does not make up for a chain that lacks it, nor another's for any.
        let authority = try fingerprint(of: certificates.authority)
        let absent = try await export(showing: \.good, waitMax: 1_500) { tls, _ in
            tls.caFingerprint = authority
        }
        #expect(absent.exitStatus == 69)
        #expect(absent.complaint?.contains("fingerprint") == true)
    }
}
