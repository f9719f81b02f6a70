import Expvar
import Model
import SQLite

/// Which run a scrape belongs to; and finding runs anew where scrapes were put in between.
extension WriterSession {
    /// The run of a successful scrape at `position`.
    ///
    /// Out of order, it gets its neighbour's for the time being, and the target's runs are stale from there on.
    func run(of state: ProcessState, target: TargetState, at position: ScrapePosition) throws -> RunID {
        if let lastSuccess = target.lastSuccess, position < lastSuccess || target.staleFrom != nil {
            return try provisionalRun(target: target, at: position)
        }
        target.lastSuccess = position
        switch target.tracker.decide(state) {
        case .continues(let id):
            target.tracker.note(state, in: id)
            guard var run = target.runs[id] else {
                preconditionFailure("BUG: a remembered run without its row")
            }
            run.count(position)
            if run.startedNanoseconds == nil { run.startedNanoseconds = state.firstCollectionEnd }
            if run.commandLine == nil { run.commandLine = try commandLineID(state, of: target.id) }
            target.runs[id] = run
            target.changedRuns.insert(id)
            return id
        case .begins:
            let run = try newRun(state, target: target.id, at: position)
            try run.insert(on: connection)
            target.row.runCount += 1
            target.tracker.note(state, in: run.id)
            target.runs[run.id] = run
            return run.id
        }
    }

    private func newRun(_ state: ProcessState, target: TargetID, at position: ScrapePosition) throws -> RunRow
    {
        RunRow(
            id: RunID(try RowNumber.next(of: "runs", on: connection)),
            target: target,
            first: position,
            last: position,
            scrapeCount: 1,
            startedNanoseconds: state.firstCollectionEnd,
            commandLine: try commandLineID(state, of: target)
        )
    }

    private func commandLineID(_ state: ProcessState, of target: TargetID) throws -> Int64? {
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
        let before = try store.firstRow(
            """
            SELECT \(ScrapeRow.columns) FROM scrapes WHERE target = ?1 AND (epoch, t) < (?2, ?3) AND run IS NOT NULL \
            ORDER BY epoch DESC, t DESC LIMIT 1
            """,
            target.id.value,
            position.epoch,
            position.time.milliseconds
        )
        let neighbour =
            try before
            ?? store.firstRow(
                """
                SELECT \(ScrapeRow.columns) FROM scrapes WHERE target = ?1 AND (epoch, t) > (?2, ?3) \
                AND run IS NOT NULL ORDER BY epoch, t LIMIT 1
                """,
                target.id.value,
                position.epoch,
                position.time.milliseconds
            )
        guard let id = neighbour?.run, var run = try target.runs[id] ?? RunRow.find(id, on: store) else {
            throw store.damaged("a run is missing")
        }
        run.count(position)
        target.runs[id] = run
        target.changedRuns.insert(id)
        if target.staleFrom.map({ position < $0 }) ?? true {
            target.staleFrom = position
            try connection.statement(
                "INSERT OR REPLACE INTO stale_runs(target, epoch, t) VALUES (?1, ?2, ?3)"
            )
            .bind(1, target.id.value).bind(2, position.epoch).bind(3, position.time.milliseconds)
            .run()
        }
        return id
    }

    // MARK: Loading

    /// Reads what the writer remembers of a target.
    func loadState(of row: TargetRow) throws -> TargetState {
        let state = TargetState(row: row)
        let newest = "SELECT \(ScrapeRow.columns) FROM scrapes WHERE target = ?1"
        let order = "ORDER BY epoch DESC, t DESC LIMIT 1"
        if let last = try store.firstRow("\(newest) \(order)", row.id.value) {
            let reading = ScrapeClock.Reading(
                wall: last.wall ?? last.position.time,
                bootID: try last.boot.map { try store.bootID($0) },
                bootNanoseconds: last.bootNanoseconds
            )
            state.last = ScrapeClock.Last(position: last.position, reading: reading)
            state.origin = (try store.origin(last.origin), last.origin)
        }
        state.lastSuccess = try store.firstRow("\(newest) AND run IS NOT NULL \(order)", row.id.value)?
            .position
        state.staleFrom = try staleMarks().first { $0.target == row.id }?.from
        if state.staleFrom == nil {
            let remembered = try runsBefore(nil, of: row.id)
            state.tracker = RunTracker(runs: remembered.map { ($0.run.id, $0.state) })
            for (run, _) in remembered { state.runs[run.id] = run }
        }
        return state
    }

    private func staleMarks() throws -> [(target: TargetID, from: ScrapePosition)] {
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

    /// The last runs of a target that have scrapes before `position` (all where nil), the latest last, each
    /// with its state there; as many as a tracker remembers.
    ///
    /// `run.last` is the last scrape before `position`.
    private func runsBefore(
        _ position: ScrapePosition?,
        of target: TargetID
    ) throws -> [(run: RunRow, state: ProcessState)] {
        var candidates: [RunRow] = []
        for var run in try RunRow.all(of: target, on: store) {
            if let position {
                guard run.first < position else { continue }
                if run.last >= position {
                    guard let last = try lastRow(of: run, before: position) else { continue }
                    run.last = last.position
                }
            }
            candidates.append(run)
        }
        candidates.sort { $0.last < $1.last }
        return try candidates.suffix(RunTracker.runsMax).map { ($0, try state(of: $0)) }
    }

    private func lastRow(of run: RunRow, before position: ScrapePosition) throws -> ScrapeRow? {
        try store.firstRow(
            """
            SELECT \(ScrapeRow.columns) FROM scrapes WHERE target = ?1 AND (epoch, t) < (?2, ?3) AND run = ?4 \
            ORDER BY epoch DESC, t DESC LIMIT 1
            """,
            run.target.value,
            position.epoch,
            position.time.milliseconds,
            run.id.value
        )
    }

    /// Of a run without memstats no more than so many rows are searched for one that has it.
    private static let searchedRowsMax = 4096

    /// The state of a run at its `last` scrape.
    ///
    /// Where that has no memstats, the last that has it stands in.
    private func state(of run: RunRow) throws -> ProcessState {
        let statement = try connection.ownStatement(
            """
            SELECT \(ScrapeRow.columns) FROM scrapes WHERE target = ?1 AND (epoch, t) <= (?2, ?3) \
            AND (epoch, t) >= (?4, ?5) AND run = ?6 ORDER BY epoch DESC, t DESC LIMIT \(WriterSession.searchedRowsMax)
            """
        )
        try statement.bind(1, run.target.value).bind(2, run.last.epoch).bind(3, run.last.time.milliseconds)
            .bind(4, run.first.epoch).bind(5, run.first.time.milliseconds).bind(6, run.id.value)
        guard try statement.step() else { throw store.damaged("run \(run.id.value) has no scrape") }
        let newest = try processState(of: try ScrapeRow(statement, path: file.path))
        var tracker = RunTracker(runs: [(run.id, newest)])
        while !newest.hasMemStats, try statement.step() {
            let row = try ScrapeRow(statement, path: file.path)
            guard let shape = row.shape, try store.shape(shape).memStats != nil else { continue }
            tracker = RunTracker(runs: [(run.id, try processState(of: row))])
            tracker.note(newest, in: run.id)
            break
        }
        return tracker.state(of: run.id) ?? newest
    }

    private func processState(of row: ScrapeRow) throws -> ProcessState {
        let (shape, body) = try store.understand(row, into: &document)
        return ProcessState(shape: shape, document: document, body: body)
    }

    // MARK: Finding runs anew

    /// Finds the runs anew of all targets that need it.
    func refreshStaleRuns() throws {
        for mark in try staleMarks() { try refreshRuns(of: mark.target) }
    }

    /// Finds a target's runs anew, from where scrapes were put in between to its end, in one transaction.
    ///
    /// What stands before is right, so the tracker begins with it. A run keeps its number where its first scrape is
    /// still its first.
    func refreshRuns(of target: TargetID) throws {
        guard let from = try staleMarks().first(where: { $0.target == target })?.from else { return }
        try transaction {
            var pass = try RunPass(
                before: runsBefore(from, of: target),
                all: RunRow.all(of: target, on: store),
                from: from
            )
            for id in pass.straddling {
                pass.setCount(of: id, to: try count(of: id, target: target, before: from))
            }
            var next: (position: ScrapePosition, isIncluded: Bool)? = (from, true)
            while let start = next {
                let rows = try page(of: target, from: start.position, isIncluded: start.isIncluded)
                for var row in rows {
                    let state = try processState(of: row)
                    let id = try pass.run(of: row, state: state) {
                        let run = try newRun(state, target: target, at: row.position)
                        try run.insert(on: connection)
                        return run
                    }
                    if pass.lacksCommandLine(id) {
                        pass.setCommandLine(of: id, to: try commandLineID(state, of: target))
                    }
                    if row.run != id { try row.moveToRun(id, on: connection) }
                }
                next = rows.last.map { ($0.position, false) }
            }
            try store(pass, of: target)
            try connection.statement("DELETE FROM stale_runs WHERE target = ?1").bind(1, target.value).run()
            forget(target)
        }
    }

    private func count(of run: RunID, target: TargetID, before position: ScrapePosition) throws -> Int64 {
        let statement = try connection.statement(
            "SELECT count(*) FROM scrapes WHERE target = ?1 AND (epoch, t) < (?2, ?3) AND run = ?4"
        )
        try statement.bind(1, target.value).bind(2, position.epoch).bind(3, position.time.milliseconds)
            .bind(4, run.value)
        defer { statement.reset() }
        return try statement.step() ? statement.integer(0) : 0
    }

    private func page(
        of target: TargetID,
        from position: ScrapePosition,
        isIncluded: Bool
    ) throws -> [ScrapeRow] {
        let statement = try connection.statement(
            """
            SELECT \(ScrapeRow.columns) FROM scrapes WHERE target = ?1 AND (epoch, t) \(isIncluded ? ">=" : ">") \
            (?2, ?3) AND run IS NOT NULL ORDER BY epoch, t LIMIT 256
            """
        )
        try statement.bind(1, target.value).bind(2, position.epoch).bind(3, position.time.milliseconds)
        defer { statement.reset() }
        var rows: [ScrapeRow] = []
        while try statement.step() { rows.append(try ScrapeRow(statement, path: file.path)) }
        return rows
    }

    private func store(_ pass: RunPass, of target: TargetID) throws {
        for run in pass.touched {
            if run.scrapeCount > 0 {
                try run.update(on: connection)
            } else {
                try connection.statement("DELETE FROM runs WHERE id = ?1").bind(1, run.id.value).run()
            }
        }
        guard var row = try TargetRow.find(target, on: store) else {
            throw store.damaged("a target is missing")
        }
        row.runCount = Int64(pass.touched.count { $0.scrapeCount > 0 })
        try row.store(on: connection)
    }
}
