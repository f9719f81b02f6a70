package import NIOSSL
import TestBasics

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Certificates made by the `openssl` command for one test run, in a directory that `remove` deletes.
package struct TestCertificates: Sendable {
    /// A certificate and its key, as paths of PEM files.
    package struct Pair: Sendable {
        /// The certificate.
        package var certificate: String
        /// The key, 0600.
        package var key: String

        /// What a server needs to show this certificate.
        package func serverConfiguration() throws -> TLSConfiguration {
            TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))
            )
        }
    }

    /// What went wrong with `openssl`.
    package struct Failure: Error, CustomStringConvertible {
        package var description: String
    }

    /// Where they lie.
    package let directory: String
    /// The authority's certificate.
    package let authority: String
    /// For 127.0.0.1 and localhost, by the authority.
    package let good: Pair
    /// The same, but out of date.
    package let expired: Pair
    /// For another host, by the authority.
    package let otherHost: Pair
    /// For 127.0.0.1, by itself.
    package let selfSigned: Pair
    /// A client's, by the authority.
    package let client: Pair

    /// Makes them all; about 0.2 s.
    package static func make() throws -> TestCertificates {
        let directory = try TemporaryDirectory.make()
        let authority = try selfSigned(
            "authority",
            in: directory,
            extensions: ["basicConstraints=critical,CA:TRUE"]
        )
        let here = "subjectAltName=IP:127.0.0.1,DNS:localhost"
        return TestCertificates(
            directory: directory,
            authority: authority.certificate,
            good: try signed("good", in: directory, by: authority, extensions: here),
            expired: try signed("expired", in: directory, by: authority, extensions: here, days: -1),
            otherHost: try signed(
                "other",
                in: directory,
                by: authority,
                extensions: "subjectAltName=DNS:example.org"
            ),
            selfSigned: try selfSigned("self", in: directory, extensions: [here]),
            client: try signed(
                "client",
                in: directory,
                by: authority,
                extensions: "extendedKeyUsage=clientAuth"
            )
        )
    }

    /// Deletes the directory.
    package func remove() {
        TemporaryDirectory.remove(directory)
    }

    private static let newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

    private static func selfSigned(_ name: String, in directory: String, extensions: [String]) throws -> Pair
    {
        let pair = Pair(certificate: "\(directory)/\(name).pem", key: "\(directory)/\(name).key")
        try openssl(
            [
                "req", "-x509", "-days", "30", "-subj", "/CN=\(name)", "-keyout", pair.key, "-out",
                pair.certificate,
            ]
                + newKey + extensions.flatMap { ["-addext", $0] }
        )
        chmod(pair.key, 0o600)
        return pair
    }

    private static func signed(
        _ name: String,
        in directory: String,
        by authority: Pair,
        extensions: String,
        days: Int = 30
    ) throws -> Pair {
        let pair = Pair(certificate: "\(directory)/\(name).pem", key: "\(directory)/\(name).key")
        let request = "\(directory)/\(name).csr"
        let extensionFile = "\(directory)/\(name).ext"
        try TemporaryDirectory.write(extensions + "\n", to: extensionFile)
        try openssl(["req", "-new", "-subj", "/CN=\(name)", "-keyout", pair.key, "-out", request] + newKey)
        try openssl([
            "x509", "-req", "-in", request, "-CA", authority.certificate, "-CAkey", authority.key,
            "-set_serial", "\(abs(name.hashValue) % 1_000_000_000 + 1)", "-days", "\(days)",
            "-extfile", extensionFile, "-out", pair.certificate,
        ])
        chmod(pair.key, 0o600)
        return pair
    }

    private static func openssl(_ arguments: [String]) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // It reports progress on both; a failure is seen from the status.
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var argv: [UnsafeMutablePointer<CChar>?] = (["openssl"] + arguments).map { strdup($0) } + [nil]
        defer { argv.forEach { free($0) } }
        var process = pid_t()
        let code = posix_spawnp(&process, "openssl", &actions, nil, &argv, environ)
        guard code == 0 else {
            throw Failure(description: "openssl cannot be run: \(String(cString: strerror(code)))")
        }
        var status: Int32 = 0
        guard waitpid(process, &status, 0) == process, status == 0 else {
            throw Failure(description: "openssl \(arguments.joined(separator: " ")) failed with \(status)")
        }
    }
}
