import Storage

extension ReplayMachine {
    /// Takes note of what happened; `next` says what follows from it.
    package mutating func handle(_ event: Event, now: Int64) {
        guard !isFinished else { return }
        switch event {
        case .cancelled: end(.cancelled, now: now)
        case .probed(_, let states): probed(states, now: now)
        case .sighted(let seq, let time): sighted(seq: seq, time: time)
        case .mapped(_, let fields): mapped(fields, now: now)
        case .found(let id, let ids, let isWhole): found(id, ids, isWhole: isWhole, now: now)
        case .denied(let id): denied(id)
        case .answered(let id, let answers): answered(id, answers, now: now)
        case .failed(let id, let failure): failed(id, failure, now: now)
        }
    }

    // MARK: Questions

    private mutating func probed(_ states: PerStream<StreamState>, now: Int64) {
        guard active.removeValue(forKey: ReplayMachine.probe) != nil else { return }
        for kind in DocumentKind.allCases {
            known[kind].probed(states[kind], now: now)
            writes(to: states[kind].writeIndex.name, kind)
        }
    }

    private mutating func found(_ id: Int, _ ids: [String], isWhole: Bool, now: Int64) {
        guard var batch = active.removeValue(forKey: id) else { return }
        var seen: [String: Int] = [:]
        for id in ids { seen[id, default: 0] += 1 }
        batch.phase = .waiting
        for stream in batch.lookedUp { refreshedUnder[stream] = batch.assumed[stream] }
        if batch.isLookUpFinal { batch.sentUnder = nil }
        var missing: [ReplayItem] = []
        for var item in batch.items {
            if let taken = item.taken {
                take(item, taken, copies: seen[item.document.id] ?? 1, now: now)
            } else if let times = seen[item.document.id] {
                take(item, .before, copies: times, now: now)
            } else {
                // What is stored from now on goes to that index or a later one.
                item.floor = batch.assumed[item.document.kind].name
                item.mayBeElsewhere = !isWhole
                missing.append(item)
            }
        }
        batch.items = missing
        if !batch.items.isEmpty { waiting.insert(resized(batch), at: 0) }
    }

    private mutating func denied(_ id: Int) {
        guard var batch = active.removeValue(forKey: id) else { return }
        guard id != ReplayMachine.mappingQuestion else { return }
        mayLook = false
        guard id != ReplayMachine.probe else { return }
        batch.phase = .waiting
        waiting.insert(batch, at: 0)
    }

    /// Settles what is there, once or twice, where nobody lets us look.
    mutating func settleTaken(of batch: inout ReplayBatch, now: Int64) {
        guard batch.items.contains(where: { $0.taken != nil }) else { return }
        for item in batch.items {
            if let taken = item.taken { take(item, taken, copies: 2, now: now) }
        }
        batch.items.removeAll { $0.taken != nil }
        batch = resized(batch)
    }

    /// The document is in the stream, so often.
    private mutating func take(_ item: ReplayItem, _ taken: ReplayItem.Taken, copies: Int, now: Int64) {
        switch taken {
        case .now:
            summary.sent += 1
            countLeftOut(item)
            note(fractionsOf: item.document)
            // It may lie in an index that could not be searched as well.
            if item.mayBeElsewhere, copies == 1 { summary.possiblyTwice += 1 }
        case .before: summary.thereBefore += 1
        }
        summary.possiblyTwice += copies - 1
        settle(item, wasTaken: true, now: now)
    }

    // MARK: Answers

    private mutating func answered(_ id: Int, _ answers: [BulkItemAnswer], now: Int64) {
        guard var batch = active.removeValue(forKey: id) else { return }
        precondition(answers.count == batch.items.count, "BUG: an answer is checked before it is handed in")
        let items = batch.items
        batch.items = []
        batch.phase = .waiting
        batch.unansweredCount = 0
        var isCertain = true
        var retryReason: String?
        for (item, answer) in zip(items, answers) {
            let stream = item.document.kind
            let outcome = BulkOutcome.of(
                status: answer.status,
                type: answer.type,
                reason: answer.reason,
                usedFailureStore: answer.usedFailureStore,
                stream: stream.stream(namespace: rules.namespace)
            )
            switch outcome {
            case .delivered, .thereBefore:
                let taken = outcome == .delivered ? ReplayItem.Taken.now : .before
                if let index = answer.index, !index.hasPrefix(".fs-") {
                    known[stream].answered(index, now: now)
                    writes(to: known[stream].writeIndex.name, stream)
                }
                if isForeseen(item, answer, batch) {
                    take(item, taken, copies: 1, now: now)
                } else if mayLook {
                    var item = item
                    item.taken = taken
                    batch.items.append(item)
                } else {
                    take(item, taken, copies: 2, now: now)
                }
            case .retry(let isCertainlyNotStored):
                isCertain = isCertain && isCertainlyNotStored
                retryReason = BulkOutcome.words(answer.status, answer.type, answer.reason)
                batch.items.append(item)
            case .refused:
                if let again = asItIs(item, answer) ?? leavingOut(item, answer, now: now) {
                    batch.items.append(again)
                } else {
                    reject(item, status: answer.status, type: answer.type, reason: answer.reason, now: now)
                }
            case .stop(let stop):
                end(.stopped(stop), now: now)
                batch.items.append(item)
            }
        }
        if let retryReason { backOff(batch, reason: retryReason, retryAfter: nil, now: now) }
        guard !batch.items.isEmpty else { return }
        if !isCertain { putInDoubt(&batch) }
        summary.resent += batch.items.count { $0.taken == nil }
        waiting.insert(resized(batch), at: 0)
    }

    /// Whether a document that is in that index now is known to be in no other.
    private func isForeseen(_ item: ReplayItem, _ answer: BulkItemAnswer, _ batch: ReplayBatch) -> Bool {
        guard let index = answer.index else { return true }
        if item.floor == index { return true }
        switch batch.assumed[item.document.kind] {
        // The stream may have rolled over between the question and the request: the new index knew nothing of the id.
        case .named(let assumed) where batch.isProtected: return assumed == index
        case .absent, .unknown, .named: return WriteIndex.isFirst(index)
        }
    }

    private mutating func reject(
        _ item: ReplayItem,
        status: Int,
        type: String?,
        reason: String?,
        now: Int64
    ) {
        summary.refused += 1
        let document = item.original ?? item.document
        pending.rejected.append(
            RejectedDocument(
                id: document.id,
                target: document.target,
                targetName: document.targetName,
                seq: document.seq,
                time: document.time,
                stream: document.kind.stream(namespace: rules.namespace),
                status: status,
                type: type ?? "",
                reason: reason ?? "",
                document: document.bytes
            )
        )
        settle(item, wasTaken: false, now: now)
    }

    /// The document is answered for: nothing more will be done about it.
    private mutating func settle(_ item: ReplayItem, wasTaken: Bool, now: Int64) {
        seqs[item.document.target]?.answered(item.document.seq)
        movedTargets.insert(item.document.target)
        if wasTaken, rules.scope != .whole { pending.released.append(item.document.id) }
        needsCommit = true
        lastProgress = now
        attempt = 0
        lastFailure = nil
    }

    // MARK: Failures

    private mutating func failed(_ id: Int, _ failure: BulkFailure, now: Int64) {
        if id == ReplayMachine.mappingQuestion, isMappingOptional { return mapped(PerStream(nil), now: now) }
        guard var batch = active.removeValue(forKey: id) else { return }
        let phase = batch.phase
        batch.phase = .waiting
        switch failure {
        case .stop(let stop): end(.stopped(stop), now: now)
        case .tooLarge(let reason) where phase == .sending:
            tooLarge(batch, reason: reason, now: now)
            return
        case .tooLarge(let reason):
            end(.stopped(ReplayStop(.unexpected, "the server answered \(reason)")), now: now)
        case .answerTooLarge(let reason):
            // An answer that is not read to its end is one that was cut; to fewer documents it is a shorter one.
            backOff(batch, reason: reason, retryAfter: nil, now: now)
            guard phase == .sending else { break }
            summary.resent += batch.items.count
            putInDoubt(&batch)
            if batch.items.count > 1 {
                split(batch)
                return
            }
        case .retry(let reason, let isCertainlyNotStored, let retryAfter):
            backOff(batch, reason: reason, retryAfter: retryAfter, now: now)
            guard phase == .sending else { break }
            summary.resent += batch.items.count
            if !isCertainlyNotStored {
                putInDoubt(&batch)
                batch.unansweredCount += 1
                // A line too thin for the timeout lets half of it through.
                if batch.unansweredCount > 1, batch.items.count > 1 {
                    split(batch)
                    return
                }
            }
        }
        if !batch.items.isEmpty { waiting.insert(batch, at: 0) }
    }

    private mutating func tooLarge(_ batch: ReplayBatch, reason: String, now: Int64) {
        if batch.items.count > 1 {
            // That a smaller request is tried is progress: each document ends alone in one, at the latest.
            lastProgress = now
            requestBytesMax = max(batch.bytes / 2, 1)
            summary.resent += batch.items.count
            split(batch)
        } else if let item = batch.items.first {
            reject(item, status: 413, type: "request_too_large", reason: reason, now: now)
        }
    }

    private mutating func split(_ batch: ReplayBatch) {
        let half = batch.items.count / 2
        for part in [batch.items[half...], batch.items[..<half]] {
            var next = newBatch(Array(part), bytes: 0)
            next.sentUnder = batch.sentUnder
            next.settledAt = batch.settledAt
            next.notBefore = batch.notBefore
            waiting.insert(resized(next), at: 0)
        }
    }

    /// Its request may have stored something, or may do so until its timeout has passed.
    private mutating func putInDoubt(_ batch: inout ReplayBatch) {
        // Of several sends without a clear answer the first decides where the documents can be.
        batch.sentUnder = batch.sentUnder ?? batch.assumed
        batch.settledAt = max(batch.settledAt, batch.sentAt + rules.requestTimeout)
        // What it went to may be another index than we knew of.
        for stream in DocumentKind.allCases { known[stream].expire() }
    }

    private mutating func backOff(_ batch: ReplayBatch, reason: String, retryAfter: Int64?, now: Int64) {
        lastFailure = reason
        // Requests that were on the way together fail together; that is one failure.
        if batch.phase == .waiting, batch.sentAt < backoffSince, now < backoffUntil, retryAfter == nil {
            return
        }
        let until = now + retryPolicy.delay(attempt: attempt, retryAfter: retryAfter)
        attempt += 1
        backoffSince = now
        backoffUntil = max(backoffUntil, until)
    }

    func resized(_ batch: ReplayBatch) -> ReplayBatch {
        var batch = batch
        batch.bytes = batch.items.reduce(0) {
            $0 + BulkRequest.bytes(of: $1.document, namespace: rules.namespace)
        }
        return batch
    }
}
