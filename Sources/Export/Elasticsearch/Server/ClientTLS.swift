import HTTPClient
import Model
import NIOCore
import NIOPosix
import NIOSSL

/// How a server's certificate is verified, and which one we show.
package struct ClientTLS: Hashable, Sendable {
    /// Authorities to believe instead of the system's; a PEM file.
    package var caFile: String?
    /// SHA-256 of an authority's certificate, as Elasticsearch prints it when it is first started.
    package var caFingerprint: String?
    /// Our own certificate and its key, which only its owner may read.
    package var clientCertificateFile: String?
    package var clientKeyFile: String?

    /// The system's authorities, and no certificate of our own.
    package init() {}

    /// The options by which something else was said.
    var options: [String] {
        [
            ("--ca-file", caFile), ("--ca-fingerprint", caFingerprint),
            ("--client-cert", clientCertificateFile), ("--client-key", clientKeyFile),
        ].compactMap { $0.1 == nil ? nil : $0.0 }
    }

    /// What NIOSSL is to do; reads the files, and asks the server for its chain where a fingerprint is given.
    func configuration(
        for url: ElasticsearchURL,
        proxy: HTTPProxy?,
        group: any EventLoopGroup
    ) async throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let caFile { configuration.trustRoots = .certificates(try Self.certificates(of: caFile)) }
        if let caFingerprint, url.isTLS {
            let authority = try await FingerprintPin.authority(
                caFingerprint,
                of: url,
                proxy: proxy,
                group: group
            )
            configuration.trustRoots = .certificates([authority])
        }
        guard (clientCertificateFile == nil) == (clientKeyFile == nil) else {
            throw ExportSetupError("--client-cert and --client-key go together")
        }
        if let clientCertificateFile, let clientKeyFile {
            configuration.certificateChain = try Self.certificates(of: clientCertificateFile).map {
                .certificate($0)
            }
            let bytes = try CredentialText.bytes(of: clientKeyFile, mustBePrivate: true)
            // BoringSSL does not say in words what is wrong with a key; the error below does.
            guard let key = try? NIOSSLPrivateKey(bytes: bytes, format: .pem) else {
                throw ExportSetupError("\(clientKeyFile) holds no private key in PEM without a passphrase")
            }
            configuration.privateKey = .privateKey(key)
            var pair = TLSConfiguration.makeClientConfiguration()
            pair.trustRoots = .certificates([])
            pair.certificateChain = configuration.certificateChain
            pair.privateKey = configuration.privateKey
            // Both were read, so that all that can be wrong with them is that they do not belong together.
            guard (try? NIOSSLContext(configuration: pair)) != nil else {
                throw ExportSetupError(
                    "\(clientKeyFile) (--client-key) is not the key of the certificate in \(clientCertificateFile)"
                )
            }
        }
        return configuration
    }

    private static func certificates(of path: String) throws -> [NIOSSLCertificate] {
        let bytes = try CredentialText.bytes(of: path, mustBePrivate: false)
        // What NIOSSL throws says no more than this.
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes), !certificates.isEmpty else {
            throw ExportSetupError("\(path) holds no certificate in PEM")
        }
        return certificates
    }
}

/// Finds the authority with a given fingerprint in the chain that a server shows.
///
/// Only that: nothing is sent over this connection, and the certificate found is then the one authority by which every
/// later connection is verified in full, host name and dates included.
enum FingerprintPin {
    /// The certificate in the server's chain whose SHA-256 is that.
    ///
    /// - Throws: `ExportSetupError` for a fingerprint that is none; `ReplayStop` where no certificate has it.
    static func authority(
        _ fingerprint: String,
        of url: ElasticsearchURL,
        proxy: HTTPProxy?,
        group: any EventLoopGroup
    ) async throws -> NIOSSLCertificate {
        let wanted = fingerprint.lowercased().filter { $0 != ":" }
        guard wanted.utf8.count == 64, wanted.allSatisfy(\.isHexDigit) else {
            throw ExportSetupError("--ca-fingerprint takes the 64 hexadecimal digits of a SHA-256")
        }
        let chain: [NIOSSLCertificate]
        do {
            chain = try await self.chain(of: url, proxy: proxy, group: group)
        } catch {
            throw ReplayStop(.unavailable, "\(url) does not show its certificates: \(reason(for: error))")
        }
        for certificate in chain {
            let bytes = try certificate.toDERBytes()
            if SHA256.hexadecimal(SHA256.digest(bytes)) == wanted { return certificate }
        }
        throw ReplayStop(
            .unavailable,
            "\(url) shows no certificate with the fingerprint given; is it the right server, and does it send its CA?"
        )
    }

    private static func reason(for error: any Error) -> String {
        switch error {
        case is NIOConnectionError, is IOError, ChannelError.connectTimeout: "it cannot be reached"
        case is NIOSSLError, is BoringSSLError: TLSFailureText.words(for: "\(error)", of: "it")
        default: "the connection was cut"
        }
    }

    /// The certificates that a server shows, its own first; nothing is sent or believed.
    static func chain(
        of url: ElasticsearchURL,
        proxy: HTTPProxy?,
        group: any EventLoopGroup
    ) async throws -> [NIOSSLCertificate] {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        let context = try NIOSSLContext(configuration: configuration)
        let eventLoop = group.next()
        let shown = eventLoop.makePromise(of: [NIOSSLCertificate].self)
        let host = url.host
        // An address is no server name (RFC 6066, 3), and NIOSSL refuses it as one.
        let name = host.contains(":") || host.allSatisfy({ $0.isNumber || $0 == "." }) ? nil : host
        let fill: @Sendable (any Channel) throws -> Void = { channel in
            let look: NIOSSLCustomVerificationCallback = { chain, verdict in
                shown.succeed(chain)
                // Enough was seen; the handshake need not go on.
                verdict.succeed(.failed)
            }
            let handler = try NIOSSLClientHandler(
                context: context,
                serverHostname: name,
                customVerificationCallback: look
            )
            try channel.pipeline.syncOperations.addHandlers([handler, FailureRelay(promise: shown)])
        }
        let opened = eventLoop.makePromise(of: Void.self)
        let connected = ClientBootstrap(group: eventLoop)
            .connectTimeout(.seconds(10))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let proxy else { return try fill(channel) }
                    let tunnel = ProxyTunnel(to: host, port: url.port, via: proxy, promise: opened)
                    try channel.pipeline.syncOperations.addHandler(tunnel)
                }
            }
            .connect(host: proxy?.host ?? host, port: proxy?.port ?? url.port)
        connected.whenFailure { shown.fail($0) }
        if proxy == nil { opened.succeed() } else { connected.whenFailure { opened.fail($0) } }
        if proxy != nil {
            connected.and(opened.futureResult).whenComplete { result in
                do {
                    try fill(try result.get().0)
                } catch {
                    shown.fail(error)
                }
            }
        }
        defer { connected.whenSuccess { $0.close(promise: nil) } }
        return try await shown.futureResult.get()
    }

    /// Fails the promise where the connection ends before a certificate was seen.
    private final class FailureRelay: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let promise: EventLoopPromise<[NIOSSLCertificate]>

        init(promise: EventLoopPromise<[NIOSSLCertificate]>) {
            self.promise = promise
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            promise.fail(error)
            context.close(promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) {
            promise.fail(ChannelError.eof)
        }
    }
}
