import Glibc
import TestBasics

/// A program that a test started: its standard output and error go to files, so no pipe can ever fill up.
package final class ChildProcess: @unchecked Sendable {
    // @unchecked: the only mutable state is the exit status, which is written once, under the lock.

    /// What a program left behind.
    package struct Outcome: Sendable {
        /// The exit status; 128 + the signal's number where a signal ended it.
        package var status: Int32
        /// Standard output.
        package var output: [UInt8]
        /// Standard error.
        package var error: String

        /// Standard output as text.
        package var text: String { String(decoding: output, as: UTF8.self) }
    }

    /// A test could not start its program.
    package struct StartError: Error {
        package var program: String
        package var errorNumber: Int32
    }

    /// The process id.
    package let pid: Int32
    private let directory: TemporaryDirectory
    private let lock = LockedStatus()

    private init(pid: pid_t, directory: TemporaryDirectory) {
        self.pid = pid
        self.directory = directory
    }

    /// Starts a program with an environment that is ours plus `environment`.
    package static func start(
        _ program: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        input: String? = nil,
        workingDirectory: String? = nil
    ) throws -> ChildProcess {
        let directory = try TemporaryDirectory()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, input ?? "/dev/null", O_RDONLY, 0)
        let flags = O_WRONLY | O_CREAT | O_TRUNC
        posix_spawn_file_actions_addopen(&actions, 1, directory.path + "/output", flags, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, directory.path + "/error", flags, 0o600)
        // env(1) changes the directory and becomes the program, so the process id stays its own.
        let command =
            workingDirectory.map { ["/usr/bin/env", "-C", $0, program] + arguments } ?? [program] + arguments

        var merged: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let parts = String(cString: text).split(
                separator: "=",
                maxSplits: 1,
                omittingEmptySubsequences: false
            )
            if parts.count == 2 { merged[String(parts[0])] = String(parts[1]) }
            entry += 1
        }
        merged.merge(environment) { _, new in new }

        var pid = pid_t()
        let code = withCStrings(command) { argv in
            withCStrings(merged.map { "\($0.key)=\($0.value)" }) { envp in
                posix_spawnp(&pid, command[0], &actions, nil, argv, envp)
            }
        }
        guard code == 0 else { throw StartError(program: program, errorNumber: code) }
        return ChildProcess(pid: pid, directory: directory)
    }

    /// Runs a program to its end.
    package static func run(
        _ program: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        input: String? = nil,
        workingDirectory: String? = nil,
        within limit: Duration = Waiting.limit
    ) async throws -> Outcome {
        let child = try start(
            program,
            arguments,
            environment: environment,
            input: input,
            workingDirectory: workingDirectory
        )
        return try await child.wait(within: limit)
    }

    /// Sends a signal, unless the program has ended.
    package func signal(_ number: Int32) {
        if lock.status == nil { kill(pid, number) }
    }

    /// Whether the program still runs.
    package var isRunning: Bool { poll() == nil }

    /// What it wrote to standard error so far.
    package var errorSoFar: String { String(decoding: contents("error"), as: UTF8.self) }

    /// What it wrote to standard output so far.
    package var outputSoFar: [UInt8] { contents("output") }

    /// Waits for the end; kills the program when `limit` has passed.
    package func wait(within limit: Duration = Waiting.limit) async throws -> Outcome {
        if await !Waiting.until(within: limit, { poll() != nil }) {
            signal(SIGKILL)
            // Nobody outlives that one.
            _ = await Waiting.until { poll() != nil }
        }
        return Outcome(status: poll() ?? -1, output: contents("output"), error: errorSoFar)
    }

    /// Waits until standard error holds `text`; false where the limit passed or the program ended before.
    package func waitForError(_ text: String) async -> Bool {
        // Whether it runs is asked first: what it wrote before its end is then there to be read.
        _ = await Waiting.until { !isRunning || errorSoFar.contains(text) }
        return errorSoFar.contains(text)
    }

    private func contents(_ name: String) -> [UInt8] {
        TemporaryDirectory.contents(of: directory.path + "/" + name) ?? []
    }

    private func poll() -> Int32? {
        lock.poll(pid)
    }

    deinit {
        if lock.poll(pid) == nil {
            kill(pid, SIGKILL)
            var status: Int32 = 0
            waitpid(pid, &status, 0)
        }
    }
}

/// The exit status of a child, asked for under a lock so that it is reaped once.
private final class LockedStatus: @unchecked Sendable {
    // @unchecked: every access holds the mutex.
    private var mutex = pthread_mutex_t()
    private var value: Int32?

    init() { pthread_mutex_init(&mutex, nil) }
    deinit { pthread_mutex_destroy(&mutex) }

    var status: Int32? {
        pthread_mutex_lock(&mutex)
        defer { pthread_mutex_unlock(&mutex) }
        return value
    }

    func poll(_ pid: pid_t) -> Int32? {
        pthread_mutex_lock(&mutex)
        defer { pthread_mutex_unlock(&mutex) }
        if let value { return value }
        var status: Int32 = 0
        guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
        let signal = status & 0x7F
        value = signal == 0 ? (status >> 8) & 0xFF : 128 + signal
        return value
    }
}

private func withCStrings<R>(
    _ strings: [String],
    _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> R
) -> R {
    let pointers = strings.map { strdup($0) }
    defer { for pointer in pointers { free(pointer) } }
    var list = pointers + [nil]
    return list.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else {
            preconditionFailure("BUG: a list with a nil at its end is not empty")
        }
        return body(base)
    }
}
