import Logging
import Model
import Storage
import Synchronization
import TestBasics
import TestSupport
import Testing

@testable import Recorder

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

// Real time and real sockets; one after the other, because they count ticks.
@Suite(.serialized) struct RecordingServiceTests {
    @Test("a good target loses no tick beside hostile ones, and each of these has its reason")
    func beside() async throws {
        let good = try await ExpvarServer.start { request in .body("{\"n\": \(request.number)}") }
        let hostile = try await ExpvarServer.start { request in
            switch request.path {
            case "/drip": .drip(milliseconds: 20)
            case "/silence": .silence
            case "/flood": .headerFlood
            case "/html": .answer(status: 200, headers: [], body: Array("<html>".utf8))
            default: .drop
            }
        }
        let targets =
            [("good", good.url())] + ["drip", "silence", "flood", "drop"].map { ($0, hostile.url("/\($0)")) }
        let bench = ServiceBench(
            try ServiceBench.configuration(
                targets.map { (name: $0.0, url: $0.1) },
                intervalMilliseconds: 400,
                durationMilliseconds: 4000
            )
        )
        let summary = try await bench.service.run()
        await good.stop()
        await hostile.stop()

        let bodies = bench.sink.scrapes(of: "good").map { $0.document ?? $0.reason ?? "" }
        #expect(bodies == (1...max(bodies.count, 1)).map { "{\"n\": \($0)}" })
        // 4 s at 400 ms; the early tick may fall together with the first of the grid.
        #expect((9...11).contains(bodies.count))
        let reasons = Set(
            bench.sink.scrapes.compactMap { pending in
                pending.scrape.reason.map { "\(pending.target.name): \($0)" }
            }
        )
        // A busy machine may time any of them out.
        #expect(
            reasons.isSuperset(of: [
                "drip: timed out after 400ms", "silence: timed out after 400ms",
                "flood: the headers are larger than 16KiB",
                "drop: the server closed the connection before the answer was complete",
            ])
        )
        #expect(summary.scrapes == Int64(bodies.count))
        #expect(summary.failures == Int64(bench.sink.scrapes.count - bodies.count))
        #expect(summary.notStored == 0)
        // Shared commits: far fewer than scrapes.
        #expect(bench.sink.batches.count <= 14)
        #expect(bench.log.lines(with: "target drop failed: the server closed").count == 1)
    }

    @Test("a scrape is said to be stored once it is, and not before")
    func acknowledged() async throws {
        let configuration = try ServiceBench.configuration(
            [("a", "http://a"), ("b\u{202e}", "http://b")],
            count: 5
        )
        let bench = ServiceBench(configuration) { settings in
            var scrape = ServiceBench.scrape()
            if settings.name != "a" { scrape.outcome = .failure(reason: "no\nbody", body: []) }
            return scrape
        }
        let summary = try await bench.service.run()
        #expect(summary.scrapes == 5)
        #expect(summary.failures == 5)
        var committed = 0
        for (_, line) in bench.log.lines {
            if line.hasPrefix("committed ") { committed += Int(line.dropFirst(10)) ?? 0 }
            if line.hasPrefix("stored ") {
                committed -= 1
                #expect(committed >= 0)
            }
        }
        #expect(committed == 0)
        for scrape in bench.sink.scrapes(of: "a") {
            #expect(bench.log.lines(with: "stored target=a t=\(scrape.time.milliseconds)").count == 1)
        }
        let failed = bench.log.lines(with: "stored target=b\\u{202e} t=")
        #expect(failed.count == 5)
        #expect(failed.allSatisfy { $0.hasSuffix(" error=no\\u{a}body") })
    }

    @Test("after the count of each target it ends by itself")
    func count() async throws {
        let server = try await ExpvarServer.start { _ in .body("{}") }
        let targets = (1...3).map { (name: "t\($0)", url: server.url("/\($0)")) }
        let bench = ServiceBench(try ServiceBench.configuration(targets, intervalMilliseconds: 50, count: 4))
        let summary = try await bench.service.run()
        #expect(summary.scrapes == 12)
        #expect(server.requests.count == 12)
        await server.stop()
    }

    @Test("cancellation stores what was scraped, and waits for nobody")
    func cancellation() async throws {
        let server = try await ExpvarServer.start { request in
            request.path == "/slow" ? .silence : .body("{\"n\": \(request.number)}")
        }
        var configuration = try ServiceBench.configuration([
            ("good", server.url()), ("slow", server.url("/slow")),
        ])
        configuration.targets[1].intervalMilliseconds = 3_600_000
        configuration.targets[1].timeoutMilliseconds = 3_600_000
        let bench = ServiceBench(configuration)
        let task = Task { try await bench.service.run() }
        #expect(
            await Waiting.until {
                bench.sink.scrapes(of: "good").count >= 3 && server.requests.contains { $0.path == "/slow" }
            }
        )
        // The slow one would take an hour: that this returns at all is what is shown.
        task.cancel()
        let summary = try await task.value
        // The last answer may have been on its way.
        let answered = server.requests.count { $0.path != "/slow" }
        #expect((answered - 1...answered).contains(bench.sink.scrapes(of: "good").count))
        #expect(summary.scrapes == Int64(bench.sink.scrapes(of: "good").count))
        #expect(summary.failures == 0)
        await server.stop()
    }

    @Test("while the disk is full scrapes wait, and are stored once it is not")
    func diskFull() async throws {
        let bench = ServiceBench(
            try ServiceBench.configuration([("a", "http://a")], count: 12)
        ) { _ in
            ServiceBench.scrape()
        }
        bench.sink.fail(.diskFull(path: "x"))
        let task = Task { try await bench.service.run() }
        #expect(await Waiting.until { bench.sink.attempts >= 4 })
        #expect(bench.sink.scrapes.isEmpty)
        bench.sink.fail(nil)
        let summary = try await task.value
        #expect(bench.sink.scrapes.count == 12)
        #expect(summary.scrapes == 12)
        #expect(summary.notStored == 0)
        #expect(bench.log.lines(with: "scrapes cannot be stored").count == 1)
        #expect(bench.log.lines(with: "storing again").count == 1)
    }

    @Test("while the disk stays full memory is bounded, and what is given up is counted")
    func diskStaysFull() async throws {
        let body = [UInt8](repeating: 0x20, count: 200 * 1024)
        let made = Mutex(0)
        let bench = ServiceBench(
            try ServiceBench.configuration([("a", "http://a")], intervalMilliseconds: 10, count: 100)
        ) {
            _ in
            made.withLock { $0 += 1 }
            return ServiceBench.scrape(body)
        }
        bench.sink.fail(.diskFull(path: "x"))
        let summary = try await bench.service.run()
        #expect(summary.scrapes == 0)
        #expect(summary.notStored == Int64(made.withLock { $0 }))
        #expect(bench.sink.attempts > 1)
    }

    @Test("a scrape that the store refuses does not keep the others out")
    func refused() async throws {
        let configuration = try ServiceBench.configuration(
            [("good", "http://a"), ("bad", "http://b")],
            count: 6
        )
        let bench = ServiceBench(configuration) { _ in ServiceBench.scrape() }
        bench.sink.refuse("bad")
        let summary = try await bench.service.run()
        #expect(summary.scrapes == 6)
        #expect(summary.notStored == 6)
        #expect(bench.sink.scrapes(of: "good").count == 6)
        // One failure from its beginning to its end, although the good ones were stored all along.
        let lines = bench.log.lines.filter { $0.level >= .notice }.map(\.text)
        let begun = lines.count { $0.contains("cannot be stored") }
        let ended = lines.count { $0.contains("storing again") }
        #expect(begun == ended, "\(lines)")
        #expect(begun <= 2, "\(lines)")
    }

    @Test("the watchdog is fed as long as the store answers, and no longer")
    func watchdog() async throws {
        let beats = Mutex(0)
        let bench = ServiceBench(
            try ServiceBench.configuration([("a", "http://a")]),
            heartbeat: Heartbeat(intervalMilliseconds: 1) { beats.withLock { $0 += 1 } }
        ) { _ in ServiceBench.scrape() }
        let running = Task { try await bench.service.run() }
        #expect(await Waiting.until { beats.withLock { $0 } >= 3 })
        bench.sink.hang(true)
        #expect(await Waiting.until { bench.sink.hangingCount == 1 })
        let before = beats.withLock { $0 }
        // Scrapes go on: it is the store that hangs.
        let count = bench.sink.scrapes.count
        #expect(await Waiting.until { bench.sink.scrapes.count >= count + 3 })
        #expect(beats.withLock { $0 } == before)
        bench.sink.hang(false)
        #expect(await Waiting.until { beats.withLock { $0 } >= before + 3 })
        running.cancel()
        _ = try await running.value
    }

    @Test("a log says that a target went down and that it came back, once each")
    func downAndUp() async throws {
        let count = Mutex(0)
        let bench = ServiceBench(
            try ServiceBench.configuration([("a", "http://a")], intervalMilliseconds: 20, count: 12)
        ) {
            _ in
            let number = count.withLock { count in
                count += 1
                return count
            }
            var scrape = ServiceBench.scrape()
            if (4...8).contains(number) { scrape.outcome = .failure(reason: "gone \(number)", body: []) }
            return scrape
        }
        let summary = try await bench.service.run()
        #expect(summary.scrapes == 7)
        #expect(summary.failures == 5)
        #expect(
            bench.log.lines.filter { $0.level >= .info }.map(\.text) == [
                "target a failed: gone 4", "target a answers again",
            ]
        )
    }

    @Test("a reload lets targets come, go and change, and leaves the others alone")
    func reload() async throws {
        let running = Mutex<[String: Int]>([:])
        let overlaps = Mutex(0)
        let bench = ServiceBench(
            try ServiceBench.configuration([
                ("stays", "http://a"), ("goes", "http://a"), ("changes", "http://a"),
            ])
        ) {
            settings in
            let now = running.withLock { running in
                running[settings.name, default: 0] += 1
                return running[settings.name, default: 0]
            }
            if now > 1 { overlaps.withLock { $0 += 1 } }
            defer { running.withLock { $0[settings.name, default: 0] -= 1 } }
            await Waiting.pause(milliseconds: 10)
            return ServiceBench.scrape(Array("{\"url\": \"\(settings.url)\"}".utf8))
        }
        let task = Task { try await bench.service.run() }
        func urls(_ name: String) -> [String] {
            bench.sink.scrapes.filter { $0.target.name == name }.compactMap(\.target.origin.url)
        }
        #expect(await Waiting.until { ["stays", "goes", "changes"].allSatisfy { urls($0).count >= 3 } })
        try bench.service.reload(
            ServiceBench.configuration([
                ("stays", "http://a"), ("changes", "http://b"), ("comes", "http://a"),
            ])
        )
        let (staying, going) = (urls("stays").count, urls("goes").count)
        #expect(
            await Waiting.until {
                urls("stays").count >= staying + 5 && urls("comes").count >= 3
                    && urls("changes").count { $0 == "http://b/debug/vars" } >= 3
            }
        )
        task.cancel()
        _ = try await task.value
        #expect(overlaps.withLock { $0 } == 0)
        // One may have been on its way when it was told to go, and one have waited for its commit.
        #expect((going...going + 2).contains(urls("goes").count))
        let changed = urls("changes")
        #expect(Set(changed) == ["http://a/debug/vars", "http://b/debug/vars"])
        #expect(changed == changed.sorted(), "never back to what it was before")
    }

    @Test("with redact_cmdline no argument reaches the store, also not in a failed scrape")
    func redacted() async throws {
        let directory = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(directory) }
        let body = "{\n\"cmdline\": [\"api\",\"--token=canary\"],\n\"n\": 1\n}\n"
        let server = try await ExpvarServer.start { request in
            request.number % 2 == 0 ? .cut(body) : .body(body)
        }
        var configuration = try ServiceBench.configuration([("a", server.url())], count: 4)
        configuration.database = "\(directory)/vault.db"
        configuration.targets[0].redactsCommandLine = true
        let bench = ServiceBench(configuration)
        _ = try await bench.service.run()
        await server.stop()
        let scrapes = bench.sink.scrapes(of: "a")
        let bodies = scrapes.map { $0.document.map { Array($0.utf8) } ?? $0.failureBody }
        #expect(scrapes.count == 4)
        #expect(bodies.allSatisfy { !String(decoding: $0, as: UTF8.self).contains("canary") })
        #expect(scrapes.compactMap(\.document).allSatisfy { $0.contains("[\"api\",\"redacted:") })
    }

    @Test(
        "with ten hostile targets memory grows by 32 MiB at most",
        .enabled(if: getenv("EXPVAULT_MEASURE") != nil)
    )
    func memory() async throws {
        struct Sink: ScrapeSink {
            func store(_ scrapes: [PendingScrape]) async throws -> [StoredOutcome] {
                scrapes.map { StoredOutcome(time: $0.scrape.time, failure: nil) }
            }
        }
        // Alone in its process only: `EXPVAULT_MEASURE=1 swift test --filter hostile`.
        let server = try await ExpvarServer.start { request in
            request.path.hasSuffix("1")
                ? .longBody(bytes: 16 << 20) : request.path.hasSuffix("good") ? .body("{}") : .endlessBody
        }
        let names = (0..<10).map { "hostile\($0)" } + ["good"]
        let service = RecordingService(
            configuration: try ServiceBench.configuration(
                names.map { (name: $0, url: server.url("/\($0)")) },
                intervalMilliseconds: 1000,
                durationMilliseconds: 6000
            ),
            sink: Sink(),
            logger: CapturedLog().logger()
        )
        // Anonymous memory: pages of the executable are read in as code runs for the first time.
        let before = Self.residentBytes("RssAnon:")
        let watch = Task {
            var most = 0
            while !Task.isCancelled {
                most = max(most, Self.residentBytes("RssAnon:"))
                await Waiting.pause(milliseconds: 5)
            }
            return most
        }
        let summary = try await service.run()
        watch.cancel()
        let growth = await watch.value - before
        let good = server.requests.count { $0.path == "/good" }
        print("resident memory grew by \(growth >> 10) KiB; \(summary); \(good) scrapes of the good target")
        #expect(growth <= 32 << 20)
        #expect((5...7).contains(good))
        await server.stop()
    }

    private static func residentBytes(_ field: String) -> Int {
        guard let file = fopen("/proc/self/status", "re") else { return 0 }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 8192)
        let text = String(decoding: bytes[..<fread(&bytes, 1, bytes.count, file)], as: UTF8.self)
        let line = text.split(separator: "\n").first { $0.hasPrefix(field) } ?? ""
        return (line.split { $0 == " " || $0 == "\t" }.dropFirst().first.flatMap { Int($0) } ?? 0) << 10
    }

    @Test("a body that the store finds to be none counts as a failure")
    func storeFindsFailure() async throws {
        struct Sink: ScrapeSink {
            func store(_ scrapes: [PendingScrape]) async throws -> [StoredOutcome] {
                scrapes.map { StoredOutcome(time: $0.scrape.time, failure: "not an object") }
            }
        }
        let log = CapturedLog()
        let service = RecordingService(
            configuration: try ServiceBench.configuration([("a", "http://a")], count: 2),
            sink: Sink(),
            logger: log.logger(),
            fetch: { _ in ServiceBench.scrape(Array("<html>".utf8)) }
        )
        let summary = try await service.run()
        #expect(summary.failures == 2)
        #expect(log.lines(with: " error=not an object").count == 2)
    }
}

@Suite struct LargeBodyGateTests {
    @Test("large bodies are let in one after the other, in order")
    func oneByOne() async throws {
        let gate = LargeBodyGate()
        try await gate.enter("a")
        try await gate.enter("a")
        let order = Journal()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for name in ["b", "c"] {
                group.addTask {
                    try await gate.enter(name)
                    order.append(name)
                    await gate.release(name)
                }
                let waiting = name == "b" ? 1 : 2
                #expect(await Waiting.until { await gate.waitingCount == waiting })
            }
            #expect(order.names.isEmpty)
            await gate.release("b")
            #expect(await gate.isOwned(by: "a"))
            await gate.release("a")
            try await group.waitForAll()
        }
        #expect(order.names == ["b", "c"])
    }

    @Test("who is cancelled while waiting is passed over")
    func cancelled() async throws {
        let gate = LargeBodyGate()
        try await gate.enter("a")
        let waiting = Task { try await gate.enter("b") }
        #expect(await Waiting.until { await gate.waitingCount == 1 })
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        await gate.release("a")
        try await gate.enter("c")
        #expect(await gate.isOwned(by: "c"))
    }
}

/// What happened, in order.
private final class Journal: Sendable {
    private let state = Mutex<[String]>([])

    var names: [String] { state.withLock { $0 } }

    func append(_ name: String) {
        state.withLock { $0.append(name) }
    }
}
