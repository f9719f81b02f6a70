import Model
import SQLite

/// Finding runs anew where scrapes were put in between.
extension WriterSession {
    /// Finds the runs anew of all targets that need it.
    func refreshStaleRuns() throws {
        for mark in try staleMarks() { try refreshRuns(of: mark.target) }
    }

    /// Finds a target's runs anew where that is due, whether or not the target is remembered.
    func refreshStaleRuns(ofTargetNamed name: String) throws {
        if let state = targets[name] {
            if state.staleFrom != nil { try refreshRuns(of: state.id) }
        } else if let row = try TargetRow.find(name, on: store) {
            try refreshRuns(of: row.id)
        }
    }

    /// Finds a target's runs anew, from where scrapes were put in between to its end: steps of one transaction each.
    ///
    /// What stands before a step is right, so the tracker begins with it. A run keeps its number where its first scrape is
    /// still its first. Where the process ends between two steps, the next writer goes on where the mark is.
    func refreshRuns(of target: TargetID) throws {
        while let from = try staleMarks().first(where: { $0.target == target })?.from {
            try transaction { try refreshStep(of: target, from: from) }
        }
    }

    /// One step of it, within the caller's transaction.
    func refreshStep(of target: TargetID, from: ScrapePosition) throws {
        forget(target)
        guard let row = try TargetRow.find(target, on: store) else {
            throw store.damaged("a target is missing")
        }
        let history = try loadHistory(of: target)
        var pass = try HistoryPass(self, history, from: from, scrapesMax: refreshScrapesMax)
        try pass.run()
        try tail.rewrite(without: pass.sealed, changed: pass.changed)
        try store(pass.runs, row: row)
        try connection.statement("DELETE FROM stale_runs WHERE target = ?1").bind(1, target.value).run()
        if let next = pass.next { try storeStale(target, from: next) }
        forget(target)
        try storeMark()
        store.forgetChunks()
    }

    private func store(_ pass: RunPass, row: TargetRow) throws {
        forget(row.id)
        let history = try loadHistory(of: row.id)
        let inTail = Set(history.tail.compactMap(\.run))
        var count: Int64 = 0
        for run in pass.touched {
            let part = sealedPart(of: run, history)
            if part.scrapeCount > 0 || inTail.contains(run.id) {
                try part.update(on: connection)
                count += 1
            } else {
                try connection.statement("DELETE FROM runs WHERE id = ?1").bind(1, run.id.value).run()
            }
        }
        var row = row
        row.runCount = count
        try row.store(on: connection)
    }
}
