import HTTPClient
import Model
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Why a scrape failed, in words that help a person, without credentials and control characters.
enum FailureReason {
    /// A longer reason is cut, in characters; parts of it may come from the target.
    static let charactersMax = 200

    /// The certificate was refused, and why is not known yet; see `CertificateInspection`.
    static let refusedCertificate = "the certificate is signed by no authority that is trusted (see ca_file)"

    /// The reason for an error of a request.
    static func describe(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError: connection(error)
        case let error as IOError: system(error.errnoCode)
        case is HTTPConnection.Closed: closedEarly
        case is ResponseHeadLimit.Exceeded:
            "the headers are larger than \(SizeText.exact(bytes: headBytesMax))"
        case let error as HTTPParserError: parser(error)
        case let error as NIOSSLError: tls("\(error)")
        case let error as BoringSSLError: tls("\(error)")
        case let error as NIOSSLExtraError: extraTLS(error)
        case ChannelError.connectTimeout: "no connection in time"
        case let error as ChannelError
        where error == .ioOnClosedChannel || error == .eof || error == .alreadyClosed:
            closedEarly
        case let error as ConfigurationError: error.description
        case is SocketAddressError.UnknownHost: unknownHost
        default: EscapedText.escape("the request failed: \(error)", charactersMax: charactersMax)
        }
    }

    /// The reason for a scrape that took longer than its deadline.
    static func timedOut(afterMilliseconds milliseconds: Int64) -> String {
        "timed out after \(DurationText.format(milliseconds: milliseconds))"
    }

    /// The reason for a redirect; the place it names is shown without user and password.
    static func redirect(status: Int, location: String?) -> String {
        guard let location else { return "status \(status), a redirect, not followed" }
        let shown: String
        // An address that is none is shown as it is.
        if TargetURL.hasScheme(location), let url = try? TargetURL.parse(location).url {
            shown = url.description
        } else if location.contains("@") {
            // What we cannot read may hold a password; better unsaid.
            return "status \(status), a redirect, not followed"
        } else {
            shown = URLQuery.hidingValues(of: location)
        }
        return "redirect to \(EscapedText.escape(shown, charactersMax: charactersMax)), not followed"
    }

    private static let headBytesMax = Int64(Scraper.headBytesMax)
    private static let closedEarly = "the server closed the connection before the answer was complete"
    private static let unknownHost = "the host name cannot be resolved"

    private static func connection(_ error: NIOConnectionError) -> String {
        // With several addresses the last one's reason stands for all; they nearly always agree.
        if let last = error.connectionErrors.last { return describe(last.error) }
        return error.dnsAError != nil || error.dnsAAAAError != nil ? unknownHost : "no connection in time"
    }

    private static func system(_ code: CInt) -> String {
        switch code {
        case ECONNREFUSED: "connection refused"
        case ENOENT: "the socket is not there"
        case ECONNRESET, EPIPE: "the server reset the connection"
        case EHOSTUNREACH: "no route to the host"
        case ENETUNREACH: "the network is unreachable"
        case ETIMEDOUT: "the connection timed out"
        case EMFILE, ENFILE: "too many open files on this host"
        default: String(cString: strerror(code)).lowercased()
        }
    }

    private static func parser(_ error: HTTPParserError) -> String {
        switch error {
        case .invalidEOFState: closedEarly
        case .headerOverflow: "the headers are larger than \(SizeText.exact(bytes: headBytesMax))"
        default: "the answer is no HTTP"
        }
    }

    private static func extraTLS(_ error: NIOSSLExtraError) -> String {
        switch error {
        case .failedToValidateHostname, .serverHostnameImpossibleToMatch:
            "the certificate is for another host"
        default: "TLS failed"
        }
    }

    private static func tls(_ text: String) -> String {
        switch TLSFailure(errorText: text) {
        case .untrusted: refusedCertificate
        case .oldProtocol: "the server speaks no TLS 1.2 or newer"
        case .noTLS: "the server does not speak TLS"
        case .clientCertificateWanted: "the server wants a client certificate (see client_cert)"
        case .clientCertificateExpired: "the server refused the client certificate: it has expired"
        case .clientAuthorityUnknown:
            "the server refused the client certificate: it knows no authority that signed it"
        case .clientCertificateRefused: "the server refused the client certificate"
        case .handshakeRefused: "the server refused the TLS handshake"
        case .endedInHandshake: "the server closed the connection during the TLS handshake"
        case .cut: closedEarly
        case .unknown: "TLS failed"
        }
    }
}
