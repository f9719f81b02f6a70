#if canImport(Glibc)
import Glibc
#endif

/// The built binary, as a user runs it.
package enum Expvault {
    /// `$EXPVAULT_BINARY`, else what was built beside the tests.
    package static let binary: String = {
        if let path = getenv("EXPVAULT_BINARY") { return String(cString: path) }
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        // Under `swift test` the running program may be the toolchain's helper; the bundle stands in its arguments.
        let own = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        for candidate in [own] + CommandLine.arguments {
            guard let slash = candidate.lastIndex(of: "/") else { continue }
            let path = candidate[..<slash] + "/expvault"
            if access(String(path), X_OK) == 0 { return String(path) }
        }
        return ".build/debug/expvault"
    }()

    /// Runs one command to its end.
    package static func run(
        _ arguments: String...,
        environment: [String: String] = [:],
        input: String? = nil
    ) async throws -> ChildProcess.Outcome {
        try await ChildProcess.run(binary, arguments, environment: environment, input: input)
    }

    /// Runs one command that must succeed and gives its standard output.
    package static func output(_ arguments: String...) async throws -> String {
        let outcome = try await ChildProcess.run(binary, arguments)
        guard outcome.status == 0 else {
            throw Failed(arguments: arguments, status: outcome.status, error: outcome.error)
        }
        return outcome.text
    }

    /// Starts a command that goes on until it is told to stop.
    package static func start(
        _ arguments: [String],
        environment: [String: String] = [:]
    ) throws -> ChildProcess {
        try ChildProcess.start(binary, arguments, environment: environment)
    }

    /// A command failed that should not have.
    package struct Failed: Error {
        /// What it was called with.
        package var arguments: [String]
        /// Its exit status.
        package var status: Int32
        /// What it wrote to standard error.
        package var error: String
    }
}
