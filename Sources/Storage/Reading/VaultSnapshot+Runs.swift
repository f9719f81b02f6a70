import Expvar
package import Model
import SQLite

/// What a run's first scrape tells of it beside its place.
struct RunStart {
    /// The URL that it came from.
    var url: String?
    /// How the run begins.
    var beginning = RunBeginning.fresh
    /// Whether it begins with a mark, although no run before can be the same process's: no doubt is meant.
    var isMarkedProven = false
}

extension VaultSnapshot {
    /// The runs of a target, ascending by first position.
    package func runs(of target: TargetID) throws -> [RunRecord] {
        try reading {
            var commandLines: [Int64: [String]] = [:]
            var records: [RunRecord] = []
            let starts = try runStarts(of: target)
            for row in try runRows(of: target) {
                let arguments =
                    try row.commandLine.map { id in
                        try commandLines[id] ?? store.commandLine(id)
                    } ?? []
                if let id = row.commandLine { commandLines[id] = arguments }
                records.append(
                    RunRecord(
                        id: row.id,
                        startedNanoseconds: row.startedNanoseconds.flatMap {
                            row.hasBegun(by: $0) ? $0 : nil
                        },
                        first: row.first,
                        last: row.last,
                        scrapeCount: row.scrapeCount,
                        commandLine: arguments,
                        url: starts[row.id]?.url,
                        beginning: starts[row.id]?.beginning ?? .fresh
                    )
                )
            }
            return records.sorted { $0.first < $1.first }
        }
    }

    /// What the first scrapes of a target's runs tell.
    ///
    /// Costs nothing where the target had one URL and no scrape of it missed anything; else one reading of the rows of
    /// each chunk in which a run begins.
    func runStarts(of target: TargetID) throws -> [RunID: RunStart] {
        if let known = knownStarts[target] { return known }
        let urls = try urls(of: target)
        let hasMoved = Set(urls.values).count > 1
        let usual = hasMoved ? nil : urls.values.first ?? nil
        var starts: [RunID: RunStart] = [:]
        let history = try history(of: target)
        var open: (chunk: Int64, rows: [ScrapeRow])?
        for (index, run) in try runRows(of: target).sorted(by: { $0.first < $1.first }).enumerated() {
            var start = RunStart(url: usual)
            let place = history.chunkIndex(endingAtOrAfter: run.first)
            let chunk = place < history.chunks.count ? history.chunks[place] : nil
            var row: ScrapeRow?
            if let chunk, chunk.first <= run.first, chunk.part(of: run.id)?.first == run.first {
                // A target's first run has nothing before it that it could lie beside.
                if hasMoved || (chunk.missedCount > 0 && index > 0) {
                    if open?.chunk != chunk.id { open = (chunk.id, try store.chunk(chunk).rows()) }
                    let rows = open?.rows ?? []
                    let found = TargetHistory.index(rows.count) { rows[$0].position < run.first }
                    row = found < rows.count && rows[found].position == run.first ? rows[found] : nil
                }
            } else {
                let found = history.tailIndex(atOrAfter: run.first)
                row = found < history.tail.count ? history.tail[found] : nil
            }
            if let row, row.run == run.id {
                start.url = urls[row.origin] ?? nil
                start.beginning = RunBeginning(mark: row.missed)
                start.isMarkedProven = row.missed != nil && RunBeginning.isProven(mark: row.missed)
            }
            starts[run.id] = start
        }
        knownStarts[target] = starts
        return starts
    }

    /// The URLs that a target had, by the row of `origins`.
    private func urls(of target: TargetID) throws -> [Int64: String?] {
        let statement = try store.connection.ownStatement("SELECT id FROM origins WHERE target = ?1")
        try statement.bind(1, target.value)
        var ids: [Int64] = []
        while try statement.step() { ids.append(statement.integer(0)) }
        var urls: [Int64: String?] = [:]
        for id in ids { urls[id] = try store.origin(id).url }
        return urls
    }

    /// Whether processes take turns behind one URL, and how many scrapes may then belong to another run.
    func alternation(
        of target: TargetID,
        _ runs: [RunRow],
        _ history: TargetHistory
    ) throws -> (isAlternating: Bool, unprovenCount: Int64) {
        let starts = try runStarts(of: target)
        // A URL that was changed and changed back makes runs interleave, too: that is no taking turns.
        let places = Dictionary(grouping: runs) { Origin(url: starts[$0.id]?.url).endpoint }
        let isAlternating =
            starts.values.contains { $0.beginning == .again }
            || VaultSnapshot.takesTurns(runs, starts)
            || places.values.contains { VaultSnapshot.isInterleaved($0) }
        guard isAlternating else { return (false, 0) }
        // What missed something has no collection in common with what came before; the others of these have a mark, which
        // a run's first scrape may have for another reason.
        let ofTail = Int64(history.tail.count { $0.missed != nil })
        let marked = history.chunks.reduce(ofTail) { $0 &+ Int64($1.missedCount) }
        return (true, max(0, marked &- Int64(starts.values.count { $0.isMarkedProven })))
    }

    /// Whether two runs in a row began beside the one before, at most a gap apart: one of them is a handover to a new
    /// process, two are turns.
    private static func takesTurns(_ runs: [RunRow], _ starts: [RunID: RunStart]) -> Bool {
        let beside = runs.sorted { $0.first < $1.first }.map { run in
            (first: run.first, isBeside: starts[run.id]?.beginning == .beside)
        }
        return zip(beside, beside.dropFirst()).contains { a, b in
            a.isBeside && b.isBeside && a.first.epoch == b.first.epoch
                && b.first.time.milliseconds &- a.first.time.milliseconds <= CollectionReader.gapMilliseconds
        }
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

    /// Whether scrapes of a target were put in between others, and their runs are still to be found.
    func isUnsettled(_ target: TargetID) throws -> Bool {
        let statement = try store.connection.statement("SELECT count(*) FROM stale_runs WHERE target = ?1")
        try statement.bind(1, target.value)
        defer { statement.reset() }
        return try statement.step() && statement.integer(0) > 0
    }
}
