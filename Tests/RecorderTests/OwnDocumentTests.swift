import Logging
import Model
import Storage
import Testing

@testable import Recorder

/// What the recorder records of itself.
@Suite struct OwnDocumentTests {
    @Test("its document is one that the store understands, with every number that it promises")
    func document() async throws {
        var own = OwnDocument()
        own.summary.scrapes = 12
        own.summary.failures = 3
        own.summary.late = 2
        own.summary.notStored = 1
        own.ringOverrunsNear = 4
        own.waiting = 5
        own.commits.note(1_234_567)
        own.commits.note(2_000_000_000)
        own.room = RoomWatch.Reading(databaseBytes: 4096, walBytes: 32, freeBytes: 1 << 40)
        let text = String(decoding: own.body(), as: UTF8.self)
        for part in [
            #""done": 12, "failed": 3, "late": 2, "not_stored": 1, "ring_overruns_near": 4, "waiting": 5"#,
            #""count": 2, "failed": 0, "last_seconds": 2.000000, "longest_seconds": 2.000000, "seconds": 2.001234"#,
            #""bytes": 4096, "free_bytes": 1099511627776, "wal_bytes": 32"#, #""cpu_seconds": "#,
            #""resident_bytes": "#,
        ] { #expect(text.contains(part), "\(part) in \(text)") }
        #expect(try #require(OwnDocument.residentBytes()) > 1 << 20)
        #expect(OwnDocument.cpuNanoseconds() > 0)
    }

    @Test("with self it is stored at each interval beside the others, and not counted among them")
    func stored() async throws {
        var configuration = try ServiceBench.configuration(
            [("a", "http://a")],
            intervalMilliseconds: 50,
            count: 10
        )
        configuration.ownIntervalMilliseconds = 50
        configuration.database = "/proc/self/status"
        let bench = ServiceBench(configuration) { _ in ServiceBench.scrape() }
        let summary = try await bench.service.run()
        #expect(summary.scrapes == 10 && summary.failures == 0)
        let own = bench.sink.scrapes(of: OwnDocument.targetName)
        #expect((5...12).contains(own.count), "\(own.count)")
        #expect(own.allSatisfy { $0.reason == nil })
        #expect(bench.sink.scrapes(of: "a").count == 10)
    }

    @Test("without self there is none")
    func off() async throws {
        let configuration = try ServiceBench.configuration(
            [("a", "http://a")],
            intervalMilliseconds: 20,
            count: 5
        )
        let bench = ServiceBench(configuration) { _ in ServiceBench.scrape() }
        _ = try await bench.service.run()
        #expect(bench.sink.scrapes(of: OwnDocument.targetName).isEmpty)
    }

    @Test("self is a flag and a key; a target of its name is a configuration error then, and only then")
    func configured() throws {
        func resolve(
            _ text: String,
            _ change: (inout RecorderFlags) -> Void = { _ in }
        ) throws -> RecorderConfiguration {
            var flags = RecorderFlags()
            change(&flags)
            let file = try ConfigurationFile(text: Array(text.utf8), path: "x.yaml")
            return try RecorderConfiguration.resolve(file: file, flags: flags, environment: [:])
        }
        let one = "targets:\n- name: api\n  url: http://h:1\n"
        #expect(try resolve(one).ownIntervalMilliseconds == nil)
        #expect(try resolve("self: false\n" + one).ownIntervalMilliseconds == nil)
        #expect(try resolve("self: true\n" + one).ownIntervalMilliseconds == 10_000)
        #expect(try resolve("self: true\ninterval: 2s\n" + one).ownIntervalMilliseconds == 2_000)
        #expect(
            try resolve(one) {
                $0.recordsItself = true; $0.interval = "1s"
            }.ownIntervalMilliseconds == 1_000
        )
        let named = "targets:\n- name: expvault\n  url: http://h:1\n"
        #expect(try resolve(named).targets.count == 1)
        let error = #expect(throws: ConfigurationError.self) { _ = try resolve("self: true\n" + named) }
        #expect(error?.description.contains("give the target another name") == true)
        #expect(throws: ConfigurationError.self) { _ = try resolve("self: perhaps\n" + one) }
        let short = one + "  interval: 1s\n"
        #expect(throws: ConfigurationError.self) { _ = try resolve("self: true\ninterval: 1ms\n" + short) }
    }
}
