import Expvar
import Model

/// A pass over a target's scrapes from a position on, in which each is given its run anew; or a step of it.
struct RunPass {
    private var tracker: RunTracker
    private var runs: [RunID: RunRow] = [:]
    /// The first position of each run as it was, by which it is known again.
    private var oldFirsts: [RunID: ScrapePosition] = [:]
    private var used: Set<RunID> = []
    /// The rows as they were.
    private let stored: [RunID: RunRow]
    /// Runs with scrapes before the pass and in it.
    let straddling: [RunID]

    /// A pass from a position on.
    ///
    /// `before` are the runs that `tracker` remembers there, `all` the target's as stored.
    init(
        before: [(run: RunRow, memory: RunMemory)],
        _ tracker: RunTracker,
        all: [RunRow],
        from: ScrapePosition
    ) {
        self.tracker = tracker
        stored = Dictionary(all.map { ($0.id, $0) }) { first, _ in first }
        let states = Dictionary(before.map { ($0.run.id, $0) }) { first, _ in first }
        var straddling: [RunID] = []
        for var run in all {
            if run.first >= from {
                oldFirsts[run.id] = run.first
                run.scrapeCount = 0
                run.startedNanoseconds = nil
                run.commandLine = nil
            } else {
                used.insert(run.id)
                if run.last >= from {
                    straddling.append(run.id)
                    if let (kept, memory) = states[run.id] {
                        run.last = kept.last
                        // Once it has collected, what is known of its beginning was seen before.
                        if memory.collectionCount ?? 0 == 0 { run.startedNanoseconds = nil }
                    }
                }
            }
            runs[run.id] = run
        }
        self.straddling = straddling
    }

    mutating func setCount(of run: RunID, to count: Int64) { runs[run]?.scrapeCount = count }

    func lacksCommandLine(_ run: RunID) -> Bool { runs[run]?.commandLine == nil }

    mutating func setCommandLine(of run: RunID, to commandLine: Int64?) {
        runs[run]?.commandLine = commandLine
    }

    /// The run of the next scrape, and whether anything proves it; `make` stores a new one.
    mutating func run(
        of row: ScrapeRow,
        state: ProcessState,
        make: () throws -> RunRow
    ) rethrows -> (id: RunID, isProven: Bool) {
        let id: RunID
        let verdict = tracker.judge(state, at: row.position)
        switch verdict.decision {
        case .continues(let run): id = run
        case .begins:
            if let old = row.run, oldFirsts[old] == row.position, !used.contains(old) {
                id = old
            } else {
                // The caller's `make` counts the scrape; here it is counted below, like all others.
                var run = try make()
                run.scrapeCount = 0
                runs[run.id] = run
                id = run.id
            }
        }
        used.insert(id)
        tracker.note(state, in: id, at: row.position)
        if var run = runs[id] {
            if run.scrapeCount == 0 {
                run.first = row.position
                run.last = row.position
            }
            run.count(row.position)
            if run.startedNanoseconds == nil { run.startedNanoseconds = run.started(state) }
            runs[id] = run
        }
        return (id, verdict.isProven)
    }

    /// All runs of the target, as they are known now: those that the pass did not come to as they were.
    ///
    /// Each with what the next scrapes are compared with, as far as that is remembered.
    var touched: [RunRow] {
        let rows = runs.values.map { run in
            guard used.contains(run.id) else { return stored[run.id] ?? run }
            var run = run
            run.memory = tracker.memory(of: run.id)
            return run
        }
        return rows.sorted { $0.id < $1.id }
    }
}
