import Codec
import Expvar
import Model
import SQLite

/// Which run a scrape belongs to; and finding runs anew where scrapes were put in between.
extension WriterSession {
    /// The run of a successful scrape at `position`.
    ///
    /// Out of order, it gets its neighbour's for the time being, and the target's runs are stale from there on.
    func run(
        of state: ProcessState,
        target: TargetState,
        at position: ScrapePosition
    ) throws
        -> (id: RunID, collections: NewCollections)
    {
        if let lastSuccess = target.lastSuccess, position < lastSuccess || target.staleFrom != nil {
            return (try provisionalRun(target: target, at: position), NewCollections())
        }
        let previous = target.lastSuccess
        target.lastSuccess = position
        let isAfterStep =
            target.lastStep.map { step in step <= position && previous.map { $0 < step } ?? true } ?? false
        let verdict = target.tracker.judge(state, at: position)
        func collections(after run: RunID?) -> NewCollections {
            CollectionReader.collections(
                in: state,
                run: run,
                target.tracker,
                after: previous,
                at: position,
                isAfterStep: isAfterStep,
                isProven: verdict.isProven
            )
        }
        switch verdict.decision {
        case .continues(let id):
            let found = collections(after: id)
            target.tracker.note(state, in: id, at: position)
            guard var run = target.runs[id] else {
                preconditionFailure("BUG: a remembered run without its row")
            }
            run.count(position)
            if run.startedNanoseconds == nil, let started = run.started(state) {
                run.startedNanoseconds = started
                target.changedRuns.insert(id)
            }
            if run.commandLine == nil, let line = try commandLineID(state, of: target.id) {
                run.commandLine = line
                target.changedRuns.insert(id)
            }
            target.runs[id] = run
            return (id, found)
        case .begins:
            let run = try newRun(state, target: target.id, at: position)
            // Nothing of it is sealed: of that the table tells.
            var row = run
            row.scrapeCount = 0
            try row.insert(on: connection)
            target.row.runCount += 1
            let found = collections(after: nil)
            target.tracker.note(state, in: run.id, at: position)
            target.runs[run.id] = run
            return (run.id, found)
        }
    }

    /// What the table `runs` has of a run: what of it is sealed.
    ///
    /// Of one that is in the tail only, where it begins.
    func sealedPart(of run: RunRow, _ history: TargetHistory) -> RunRow {
        var row = run
        row.scrapeCount = 0
        row.last = row.first
        for part in history.chunks.compactMap({ $0.part(of: run.id) }) {
            row.first = row.scrapeCount == 0 ? part.first : min(row.first, part.first)
            row.last = row.scrapeCount == 0 ? part.last : max(row.last, part.last)
            row.scrapeCount += Int64(part.count)
        }
        return row
    }

    func newRun(_ state: ProcessState, target: TargetID, at position: ScrapePosition) throws -> RunRow {
        var run = RunRow(
            id: RunID(try RowNumber.next(of: "runs", on: connection)),
            target: target,
            first: position,
            last: position,
            scrapeCount: 1,
            startedNanoseconds: nil,
            commandLine: try commandLineID(state, of: target)
        )
        run.startedNanoseconds = run.started(state)
        return run
    }

    func commandLineID(_ state: ProcessState, of target: TargetID) throws -> Int64? {
        guard let arguments = state.commandLine.map({ StringList.encode($0) }) else { return nil }
        let statement = try connection.statement(
            "SELECT id FROM command_lines WHERE target = ?1 AND arguments = ?2"
        )
        try statement.bind(1, target.value).bind(2, arguments)
        if try statement.step() {
            defer { statement.reset() }
            return statement.integer(0)
        }
        statement.reset()
        let id = try RowNumber.next(of: "command_lines", on: connection)
        let checksum = RowChecksum.of(
            "command_lines",
            .integer(id),
            .integer(target.value),
            .bytes(arguments)
        )
        try connection.statement(
            "INSERT INTO command_lines(id, target, arguments, checksum) VALUES (?1, ?2, ?3, ?4)"
        )
        .bind(1, id).bind(2, target.value).bind(3, arguments).bind(4, checksum)
        .run()
        return id
    }

    private func provisionalRun(target: TargetState, at position: ScrapePosition) throws -> RunID {
        let before = try target.history.row(before: position, .success)
        let neighbour =
            try before
            ?? target.history.position(after: position, .success).flatMap { try target.history.row(at: $0) }
        guard let id = neighbour?.run else { throw store.damaged("a run is missing") }
        try markStale(target, from: position)
        return id
    }

    /// Notes that from `position` on what was stored must be gone over again.
    func markStale(_ target: TargetState, from position: ScrapePosition) throws {
        guard target.staleFrom.map({ position < $0 }) ?? true else { return }
        target.staleFrom = position
        try storeStale(target.id, from: position)
    }

    func storeStale(_ target: TargetID, from position: ScrapePosition) throws {
        try connection.statement("INSERT OR REPLACE INTO stale_runs(target, epoch, t) VALUES (?1, ?2, ?3)")
            .bind(1, target.value).bind(2, position.epoch).bind(3, position.time.milliseconds)
            .run()
    }

    // MARK: Loading

    /// Reads what the writer remembers of a target.
    func loadState(of row: TargetRow) throws -> TargetState {
        let history = try loadHistory(of: row.id)
        let state = TargetState(row: row, history: history)
        if let last = try history.row(before: nil, .any) {
            let reading = ScrapeClock.Reading(
                wall: last.wall ?? last.position.time,
                bootID: try last.boot.map { try store.bootID($0) },
                bootNanoseconds: last.bootNanoseconds
            )
            state.last = ScrapeClock.Last(position: last.position, reading: reading)
            state.origin = (try store.origin(last.origin), last.origin)
        }
        state.lastSuccess = try history.position(before: nil, .success)
        state.lastStep = try ClockStep.all(of: row.id, on: store).last?.after
        state.staleFrom = try staleMarks().first { $0.target == row.id }?.from
        if state.staleFrom == nil {
            let remembered = try runsBefore(nil, of: history)
            state.tracker = try tracker(remembered, before: nil, of: history)
            for (run, _) in remembered { state.runs[run.id] = run }
        }
        return state
    }

    func staleMarks() throws -> [(target: TargetID, from: ScrapePosition)] {
        let statement = try connection.statement("SELECT target, epoch, t FROM stale_runs")
        defer { statement.reset() }
        var marks: [(target: TargetID, from: ScrapePosition)] = []
        while try statement.step() {
            let time = Timestamp(milliseconds: statement.integer(2))
            marks.append(
                (TargetID(statement.integer(0)), ScrapePosition(epoch: statement.integer(1), time: time))
            )
        }
        return marks
    }

    /// The last runs of a target that have scrapes before `position` (all where nil), the latest last, each with what is
    /// remembered of it there; as many as a tracker remembers.
    ///
    /// `run.last` is the last scrape before `position`. A run's row has what is remembered of its last sealed scrape: of
    /// those that are sealed no body is read.
    func runsBefore(
        _ position: ScrapePosition?,
        of history: TargetHistory
    ) throws -> [(run: RunRow, memory: RunMemory)] {
        var candidates: [RunRow] = []
        for var run in try history.completed(RunRow.all(of: history.target, on: store)) {
            if let position {
                guard run.first < position else { continue }
                if run.last >= position {
                    guard let last = try history.position(before: position, .run(run.id)) else { continue }
                    run.last = last
                }
            }
            candidates.append(run)
        }
        candidates.sort { $0.last < $1.last }
        guard let latest = candidates.last?.last else { return [] }
        return try candidates.suffix(RunTracker.runsMax)
            .filter { run in
                run.last.epoch != latest.epoch
                    || latest.time.milliseconds &- run.last.time.milliseconds
                        <= RunTracker.ageMaxMilliseconds
            }
            .map { ($0, try memory(of: $0, history)) }
    }

    /// A tracker that remembers those runs, and what the last scrapes before `position` (of all where nil) showed.
    func tracker(
        _ runs: [(run: RunRow, memory: RunMemory)],
        before position: ScrapePosition?,
        of history: TargetHistory
    ) throws -> RunTracker {
        var recent: [ProcessState] = []
        let hasReturned = WriterSession.haveReturned(runs.map(\.run))
        // Where one process answers, its run tells what it showed; where runs may mix several, each scrape does.
        var scrapesMax = 0
        if hasReturned {
            let end = position.map { history.tailIndex(atOrAfter: $0) } ?? history.tail.count
            scrapesMax = max(WriterSession.recentMin, end)
        } else if runs.count > 1 || history.tail.contains(where: { $0.missed != nil })
            || history.chunks.last.map({ $0.missedCount > 0 }) ?? false
        {
            scrapesMax = WriterSession.recentMin
        }
        var last = position
        while recent.count < scrapesMax, let row = try history.row(before: last, .success) {
            last = row.position
            recent.append(try processState(of: row))
        }
        return RunTracker(
            runs: runs.map { ($0.run.id, $0.memory) },
            recent: recent.reversed(),
            hasReturned: hasReturned
        )
    }

    /// So many of the last scrapes are looked at for what they showed, where those in the tail are fewer.
    private static let recentMin = 16

    /// Whether one of those runs began while an earlier one had scrapes to come.
    private static func haveReturned(_ runs: [RunRow]) -> Bool {
        var last: ScrapePosition?
        for run in runs.sorted(by: { $0.first < $1.first }) {
            if let last, run.first < last { return true }
            last = max(last ?? run.last, run.last)
        }
        return false
    }

    /// What is remembered of a run at its `last` scrape.
    ///
    /// Where that has no memstats, the last that has it stands in.
    private func memory(of run: RunRow, _ history: TargetHistory) throws -> RunMemory {
        if var memory = run.memory, memory.position == run.last {
            if memory.commandLine != nil {
                memory.commandLine = try run.commandLine.map { try store.commandLine($0) }
            }
            return memory
        }
        guard let row = try history.row(at: run.last) else {
            throw store.damaged("run \(run.id.value) has no scrape")
        }
        let newest = try processState(of: row)
        guard !newest.hasMemStats, let earlier = try lastWithMemStats(of: run, history) else {
            return RunMemory(newest, at: row.position)
        }
        var memory = RunMemory(try processState(of: earlier), at: earlier.position)
        memory.note(newest, at: row.position)
        return memory
    }

    /// The row of a run as it is stored: what is sealed of it, with what is remembered of it now.
    func storedRow(of run: RunRow, _ target: TargetState) -> RunRow {
        var row = sealedPart(of: run, target.history)
        row.memory = target.tracker.memory(of: run.id)
        return row
    }

    private func lastWithMemStats(of run: RunRow, _ history: TargetHistory) throws -> ScrapeRow? {
        func fits(_ row: ScrapeRow) throws -> Bool {
            guard row.run == run.id, row.position < run.last, let shape = row.shape else { return false }
            return try store.shape(shape).memStats != nil
        }
        let ofTail = try history.tail.last { try fits($0) }
        for chunk in history.chunks.reversed()
        where chunk.part(of: run.id).map({ $0.first < run.last }) ?? false {
            if let ofTail, chunk.last < ofTail.position { break }
            guard try chunk.shapes.contains(where: { try store.shape($0.id).memStats != nil }),
                let row = try store.chunk(chunk).rows().last(where: { try fits($0) })
            else { continue }
            return ofTail.map { $0.position > row.position ? $0 : row } ?? row
        }
        return ofTail
    }

    private func processState(of row: ScrapeRow) throws -> ProcessState {
        try processState(of: row, body: store.body(of: row).bytes)
    }

    func processState(of row: ScrapeRow, body: [UInt8]) throws -> ProcessState {
        let shape = try store.understand(row, body: body, into: &document)
        var state = ProcessState(shape: shape, document: document, body: body)
        state.endpoint = try store.origin(row.origin).endpoint
        return state
    }
}
