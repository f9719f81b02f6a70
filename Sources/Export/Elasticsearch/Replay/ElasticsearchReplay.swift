import Model
import Storage
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// `expvault export elasticsearch`: the shell around `ReplayMachine`, which obeys.
///
///     let replay = try ElasticsearchReplay(configuration)
///     let report = try await replay.run { progress in … }    // replay.cancel() ends it in good order
///
/// One task reads, decides and commits; each request is a child task of its own. In memory are `inFlightMax` + 1
/// batches of documents, their compressed requests, and one scrape.
package final class ElasticsearchReplay: Sendable {
    /// Called now and then with how far the export is.
    package typealias Progress = @Sendable (ReplayProgress) -> Void
    /// Called when something changes that a person should hear of.
    package typealias News = @Sendable (ReplayNews) -> Void

    /// Documents read between two looks at what else is to be done.
    private static let documentsPerTurn = 256
    /// A source that nobody asks for so long lets go of its snapshot (limits.md: readers keep none for over 5 s).
    private static let restAfter: Int64 = 2_000
    private static let progressInterval: Int64 = 250

    let configuration: ReplayConfiguration
    private let cancellation = Mutex<(isCancelled: Bool, wake: (@Sendable () -> Void)?)>((false, nil))

    /// - Throws: `ExportSetupError` for what contradicts itself.
    package init(_ configuration: ReplayConfiguration) throws(ExportSetupError) {
        try configuration.check()
        self.configuration = configuration
    }

    /// Ends a run in good order: what is on the way may still be answered, for four seconds at most.
    package func cancel() {
        let wake = cancellation.withLock { state in
            state.isCancelled = true
            return state.wake
        }
        wake?()
    }

    var isCancelled: Bool { cancellation.withLock(\.isCancelled) }

    // MARK: The calls of the command

    /// Sends what is to be sent.
    ///
    /// - Throws: `StorageError` (`locked` where another export is at work on the destination), `ExportSetupError`.
    ///   What the server does is no error, but in the report.
    package func run(
        _ progress: @escaping Progress = { _ in },
        news: @escaping News = { _ in }
    ) async throws -> ReplayReport {
        let vault = try Vault.openReader(path: configuration.vaultPath)
        var report = ReplayReport(
            destination: configuration.client.url.description,
            server: "",
            summary: ReplaySummary(),
            end: .done,
            notes: []
        )
        report.isStrict = configuration.isStrict
        let herald = ReplayHerald(news)
        let patience = patience(progress, herald) { self.pendingBeforeStart(vault) }
        do {
            try await run(vault, patience, herald, &report, progress)
        } catch let stop as ReplayStop {
            report.end = .stopped(stop)
            report.pending = pendingBeforeStart(vault)
        } catch let cancelled as ReplayCancelled {
            report.end = cancelled.reason.map { .cancelledWaiting(reason: $0) } ?? .cancelled
            report.pending = pendingBeforeStart(vault)
        }
        return report
    }

    private func run(
        _ vault: Vault,
        _ patience: Patience,
        _ herald: ReplayHerald,
        _ report: inout ReplayReport,
        _ progress: @escaping Progress
    ) async throws {
        var settings = configuration.client
        settings.userAgent = "expvault/\(configuration.version)"
        // Where its TLS needs the server for that (`--ca-fingerprint`), also opening it is a question.
        let client = try await patience.asking {
            do {
                return try await ElasticsearchClient.open(settings)
            } catch let stop as ReplayStop where stop.kind == .unavailable {
                var stop = stop
                stop.passing = .yes
                throw stop
            }
        }
        do {
            try await run(vault, client, patience, herald, &report, progress)
        } catch {
            await client.close()
            throw error
        }
        await client.close()
    }

    private func run(
        _ vault: Vault,
        _ client: ElasticsearchClient,
        _ patience: Patience,
        _ herald: ReplayHerald,
        _ report: inout ReplayReport,
        _ progress: @escaping Progress
    ) async throws {
        let info = try await patience.asking { try await ServerGreeting(client: client).info() }
        report.server = "\(info.product.rawValue) \(info.version)"
        let database = try ExportedDatabase(vault)
        let ledger = try await ReplayLedger.open(
            vaultPath: configuration.vaultPath,
            databaseUUID: database.recorder.id
        )
        do {
            let destination = ReplayDestination(
                clusterUUID: info.clusterUUID,
                namespace: configuration.namespace,
                mode: configuration.mode
            )
            let position = try await ledger.claim(
                destination,
                label: configuration.client.url.description,
                targets: database.targets.map(\.id),
                now: Timestamp(milliseconds: MonotonicClock.wall)
            )
            try await ledger.requireBehind(vault, lastSeq: database.lastSeq)
            try noteOtherMode(database.recorder.id, &report.notes)
            let forms = try await decidePauses(client, info, patience, &report.notes)
            try await patience.asking { try await requirePipelines(client) }
            try await patience.asking { try await makeStreams(client, info) }
            try await noteCutFields(client, patience, &report.notes)
            let context = context(database, forms)
            let source: any ReplaySource =
                configuration.retriesRejected
                ? try await QuarantineSource(ledger: ledger)
                : try DatabaseSource(
                    vault: vault,
                    context: context,
                    targets: configuration.targets,
                    range: configuration.range,
                    isWhole: configuration.isWhole,
                    cursors: position.cursors
                )
            let machine = ReplayMachine(
                rules: rules(),
                position: position,
                jitterSeed: UInt64.random(in: .min ... .max),
                now: MonotonicClock.now
            )
            let transport = ElasticsearchTransport(
                client: client,
                features: ServerFeatures(info),
                namespace: configuration.namespace,
                isViaPipeline: configuration.isViaPipeline,
                gzipLevel: configuration.gzipLevel,
                isPatient: configuration.follows
            )
            try await drive(machine, source, vault, ledger, transport, herald, &report, progress)
        } catch {
            await ledger.close()
            throw error
        }
        await ledger.close()
    }

    private func rules() -> ReplayMachine.Rules {
        var rules = ReplayMachine.Rules()
        rules.namespace = configuration.namespace
        rules.requestTimeout = configuration.client.requestTimeout
        rules.inFlightMax = configuration.inFlightMax
        rules.follows = configuration.follows
        rules.waitMax = configuration.follows ? nil : configuration.waitMax
        rules.leavesOutCustom = !configuration.isViaPipeline
        rules.requestBytesMax = configuration.requestBytesMax
        if let rate = configuration.client.rateLimit {
            // A request that takes half a minute on a thin line, were it not compressed at all.
            rules.requestBytesMax = Int(
                min(Int64(rules.requestBytesMax), max(100_000, rate.multipliedOrMax(by: 30)))
            )
            // Three of them share the line; that is no standstill.
            rules.waitMax = rules.waitMax.map { $0 + Int64(rules.requestBytesMax) * 4_000 / rate }
        }
        if configuration.retriesRejected {
            rules.scope = .rejected
        } else if !configuration.isWhole {
            rules.scope = .part
        }
        return rules
    }

    func context(_ database: ExportedDatabase, _ forms: PauseForms) -> DocumentContext {
        DocumentContext(
            namespace: configuration.namespace,
            agentID: database.recorder.id,
            agentName: database.recorder.host,
            agentVersion: configuration.version,
            preservesOriginal: configuration.preservesOriginal,
            includesPauses: configuration.includesPauses,
            includesHistogram: forms.histogram,
            includesPauseValues: forms.values,
            notesFractions: !configuration.isViaPipeline,
            isViaPipeline: configuration.isViaPipeline
        )
    }

    // MARK: The loop

    /// What a child task comes back with.
    private enum Signal: Sendable {
        case event(ReplayMachine.Event, wireBytes: Int)
        case wake
        case cancelled
        case nothing
    }

    private func drive(
        _ machine: ReplayMachine,
        _ source: any ReplaySource,
        _ vault: Vault,
        _ ledger: ReplayLedger,
        _ transport: ElasticsearchTransport,
        _ herald: ReplayHerald,
        _ report: inout ReplayReport,
        _ progress: @escaping Progress
    ) async throws {
        let (cancelled, continuation) = AsyncStream<Void>.makeStream()
        let isCancelledAlready = cancellation.withLock { state in
            state.wake = { continuation.finish() }
            return state.isCancelled
        }
        if isCancelledAlready { continuation.finish() }
        defer { cancellation.withLock { $0.wake = nil } }
        try await withThrowingTaskGroup(of: Signal.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                for await _ in cancelled {}
                return Task.isCancelled ? .nothing : .cancelled
            }
            var loop = ReplayLoop(
                machine: machine,
                interval: Self.progressInterval,
                follows: configuration.follows,
                followInterval: configuration.followInterval
            )
            while true {
                try await feed(&loop, source)
                var hasSighted = false
                for action in loop.machine.next(now: MonotonicClock.now) {
                    switch action {
                    case .commit(let commit):
                        try await ledger.commit(commit, now: Timestamp(milliseconds: MonotonicClock.wall))
                    case .send(let batch, let documents):
                        group.addTask {
                            let sent = await transport.bulk(batch, documents)
                            return .event(sent.event, wireBytes: sent.wireBytes)
                        }
                    case .probe(let batch, let streams):
                        group.addTask { .event(await transport.probe(batch, streams), wireBytes: 0) }
                    case .map(let batch, let indices):
                        group.addTask { .event(await transport.map(batch, indices), wireBytes: 0) }
                    case .sight:
                        let seq = try vault.snapshot().lastSeq
                        let time = Timestamp(milliseconds: MonotonicClock.wall)
                        loop.machine.handle(.sighted(seq: seq, time: time), now: MonotonicClock.now)
                        hasSighted = true
                    case .lookUp(let batch, let ids, let refresh):
                        group.addTask {
                            .event(await transport.lookUp(batch, ids, refresh: refresh), wireBytes: 0)
                        }
                    case .finish(let end):
                        loop.report(source.remaining, progress, isLast: true)
                        report.summary = loop.summary
                        report.end = end
                        report.pending = pending(loop.machine, source)
                        return
                    }
                }
                loop.report(source.remaining, progress, isLast: false)
                herald.event(loop.machine.standstill(now: MonotonicClock.now)) {
                    pending(loop.machine, source)
                }
                if hasSighted || loop.machine.wantsDocument && !loop.isSourceEmpty { continue }
                if let delay = loop.timerToStart(now: MonotonicClock.now, restAfter: Self.restAfter) {
                    group.addTask {
                        // Cancelled is what the loop looks at next.
                        try? await Task.sleep(for: .milliseconds(delay))
                        return .wake
                    }
                }
                let signal = try await group.next() ?? .nothing
                try await take(signal, &loop, source)
            }
        }
    }

    /// Documents that are not answered for, at most.
    private func pending(_ machine: ReplayMachine, _ source: any ReplaySource) -> Int64? {
        source.pending().map { $0 + Int64(machine.heldCount) }
    }

    private func feed(_ loop: inout ReplayLoop, _ source: any ReplaySource) async throws {
        var count = 0
        while loop.machine.wantsDocument, !loop.isSourceEmpty, count < Self.documentsPerTurn {
            if let delivery = try await source.next() {
                loop.machine.receive(delivery)
            } else {
                loop.sourceIsEmpty(now: MonotonicClock.now)
            }
            count += 1
        }
        if count > 0 { loop.fedAt = MonotonicClock.now }
    }

    private func take(_ signal: Signal, _ loop: inout ReplayLoop, _ source: any ReplaySource) async throws {
        let now = MonotonicClock.now
        switch signal {
        case .event(let event, let wireBytes):
            loop.wireBytes += Int64(wireBytes)
            loop.machine.handle(event, now: now)
        case .wake:
            loop.timerFired()
            if now - loop.fedAt >= Self.restAfter { source.rest() }
            if loop.mayRefresh(now: now) { try await source.refresh() }
        case .cancelled: loop.machine.handle(.cancelled, now: now)
        case .nothing: if Task.isCancelled { loop.machine.handle(.cancelled, now: now) }
        }
    }
}
