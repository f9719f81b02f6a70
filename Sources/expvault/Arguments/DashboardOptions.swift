import ArgumentParser
import Dashboard
import Model
import Recorder

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Who may see the page.
struct DashboardOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A file with a token that a browser must give as the password; only its owner may read it.",
            valueName: "file"
        )
    )
    var tokenFile: String?
    @Option(
        help: ArgumentHelp(
            "Another name under which the page is reached, besides localhost; may repeat.",
            valueName: "name"
        )
    )
    var hostName: [String] = []

    /// A token is at least that long.
    private static let tokenBytesMin = 16
    private static let tokenBytesMax = 1024

    /// The configuration of a page over that database.
    func configuration(database: String, listen: ListenArgument) throws -> DashboardConfiguration {
        var names = hostName
        if !DashboardConfiguration.isLoopback(listen.host) {
            names.append(listen.host.contains(":") ? "[\(listen.host)]" : listen.host)
        }
        return DashboardConfiguration(
            database: database,
            host: listen.host,
            port: listen.port,
            hostNames: names,
            token: try tokenFile.map(Self.token),
            now: { TimeArgument.wallClock() },
            giveBack: { LargeBlocks.giveBack() }
        )
    }

    private static func token(in path: String) throws -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw ValidationError("\(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & 0o077 == 0 else {
            throw ValidationError("others may read \(path); chmod 600 it")
        }
        var bytes = [UInt8](repeating: 0, count: tokenBytesMax + 1)
        let count = read(descriptor, &bytes, bytes.count)
        guard count >= 0, count <= tokenBytesMax else {
            throw ValidationError("\(path) holds no token of at most \(tokenBytesMax) bytes")
        }
        let line = bytes[..<count].prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        guard line.count >= tokenBytesMin, line.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw ValidationError(
                "the token in \(path) must be at least \(tokenBytesMin) printable characters of ASCII"
            )
        }
        return String(decoding: line, as: UTF8.self)
    }
}
