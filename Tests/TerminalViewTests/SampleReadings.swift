import Model
import Testing

@testable import Query
@testable import TerminalView

/// A fixed state of the world: 12:00:00 UTC on 2026-01-02, and the quarter of an hour before.
enum SampleReadings {
    static let now = Timestamp(milliseconds: 1_767_355_200_000)
    static let window: Int64 = 900_000
    private static let step: Int64 = 15_000
    private static var range: TimeRange {
        TimeRange(
            since: now.advanced(byMilliseconds: step - window),
            until: now.advanced(byMilliseconds: step)
        )
    }

    /// A course of 60 steps.
    static func course(_ value: (Int) -> Double?) -> Course {
        Course(start: range.since, step: step, values: (0..<60).map(value))
    }

    /// A target that was scraped every 10 s.
    static func target(
        _ name: String,
        age: Int64 = 3000,
        failures: [String] = [],
        restartedAgo: Int64? = nil
    ) -> TargetReading {
        let last = now.advanced(byMilliseconds: -age)
        let failed = failures.enumerated().map { index, reason in
            FailureAnswer(
                time: last.advanced(byMilliseconds: Int64(index + 1 - failures.count) * 10_000),
                reason: reason
            )
        }
        let first = now.advanced(byMilliseconds: -86_400_000)
        var runs = [
            RunAnswer(startedNanoseconds: nil, first: first, last: last, scrapes: 8640, commandLine: [])
        ]
        if let restartedAgo {
            let time = now.advanced(byMilliseconds: -restartedAgo)
            runs.append(
                RunAnswer(startedNanoseconds: nil, first: time, last: last, scrapes: 9, commandLine: [])
            )
        }
        let answer = TargetAnswer(
            target: name,
            url: "http://127.0.0.1:6060/debug/vars",
            labels: [:],
            first: first,
            last: last,
            scrapes: 8640,
            failures: Int64(failed.count),
            lastFailure: failed.last,
            clockSteps: [],
            clockSkewSeconds: nil,
            isAlternating: false,
            isSeriesLimited: false,
            runs: runs
        )
        let reasons = Dictionary(grouping: failures) { $0 }.map { FailureCount(reason: $0, count: $1.count) }
        let scrapes = ScrapesAnswer(
            target: name,
            succeeded: 90 - failed.count,
            failed: failed.count,
            reasons: reasons.sorted { $0.reason < $1.reason },
            failures: failed,
            holes: [],
            usualMilliseconds: 10_000
        )
        return TargetReading(target: answer, range: range, scrapes: scrapes)
    }

    /// Four targets: one well, one that leaks and was started anew, one that is down, one that nobody heard of for long.
    static var targets: [TargetReading] {
        var api = target("api")
        api.gauges = [
            "HeapAlloc": .integer(25_637_720), "HeapInuse": .integer(31_457_280),
            "HeapObjects": .integer(81_234),
        ]
        api.heapCourse = course { Double(20_000_000 + $0 % 10 * 1_000_000) }
        api.allocation = Speed(recent: 5_085_593, mean: 4_901_234, course: course { Double($0 % 7) })
        api.collections = Speed(recent: 4.68, mean: 4.5, course: course { Double($0 % 5) })
        api.pauses = PauseSummary(
            count: 195,
            missed: .integer(2),
            totalNanoseconds: .integer(31_700_000),
            missedNanoseconds: .integer(0),
            minNanoseconds: 24_800,
            maxNanoseconds: 4_040_000,
            meanNanoseconds: 163_000,
            percentiles: [53_400, 112_000, 3_800_000]
        )
        api.pauseCourse = course { $0 == 30 ? 4_040_000 : 60_000 }
        var leaky = target("leaky", restartedAgo: 300_000)
        leaky.gauges = ["HeapAlloc": .integer(187_000_000)]
        leaky.heapCourse = course { $0 < 40 ? Double($0 * 4_000_000) : Double(($0 - 40) * 9_000_000) }
        leaky.allocation = Speed(recent: 779_000, mean: 780_000, course: course { _ in 779_000 })
        return [
            leaky,
            target("db", failures: ["connection refused", "timed out after 5 s", "connection refused"]), api,
            target("old", age: 7_200_000),
        ]
    }

    /// A view of them.
    static func view(columns: Int, rows: Int) -> LiveView {
        var view = LiveView(database: "./expvault.db", window: window)
        view.resize(columns: columns, rows: rows)
        view.take(reading(of: targets, view))
        return view
    }

    static func reading(of targets: [TargetReading], _ view: LiveView) -> LiveReading {
        var reading = LiveReading(request: view.request(now: now))
        reading.targets = targets
        return reading
    }
}
