import Storage

extension ReplayMachine {
    /// Takes note of what happened; `next` says what follows from it.
    package mutating func handle(_ event: Event, now: Int64) {
        guard !isFinished else { return }
        switch event {
        case .cancelled: end(.cancelled, now: now)
        case .probed(let id, let states): probed(id, states, now: now)
        case .found(let id, let ids): found(id, ids, now: now)
        case .denied(let id): denied(id)
        case .answered(let id, let answers): answered(id, answers, now: now)
        case .failed(let id, let failure): failed(id, failure, now: now)
        }
    }

    // MARK: Questions

    private mutating func probed(_ id: Int, _ states: PerStream<StreamState>, now: Int64) {
        guard var batch = active.removeValue(forKey: id) else { return }
        if id == ReplayMachine.firstProbe {
            hasProbed = true
            isProbing = false
            for kind in DocumentKind.allCases { indices[kind] = states[kind].writeIndex }
            return
        }
        batch.phase = .waiting
        batch.isProbed = true
        var mustLookUp = false
        for stream in batch.streams {
            let state = states[stream]
            indices[stream] = state.writeIndex
            batch.probedIndices[stream] = state.writeIndex
            // In a stream of one index every id is known to that index.
            if state.writeIndex != .absent, state.indexCount > 1,
                batch.doubt?.indices[stream] == .unknown || batch.doubt?.indices[stream] != state.writeIndex
            {
                mustLookUp = true
            }
        }
        if mustLookUp {
            // Of both streams, even if only one moved on: the wait would make the other's probe stale.
            batch.streamsToLookUp = batch.streams
            batch.notBefore = batch.doubt?.settledAt ?? now
        }
        waiting.insert(batch, at: 0)
    }

    private mutating func found(_ id: Int, _ ids: [String], now: Int64) {
        guard var batch = active.removeValue(forKey: id) else { return }
        var seen: [String: Int] = [:]
        for id in ids { seen[id, default: 0] += 1 }
        hasRefreshed = true
        batch.phase = .waiting
        batch.streamsToLookUp = []
        batch.doubt = nil
        batch.oldest = nil
        batch.isProbed = false
        batch.items.removeAll { item in
            guard let times = seen[item.document.id] else { return false }
            summary.thereBefore += 1
            summary.possiblyTwice += times - 1
            settle(item, wasTaken: true, now: now)
            return true
        }
        if !batch.items.isEmpty { waiting.insert(resized(batch), at: 0) }
    }

    private mutating func denied(_ id: Int) {
        guard var batch = active.removeValue(forKey: id) else { return }
        canProbe = false
        if id == ReplayMachine.firstProbe {
            hasProbed = true
            isProbing = false
            return
        }
        batch.phase = .waiting
        batch.streamsToLookUp = []
        batch.isUnprotected = batch.doubt?.wasSent ?? false
        batch.doubt = nil
        waiting.insert(batch, at: 0)
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
            case .delivered:
                summary.sent += 1
                if item.original != nil { countLeftOut(item) }
                if mayBeTwice(batch, answer, stream) { summary.possiblyTwice += 1 }
                note(answer.index, of: stream)
                settle(item, wasTaken: true, now: now)
            case .thereBefore:
                summary.thereBefore += 1
                note(answer.index, of: stream)
                settle(item, wasTaken: true, now: now)
            case .retry(let isCertainlyNotStored):
                isCertain = isCertain && isCertainlyNotStored
                retryReason = BulkOutcome.words(answer.status, answer.type, answer.reason)
                batch.items.append(item)
            case .refused:
                if let shorter = leaveOut(item, answer) {
                    batch.items.append(shorter)
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
        if isCertain, batch.doubt == nil {
            batch.oldest = nil
        } else {
            putInDoubt(&batch)
        }
        summary.resent += batch.items.count
        waiting.insert(resized(batch), at: 0)
    }

    /// Whether a document that was just stored may be stored in an older index, too.
    private func mayBeTwice(_ batch: ReplayBatch, _ answer: BulkItemAnswer, _ stream: DocumentKind) -> Bool {
        if batch.isUnprotected { return true }
        guard batch.doubt != nil, let index = answer.index else { return false }
        // The stream rolled over between the probe and the request: the new index knew nothing of the id.
        return batch.probedIndices[stream] != .absent && batch.probedIndices[stream] != .named(index)
    }

    /// The item without what was refused of it; nil where that does not help, or was tried.
    private func leaveOut(_ item: ReplayItem, _ answer: BulkItemAnswer) -> ReplayItem? {
        guard rules.leavesOutCustom, item.original == nil, item.document.kind == .expvar,
            !answer.usedFailureStore, answer.status == 400
        else { return nil }
        let reason = answer.reason ?? answer.type ?? "refused"
        guard let shorter = CustomVariables.leaveOut(of: item.document, reason: reason) else { return nil }
        return ReplayItem(
            document: shorter.document,
            original: item.document,
            leftOut: (shorter.paths, reason)
        )
    }

    private mutating func countLeftOut(_ item: ReplayItem) {
        summary.leftOut += 1
        guard let leftOut = item.leftOut else { return }
        for path in leftOut.paths {
            summary.leftOutPaths.note(path, of: item.document, reason: leftOut.reason)
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

    /// Takes the index that a document went to for the write index, unless we know a later one.
    private mutating func note(_ index: String?, of stream: DocumentKind) {
        // Answers may come in another order than requests; the generation at the name's end tells.
        guard let index, !index.hasPrefix(".fs-") else { return }
        if case .named(let known) = indices[stream] {
            if known == index { return }
            if let a = ReplayMachine.generation(known), let b = ReplayMachine.generation(index), a > b {
                return
            }
        }
        indices[stream] = .named(index)
    }

    /// The number at the end of a backing index's name, as in `.ds-logs-golang.heap-default-2026.01.02-000007`.
    static func generation(_ index: String) -> Int? {
        guard let dash = index.lastIndex(of: "-") else { return nil }
        return Int(index[index.index(after: dash)...])
    }

    // MARK: Failures

    private mutating func failed(_ id: Int, _ failure: BulkFailure, now: Int64) {
        guard var batch = active.removeValue(forKey: id) else { return }
        if id == ReplayMachine.firstProbe { isProbing = false }
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
            if isCertainlyNotStored {
                if batch.doubt == nil { batch.oldest = nil }
            } else {
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
        var batch = batch
        if batch.doubt == nil { batch.oldest = nil }
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
            var next = newBatch(Array(part), bytes: 0, doubt: batch.doubt)
            next.oldest = batch.oldest
            next.isUnprotected = batch.isUnprotected
            next.notBefore = batch.notBefore
            waiting.insert(resized(next), at: 0)
        }
    }

    /// Its request may have stored something, or may do so until its timeout has passed.
    private mutating func putInDoubt(_ batch: inout ReplayBatch) {
        let settledAt = batch.sentAt + rules.requestTimeout
        var doubt =
            batch.doubt
            ?? ReplayBatch.Doubt(
                indices: batch.oldest?.indices ?? PerStream(.unknown),
                settledAt: 0,
                wasSent: true
            )
        doubt.settledAt = max(doubt.settledAt, settledAt)
        doubt.wasSent = true
        batch.doubt = doubt
        batch.isProbed = false
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
        // What a probe found may not hold any more after the wait.
        for index in waiting.indices { waiting[index].isProbed = false }
    }

    private func resized(_ batch: ReplayBatch) -> ReplayBatch {
        var batch = batch
        batch.bytes = batch.items.reduce(0) {
            $0 + BulkRequest.bytes(of: $1.document, namespace: rules.namespace)
        }
        return batch
    }
}
