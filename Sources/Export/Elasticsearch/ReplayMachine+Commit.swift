import Storage

extension ReplayMachine {
    /// What must be made durable now.
    mutating func takeCommit(beforeSending: Bool) -> ReplayCommit {
        // Cursors that moved only because scrapes hold no documents wait for the next occasion.
        guard beforeSending || needsCommit || isExhausted || ending != nil else { return ReplayCommit() }
        needsCommit = false
        var commit = pending
        pending = ReplayCommit()
        if rules.scope == .whole {
            for target in movedTargets {
                let cursor = seqs[target]?.cursor ?? 0
                if cursor > committedCursors[target] ?? 0 {
                    commit.cursors[target] = cursor
                    committedCursors[target] = cursor
                }
            }
        }
        movedTargets.removeAll(keepingCapacity: true)
        settleCarried()
        if beforeSending, rules.scope != .rejected {
            let doubt = ReplayDoubt(high: high, indices: oldestIndices)
            if doubt != committedDoubt {
                commit.doubt = doubt
                committedDoubt = doubt
            }
            // Without cursors nothing ever settles a doubt, so it must not move on either.
            if rules.scope == .part { carried = doubt }
        }
        return commit
    }

    /// Forgets what an earlier export left in doubt once everything up to there is answered for.
    ///
    /// Until then it must be kept as it is: were this export killed, the next one would otherwise trust an index
    /// that knows nothing of what the first one sent.
    mutating func settleCarried() {
        guard rules.scope == .whole, let carried else { return }
        if seqs.values.allSatisfy({ $0.cursor >= carried.high }) { self.carried = nil }
    }

    /// By name of the stream, the oldest index that a document without an answer can be in.
    private var oldestIndices: [String: WriteIndex] {
        let unsettled = waiting.compactMap(\.oldest) + active.values.compactMap(\.oldest)
        let oldest = unsettled.min { $0.order < $1.order }?.indices ?? indices
        var result: [String: WriteIndex] = [:]
        for kind in DocumentKind.allCases {
            let name = kind.stream(namespace: rules.namespace)
            result[name] = carried?.indices[name] ?? oldest[kind]
        }
        return result
    }
}
