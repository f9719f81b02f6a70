import JSON
import Model
import Query

/// The numbers of a report as JSON, in the words of `--format json` of `targets`, `rate`, `values` and `pauses`.
struct ReportFigures {
    /// What there is of one target, as elements of four arrays.
    struct Part {
        fileprivate let lists: [[UInt8]]

        /// How many bytes it adds.
        var count: Int { lists.reduce(0) { $0 + $1.count } }

        init(_ target: ReportTarget) {
            func elements(_ write: (inout JSONWriter) -> Void) -> [UInt8] {
                var json = JSONWriter()
                json.beginArray()
                write(&json)
                json.endArray()
                return Array(json.bytes.dropFirst().dropLast())
            }
            lists = [
                elements { ReportFigures.write(target, to: &$0) },
                elements { json in for rate in target.rates { ReportFigures.write(rate, to: &json) } },
                elements { json in for values in target.values { ReportFigures.write(values, to: &json) } },
                elements { json in
                    json.beginObject()
                    json.member("target", target.target.target)
                    ReportFigures.write(target.pauses, to: &json)
                    json.endObject()
                },
            ]
        }
    }

    private static let names = ["targets", "rate", "values", "pauses"]

    static func json(_ parts: [Part], _ head: ReportHead, _ cuts: ReportCuts) -> [UInt8] {
        var json = JSONWriter(reserving: 1 << 18)
        json.beginObject()
        for (name, value) in head.facts { json.member(name, value) }
        json.array("left_out", cuts.sentences) { $1.string($0) }
        for (index, name) in names.enumerated() {
            json.array(name, parts.map { $0.lists[index] }.filter { !$0.isEmpty }) { $1.raw($0) }
        }
        json.endObject()
        return json.bytes
    }

    private static func write(_ target: ReportTarget, to json: inout JSONWriter) {
        json.beginObject()
        json.member("target", target.target.target)
        json.member("url", target.target.url)
        json.key("scrapes")
        json.integer(target.scrapes.succeeded)
        json.key("failures")
        json.integer(target.scrapes.failed)
        json.key("restarts")
        json.integer(target.restarts.count)
        json.array("runs", newestRuns(of: target)) { run, json in
            json.beginObject()
            json.member("started", run.started)
            json.member("first", text(run.first))
            json.member("last", text(run.last))
            json.key("scrapes")
            json.integer(run.scrapes)
            json.array("cmdline", run.shortCommandLine) { $1.string($0) }
            json.endObject()
        }
        json.array("failed", target.scrapes.failures) { failure, json in
            json.beginObject()
            json.member("t", text(failure.time))
            json.member("reason", failure.reason)
            json.endObject()
        }
        json.endObject()
    }

    /// The newest runs with a scrape in the range, the oldest of them first.
    static func newestRuns(of target: ReportTarget) -> [RunAnswer] {
        target.target.runs.filter { isIn($0, target.range) }.suffix(DashboardLimits.listMax)
    }

    /// Whether a run has a scrape in the range; that before them is there for the page alone.
    static func isIn(_ run: RunAnswer, _ range: TimeRange) -> Bool {
        run.last >= range.since ?? run.last
            && run.first < range.until ?? run.first.advanced(byMilliseconds: 1)
    }

    private static func write(_ rate: RateAnswer, to json: inout JSONWriter) {
        json.beginObject()
        json.member("target", rate.target)
        json.member("series", rate.series)
        json.member("unit", rate.unit?.rawValue)
        json.member("from", text(rate.from))
        json.member("to", text(rate.to))
        json.member("increase", rate.increase)
        json.member("rate", rate.rate)
        json.key("resets")
        json.integer(rate.resets)
        json.member("covered_s", rate.coveredSeconds)
        json.endObject()
    }

    private static func write(_ values: ValuesAnswer, to json: inout JSONWriter) {
        json.beginObject()
        json.member("target", values.target)
        json.member("series", values.series)
        json.member("unit", values.unit?.rawValue)
        json.key("count")
        json.integer(values.count)
        json.member("min", values.min)
        json.member("max", values.max)
        json.member("mean", values.mean)
        json.member("first", values.first)
        json.member("last", values.last)
        json.endObject()
    }

    private static func write(_ summary: PauseSummary, to json: inout JSONWriter) {
        json.key("count")
        json.integer(summary.count)
        json.member("missed", summary.missed)
        json.member("total_ns", summary.totalNanoseconds)
        json.member("missed_ns", summary.missedNanoseconds)
        json.member("min_ns", summary.minNanoseconds.map { Number($0) })
        json.member("max_ns", summary.maxNanoseconds.map { Number($0) })
        json.member("mean_ns", summary.meanNanoseconds)
        json.key("percentiles")
        json.beginObject()
        for (name, value) in zip(ReportTarget.percentiles, summary.percentiles) {
            json.member(name, value.map { Number($0) })
        }
        json.endObject()
    }

    private static func text(_ time: Timestamp) -> String { time.description }
}

extension RunAnswer {
    /// When the process started, where that is known.
    var started: String? {
        startedNanoseconds.map { Timestamp(milliseconds: Int64($0 / 1_000_000)).description }
    }
}
