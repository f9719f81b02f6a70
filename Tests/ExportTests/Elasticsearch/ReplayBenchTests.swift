import Compression
import Export
import Model
import Storage
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Timings, printed; for an optimized build and a database of some size.
///
///     EXPVAULT_BENCH_DB=/tmp/month.db swift test -c release --filter ReplayBenchTests
@Suite("How fast a replay is", .serialized)
struct ReplayBenchTests {
    private static var database: String? { getenv("EXPVAULT_BENCH_DB").map { String(cString: $0) } }

    private static func cpuSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func peakKiB() -> String {
        guard let file = fopen("/proc/self/status", "r") else { return "?" }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, 256, file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if text.hasPrefix("VmHWM:") { return String(text.dropFirst(6).filter(\.isNumber)) }
        }
        return "?"
    }

    @Test(
        "everything before the socket",
        .enabled(if: database != nil, "EXPVAULT_BENCH_DB names no database")
    )
    func beforeTheSocket() async throws {
        let path = try #require(Self.database)
        var configuration = ReplayConfiguration(
            vaultPath: path,
            url: try ElasticsearchURL("http://127.0.0.1:1")
        )
        configuration.pauseHistogram = .on
        let began = Self.cpuSeconds()
        let preview = try await ElasticsearchReplay(configuration).preview()
        let made = Self.cpuSeconds() - began
        print(
            "documents \(preview.documents), made in \(made) CPU s: \(Double(preview.documents) / made) a second,",
            "\(preview.bytes / Int64(max(1, preview.documents))) bytes each"
        )
        for level in [Int32(1), 4, 6] {
            let body = Array((0..<2_000).map { n in RecordedService.body(n) }.joined())
            let encoder = try StreamEncoder(.gzip, level: level)
            let began = Self.cpuSeconds()
            var count = 0
            try encoder.encode(body) { count += $0.count }
            try encoder.finish { count += $0.count }
            let took = Self.cpuSeconds() - began
            print(
                "gzip \(level): \(Double(body.count) / took / 1e6) MB a CPU second, to \(100 * count / body.count) %"
            )
        }
    }

    @Test("to a sink", .enabled(if: database != nil, "EXPVAULT_BENCH_DB names no database"))
    func toSink() async throws {
        let path = try #require(Self.database)
        let server = try await ElasticsearchServer.start()
        server.with { $0.isSink = true }
        var configuration = ReplayConfiguration(vaultPath: path, url: try ElasticsearchURL(server.url))
        configuration.namespace = "bench\(getpid())"
        configuration.pauseHistogram = .on
        let began = Self.cpuSeconds()
        let clock = ContinuousClock.now
        let report = try await ElasticsearchReplay(configuration).run()
        let cpu = Self.cpuSeconds() - began
        let wall =
            Double((ContinuousClock.now - clock).components.attoseconds) / 1e18
            + Double((ContinuousClock.now - clock).components.seconds)
        #expect(report.exitStatus == 0, "\(report.complaint ?? "")")
        print(
            "\(report.summary.sent) documents in \(wall) s, \(cpu) CPU s (the sink's own among them):",
            "\(Double(report.summary.sent) / wall) a second; on the wire",
            "\(report.summary.bytesOnWire * 100 / max(1, report.summary.bytes)) %; peak \(Self.peakKiB()) KiB"
        )
        try await server.stop()
    }
}
