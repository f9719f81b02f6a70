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
        if beforeSending, rules.scope != .rejected, high != committedHigh {
            commit.high = high
            committedHigh = high
        }
        return commit
    }

    /// Forgets what an earlier export left on the way once everything up to there is answered for.
    mutating func settleCarried() {
        guard rules.scope == .whole, let carried else { return }
        if seqs.values.allSatisfy({ $0.cursor >= carried }) { self.carried = nil }
    }
}
