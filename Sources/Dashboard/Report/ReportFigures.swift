import JSON
import Model
import Query

/// The numbers of a report as JSON, in the words of `--format json` of `targets`, `rate`, `values` and `pauses`.
enum ReportFigures {
    static func json(_ targets: [ReportTarget], _ head: ReportHead) -> [UInt8] {
        var json = JSONWriter(reserving: 1 << 18)
        json.beginObject()
        for (name, value) in head.facts { json.member(name, value) }
        json.array("targets", targets) { target, json in
            json.beginObject()
            json.member("target", target.target.target)
            json.member("url", target.target.url)
            json.key("scrapes")
            json.integer(target.scrapes.succeeded)
            json.key("failures")
            json.integer(target.scrapes.failed)
            json.array("runs", target.target.runs.filter { isIn($0, target.range) }) { run, json in
                json.beginObject()
                json.member("started", run.started)
                json.member("first", text(run.first))
                json.member("last", text(run.last))
                json.key("scrapes")
                json.integer(run.scrapes)
                json.array("cmdline", run.commandLine) { $1.string($0) }
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
        json.array("rate", targets.flatMap(\.rates)) { write($0, to: &$1) }
        json.array("values", targets.flatMap(\.values)) { write($0, to: &$1) }
        json.array("pauses", targets) { target, json in
            json.beginObject()
            json.member("target", target.target.target)
            write(target.pauses, to: &json)
            json.endObject()
        }
        json.endObject()
        return json.bytes
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
