import Model
import SQLite

extension VaultSnapshot {
    /// All targets, ascending by name.
    package func targets() throws -> [TargetRecord] {
        // Every question begins with this; many questions in one snapshot, of many targets, would else cost the square.
        // Where the rows are to be read again, so is what was made of them.
        if knownTargets != nil, let records = knownRecords { return records }
        let records = try reading { try targetRows().map { try record(of: $0) } }
        knownRecords = records
        return records
    }

    private func record(of target: TargetRow) throws -> TargetRecord {
        let runs = try runRows(of: target.id)
        let history = try history(of: target.id)
        let (first, last, failure) = (history.first, history.last, history.lastFailure())
        for run in runs {
            guard let first, let last, first <= run.first, run.last <= last else {
                throw store.damaged("scrapes of \(target.name) cannot be reached")
            }
        }
        // The count in the row is not under its checksum, since it changes with every failure.
        guard history.failureCount == target.failureCount, (failure == nil) == (target.failureCount == 0)
        else {
            throw store.damaged("failed scrapes of \(target.name) cannot be reached")
        }
        let alternation = try alternation(of: target.id, runs, history)
        let skew = target.hasDates ? history.lastDated()?.skewMilliseconds : nil
        return TargetRecord(
            id: target.id,
            name: target.name,
            origin: try origin(of: target, newest: history.lastOrigin),
            first: first,
            last: last,
            scrapeCount: runs.reduce(0) { $0 &+ $1.scrapeCount },
            failureCount: target.failureCount,
            lastFailure: failure.map { ($0.position.time, $0.reason) },
            clockSteps: try steps(of: target.id),
            clockSkewMilliseconds: skew,
            isAlternating: alternation.isAlternating,
            unprovenCount: alternation.unprovenCount,
            isUnsettled: try isUnsettled(target.id),
            isSeriesLimited: target.isSeriesLimited
        )
    }

    private func origin(of target: TargetRow, newest: Int64?) throws -> Origin {
        if let newest { return try store.origin(newest) }
        let statement = try store.connection.statement("SELECT max(id) FROM origins WHERE target = ?1")
        try statement.bind(1, target.id.value)
        let id = try statement.step() ? statement.optionalInteger(0) : nil
        statement.reset()
        return try id.map { try store.origin($0) } ?? Origin(url: nil)
    }
}

/// Rows whose number is known, so that damage which makes one unreachable does not pass for an answer.
extension VaultSnapshot {
    /// All targets, ascending by name.
    func targetRows() throws -> [TargetRow] {
        if let rows = knownTargets { return rows }
        let rows = try TargetRow.all(on: store)
        guard rows.count == targetCount else { throw store.damaged("a target cannot be reached") }
        knownTargets = rows
        return rows
    }

    func row(of target: TargetID) throws -> TargetRow? {
        try targetRows().first { $0.id == target }
    }

    /// The runs of a target, ascending by number.
    func runRows(of target: TargetID) throws -> [RunRow] {
        if let known = knownRuns[target] { return known }
        let runs = try completeRunRows(of: target)
        knownRuns[target] = runs
        return runs
    }

    private func completeRunRows(of target: TargetID) throws -> [RunRow] {
        let rows = try RunRow.all(of: target, on: store)
        guard rows.count == (try row(of: target)?.runCount ?? 0) else {
            throw store.damaged("a run of target \(target.value) cannot be reached")
        }
        return try history(of: target).completed(rows)
    }

    /// The series of a target, ascending by name.
    func seriesRecords(of target: TargetID) throws -> [SeriesRecord] {
        let records = try SeriesNameRow.all(of: target, on: store)
        guard records.count == (try row(of: target)?.seriesCount ?? 0) else {
            throw store.damaged("a series of target \(target.value) cannot be reached")
        }
        return records
    }

    /// The clock steps of a target, ascending by the position after them.
    func steps(of target: TargetID) throws -> [ClockStep] {
        let steps = try ClockStep.all(of: target, on: store)
        guard steps.count == (try row(of: target)?.stepCount ?? 0) else {
            throw store.damaged("a clock step of target \(target.value) cannot be reached")
        }
        return steps
    }
}
