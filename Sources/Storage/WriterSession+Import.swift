import Expvar
import Model
import SQLite

/// Raw lines: scrapes that name their place in time.
extension WriterSession {
    /// See `VaultWriter.insert`.
    func insert(_ scrapes: [ImportedScrape]) throws(StorageError) -> [ImportOutcome] {
        for scrape in scrapes where !TargetName.isValid(scrape.target) {
            throw .invalidTargetName(scrape.target)
        }
        return try transaction { try scrapes.map { try insert($0) } }
    }

    private func insert(_ imported: ImportedScrape) throws -> ImportOutcome {
        let target = try target(named: imported.target)
        let epoch = imported.epoch ?? target.last?.position.epoch ?? 0
        let position = ScrapePosition(epoch: epoch, time: imported.scrape.time)
        // After the last scrape nothing can stand in the way: the usual case costs no look.
        if let last = target.last?.position, position <= last,
            let present = try row(of: target.id, at: position)
        {
            return try isSame(present, as: imported.scrape) ? .skipped : .conflict
        }
        let origin = try originID(imported.origin, of: target)
        let row = try put(imported.scrape, into: target, at: position, origin: origin)
        if case .document = imported.scrape.outcome, let reason = row.failure {
            return .storedAsFailure(reason: reason)
        }
        return .stored
    }

    private func row(of target: TargetID, at position: ScrapePosition) throws -> ScrapeRow? {
        try store.firstRow(
            "SELECT \(ScrapeRow.columns) FROM scrapes WHERE target = ?1 AND epoch = ?2 AND t = ?3",
            target.value,
            position.epoch,
            position.time.milliseconds
        )
    }

    /// Whether the scrape has the body that is there; of a failed one only what is kept counts.
    private func isSame(_ row: ScrapeRow, as scrape: Scrape) throws -> Bool {
        let present = try store.body(of: row)
        let body =
            switch scrape.outcome {
            case .document(let body): body
            case .failure(_, let body): body
            }
        if row.failure == nil { return present == body }
        return present.elementsEqual(body.prefix(Scrape.failureBodyMax))
    }
}
