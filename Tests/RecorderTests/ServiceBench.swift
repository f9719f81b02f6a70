import Logging
import Model
import Storage
import Synchronization
import TestBasics
import TestSupport

@testable import Recorder

/// Keeps what it is given in memory, or fails as a test tells it to.
final class MemorySink: ScrapeSink {
    private struct State {
        var batches: [[PendingScrape]] = []
        var attempts = 0
        var failure: StorageError?
        var refusedTarget: String?
        var isHanging = false
        var hanging: [CheckedContinuation<Void, Never>] = []
        var room: Int?
        var roomLeft = 0
    }

    private let state = Mutex(State())
    private let log: CapturedLog?

    init(log: CapturedLog? = nil) {
        self.log = log
    }

    var batches: [[PendingScrape]] { state.withLock { $0.batches } }
    var scrapes: [PendingScrape] { batches.flatMap { $0 } }
    var attempts: Int { state.withLock { $0.attempts } }

    func scrapes(of name: String) -> [Scrape] {
        scrapes.filter { $0.target.name == name }.map(\.scrape)
    }

    /// Lets every transaction fail that way; nil: lets them succeed again.
    func fail(_ failure: StorageError?) {
        state.withLock { $0.failure = failure }
    }

    /// Keeps room for so many scrapes back until it is asked for.
    func keepRoom(_ scrapes: Int?) {
        state.withLock { $0.room = scrapes }
    }

    func makeRoom() async {
        state.withLock { $0.roomLeft = $0.room ?? 0 }
    }

    /// Lets every transaction fail that holds a scrape of that target.
    func refuse(_ name: String) {
        state.withLock { $0.refusedTarget = name }
    }

    /// Lets it answer nobody; false: answers those who wait, too.
    func hang(_ isHanging: Bool) {
        let waiting = state.withLock { state in
            state.isHanging = isHanging
            defer { if !isHanging { state.hanging = [] } }
            return isHanging ? [] : state.hanging
        }
        for each in waiting { each.resume() }
    }

    /// How many wait for an answer.
    var hangingCount: Int { state.withLock { $0.hanging.count } }

    func answer() async {
        await withCheckedContinuation { continuation in
            let isHanging = state.withLock { state in
                if state.isHanging { state.hanging.append(continuation) }
                return state.isHanging
            }
            if !isHanging { continuation.resume() }
        }
    }

    func store(_ scrapes: [PendingScrape]) async throws -> [StoredOutcome] {
        // As long as a real commit.
        await Waiting.pause(milliseconds: 2)
        return try state.withLock { state in
            state.attempts += 1
            if let failure = state.failure {
                guard scrapes.count <= state.roomLeft else { throw failure }
                state.roomLeft -= scrapes.count
            }
            if let refused = state.refusedTarget, scrapes.contains(where: { $0.target.name == refused }) {
                throw StorageError.damaged(path: "x", detail: "refused")
            }
            log?.append(level: .trace, "committed \(scrapes.count)")
            state.batches.append(scrapes)
            return scrapes.map { StoredOutcome(time: $0.scrape.time, failure: nil) }
        }
    }
}

/// What was logged, level and text.
final class CapturedLog: Sendable {
    private let state = Mutex<[(level: Logger.Level, text: String)]>([])

    var lines: [(level: Logger.Level, text: String)] { state.withLock { $0 } }

    func append(level: Logger.Level, _ text: String) {
        state.withLock { $0.append((level, text)) }
    }

    /// The texts that hold `part`.
    func lines(with part: String) -> [String] {
        lines.map(\.text).filter { $0.contains(part) }
    }

    func logger() -> Logger {
        Logger(label: "test") { _ in Handler(log: self) }
    }

    private struct Handler: LogHandler {
        var log: CapturedLog
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level = .debug

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            log.append(level: event.level, event.message.description)
        }
    }
}

/// A service with everything around it.
struct ServiceBench {
    let log: CapturedLog
    let sink: MemorySink
    let service: RecordingService

    init(
        _ configuration: RecorderConfiguration,
        heartbeat: Heartbeat? = nil,
        fetch: RecordingService.Fetch? = nil
    ) {
        log = CapturedLog()
        sink = MemorySink(log: log)
        service = RecordingService(
            configuration: configuration,
            sink: sink,
            logger: log.logger(),
            userAgent: "expvault/test",
            fetch: fetch,
            heartbeat: heartbeat
        )
    }

    /// A configuration of targets by name and URL.
    static func configuration(
        _ targets: [(name: String, url: String)],
        intervalMilliseconds: Int64 = 100,
        durationMilliseconds: Int64? = nil,
        count: Int64? = nil
    ) throws -> RecorderConfiguration {
        RecorderConfiguration(
            database: "/nonexistent/expvault.db",
            durationMilliseconds: durationMilliseconds,
            scrapeCountMax: count,
            targets: try targets.map { target in
                TargetSettings(
                    name: target.name,
                    url: try TargetURL.parse(target.url).url,
                    intervalMilliseconds: intervalMilliseconds,
                    timeoutMilliseconds: 5000
                )
            }
        )
    }

    /// A scrape as a fetch makes it.
    static func scrape(_ body: [UInt8] = Array("{}".utf8)) -> Scrape {
        Scrape(
            time: Timestamp(milliseconds: HostClock.system.wallMilliseconds()),
            durationNanoseconds: 1000,
            status: 200,
            outcome: .document(body)
        )
    }
}
