package import Model
package import Storage

/// Decides everything about an export, and does nothing itself.
///
/// Events go in, actions come out; the shell (`ElasticsearchReplay`) only obeys. No clock, network, disk or random
/// source is touched, so that a hundred thousand runs against a simulated server take seconds.
///
///     source ─document→ forming ─full→ waiting ─→ sending ─answered→ settled (cursor moves)
///                                       │ ↑ ↑       └─unanswered→ waiting, as sent under what was known then
///                         ids may be in │ │ └── an index that nobody foresaw: where else is it?
///                    an older index, so │ └ids missing, or there─┐
///                                       └──────→ lookingUp ──────┘
///
/// What must hold:
/// - a cursor is committed only once every document up to it was taken, was there, or is in quarantine (committed);
/// - before documents are sent, the highest `seq` among them is committed;
/// - a document is sent only to an index that would answer 409 were it there already, or that is the stream's only one, or
///   after a look-up, whoever may have sent it before; where we may not look, what may be there twice is counted;
/// - never more than `inFlightMax` + 1 batches are held, whatever the server does.
package struct ReplayMachine: Sendable {
    /// The rules of one export.
    package struct Rules: Sendable {
        /// The size of a request before compression.
        ///
        /// Elastic advises 5 to 15 MB; with 1 MB as many documents a second go out, in 64 MB of memory.
        package var requestBytesMax = 1_000_000
        /// Documents in a request; an `ids` query returns 10 000 hits at most (index.max_result_window), and a
        /// document that lies there twice takes two.
        package var requestDocumentsMax = 5_000
        /// Requests on the way at once.
        package var inFlightMax = 2
        /// How long a request may take, in milliseconds.
        package var requestTimeout: Int64 = 60_000
        /// How long to go on without progress, in milliseconds; nil: for ever.
        package var waitMax: Int64? = 300_000
        /// Whether to stay when the source has nothing more.
        package var follows = false
        /// What is sent.
        package var scope = Scope.whole
        /// Whether a refused document is sent again without the variables that its stream does not take, so often at most
        /// before it goes without any: a server names one an answer.
        package var leavesOutCustom = true
        package var leavingOutRoundsMax = 20
        /// How long the end waits for requests on the way, in milliseconds: SIGTERM must be obeyed within 5 s.
        package var drainMax: Int64 = 4_000
        /// The namespace of the streams.
        package var namespace = "default"

        /// The rules unless somebody says otherwise.
        package init() {}
    }

    /// Which documents an export sends.
    package enum Scope: Hashable, Sendable {
        /// Everything beyond the cursors, which are moved.
        case whole
        /// A range or some targets: cursors are neither read nor moved.
        case part
        /// The quarantine.
        case rejected
    }

    /// What happened.
    package enum Event: Sendable {
        /// The write index of each asked stream, and how many indices the stream has.
        case probed(batch: Int, PerStream<StreamState>)
        /// How far the database had come, and the wall clock, after `sight` was asked for.
        case sighted(seq: Int64, time: Timestamp)
        /// The ids that are there; an id that lies there twice comes twice.
        ///
        /// Not `isWhole` where an index of the stream cannot be searched: what is in it alone is not among them.
        case found(batch: Int, ids: [String], isWhole: Bool)
        /// What the write indices of the asked streams map; nil where we may not see it, or nobody said.
        case mapped(batch: Int, PerStream<MappedFields?>)
        /// We may not ask that.
        case denied(batch: Int)
        /// One answer for each item, in the order in which they were sent.
        case answered(batch: Int, [BulkItemAnswer])
        /// Any of the three requests failed as a whole.
        case failed(batch: Int, BulkFailure)
        /// End in good order, soon.
        case cancelled
    }

    /// What to do, in this order.
    package enum Action: Sendable {
        /// Make this durable before the next action.
        case commit(ReplayCommit)
        /// Send a bulk request.
        case send(batch: Int, [ReplayDocument])
        /// Ask for the write indices of these streams.
        case probe(batch: Int, [DocumentKind])
        /// Read now how far the database has come.
        case sight
        /// Ask what these indices map, or what the streams do where no index is named.
        case map(batch: Int, [DocumentKind: String?])
        /// Ask which of these ids are there, after a refresh where wanted.
        case lookUp(batch: Int, ids: [DocumentKind: [String]], refresh: Bool)
        /// Let go of everything: the export has ended.
        case finish(ReplayEnd)
    }

    /// What a probe says of a stream.
    package struct StreamState: Hashable, Sendable {
        package var writeIndex: WriteIndex
        /// How many backing indices it has.
        package var indexCount: Int

        /// A stream that writes to that index, of so many.
        package init(writeIndex: WriteIndex, indexCount: Int) {
            self.writeIndex = writeIndex
            self.indexCount = indexCount
        }
    }

    /// The numbers of questions about streams; no batch has them.
    static let probe = 0
    static let mappingQuestion = -1

    let rules: Rules
    var retryPolicy: RetryPolicy
    package internal(set) var summary = ReplaySummary()

    // Batches: being filled, waiting for their turn, on the way.
    var forming: ReplayBatch?
    var waiting: [ReplayBatch] = []
    var active: [Int: ReplayBatch] = [:]
    var lastBatchID = ReplayMachine.probe
    /// Halved by each 413, so that the next request is not too large again.
    var requestBytesMax: Int

    // The position.
    var seqs: [TargetID: AnsweredSeqs]
    var committedCursors: [TargetID: Int64]
    var movedTargets: Set<TargetID> = []
    var high: Int64
    var committedHigh: Int64
    /// The highest `seq` that an earlier export may have left on the way; nil once all up to it is answered for.
    var carried: Int64?
    /// What each stream wrote to, at the earliest, when an earlier export left something on the way.
    let carriedUnder: PerStream<WriteIndex>
    var pending = ReplayCommit()
    var needsCommit = false

    // What is known of the streams.
    var known = PerStream(StreamKnowledge())
    var mappings = PerStream(StreamMapping())
    /// Streams whose mapping decides over documents that wait, or over what is said at the end.
    var mappingWanted: Set<DocumentKind> = []
    /// What the question on the way asks for.
    var mappingAsked: Set<DocumentKind> = []
    /// Fields that fractions were sent to, and whether they are cut there.
    var fractions = PerStream(SentFractions())
    /// Whether we may ask for write indices and look ids up, as far as we know.
    var mayLook = true
    /// What each stream wrote to when it was last refreshed: all that is in older indices can be found.
    var refreshedUnder = PerStream<WriteIndex>(.unknown)
    var sightings: PerStream<IndexSighting?>
    /// What is being sighted.
    var sighting: PerStream<String?>?

    // Time, in milliseconds of a clock that only goes forward.
    var attempt = 0
    var backoffSince: Int64 = .min
    var backoffUntil: Int64 = .min
    let startedAt: Int64
    var lastProgress: Int64
    var isExhausted = false
    var ending: ReplayEnd?
    var endingBy: Int64 = .max
    var isFinished = false

    /// A machine that goes on from `position`; the cursors must hold each target that is known, from 0.
    package init(rules: Rules, position: ReplayPosition, jitterSeed: UInt64, now: Int64) {
        self.rules = rules
        startedAt = now
        retryPolicy = RetryPolicy(seed: jitterSeed)
        lastProgress = now
        requestBytesMax = rules.requestBytesMax
        seqs = position.cursors.mapValues { AnsweredSeqs(cursor: $0) }
        committedCursors = position.cursors
        high = position.high ?? 0
        committedHigh = high
        carried = position.high
        var sightings = PerStream<IndexSighting?>(nil)
        var under = PerStream<WriteIndex>(.unknown)
        for kind in DocumentKind.allCases {
            sightings[kind] = position.sightings[kind.stream(namespace: rules.namespace)]
            if let index = sightings[kind]?.index { under[kind] = .named(index) }
        }
        self.sightings = sightings
        carriedUnder = under
        settleCarried()
    }

    // MARK: The source

    /// Whether a document would be taken now: one batch may be filled beside those that are held.
    package var wantsDocument: Bool {
        ending == nil && !isFinished
            && waiting.count + active.values.filter { !$0.items.isEmpty }.count
                < rules.inFlightMax
    }

    /// Takes what the source handed out.
    package mutating func receive(_ delivery: ReplayDelivery) {
        isExhausted = false
        switch delivery {
        case .frontier(let target, let seq):
            seqs[target, default: AnsweredSeqs(cursor: 0)].advanceFrontier(to: seq)
            movedTargets.insert(target)
        case .document(let document):
            summary.read += 1
            if document.remarks.isWithoutMemstats { summary.withoutMemstats += 1 }
            seqs[document.target, default: AnsweredSeqs(cursor: 0)].opened(document.seq)
            add(document)
        }
    }

    /// The source has nothing more, or nothing more for now.
    package mutating func sourceExhausted() {
        isExhausted = true
        sealForming()
    }

    private mutating func add(_ document: ReplayDocument) {
        let size = BulkRequest.bytes(of: document, namespace: rules.namespace)
        let mayBeOnTheWay = carried.map { document.seq <= $0 } ?? false
        if let batch = forming,
            batch.bytes + size > requestBytesMax || batch.items.count >= rules.requestDocumentsMax
                || (batch.sentUnder != nil) != mayBeOnTheWay
        {
            sealForming()
        }
        if forming == nil {
            var batch = newBatch([], bytes: 0)
            if mayBeOnTheWay {
                // An export that was killed just now may have left a request on the way.
                batch.sentUnder = carriedUnder
                batch.settledAt = startedAt + rules.requestTimeout
            }
            forming = batch
        }
        let floor = sightings[document.kind]?.floor(of: document)
        forming?.items.append(ReplayItem(document: document, floor: floor))
        forming?.bytes += size
    }

    mutating func sealForming() {
        guard let batch = forming else { return }
        forming = nil
        waiting.append(batch)
    }

    mutating func newBatch(_ items: [ReplayItem], bytes: Int) -> ReplayBatch {
        lastBatchID += 1
        return ReplayBatch(id: lastBatchID, items: items, bytes: bytes)
    }

    // MARK: What to do next

    /// The moment at which `next` must be called again even if nothing happens; nil where only an event helps.
    package var wakeAt: Int64? {
        guard !isFinished else { return nil }
        var moments: [Int64] = []
        if ending != nil {
            moments.append(endingBy)
        } else {
            if let waitMax = rules.waitMax, hasWork { moments.append(lastProgress + waitMax) }
            if !isAsking, let due = mappingDue { moments.append(max(due, backoffUntil)) }
            if !isAsking, active.count < inFlightMax {
                for batch in waiting { moments.append(max(batch.notBefore, backoffUntil)) }
            }
        }
        return moments.min()
    }

    /// What to do now, in order.
    ///
    /// Call it after every event, after every document, and at `wakeAt`.
    package mutating func next(now: Int64) -> [Action] {
        guard !isFinished else { return [] }
        // An export that has nothing to send makes no progress, and waits for nothing either.
        if !hasWork { lastProgress = now }
        var steps: [Action] = []
        if ending == nil { giveUpIfTooLong(now: now) }
        if ending == nil { start(&steps, now: now) }
        if ending == nil, !hasWork, sighting == nil, isExhausted, !rules.follows, mappingDue == nil,
            active[ReplayMachine.mappingQuestion] == nil
        {
            ending = .done
        }
        var actions: [Action] = []
        let commit = takeCommit(beforeSending: steps.contains { if case .send = $0 { true } else { false } })
        if !commit.isEmpty { actions.append(.commit(commit)) }
        actions += steps
        if let ending, active.isEmpty || now >= endingBy || ending == .done {
            isFinished = true
            summary.unanswered = heldCount
            actions.append(.finish(ending == .cancelled ? cancellation(now: now) : ending))
        }
        return actions
    }

    /// The end of one who was cancelled: in good order, or in an outage with something unsent.
    private func cancellation(now: Int64) -> ReplayEnd {
        guard hasWork, let lastFailure, lookUpAt(now: now) == nil else { return .cancelled }
        return .cancelledWaiting(reason: lastFailure)
    }

    /// When the first look-up may be made, where nothing can be done before.
    private func lookUpAt(now: Int64) -> Int64? {
        guard active.isEmpty, now >= backoffUntil, let first = waiting.map(\.notBefore).min(), first > now
        else {
            return nil
        }
        return first
    }

    /// Why nothing is taken, or may be sent, at the moment; nil while things go on.
    package func standstill(now: Int64) -> Standstill? {
        guard ending == nil, !isFinished, hasWork else { return nil }
        if let until = lookUpAt(now: now) { return .lookUp(until: until) }
        return lastFailure.map { .failing(reason: $0, since: lastProgress, until: backoffUntil) }
    }

    /// Whether documents are held that are not answered for.
    var hasWork: Bool {
        forming != nil || !waiting.isEmpty || active.values.contains { !$0.items.isEmpty }
    }

    /// How many.
    package var heldCount: Int {
        (forming?.items.count ?? 0) + waiting.reduce(0) { $0 + $1.items.count }
            + active.values.reduce(0) { $0 + $1.items.count }
    }

    /// While the server is away one request at a time finds out whether it is back.
    private var inFlightMax: Int { attempt > 0 ? 1 : rules.inFlightMax }

    private mutating func giveUpIfTooLong(now: Int64) {
        guard let waitMax = rules.waitMax, now - lastProgress >= waitMax else { return }
        let lookUp = if case .lookUp = standstill(now: now) { Standstill.lookUpWords } else { nil as String? }
        end(.gaveUp(reason: lookUp ?? lastFailure ?? "the server does not answer"), now: now)
        endingBy = now
    }

    /// What went wrong last, since the last document that was answered for.
    var lastFailure: String?

    private mutating func start(_ steps: inout [Action], now: Int64) {
        sightIfNew(&steps, now: now)
        guard now >= backoffUntil, !isAsking else { return }
        if let batch = forming, batch.bytes >= requestBytesMax { sealForming() }
        // The first question is asked as soon as there is something to send, the others when a batch is ready.
        if waiting.isEmpty, forming != nil, known == PerStream(StreamKnowledge()), mayLook {
            return steps.append(probe())
        }
        if let due = mappingDue, due <= now { return steps.append(askMapping()) }
        var index = 0
        while index < waiting.count, active.count < inFlightMax {
            guard waiting[index].notBefore <= now else {
                index += 1
                continue
            }
            if mayLook, waiting[index].streams.contains(where: { !known[$0].isFresh(now: now) }) {
                return steps.append(probe())
            }
            var batch = waiting.remove(at: index)
            if !mayLook { settleTaken(of: &batch, now: now) }
            if batch.items.isEmpty { continue }
            if let action = begin(&batch, now: now) {
                active[batch.id] = batch
                steps.append(action)
            } else {
                waiting.insert(batch, at: index)
                index += 1
            }
        }
    }

    /// Whether a question about the streams is on the way; nothing is begun before its answer.
    private var isAsking: Bool {
        active[ReplayMachine.probe] != nil || active[ReplayMachine.mappingQuestion] != nil
    }

    /// Asks what the streams write to.
    private mutating func probe() -> Action {
        active[ReplayMachine.probe] = ReplayBatch(id: ReplayMachine.probe, items: [], bytes: 0)
        return .probe(batch: ReplayMachine.probe, DocumentKind.allCases)
    }

    /// Takes the next step with a batch; nil where it must wait first.
    private mutating func begin(_ batch: inout ReplayBatch, now: Int64) -> Action? {
        for stream in DocumentKind.allCases { batch.assumed[stream] = known[stream].writeIndex }
        let unsure = mayLook ? batch.items.filter(isUnsure) : []
        guard !unsure.isEmpty else { return send(&batch, now: now) }
        let streams = DocumentKind.allCases.filter { stream in
            unsure.contains { $0.document.kind == stream }
        }
        // A request that is still on the way may store something in the index that was written to then. As long as that is
        // the one written to now, 409 tells.
        let mayMiss = batch.sentUnder.map { under in streams.contains { under[$0] != batch.assumed[$0] } }
        if mayMiss == true, now < batch.settledAt {
            batch.notBefore = batch.settledAt
            return nil
        }
        batch.phase = .lookingUp
        batch.lookedUp = streams
        batch.isLookUpFinal = now >= batch.settledAt
        var ids: [DocumentKind: [String]] = [:]
        for item in unsure { ids[item.document.kind, default: []].append(item.document.id) }
        // What went to older indices was refreshed before, and is in them for good.
        let refresh = mayMiss != nil || streams.contains { refreshedUnder[$0] != batch.assumed[$0] }
        return .lookUp(batch: batch.id, ids: ids, refresh: refresh)
    }

    /// Whether a document may lie in another index than the one that its stream writes to.
    private func isUnsure(_ item: ReplayItem) -> Bool {
        if item.taken != nil { return true }
        let stream = known[item.document.kind]
        return !stream.hasOneIndex && (item.floor == nil || item.floor != stream.writeIndex.name)
    }

    private mutating func send(_ batch: inout ReplayBatch, now: Int64) -> Action {
        fit(&batch)
        batch.phase = .sending
        batch.isProtected = mayLook
        batch.sentAt = now
        summary.requests += 1
        summary.bytes += Int64(batch.bytes)
        for item in batch.items { high = max(high, item.document.seq) }
        return .send(batch: batch.id, batch.items.map(\.document))
    }

    // MARK: Sightings

    /// Asks how far the database has come where a stream writes to an index that was not seen before.
    private mutating func sightIfNew(_ steps: inout [Action], now: Int64) {
        guard sighting == nil else { return }
        var new = PerStream<String?>(nil)
        for stream in DocumentKind.allCases {
            guard let index = known[stream].writeIndex.name, index != sightings[stream]?.index,
                !isOnTheWay(toOtherThan: index, stream, now: now)
            else { continue }
            new[stream] = index
        }
        guard new != PerStream(nil) else { return }
        sighting = new
        steps.append(.sight)
    }

    /// Whether something may still arrive in an older index: whoever comes after us must know that from the sighting.
    private func isOnTheWay(toOtherThan index: String, _ stream: DocumentKind, now: Int64) -> Bool {
        if carried != nil, now < startedAt + rules.requestTimeout, carriedUnder[stream] != .named(index) {
            return true
        }
        return active.values.contains {
            $0.phase == .sending && $0.assumed[stream].name.map { $0 != index } ?? false
        }
            || (Array(active.values) + waiting).contains { batch in
                batch.sentUnder.map { $0[stream] != .named(index) && now < batch.settledAt } ?? false
            }
    }

    mutating func sighted(seq: Int64, time: Timestamp) {
        guard let sighting else { return }
        self.sighting = nil
        for stream in DocumentKind.allCases {
            guard let index = sighting[stream] else { continue }
            let seen = IndexSighting(index: index, seq: seq, time: time)
            sightings[stream] = seen
            pending.sightings[stream.stream(namespace: rules.namespace)] = seen
        }
    }

    mutating func end(_ end: ReplayEnd, now: Int64) {
        guard ending == nil else { return }
        ending = end
        // What is on the way may still be answered; that saves the next export from doubting it.
        endingBy = now + rules.drainMax
    }
}
