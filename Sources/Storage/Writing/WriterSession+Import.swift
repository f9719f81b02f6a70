import Expvar
import Model
import SQLite

/// Raw lines: scrapes that name their place in time.
extension WriterSession {
    /// See `VaultWriter.insert`; a salvage gives the scrapes the numbers that they had.
    func insert(_ scrapes: [ImportedScrape], seqs: [Int64]? = nil) throws(StorageError) -> [ImportOutcome] {
        for scrape in scrapes where !TargetName.isValid(scrape.target) {
            throw .invalidTargetName(scrape.target)
        }
        return try transaction {
            guard let seqs else {
                try becomeRecording()
                let outcomes = try scrapes.map { try insert($0) }
                try storePending()
                return outcomes
            }
            var highest = nextSeq
            let outcomes = try zip(scrapes, seqs).map { scrape, seq in
                nextSeq = seq
                highest = max(highest, seq &+ 1)
                return try insert(scrape)
            }
            nextSeq = highest
            try storePending()
            try storeMark()
            return outcomes
        }
    }

    private func insert(_ imported: ImportedScrape) throws -> ImportOutcome {
        let target = try target(named: imported.target)
        let epoch = imported.epoch ?? target.last?.position.epoch ?? 0
        let position = ScrapePosition(epoch: epoch, time: imported.scrape.time)
        // After the last scrape nothing can stand in the way: the usual case costs no look.
        let isNext = target.last.map { position > $0.position } ?? true
        if !isNext {
            try storePending(of: target, maySeal: false)
            if let present = try target.history.row(at: position) {
                return try isSame(present, as: imported.scrape) ? .skipped : .conflict
            }
        }
        let origin = try originID(ownOrigin(of: imported), of: target)
        let row = try put(
            imported.scrape,
            into: target,
            at: position,
            origin: origin,
            waits: isNext && target.staleFrom == nil
        )
        // What lies before or among what is sealed has to be sealed with it.
        if let end = target.history.chunks.last?.last, position < end {
            try markStale(target, from: position)
        }
        if case .document = imported.scrape.outcome, let reason = row.failure {
            return .storedAsFailure(reason: reason)
        }
        return .stored
    }

    /// The origin as this database has it: what it recorded itself, under the name that the target has, says neither.
    private func ownOrigin(of imported: ImportedScrape) -> Origin {
        var origin = imported.origin
        if origin.recorder == recorder { origin.recorder = nil }
        if origin.recordedName == imported.target { origin.recordedName = nil }
        return origin
    }

    /// Whether the scrape has the body that is there; of a failed one only what is kept counts.
    private func isSame(_ row: ScrapeRow, as scrape: Scrape) throws -> Bool {
        let present = try store.servedBody(of: row)
        let body =
            switch scrape.outcome {
            case .document(let body): body
            case .failure(_, let body): body
            }
        if row.failure == nil { return present == body }
        return present.elementsEqual(body.prefix(Scrape.failureBodyMax))
    }
}
