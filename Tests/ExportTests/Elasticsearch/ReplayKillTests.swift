import Export
import Model
import TestBasics
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// `kill -9` at random moments: this very test program is started again as the exporter, and killed.
///
/// `EXPVAULT_KILLS` sets how often (4 unless set; 100 for a release). The server rolls over between some of them, so
/// that ids must be looked up.
@Suite("An exporter that is killed")
struct ReplayKillTests {
    private static func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    @Test("at any moment, again and again: every document is there, once")
    func killed() async throws {
        let kills = Self.environment("EXPVAULT_KILLS").flatMap { Int($0) } ?? 4
        let service = try RecordedService()
        try await service.record(300, targets: ["shop", "cart"])
        let server = try await ElasticsearchServer.start()
        // Slow enough to be met in the middle of something.
        server.with { $0.standing = .slow(milliseconds: 40) }
        let seed = UInt64.random(in: 0 ... .max)
        var chance = SeededGenerator(seed: seed)
        for round in 0..<kills {
            let sent = server.with { $0.cluster.bulkRequestCount }
            let child = try Self.startExporter(path: service.path, url: server.url)
            // Every other one is let come to send something first, however slow the machine is.
            if round % 2 == 0 {
                try await Self.wait(forExitOf: child) { server.with { $0.cluster.bulkRequestCount } > sent }
                await Waiting.pause(milliseconds: chance.below(400))
            } else {
                await Waiting.pause(milliseconds: 150 + chance.below(600))
            }
            kill(child, SIGKILL)
            var status: Int32 = 0
            waitpid(child, &status, 0)
            if round % 3 == 2 {
                server.with { state in
                    for name in state.cluster.streamNames where state.cluster.indexCount(of: name) < 5 {
                        state.cluster.rollOver(name)
                    }
                }
            }
        }
        // Had no child come to send anything, nothing would have been tested.
        #expect(server.with { $0.cluster.bulkRequestCount } > 0)
        server.with { $0.standing = .none }
        let report = try await server.export(service).run()
        #expect(report.exitStatus == 0, "\(report.complaint ?? "")")
        #expect(try server.contents().documents == service.documents(), "seed \(seed)")
        #expect(try server.contents().count == 1_200, "seed \(seed)")
        try await server.stop()
    }

    /// Waits until something is so, the child has ended (it stays to be waited for), or for half a minute.
    private static func wait(forExitOf child: pid_t, or isSo: () -> Bool) async throws {
        _ = await Waiting.until {
            var info = siginfo_t()
            return isSo()
                || waitid(P_PID, id_t(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_signo != 0
        }
    }

    /// The child: exports, and says nothing.
    @Test("(the exporter that is killed)", .enabled(if: environment("EXPVAULT_KILL_CHILD_URL") != nil))
    func exporter() async throws {
        guard let path = Self.environment("EXPVAULT_KILL_CHILD_PATH"),
            let url = Self.environment("EXPVAULT_KILL_CHILD_URL")
        else { return }
        var configuration = ReplayConfiguration(vaultPath: path, url: try ElasticsearchURL(url))
        configuration.version = "1.0.0"
        configuration.requestBytesMax = 20_000
        configuration.client.requestTimeout = 500
        _ = try await ElasticsearchReplay(configuration).run()
    }

    private static func startExporter(path: String, url: String) throws -> pid_t {
        var program = [CChar](repeating: 0, count: 4_096)
        let length = readlink("/proc/self/exe", &program, 4_095)
        guard length > 0 else { throw ExportSetupError("no /proc/self/exe") }
        let executable = String(decoding: program[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // Ours with another filter: what tells the helper which bundle to load stays.
        var arguments = CommandLine.arguments
        while let index = arguments.firstIndex(where: { ["--filter", "--skip"].contains($0) }) {
            arguments.removeSubrange(index...min(index + 1, arguments.count - 1))
        }
        if !arguments.contains("--testing-library") { arguments += ["--testing-library", "swift-testing"] }
        arguments += ["--filter", "ReplayKillTests/exporter"]
        var environment = ["EXPVAULT_KILL_CHILD_PATH=\(path)", "EXPVAULT_KILL_CHILD_URL=\(url)"]
        for name in ["PATH", "HOME", "LD_LIBRARY_PATH", "TMPDIR"] {
            if let value = self.environment(name) { environment.append("\(name)=\(value)") }
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var argv: [UnsafeMutablePointer<CChar>?] =
            ([executable] + arguments.dropFirst()).map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        defer { (argv + envp).forEach { free($0) } }
        var child = pid_t()
        let code = posix_spawn(&child, executable, &actions, nil, &argv, &envp)
        guard code == 0 else { throw ExportSetupError("cannot start \(executable): \(code)") }
        return child
    }
}
