import Model
import NIOSSL

extension TLSSettings {
    /// A longer PEM file is refused, in bytes.
    static let pemBytesMax = 4 << 20

    /// What NIOSSL is to do; reads the files.
    ///
    /// NIOSSL takes the system's roots where no `caFile` is named, and does not look at `SSL_CERT_FILE`.
    func clientConfiguration() throws(ConfigurationError) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let caFile {
            configuration.trustRoots = .certificates(try Self.certificates(caFile))
        }
        if let clientCertificateFile, let clientKeyFile {
            configuration.certificateChain = try Self.certificates(clientCertificateFile).map {
                .certificate($0)
            }
            let bytes = try CredentialFile.readBytes(
                clientKeyFile,
                bytesMax: Self.pemBytesMax,
                mustBePrivate: true
            )
            do {
                configuration.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: bytes, format: .pem))
            } catch {
                throw ConfigurationError(
                    "holds no private key in PEM without a passphrase",
                    file: clientKeyFile
                )
            }
            try Self.checkPair(configuration, certificate: clientCertificateFile, key: clientKeyFile)
        }
        if isInsecure { configuration.certificateVerification = .none }
        return configuration
    }

    /// A hash over what the files hold, so that a renewed certificate counts as a change.
    func fileFingerprint() throws(ConfigurationError) -> String {
        var bytes: [UInt8] = []
        for path in [caFile, clientCertificateFile, clientKeyFile] {
            guard let path else { continue }
            bytes += SHA256.digest(
                try CredentialFile.readBytes(
                    path,
                    bytesMax: Self.pemBytesMax,
                    mustBePrivate: path == clientKeyFile
                )
            )
        }
        return SHA256.hexadecimal(SHA256.digest(bytes))
    }

    /// Makes sure that the key is the certificate's.
    private static func checkPair(
        _ configuration: TLSConfiguration,
        certificate: String,
        key: String
    ) throws(ConfigurationError) {
        var pair = TLSConfiguration.makeClientConfiguration()
        pair.trustRoots = .certificates([])
        pair.certificateChain = configuration.certificateChain
        pair.privateKey = configuration.privateKey
        // Both were read, so that all that can be wrong with them is that they do not belong together.
        guard (try? NIOSSLContext(configuration: pair)) != nil else {
            throw ConfigurationError("is not the key of the certificate in \(certificate)", file: key)
        }
    }

    private static func certificates(_ path: String) throws(ConfigurationError) -> [NIOSSLCertificate] {
        let bytes = try CredentialFile.readBytes(path, bytesMax: pemBytesMax, mustBePrivate: false)
        // BoringSSL does not say in words what is wrong; the error below does.
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes), !certificates.isEmpty else {
            // What NIOSSL throws says no more than this.
            throw ConfigurationError("holds no certificate in PEM", file: path)
        }
        return certificates
    }
}
