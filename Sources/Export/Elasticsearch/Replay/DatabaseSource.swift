import Model
import Storage

/// The documents of a database beyond the cursors, target after target.
final class DatabaseSource: ReplaySource {
    private let vault: Vault
    private let context: DocumentContext
    private let names: Set<String>
    private let range: TimeRange
    /// Whether frontiers are told; a part of a database moves no cursor.
    private let isWhole: Bool
    /// By target, what was handed out up to.
    private var cursors: [TargetID: Int64]

    private var maker: DocumentMaker
    /// Targets of this pass that are still to be gone over, the next one last.
    private var targets: [TargetRecord] = []
    private var upToSeq: Int64 = 0
    private var current: (target: TargetRecord, stream: DocumentStream, runs: SeqRuns)?
    /// Handed out next, in reverse order.
    private var ready: [ReplayDelivery] = []
    private var left: Int64 = 0

    /// Documents of the named targets (all where empty) in that range.
    init(
        vault: Vault,
        context: DocumentContext,
        targets names: Set<String>,
        range: TimeRange,
        isWhole: Bool,
        cursors: [TargetID: Int64]
    ) throws {
        self.vault = vault
        self.context = context
        self.names = names
        self.range = range
        self.isWhole = isWhole
        self.cursors = isWhole ? cursors : [:]
        maker = DocumentMaker(context: context)
        try beginPass()
    }

    var remaining: Int64? { left * 2 }

    func pending() -> Int64? {
        // A number for a person; where it cannot be read the export itself meets the reason.
        guard let newest = try? vault.snapshot().lastSeq else { return nil }
        // What was recorded since has the numbers behind those of this pass.
        return (left + (isWhole ? max(0, newest - upToSeq) : 0)) * 2
    }

    /// How many documents there are behind the cursors, at most: a failed scrape has a number too, and no document.
    static func pending(
        of targets: [TargetRecord],
        after cursors: [TargetID: Int64],
        upTo seq: Int64
    ) -> Int64 {
        let after = targets.map { cursors[$0.id] ?? 0 }
        let ofEach = zip(targets, after).reduce(0) { $0 + max(0, min($1.0.scrapeCount, seq - $1.1)) }
        // Numbers are given to all targets in turn.
        return 2 * min(ofEach, max(0, seq - (after.min() ?? seq)))
    }

    func refresh() throws {
        if current == nil, targets.isEmpty { try beginPass() }
    }

    func rest() {
        current?.stream.rest()
    }

    func next() throws -> ReplayDelivery? {
        while true {
            if let delivery = ready.popLast() { return delivery }
            guard current != nil || !targets.isEmpty else {
                left = 0
                return nil
            }
            if current == nil { try beginTarget() }
            if let scrape = try current?.stream.next() {
                hand(out: scrape)
            } else if let target = current?.target.id {
                current = nil
                cursors[target] = upToSeq
                if isWhole { ready = [.frontier(target, seq: upToSeq)] }
            }
        }
    }

    private func hand(out scrape: ExportedScrape) {
        let documents = maker.documents(for: scrape)
        let ids = DocumentID.texts(for: scrape, in: context)
        func document(_ kind: DocumentKind, _ id: String, _ bytes: [UInt8]) -> ReplayDelivery {
            .document(
                ReplayDocument(
                    id: id,
                    seq: scrape.record.seq,
                    target: scrape.record.target,
                    targetName: scrape.target,
                    time: scrape.record.position.time,
                    // Raw lines know no boot, scrapes of a recorder always do.
                    isRecorded: scrape.record.bootID != nil,
                    kind: kind,
                    bytes: bytes,
                    remarks: documents.remarks[kind]
                )
            )
        }
        if isWhole, let seq = current?.runs.frontier(after: scrape.record.seq) {
            ready.append(.frontier(scrape.record.target, seq: seq))
        }
        ready.append(document(.expvar, ids.expvar, documents.expvar))
        if let heap = documents.heap { ready.append(document(.heap, ids.heap, heap)) }
        left = max(0, left - 1)
    }

    // MARK: Passes

    private func beginPass() throws {
        let snapshot = try vault.snapshot()
        upToSeq = snapshot.lastSeq
        targets = try snapshot.targets().filter { names.isEmpty || names.contains($0.name) }.reversed()
        targets.removeAll { (cursors[$0.id] ?? 0) >= upToSeq }
        left = DatabaseSource.pending(of: targets, after: cursors, upTo: upToSeq) / 2
    }

    private func beginTarget() throws {
        guard let target = targets.popLast() else { return }
        let after = cursors[target.id] ?? 0
        let selection = ExportSelection(range: range, afterSeq: after, upToSeq: upToSeq)
        let stream = DocumentStream(
            vault: vault,
            target: target,
            selection: selection,
            predecessors: context.includesPauses
        )
        current = (target, stream, isWhole ? try runs(of: target, selection) : SeqRuns())
    }

    /// Goes over the records alone, without bodies.
    private func runs(of target: TargetRecord, _ selection: ExportSelection) throws -> SeqRuns {
        var runs = SeqRuns()
        var range = selection.range
        var previous: ScrapePosition?
        // Within one epoch positions are times, so that a new snapshot can go on where the last one ended.
        let isOneEpoch = target.first?.epoch == target.last?.epoch
        while true {
            let cursor = try vault.snapshot().scrapes(
                of: target.id,
                in: range,
                afterSeq: selection.afterSeq,
                failures: false
            )
            let deadline = ContinuousClock.now + .seconds(2)
            var isCut = false
            while let record = try cursor.next() {
                if let previous, record.position <= previous { continue }
                previous = record.position
                if record.seq <= selection.upToSeq { runs.note(record.seq) }
                if isOneEpoch, runs.count % 1_024 == 0, ContinuousClock.now > deadline {
                    isCut = true
                    break
                }
            }
            guard isCut, let previous else { break }
            range.since = previous.time
        }
        runs.finish()
        return runs
    }
}

/// The documents that a destination refused, to be offered once more.
final class QuarantineSource: ReplaySource {
    private let ledger: ReplayLedger
    private let count: Int
    private var handedOut = 0
    private var page: [RejectedDocument] = []
    private var last: Int64 = 0

    /// Pages are read with so many documents at once.
    private static let pageMax = 64

    init(ledger: ReplayLedger) async throws {
        self.ledger = ledger
        count = try await ledger.rejectedCount()
    }

    var remaining: Int64? { Int64(max(0, count - handedOut)) }

    func pending() -> Int64? { remaining }
    func refresh() {}
    func rest() {}

    func next() async throws -> ReplayDelivery? {
        // What is refused again gets a new reason and keeps its place, so that this comes to an end.
        if page.isEmpty, handedOut < count {
            let read = try await ledger.rejected(after: last, limit: QuarantineSource.pageMax)
            page = read.documents.reversed()
            last = read.last
        }
        guard let document = page.popLast() else { return nil }
        handedOut += 1
        return .document(
            ReplayDocument(
                id: document.id,
                seq: document.seq,
                target: document.target,
                targetName: document.targetName,
                time: document.time,
                kind: document.stream.contains(DocumentKind.heap.dataset) ? .heap : .expvar,
                bytes: document.document
            )
        )
    }
}
