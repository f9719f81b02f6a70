import Export
import Model
import Storage
import TestBasics

/// The server of a history, and what an exporter promises before it asks anything of it.
extension SimulatedRun {
    /// Does what the machine wants; its end where that is it.
    mutating func obey(_ action: ReplayMachine.Action, of index: Int) -> ReplayEnd? {
        switch action {
        case .commit(let commit):
            databases[index].ledger.apply(commit)
            checkCursors(of: index)
        case .sight:
            let time = Timestamp(milliseconds: now + databases[index].clockOffset)
            exporters[index]?.machine.handle(.sighted(seq: databases[index].lastSeq, time: time), now: now)
        case .probe(let batch, _): answerProbe(batch, index)
        // Nobody lets it see a mapping: what is refused is known by the server's words alone.
        case .map(let batch, _): later(index, .mapped(batch: batch, PerStream(nil)))
        case .lookUp(let batch, let ids, let refresh): answerLookUp(batch, ids, refresh: refresh, index)
        case .send(let batch, let documents): answerSend(batch, documents, index)
        case .finish(let end): return end
        }
        return nil
    }

    mutating func fault(_ percent: Int) -> Bool {
        guard faultsLeft > 0, chance.percent(percent) else { return false }
        faultsLeft -= 1
        return true
    }

    /// A new write index, unless something is still on its way to the old one.
    mutating func rollOver() {
        let isLatePending = agenda.contains { if case .apply = $0.what { true } else { false } }
        if !isLatePending { cluster.rollOver(chance.percent(50) ? .heap : .expvar) }
    }

    private mutating func later(_ index: Int, _ event: ReplayMachine.Event, within milliseconds: Int = 500) {
        agenda.append((now + 1 + Int64(chance.below(milliseconds)), .event(database: index, event)))
    }

    private mutating func answerProbe(_ batch: Int, _ index: Int) {
        guard databases[index].mayLook else { return later(index, .denied(batch: batch)) }
        if fault(10) { return later(index, .failed(batch: batch, unclear)) }
        var states = PerStream(ReplayMachine.StreamState(writeIndex: .absent, indexCount: 0))
        for stream in DocumentKind.allCases { states[stream] = cluster.state(stream) }
        if fault(5) { rollOver() }
        later(index, .probed(batch: batch, states))
    }

    private mutating func answerLookUp(
        _ batch: Int,
        _ ids: [DocumentKind: [String]],
        refresh: Bool,
        _ index: Int
    ) {
        guard databases[index].mayLook else { return later(index, .denied(batch: batch)) }
        if fault(10) { return later(index, .failed(batch: batch, unclear)) }
        if refresh { cluster.refresh() }
        later(index, .found(batch: batch, ids: cluster.find(ids), isWhole: true))
        if fault(5) { rollOver() }
    }

    private var unclear: BulkFailure { .retry(reason: "cut", isCertainlyNotStored: false, retryAfter: nil) }

    private mutating func answerSend(_ batch: Int, _ documents: [ReplayDocument], _ index: Int) {
        checkPromise(documents, index)
        if fault(15) { rollOver() }
        let size = documents.reduce(0) { $0 + BulkRequest.bytes(of: $1, namespace: "default") }
        if size > requestLimit { return later(index, .failed(batch: batch, .tooLarge(reason: "413"))) }
        guard fault(50) else { return answer(batch, carryOut(documents), index) }
        let refused = BulkFailure.retry(
            reason: "refused",
            isCertainlyNotStored: true,
            retryAfter: chance.percent(50) ? 7_000 : nil
        )
        switch chance.below(12) {
        case 0...1: later(index, .failed(batch: batch, refused))
        case 2: later(index, .failed(batch: batch, unclear))
        case 3:
            _ = carryOut(documents)
            later(index, .failed(batch: batch, unclear))
        case 4:
            // The line is cut, and the server works on.
            later(index, .failed(batch: batch, unclear))
            agenda.append((now + 1 + Int64(chance.below(Int(timeout) - 1)), .apply(documents)))
        case 5:
            _ = carryOut(documents)
            agenda.append((now + timeout, .event(database: index, .failed(batch: batch, unclear))))
        case 6: agenda.append((now + timeout, .event(database: index, .failed(batch: batch, unclear))))
        case 7:
            agenda.append((now + timeout, .event(database: index, .failed(batch: batch, unclear))))
            agenda.append((now + 1 + Int64(chance.below(Int(timeout) - 1)), .apply(documents)))
        case 8: answer(batch, carryOut(documents, busyPercent: 40, status: 429), index)
        case 9: answer(batch, carryOut(documents, busyPercent: 40, status: 503), index)
        case 10: later(index, .failed(batch: batch, .answerTooLarge(reason: "long")))
        default:
            let stop = BulkItemAnswer(status: 403, type: "security_exception", reason: "expired")
            answer(batch, documents.map { _ in stop }, index)
        }
    }

    private mutating func answer(_ batch: Int, _ answers: [BulkItemAnswer], _ index: Int) {
        later(index, .answered(batch: batch, answers))
    }

    mutating func carryOut(
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

    // MARK: What must hold

    /// Before documents are sent, the ledger says that they may be.
    private mutating func checkPromise(_ documents: [ReplayDocument], _ index: Int) {
        let highest = documents.map(\.seq).max() ?? 0
        if (databases[index].ledger.position.high ?? 0) < highest {
            complaints.append("sent \(highest) without a word")
        }
    }

    /// A cursor is past nothing that is neither in the cluster nor in quarantine.
    private mutating func checkCursors(of index: Int) {
        let database = databases[index]
        guard database.kind != .capture else { return }
        for document in database.documents
        where document.seq <= database.ledger.position.cursors[document.target] ?? 0 {
            if cluster.copies(of: document) == 0, database.ledger.rejected[document.id] == nil {
                complaints.append("cursor past \(document.id), which is nowhere")
            }
        }
    }
}
