package import Model
import Storage

extension QueryEngine {
    /// What is recorded: the targets of those names, all where `names` is empty; by name.
    ///
    /// - Throws: `QueryError.unknownTarget`.
    package func targets(_ names: [String] = []) throws -> [TargetAnswer] {
        try records(names).map { target in
            TargetAnswer(target, runs: try snapshot.runs(of: target.id))
        }
    }

    /// The newest successful scrape at or before `time` (`failures`: any), the newest of all where nil.
    ///
    /// - Throws: `QueryError.unknownTarget`, `.noScrape`.
    package func show(target: String, at time: Timestamp? = nil, failures: Bool = false) throws -> ShowAnswer
    {
        let found = try records([target]).first.flatMap { record in
            try snapshot.newestScrape(of: record.id, atOrBefore: time, failures: failures)
        }
        guard let (scrape, body) = found else {
            throw QueryError.noScrape(target: target, atOrBefore: time, failures: failures)
        }
        return ShowAnswer(time: scrape.position.time, failure: scrape.failure, body: body)
    }
}

extension TargetAnswer {
    /// The answer that the records give.
    init(_ target: TargetRecord, runs: [RunRecord]) {
        self.target = target.name
        url = target.origin.url
        labels = target.origin.labels
        first = target.first?.time
        last = target.last?.time
        scrapes = target.scrapeCount
        failures = target.failureCount
        lastFailure = target.lastFailure.map { FailureAnswer(time: $0.time, reason: $0.reason) }
        clockSteps = target.clockSteps.sorted { $0.after < $1.after }.map { step in
            ClockStepAnswer(
                before: step.before.time,
                after: step.after.time,
                milliseconds: step.milliseconds
            )
        }
        clockSkewSeconds = target.clockSkewMilliseconds.map { Double($0) / 1000 }
        isAlternating = target.isAlternating
        isSeriesLimited = target.isSeriesLimited
        self.runs = runs.map { run in
            RunAnswer(
                startedNanoseconds: run.startedNanoseconds,
                first: run.first.time,
                last: run.last.time,
                scrapes: run.scrapeCount,
                commandLine: run.commandLine
            )
        }
    }
}
