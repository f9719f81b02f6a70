import Expvar
package import Model
import Storage

extension QueryEngine {
    /// What is recorded: the targets of those names, all where `names` is empty; by name.
    ///
    /// Of a capture, what lies in its range.
    ///
    /// - Throws: `QueryError.unknownTarget`.
    package func targets(_ names: [String] = []) throws -> [TargetAnswer] {
        try records(names).map { target in
            let runs = try snapshot.runs(of: target.id)
            var answer =
                snapshot.capturedRange == .all
                ? TargetAnswer(target, runs: runs) : try captured(target, runs)
            answer.unread = try snapshot.unread(of: target.id, in: snapshot.capturedRange)
                .map(UnreadAnswer.init)
            return answer
        }
    }

    /// The answer for a target without the margin of the capture that it is in.
    private func captured(_ target: TargetRecord, _ runs: [RunRecord]) throws -> TargetAnswer {
        let range = snapshot.capturedRange
        var target = target
        (target.first, target.last, target.lastFailure) = (nil, nil, nil)
        (target.scrapeCount, target.failureCount, target.clockSkewMilliseconds) = (0, 0, nil)
        target.clockSteps.removeAll { !range.contains($0.after.time) }
        var parts: [RunID: RunRecord] = [:]
        let scrapes = try snapshot.scrapes(of: target.id, in: range, failures: true)
        while let scrape = try scrapes.next() {
            let position = scrape.position
            if target.first == nil { target.first = position }
            target.last = position
            target.origin = scrape.origin
            if let date = scrape.serverDate {
                target.clockSkewMilliseconds = date.milliseconds &- position.time.milliseconds
            }
            guard let id = scrape.run, let run = runs.first(where: { $0.id == id }) else {
                target.failureCount += 1
                target.lastFailure = scrape.failure.map { (position.time, $0) }
                continue
            }
            target.scrapeCount += 1
            var part = parts[id] ?? run
            if parts[id] == nil { (part.first, part.scrapeCount) = (position, 0) }
            part.last = position
            part.scrapeCount += 1
            parts[id] = part
        }
        return TargetAnswer(target, runs: parts.values.sorted { $0.first < $1.first })
    }

    /// The newest successful scrape at or before `time` (`failures`: any), the newest of all where nil.
    ///
    /// - Throws: `QueryError.unknownTarget`, `.noScrape`.
    package func show(target: String, at time: Timestamp? = nil, failures: Bool = false) throws -> ShowAnswer
    {
        // Of a capture, nothing of its margin unless it is asked for.
        let end = time ?? snapshot.capturedRange.until?.advanced(byMilliseconds: -1)
        let found = try records([target]).first.flatMap { record in
            try snapshot.newestScrape(of: record.id, atOrBefore: end, failures: failures)
        }
        guard let (scrape, body) = found else {
            throw QueryError.noScrape(target: target, atOrBefore: time, failures: failures)
        }
        return ShowAnswer(time: scrape.position.time, failure: scrape.failure, body: body)
    }
}

extension UnreadAnswer {
    /// The answer about those parts, of which there is one at least.
    init(_ unread: UnreadParts) {
        scrapes = unread.scrapes
        paths = unread.parts.count
        firstPath = unread.parts.first?.path ?? ""
        reason = unread.parts.first?.reason ?? ""
    }
}

extension TargetAnswer {
    /// How many runs were seen within a day before the last scrape, beyond those that are remembered.
    private static func forgotten(_ runs: [RunRecord]) -> Int {
        guard let last = runs.map(\.last).max() else { return 0 }
        let ofDay = runs.count { run in
            run.last.epoch == last.epoch
                && last.time.milliseconds &- run.last.time.milliseconds <= RunTracker.ageMaxMilliseconds
        }
        return max(0, ofDay - RunTracker.runsMax)
    }

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
        unproven = target.unprovenCount
        isUnsettled = target.isUnsettled
        isSeriesLimited = target.isSeriesLimited
        runsForgotten = Self.forgotten(runs)
        self.runs = runs.map { run in
            RunAnswer(
                startedNanoseconds: run.startedNanoseconds,
                first: run.first.time,
                last: run.last.time,
                scrapes: run.scrapeCount,
                commandLine: run.commandLine,
                url: run.url,
                isRestart: run.beginning == .fresh
            )
        }
    }
}
