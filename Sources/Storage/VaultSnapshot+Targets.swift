import Model
import SQLite

extension VaultSnapshot {
    /// All targets, ascending by name.
    package func targets() throws -> [TargetRecord] {
        try reading { try TargetRow.all(on: store).map { try record(of: $0) } }
    }

    private func record(of target: TargetRow) throws -> TargetRecord {
        let runs = try RunRow.all(of: target.id, on: store)
        let select = "SELECT \(ScrapeRow.columns) FROM scrapes WHERE target = ?1"
        let newest = "ORDER BY epoch DESC, t DESC LIMIT 1"
        let first = try store.firstRow("\(select) ORDER BY epoch, t LIMIT 1", target.id.value)
        let last = try store.firstRow("\(select) \(newest)", target.id.value)
        let failure = try store.firstRow("\(select) AND run IS NULL \(newest)", target.id.value)
        var skew: Int64?
        if target.hasDates,
            let dated = try store.firstRow("\(select) AND date IS NOT NULL \(newest)", target.id.value)
        {
            // The wall clock, not a time that was moved on: the skew is between two clocks.
            let wall = dated.wall ?? dated.position.time
            skew = dated.serverDate.map { $0.milliseconds &- wall.milliseconds }
        }
        return TargetRecord(
            id: target.id,
            name: target.name,
            origin: try origin(of: target, newest: last),
            first: first?.position,
            last: last?.position,
            scrapeCount: runs.reduce(0) { $0 &+ $1.scrapeCount },
            failureCount: try failureCount(of: target.id),
            lastFailure: failure.map { ($0.position.time, $0.failure ?? "") },
            clockSteps: try ClockStep.all(of: target.id, on: store),
            clockSkewMilliseconds: skew,
            isAlternating: VaultSnapshot.isInterleaved(runs),
            isSeriesLimited: target.isSeriesLimited
        )
    }

    private func origin(of target: TargetRow, newest: ScrapeRow?) throws -> Origin {
        if let newest { return try store.origin(newest.origin) }
        let statement = try store.connection.statement("SELECT max(id) FROM origins WHERE target = ?1")
        try statement.bind(1, target.id.value)
        let id = try statement.step() ? statement.optionalInteger(0) : nil
        statement.reset()
        return try id.map { try store.origin($0) } ?? Origin(url: nil)
    }

    private func failureCount(of target: TargetID) throws -> Int64 {
        let statement = try store.connection.statement(
            "SELECT count(*) FROM scrapes WHERE target = ?1 AND run IS NULL"
        )
        try statement.bind(1, target.value)
        defer { statement.reset() }
        return try statement.step() ? statement.integer(0) : 0
    }

    /// Whether a run begins before an earlier one has ended: processes take turns.
    private static func isInterleaved(_ runs: [RunRow]) -> Bool {
        var last: ScrapePosition?
        for run in runs.sorted(by: { $0.first < $1.first }) {
            if let last, run.first < last { return true }
            last = last.map { max($0, run.last) } ?? run.last
        }
        return false
    }
}
