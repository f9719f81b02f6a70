import Model
import NIOCore
import NIOPosix
import NIOSSL

/// Looks at a certificate that was refused, to say why.
///
/// BoringSSL only says that verification failed. So the target is connected to once more, the certificate is
/// taken from the handshake, which is then broken off: nothing is sent or believed.
enum CertificateInspection {
    /// How long the look may take.
    static let timeout = TimeAmount.seconds(2)

    /// A more exact reason than `FailureReason.refusedCertificate`; nil where there is none.
    static func reason(
        for url: TargetURL,
        now: Timestamp,
        group: any EventLoopGroup
    ) async -> String? {
        let eventLoop = group.next()
        let promise = eventLoop.makePromise(of: [NIOSSLCertificate].self)
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        // What is no address is a name.
        let isName = (try? SocketAddress(ipAddress: url.host, port: 1)) == nil
        // An inspection for a hint: without it the error stands as it is.
        guard let context = try? NIOSSLContext(configuration: configuration) else {
            promise.fail(ChannelError.eof)
            return nil
        }
        let bootstrap = ClientBootstrap(group: eventLoop).connectTimeout(timeout).channelInitializer {
            channel in
            channel.eventLoop.makeCompletedFuture {
                let handler = try NIOSSLClientHandler(
                    context: context,
                    serverHostname: isName ? url.host : nil,
                    customVerificationCallback: { certificates, verdict in
                        promise.succeed(certificates)
                        verdict.succeed(.failed)
                    }
                )
                try channel.pipeline.syncOperations.addHandler(handler)
            }
        }
        let timer = eventLoop.scheduleTask(in: timeout) { promise.fail(ChannelError.connectTimeout(timeout)) }
        let connection = bootstrap.connect(host: url.host, port: url.port ?? 443)
        connection.whenFailure { promise.fail($0) }
        connection.whenSuccess { channel in
            channel.closeFuture.whenComplete { _ in promise.fail(ChannelError.eof) }
        }
        // Without a certificate the first reason stands.
        let certificates = (try? await promise.futureResult.get()) ?? []
        timer.cancel()
        connection.whenSuccess { $0.close(promise: nil) }
        return describe(certificates, now: now)
    }

    /// What is wrong with the dates of a chain, the target's own certificate first; nil where nothing is.
    private static func describe(_ chain: [NIOSSLCertificate], now: Timestamp) -> String? {
        for (index, certificate) in chain.enumerated() {
            let dates = CertificateDates(
                notBefore: Int64(certificate.notValidBefore),
                notAfter: Int64(certificate.notValidAfter)
            )
            guard let complaint = dates.complaint(now: now) else { continue }
            return "\(index == 0 ? "the certificate" : "the certificate of its authority") \(complaint)"
        }
        return nil
    }
}
