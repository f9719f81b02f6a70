/// What went wrong when TLS was spoken.
///
/// BoringSSL's errors are told apart by the names in their text; they have no other public face. Whoever met one has
/// words of its own for it, since another option mends it.
package enum TLSFailure: Hashable, Sendable {
    /// The server's certificate was not believed: its dates, or who signed it. See `CertificateDates`.
    case untrusted
    /// The server speaks no version that we take.
    case oldProtocol
    /// What the server speaks is no TLS.
    case noTLS
    /// The server wants to see a certificate of ours.
    case clientCertificateWanted
    /// The server says that our certificate has expired.
    case clientCertificateExpired
    /// The server knows nobody who signed our certificate.
    case clientAuthorityUnknown
    /// The server does not take our certificate.
    case clientCertificateRefused
    /// The server broke the handshake off, and said no more.
    case handshakeRefused
    /// The connection ended in the middle of the handshake.
    case endedInHandshake
    /// The connection ended without TLS's own end, as in the middle of an answer.
    case cut
    /// Something else.
    case unknown

    /// What the error of that text is about.
    package init(errorText text: String) {
        self = TLSFailure.names.first { text.contains($0.0) }?.1 ?? .unknown
    }

    /// The first that is found counts: an alert about a certificate is no failed verification of ours.
    private static let names: [(String, TLSFailure)] = [
        ("CERTIFICATE_VERIFY_FAILED", .untrusted),
        ("unableToValidateCertificate", .untrusted),
        ("UNSUPPORTED_PROTOCOL", .oldProtocol),
        ("PROTOCOL_VERSION", .oldProtocol),
        ("WRONG_VERSION_NUMBER", .noTLS),
        ("HTTP_REQUEST", .noTLS),
        ("CERTIFICATE_REQUIRED", .clientCertificateWanted),
        ("ALERT_CERTIFICATE_EXPIRED", .clientCertificateExpired),
        ("ALERT_UNKNOWN_CA", .clientAuthorityUnknown),
        ("ALERT_BAD_CERTIFICATE", .clientCertificateRefused),
        ("ALERT_CERTIFICATE", .clientCertificateRefused),
        ("ALERT_UNSUPPORTED_CERTIFICATE", .clientCertificateRefused),
        ("HANDSHAKE_FAILURE", .handshakeRefused),
        ("EOF during handshake", .endedInHandshake),
        ("uncleanShutdown", .cut),
        ("unableToReadFromBio", .cut),
    ]
}

/// From when to when a certificate holds, in Unix seconds.
package struct CertificateDates: Hashable, Sendable {
    package var notBefore: Int64
    package var notAfter: Int64

    /// The dates that stand in a certificate.
    package init(notBefore: Int64, notAfter: Int64) {
        self.notBefore = notBefore
        self.notAfter = notAfter
    }

    /// What is wrong with them at `now`, as in `has expired, on 2026-01-02`; nil where nothing is.
    package func complaint(now: Timestamp) -> String? {
        let seconds = now.milliseconds / 1000
        if notAfter < seconds {
            return "has expired\(CertificateDates.day(notAfter).map { ", on \($0)" } ?? "")"
        }
        if notBefore > seconds {
            return "is not valid\(CertificateDates.day(notBefore).map { " before \($0)" } ?? "")"
        }
        return nil
    }

    /// The day of those Unix seconds; nil where it is none that can be written.
    private static func day(_ seconds: Int64) -> String? {
        let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        guard !overflow, let time = Timestamp(accepting: milliseconds) else { return nil }
        return String(TimestampText.format(time).prefix(10))
    }
}
