import Export
import Model
import Storage
import TestBasics

/// One history: a database, a server with its moods, an exporter that may be killed at any step, and a clock.
struct SimulatedRun {
    let seed: UInt64
    var chance: SeededGenerator
    var cluster = SimulatedCluster()
    var ledger = SimulatedLedger()
    var documents: [ReplayDocument] = []
    var now: Int64 = 1_000_000
    /// What is still to happen: an answer on its way to the exporter, or a request that the server carries out late.
    private var agenda: [(at: Int64, what: Happening)] = []
    private enum Happening {
        case event(ReplayMachine.Event)
        case apply([ReplayDocument])
    }

    /// Faults that are left; then the server is well, so that every history ends.
    private var faultsLeft: Int
    private let mayLook: Bool
    private let isSeqOrdered: Bool
    private let requestLimit: Int
    private let timeout: Int64 = 60_000
    private var highestSeq: Int64 = 0
    private(set) var isFirstRun = true
    private(set) var possiblyTwice = 0
    private(set) var kills = 0
    /// What is wrong; empty if nothing is.
    private(set) var complaints: [String] = []

    init(seed: UInt64) {
        self.seed = seed
        chance = SeededGenerator(seed: seed)
        faultsLeft = chance.below(30)
        mayLook = !chance.percent(10)
        isSeqOrdered = chance.percent(70)
        requestLimit = 300 + chance.below(2_000)
        let targets = 1 + chance.below(3)
        for scrape in 0..<(1 + chance.below(20)) {
            let seq = Int64(scrape + 1)
            highestSeq = seq
            // A failed scrape makes no documents.
            if chance.percent(10) { continue }
            for stream in DocumentKind.allCases { add(seq, stream, target: chance.below(targets) + 1) }
        }
        // Some of it may be there already, from an export whose ledger is lost.
        if chance.percent(20), let some = documents.randomElement(using: &chance),
            String(decoding: some.bytes, as: UTF8.self).hasPrefix(#"{"x""#)
        {
            _ = cluster.create(some)
            cluster.refresh()
            if chance.percent(70) { cluster.rollOver(some.kind) }
        }
        for stream in DocumentKind.allCases where chance.percent(30) { cluster.rollOver(stream) }
    }

    private mutating func add(_ seq: Int64, _ stream: DocumentKind, target: Int) {
        let mood = chance.below(100)
        let body =
            switch mood {
            case 0..<4: #"{"refuse":1}"#
            case 4..<8: #"{"golang":{"expvar":{"a":1,"custom":{"cache":7,"ok":1}}}}"#
            case 8..<10: #"{"failurestore":1}"#
            case 10..<12: #"{"large":"\#(String(repeating: "x", count: 2_400))"}"#
            default: #"{"x":\#(seq)}"#
            }
        documents.append(
            ReplayDocument(
                id: "\(target)-\(seq)-\(stream.rawValue)",
                seq: seq,
                target: TargetID(Int64(target)),
                targetName: "t\(target)",
                time: Timestamp(milliseconds: seq * 10_000),
                kind: stream,
                bytes: Array(body.utf8)
            )
        )
    }

    /// Exports until everything is done, however often it is killed or stopped on the way.
    mutating func run() -> [String] {
        for _ in 0..<400 {
            if export() { break }
            isFirstRun = false
        }
        check()
        return complaints
    }

    private var targets: Set<TargetID> { Set(documents.map(\.target)) }

    /// One life of the exporter; whether it came to its end.
    private mutating func export() -> Bool {
        var rules = ReplayMachine.Rules()
        rules.requestBytesMax = 400 + chance.below(2_000)
        rules.requestDocumentsMax = 1 + chance.below(12)
        rules.inFlightMax = 1 + chance.below(4)
        rules.waitMax = nil
        rules.foreignHigh = highestSeq
        for target in targets where ledger.position.cursors[target] == nil {
            ledger.position.cursors[target] = 0
        }
        var machine = ReplayMachine(
            rules: rules,
            position: ledger.position,
            jitterSeed: chance.next(),
            now: now
        )
        var deliveries = source()[...]
        agenda.removeAll { if case .event = $0.what { true } else { false } }
        for _ in 0..<5_000 {
            while machine.wantsDocument, let delivery = deliveries.popFirst() { machine.receive(delivery) }
            if deliveries.isEmpty { machine.sourceExhausted() }
            for action in machine.next(now: now) {
                if faultsLeft > 0, chance.percent(2) {
                    faultsLeft -= 1
                    kills += 1
                    possiblyTwice += machine.summary.possiblyTwice
                    now += Int64(chance.below(90_000))
                    happen()
                    return false
                }
                if let end = obey(action) {
                    possiblyTwice += machine.summary.possiblyTwice
                    checkCounts(machine.summary)
                    if case .stopped = end { now += 1_000 }
                    return end == .done
                }
            }
            advance(until: machine.wakeAt, &machine)
        }
        complaints.append("no end in sight")
        return true
    }

    /// What a source would hand out from the cursors on.
    private mutating func source() -> [ReplayDelivery] {
        var open = documents.filter { $0.seq > ledger.position.cursors[$0.target] ?? 0 }
        var deliveries: [ReplayDelivery] = []
        if isSeqOrdered {
            for (index, document) in open.enumerated() {
                deliveries.append(.document(document))
                let next = index + 1 < open.count ? open[index + 1].seq : highestSeq + 1
                if next > document.seq {
                    for target in targets { deliveries.append(.frontier(target, seq: next - 1)) }
                }
            }
        } else {
            open.shuffle(using: &chance)
            deliveries = open.map { .document($0) }
        }
        return deliveries + targets.map { .frontier($0, seq: highestSeq) }
    }

    // MARK: The server

    private mutating func obey(_ action: ReplayMachine.Action) -> ReplayEnd? {
        switch action {
        case .commit(let commit):
            ledger.apply(commit)
            checkCursors()
        case .probe(let batch, _): answerProbe(batch)
        case .lookUp(let batch, let ids, let refresh): answerLookUp(batch, ids, refresh: refresh)
        case .send(let batch, let documents): answerSend(batch, documents)
        case .finish(let end): return end
        }
        return nil
    }

    private mutating func fault(_ percent: Int) -> Bool {
        guard faultsLeft > 0, chance.percent(percent) else { return false }
        faultsLeft -= 1
        return true
    }

    private mutating func later(_ what: Happening, within milliseconds: Int = 500) {
        agenda.append((now + 1 + Int64(chance.below(milliseconds)), what))
    }

    private mutating func answerProbe(_ batch: Int) {
        guard mayLook else { return later(.event(.denied(batch: batch))) }
        if fault(10) { return later(.event(.failed(batch: batch, unclear))) }
        var states = PerStream(ReplayMachine.StreamState(writeIndex: .absent, indexCount: 0))
        for stream in DocumentKind.allCases { states[stream] = cluster.state(stream) }
        later(.event(.probed(batch: batch, states)))
    }

    private mutating func answerLookUp(_ batch: Int, _ ids: [DocumentKind: [String]], refresh: Bool) {
        if fault(10) { return later(.event(.failed(batch: batch, unclear))) }
        if refresh { cluster.refresh() }
        later(.event(.found(batch: batch, ids: cluster.find(ids))))
    }

    private var unclear: BulkFailure { .retry(reason: "cut", isCertainlyNotStored: false, retryAfter: nil) }

    private mutating func answerSend(_ batch: Int, _ documents: [ReplayDocument]) {
        checkPromise(documents)
        let isLatePending = agenda.contains { if case .apply = $0.what { true } else { false } }
        if !isLatePending, fault(15) { cluster.rollOver(chance.percent(50) ? .heap : .expvar) }
        let size = documents.reduce(0) { $0 + BulkRequest.bytes(of: $1, namespace: "default") }
        if size > requestLimit { return later(.event(.failed(batch: batch, .tooLarge(reason: "413")))) }
        guard fault(50) else { return answer(batch, carryOut(documents)) }
        switch chance.below(12) {
        case 0:
            later(
                .event(
                    .failed(
                        batch: batch,
                        .retry(reason: "429", isCertainlyNotStored: true, retryAfter: 7_000)
                    )
                )
            )
        case 1:
            later(
                .event(
                    .failed(
                        batch: batch,
                        .retry(reason: "refused", isCertainlyNotStored: true, retryAfter: nil)
                    )
                )
            )
        case 2: later(.event(.failed(batch: batch, unclear)))
        case 3:
            _ = carryOut(documents)
            later(.event(.failed(batch: batch, unclear)))
        case 4:
            // The line is cut, and the server works on.
            later(.event(.failed(batch: batch, unclear)))
            later(.apply(documents), within: Int(timeout) - 1)
        case 5:
            _ = carryOut(documents)
            agenda.append((now + timeout, .event(.failed(batch: batch, unclear))))
        case 6: agenda.append((now + timeout, .event(.failed(batch: batch, unclear))))
        case 7:
            agenda.append((now + timeout, .event(.failed(batch: batch, unclear))))
            later(.apply(documents), within: Int(timeout) - 1)
        case 8: answer(batch, carryOut(documents, busyPercent: 40, status: 429))
        case 9: answer(batch, carryOut(documents, busyPercent: 40, status: 503))
        case 10: later(.event(.failed(batch: batch, .answerTooLarge(reason: "long"))))
        default:
            let stop = BulkItemAnswer(status: 403, type: "security_exception", reason: "expired")
            answer(batch, documents.map { _ in stop })
        }
    }

    private mutating func answer(_ batch: Int, _ answers: [BulkItemAnswer]) {
        later(.event(.answered(batch: batch, answers)))
    }

    private mutating func carryOut(
        _ documents: [ReplayDocument],
        busyPercent: Int = 0,
        status: Int = 429
    ) -> [BulkItemAnswer] {
        documents.map { document in
            if chance.percent(busyPercent) {
                // A 503 may hide that the document was stored.
                if status == 503, chance.percent(50) { _ = carryOut([document]) }
                return BulkItemAnswer(status: status, type: "es_rejected_execution_exception")
            }
            let text = String(decoding: document.bytes, as: UTF8.self)
            if text.contains("refuse") {
                return BulkItemAnswer(
                    status: 400,
                    type: "mapper_parsing_exception",
                    reason: "failed to parse"
                )
            }
            if text.contains("\"cache\":7") {
                return BulkItemAnswer(
                    status: 400,
                    type: "document_parsing_exception",
                    reason:
                        "object mapping for [golang.expvar.custom.cache] tried to parse field [cache] as object"
                )
            }
            if text.contains("failurestore") { return BulkItemAnswer(status: 201, usedFailureStore: true) }
            return cluster.create(document)
        }
    }

    // MARK: Time

    /// Moves the clock to whatever comes first, and lets it happen.
    private mutating func advance(until wake: Int64?, _ machine: inout ReplayMachine) {
        let first = agenda.indices.min { agenda[$0].at < agenda[$1].at }
        guard let first, wake.map({ agenda[first].at <= $0 }) ?? true else {
            now = max(now, wake ?? now + 1)
            return
        }
        let entry = agenda.remove(at: first)
        now = max(now, entry.at)
        switch entry.what {
        case .event(let event): machine.handle(event, now: now)
        case .apply(let documents): _ = carryOut(documents)
        }
    }

    /// What the server still carries out while nobody listens.
    private mutating func happen() {
        let due = agenda.filter { $0.at <= now }
        agenda.removeAll { $0.at <= now }
        for case (_, .apply(let documents)) in due { _ = carryOut(documents) }
    }

    // MARK: What must hold

    /// Before documents are sent, the ledger says that they may be.
    private mutating func checkPromise(_ documents: [ReplayDocument]) {
        let highest = documents.map(\.seq).max() ?? 0
        if (ledger.position.doubt?.high ?? 0) < highest {
            complaints.append("sent \(highest) without a word")
        }
    }

    /// A cursor is past nothing that is neither in the cluster nor in quarantine.
    private mutating func checkCursors() {
        for document in documents where document.seq <= ledger.position.cursors[document.target] ?? 0 {
            if cluster.copies(of: document) == 0, ledger.rejected[document.id] == nil {
                complaints.append("cursor past \(document.id), which is nowhere")
            }
        }
    }

    private mutating func checkCounts(_ summary: ReplaySummary) {
        if summary.read != summary.sent + summary.thereBefore + summary.refused + summary.unanswered {
            complaints.append("counts do not add up: \(summary)")
        }
    }

    private mutating func check() {
        var extra = 0
        for document in documents {
            let text = String(decoding: document.bytes, as: UTF8.self)
            let isRefused =
                text.contains("refuse") || text.contains("failurestore")
                || (text.contains("large")
                    && BulkRequest.bytes(of: document, namespace: "default") > requestLimit)
                || (text.contains("\"cache\":7") && document.kind == .heap)
            let copies = cluster.copies(of: document)
            extra += max(copies - 1, 0)
            if (ledger.rejected[document.id] != nil) != isRefused {
                complaints.append("\(document.id): quarantine")
            }
            if !isRefused, copies == 0 { complaints.append("\(document.id) is lost") }
        }
        // Who may not look cannot know all; who may never makes a copy without counting it.
        if mayLook, extra > possiblyTwice { complaints.append("\(extra) copies, \(possiblyTwice) counted") }
        for target in targets where ledger.position.cursors[target] != highestSeq {
            complaints.append(
                "cursor of \(target) at \(ledger.position.cursors[target] ?? -1), not \(highestSeq)"
            )
        }
    }
}
