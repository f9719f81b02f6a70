import HTTPClient
import Model
import NIOCore
import NIOSSL

/// Why TLS with a server failed, in words that name the option that mends it.
enum TLSFailureText {
    /// The sentence for an error of that text; `server` is its URL.
    static func words(for text: String, of server: String) -> String {
        switch TLSFailure(errorText: text) {
        case .untrusted:
            "the certificate of \(server) is signed by no authority that is trusted; "
                + "see --ca-file and --ca-fingerprint"
        case .oldProtocol: "\(server) speaks no TLS 1.2 or newer"
        case .noTLS: "\(server) does not speak TLS; is it http://?"
        case .clientCertificateWanted:
            "\(server) wants a client certificate; see --client-cert and --client-key"
        case .clientCertificateExpired: "\(server) refused the client certificate: it has expired"
        case .clientAuthorityUnknown:
            "\(server) refused the client certificate: it knows no authority that signed it"
        case .clientCertificateRefused: "\(server) refused the client certificate"
        case .handshakeRefused: "\(server) refused the TLS handshake"
        case .endedInHandshake: "\(server) closed the connection during the TLS handshake"
        case .cut: "the connection was cut before the answer was complete"
        case .unknown: "TLS with \(server) failed"
        }
    }

    /// The sentence for a certificate that was not believed: its dates, where they are why.
    ///
    /// BoringSSL only says that verification failed, so the server is asked once more for what it shows.
    static func untrusted(
        _ url: ElasticsearchURL,
        proxy: HTTPProxy?,
        group: any EventLoopGroup
    ) async -> String {
        let general = words(for: "CERTIFICATE_VERIFY_FAILED", of: "\(url)")
        // Where it is not shown again, the first reason stands.
        guard let chain = try? await FingerprintPin.chain(of: url, proxy: proxy, group: group) else {
            return general
        }
        let now = Timestamp(milliseconds: MonotonicClock.wall)
        for (index, certificate) in chain.enumerated() {
            let dates = CertificateDates(
                notBefore: Int64(certificate.notValidBefore),
                notAfter: Int64(certificate.notValidAfter)
            )
            guard let complaint = dates.complaint(now: now) else { continue }
            return "the certificate of \(url)\(index == 0 ? "" : "'s authority") \(complaint)"
        }
        return general
    }
}
