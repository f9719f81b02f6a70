import Model
import SQLite

/// Taking scrapes out, with all that was there for them alone.
extension WriterSession {
    /// Deletes scrapes of a target, and brings what is known of it in line with what is left.
    func delete(_ gone: [Victim], of target: TargetID) throws {
        guard var row = try TargetRow.find(target, on: store),
            let history = targets.values.first(where: { $0.id == target })?.history
        else { throw store.damaged("a target is missing") }
        var runs: Set<RunID> = []
        var seqs: Set<Int64> = []
        var chunks: Set<Int64> = []
        for victim in gone {
            switch victim.unit {
            case .row(let scrape):
                seqs.insert(scrape.seq)
                if let run = scrape.run { runs.insert(run) } else { row.failureCount -= 1 }
            case .chunk(let chunk):
                try chunk.delete(on: connection)
                chunks.insert(chunk.id)
                runs.formUnion(chunk.runs.map(\.run))
                row.failureCount -= Int64(chunk.failureCount)
            }
        }
        history.replace(tail: seqs, chunks: chunks, by: [])
        let inTail = Set(history.tail.compactMap(\.run))
        for id in runs.sorted() {
            guard let run = try RunRow.find(id, on: store) else {
                throw store.damaged("run \(id.value) is missing")
            }
            let left = sealedPart(of: run, history)
            if left.scrapeCount == 0 && !inTail.contains(id) {
                try connection.statement("DELETE FROM runs WHERE id = ?1").bind(1, id.value).run()
                row.runCount -= 1
            } else {
                try left.update(on: connection)
            }
        }
        try trimSteps(of: target, before: history.first)
        row.stepCount = try count("clock_steps WHERE target = ?1", target)
        try row.store(on: connection)
    }

    private func count(_ rows: String, _ target: TargetID) throws -> Int64 {
        let statement = try connection.statement("SELECT count(*) FROM \(rows)")
        try statement.bind(1, target.value)
        defer { statement.reset() }
        return try statement.step() ? statement.integer(0) : 0
    }

    private func trimSteps(of target: TargetID, before first: ScrapePosition?) throws {
        // A step without a scrape before it separates nothing.
        let statement =
            try first == nil
            ? connection.statement("DELETE FROM clock_steps WHERE target = ?1")
            : connection.statement(
                "DELETE FROM clock_steps WHERE target = ?1 AND (after_epoch, after_t) <= (?2, ?3)"
            )
        try statement.bind(1, target.value)
        if let first { try statement.bind(2, first.epoch).bind(3, first.time.milliseconds) }
        try statement.run()
    }

    /// Deletes shapes that no scrape has any more, of targets with more than so many.
    func trimShapes(beyond countMax: Int64) throws(StorageError) {
        try transaction {
            for target in try TargetRow.all(on: store) {
                guard try count("shapes WHERE target = ?1", target.id) > countMax else { continue }
                let history = try loadHistory(of: target.id)
                let used = Set(
                    history.chunks.flatMap { $0.shapes.map(\.id) } + history.tail.compactMap(\.shape)
                )
                let unused = try shapes(of: target.id).filter { !used.contains($0) }
                for id in unused {
                    try connection.statement("DELETE FROM shapes WHERE id = ?1").bind(1, id.value).run()
                }
                if !unused.isEmpty { forget(target.id) }
            }
        }
        store.forget()
    }

    private func shapes(of target: TargetID) throws -> [ShapeID] {
        let statement = try connection.statement("SELECT id FROM shapes WHERE target = ?1")
        try statement.bind(1, target.value)
        defer { statement.reset() }
        var ids: [ShapeID] = []
        while try statement.step() { ids.append(ShapeID(statement.integer(0))) }
        return ids
    }
}
