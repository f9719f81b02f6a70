import Glibc
import TestBasics

/// Real programs that serve /debug/vars, as scripts/fetch-test-servers and scripts/build-demo-service provide them.
package enum Programs {
    /// The root of the repository.
    package static let root = Repository.root

    /// Where the scripts keep what they unpack and build.
    package static let tools = getenv("EXPVAULT_TOOLS").map { String(cString: $0) } ?? root + "/.tools"

    /// Something that a test needs is not there, and what would bring it.
    package struct Missing: Error, CustomStringConvertible {
        package var description: String
    }

    /// The path of the demo service, built with any Go that there is.
    package static func demoService() async throws -> String {
        let outcome = try await ChildProcess.run(root + "/scripts/build-demo-service", [])
        guard outcome.status == 0, let line = outcome.text.split(separator: "\n").last else {
            throw Missing(description: "the demo service could not be built: \(outcome.error)")
        }
        return String(line)
    }

    /// The path of a program under `.tools`, such as `etcd/usr/bin/etcd`.
    package static func tool(_ path: String) throws -> String {
        let program = tools + "/" + path
        guard access(program, X_OK) == 0 else {
            throw Missing(description: "\(program) is missing; scripts/fetch-test-servers brings it")
        }
        return program
    }
}

/// The demo service, running on a loopback port of its own.
package final class GoService: Sendable {
    /// The running program.
    package let process: ChildProcess
    /// The port it listens on.
    package let port: Int

    private init(process: ChildProcess, port: Int) {
        self.process = process
        self.port = port
    }

    /// Its address without a path.
    package var url: String { "http://127.0.0.1:\(port)" }

    /// Starts the service with these flags, on that port (0: a free one), and waits until it serves.
    package static func start(port: Int = 0, _ flags: String...) async throws -> GoService {
        let program = try await Programs.demoService()
        let process = try ChildProcess.start(program, ["-listen", "127.0.0.1:\(port)"] + flags)
        // The first line ends in the port: "listening on 127.0.0.1:40123".
        _ = await Waiting.until { !process.isRunning || process.outputSoFar.contains(UInt8(ascii: "\n")) }
        let text = String(decoding: process.outputSoFar, as: UTF8.self)
        guard process.isRunning, let line = text.split(separator: "\n").first,
            let digits = line.split(whereSeparator: { !$0.isNumber }).last, let port = Int(digits)
        else {
            throw Programs.Missing(description: "the demo service did not come up: \(process.errorSoFar)")
        }
        return GoService(process: process, port: port)
    }

    /// Starts the service at another place than a port of 127.0.0.1: `[::1]:0`, `unix:/path`; returns it and the URL that
    /// it says it listens at.
    package static func start(
        listen: String,
        _ flags: String...
    ) async throws -> (service: GoService, url: String) {
        let program = try await Programs.demoService()
        let process = try ChildProcess.start(program, ["-listen", listen] + flags)
        _ = await Waiting.until { !process.isRunning || process.outputSoFar.contains(UInt8(ascii: "\n")) }
        let line = String(decoding: process.outputSoFar, as: UTF8.self).split(separator: "\n").first ?? ""
        guard process.isRunning, let url = line.split(separator: " ").last else {
            throw Programs.Missing(description: "the demo service did not come up: \(process.errorSoFar)")
        }
        let digits = url.split(whereSeparator: { !$0.isNumber }).last
        return (GoService(process: process, port: digits.flatMap { Int($0) } ?? 0), String(url))
    }

    /// Ends the service and waits until it is gone, so that its port is free again.
    package func stop() async throws {
        process.signal(SIGTERM)
        _ = try await process.wait()
    }
}
