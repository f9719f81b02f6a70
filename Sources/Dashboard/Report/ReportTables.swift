import JSON
import Model
import Query

/// The numbers of a report as tables, which need no script.
enum ReportTables {
    static func write(_ target: ReportTarget, to html: inout HTMLText) {
        html.element("h3", target.target.target)
        html.markup("<p class=\"note\">")
        html.add(summary(of: target))
        html.markup("</p>\n")
        let runs = ReportFigures.newestRuns(of: target)
        html.table(
            "Runs of the process",
            ["Started", "First scrape", "Last scrape", "#Scrapes", "Command line"],
            runs.map { run in
                [
                    run.started, "\(run.first)", "\(run.last)", "\(run.scrapes)",
                    run.shortCommandLine.joined(separator: " "),
                ]
            }
        )
        html.table(
            "Failed scrapes by reason",
            ["Reason", "#Scrapes"],
            target.scrapes.reasons.map { [$0.reason, "\($0.count)"] }
        )
        html.table(
            "Failed scrapes",
            ["Time", "Reason"],
            target.scrapes.failures.map { ["\($0.time)", $0.reason] }
        )
        html.table(
            "Stretches without a scrape",
            ["From", "To"],
            target.scrapes.holes.map { [$0.since?.description, $0.until?.description] }
        )
        html.table(
            "Clock steps",
            ["Before", "After", "#Milliseconds"],
            target.target.clockSteps.filter { target.range.contains($0.after) }.map {
                ["\($0.before)", "\($0.after)", "\($0.milliseconds)"]
            }
        )
        pauses(target, to: &html)
        for comparison in target.comparisons { changes(comparison, to: &html) }
        html.table(
            "Counters (expvault rate)",
            ["Series", "Unit", "#Increase", "#Rate a second", "#Resets", "#Covered s"],
            target.rates.map { answer in
                [
                    answer.series, answer.unit?.rawValue ?? "", answer.increase.exactText,
                    answer.rate.map(JSONWriter.text(of:)), "\(answer.resets)",
                    JSONWriter.text(of: answer.coveredSeconds),
                ]
            }
        )
        html.table(
            "Values (expvault values)",
            ["Series", "Unit", "#Samples", "#Least", "#Greatest", "#Mean", "#First", "#Last"],
            target.values.map { answer in
                [answer.series, answer.unit?.rawValue ?? "", "\(answer.count)"]
                    + [answer.min?.exactText, answer.max?.exactText, answer.mean.map(JSONWriter.text(of:))]
                    + [answer.first?.exactText, answer.last?.exactText]
            }
        )
    }

    private static func summary(of target: ReportTarget) -> String {
        var words = [
            target.target.url ?? "address unknown",
            "\(target.scrapes.succeeded) scrapes, \(target.scrapes.failed) failed",
        ]
        if let usual = target.scrapes.usualMilliseconds { words.append("usually every \(usual) ms") }
        words.append("restarts: \(target.restarts.count)")
        for (name, value) in target.target.labels.sorted(by: { $0.key < $1.key }) {
            words.append("\(name)=\(value)")
        }
        words += target.target.doubts
        return words.joined(separator: " · ")
    }

    private static func pauses(_ target: ReportTarget, to html: inout HTMLText) {
        let summary = target.pauses
        let percentiles = zip(ReportTarget.percentiles, summary.percentiles).map { ("p" + $0, $1) }
        html.table(
            "Garbage collections, pauses in nanoseconds (expvault pauses)",
            ["#Seen", "#Missed", "#Paused in all", "#Missed pauses", "#Shortest", "#Mean"]
                + percentiles.map { "#" + $0.0 } + ["#Longest"],
            [
                [
                    "\(summary.count)", summary.missed.exactText, summary.totalNanoseconds?.exactText,
                    summary.missedNanoseconds?.exactText, summary.minNanoseconds.map { "\($0)" },
                    summary.meanNanoseconds.map(JSONWriter.text(of:)),
                ] + percentiles.map { $0.1.map { "\($0)" } } + [summary.maxNanoseconds.map { "\($0)" }]
            ]
        )
    }

    private static func changes(_ comparison: ReportTarget.Comparison, to html: inout HTMLText) {
        html.table(
            "What changed most: " + comparison.title,
            ["Series", "By", "Unit", "#Before", "#After", "#Weight"],
            comparison.changes.map { change in
                [
                    change.measure == .pause ? "GC pause \(change.series)" : change.series,
                    change.measure == .pause ? "" : change.measure.rawValue, change.unit?.rawValue ?? "",
                    change.before.map(JSONWriter.text(of:)), change.after.map(JSONWriter.text(of:)),
                    JSONWriter.text(of: (change.weight * 1000).rounded() / 1000),
                ]
            }
        )
    }
}
