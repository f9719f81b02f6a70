import JSON
import Model
import Query
import Storage

/// Query's answers as the page's script reads them: steps as columns, since names repeated for each would be most of it.
enum AnswerJSON {
    /// The percentiles that the page draws.
    static let percentiles = ["50", "90", "99", "100"]

    static func write(
        _ targets: [TargetAnswer],
        host: String,
        seq: Int64,
        now: Timestamp,
        to json: inout JSONWriter
    ) {
        json.beginObject()
        json.member("version", ProductVersion.text)
        json.member("now", now)
        json.member("host", host)
        json.key("seq")
        json.integer(seq)
        json.array("targets", targets) { target, json in
            json.beginObject()
            json.member("target", target.target)
            json.member("url", target.url)
            json.member("first", target.first)
            json.member("last", target.last)
            json.key("scrapes")
            json.integer(target.scrapes)
            json.key("failures")
            json.integer(target.failures)
            json.member("failure", target.lastFailure?.reason)
            json.member("failed", target.lastFailure?.time)
            json.key("alternating")
            json.boolean(target.isAlternating)
            json.array("doubts", target.doubts) { doubt, json in json.string(doubt) }
            json.key("limited")
            json.boolean(target.isSeriesLimited)
            json.array("steps", target.clockSteps) { step, json in
                json.beginObject()
                json.member("before", step.before)
                json.member("after", step.after)
                json.key("ms")
                json.integer(step.milliseconds)
                json.endObject()
            }
            // A service that crashes in a loop has a run a minute: the newest are the ones to be seen.
            json.array("runs", target.runs.suffix(DashboardLimits.listMax)) { run, json in
                json.beginObject()
                json.member("first", run.first)
                json.member("last", run.last)
                json.key("scrapes")
                json.integer(run.scrapes)
                json.member("command", run.commandLine.joined(separator: " "))
                json.member("url", run.url)
                json.key("restart")
                json.boolean(run.isRestart)
                json.endObject()
            }
            json.endObject()
        }
        json.endObject()
    }

    static func write(_ names: [NamedSeries], to json: inout JSONWriter) {
        json.beginObject()
        json.array("names", names) { name, json in
            json.beginObject()
            json.member("series", name.name)
            json.member("kind", name.kind?.rawValue)
            json.member("unit", name.unit?.rawValue)
            json.endObject()
        }
        json.endObject()
    }

    static func write(_ series: [SeriesAnswer], to json: inout JSONWriter) {
        json.beginObject()
        json.array("series", series) { series, json in
            json.beginObject()
            json.member("series", series.series)
            json.member("kind", series.kind.rawValue)
            json.member("unit", series.unit?.rawValue)
            json.member("first", series.firstSeen)
            json.member("last", series.lastSeen)
            json.key("points")
            json.integer(series.points)
            json.key("value")
            json.number(series.value)
            json.endObject()
        }
        json.endObject()
    }

    static func write(_ rates: [RateAnswer], _ question: Question, to json: inout JSONWriter) {
        json.beginObject()
        json.steps(question, rates.first?.points?.first?.start)
        json.array("series", rates) { answer, json in
            json.beginObject()
            json.member("series", answer.series)
            json.member("unit", answer.unit?.rawValue)
            json.key("increase")
            json.number(answer.increase)
            json.member("rate", answer.rate)
            json.key("resets")
            json.integer(answer.resets)
            json.member("covered_s", answer.coveredSeconds)
            json.column("rates", answer.points, \.rate)
            json.endObject()
        }
        json.endObject()
    }

    static func write(_ values: [ValuesAnswer], _ question: Question, to json: inout JSONWriter) {
        json.beginObject()
        json.steps(question, values.first?.points?.first?.start)
        json.array("series", values) { answer, json in
            json.beginObject()
            json.member("series", answer.series)
            json.member("unit", answer.unit?.rawValue)
            json.key("count")
            json.integer(answer.count)
            json.member("min", answer.min)
            json.member("max", answer.max)
            json.member("mean", answer.mean)
            json.member("first", answer.first)
            json.member("last", answer.last)
            json.array("mins", answer.points ?? []) { $1.optional($0.min) }
            json.array("maxs", answer.points ?? []) { $1.optional($0.max) }
            json.column("means", answer.points, \.mean)
            json.endObject()
        }
        json.endObject()
    }

    static func write(_ answer: CollectionsAnswer, _ question: Question, to json: inout JSONWriter) {
        json.beginObject()
        json.steps(question, answer.points?.first?.start)
        json.key("summary")
        write(answer.summary, to: &json)
        json.array("points", (answer.points ?? []).enumerated().filter { !$0.element.isEmpty }) {
            point,
            json in
            json.beginArray()
            json.integer(point.offset)
            json.integer(point.element.summary.count)
            json.number(point.element.summary.missed)
            for pause in point.element.summary.percentiles { json.optional(pause.map { Number($0) }) }
            json.endArray()
        }
        json.array("ends", answer.shown) { $1.integer($0.endNanoseconds / 1_000_000) }
        json.array("pauses", answer.shown) { $1.integer($0.pauseNanoseconds) }
        json.array("missed", answer.missed) { missed, json in
            json.beginArray()
            json.integer(missed.time.milliseconds)
            json.integer(missed.missed.count)
            json.integer(missed.missed.pauseNanoseconds)
            json.endArray()
        }
        json.array("buckets", answer.buckets) { bucket, json in
            json.beginArray()
            json.integer(bucket.from)
            json.integer(bucket.below)
            json.integer(bucket.count)
            json.endArray()
        }
        json.endObject()
    }

    private static func write(_ summary: PauseSummary, to json: inout JSONWriter) {
        json.beginObject()
        json.key("count")
        json.integer(summary.count)
        json.member("missed", summary.missed)
        json.member("total", summary.totalNanoseconds)
        json.member("missed_ns", summary.missedNanoseconds)
        json.member("min", summary.minNanoseconds.map { Number($0) })
        json.member("max", summary.maxNanoseconds.map { Number($0) })
        json.member("mean", summary.meanNanoseconds)
        for (name, pause) in zip(percentiles, summary.percentiles) {
            json.member("p" + name, pause.map { Number($0) })
        }
        json.endObject()
    }

    static func write(
        _ classes: [SizeClassAnswer],
        _ starts: [Timestamp],
        _ question: Question,
        to json: inout JSONWriter
    ) {
        json.beginObject()
        json.steps(question, starts.first)
        json.array("classes", classes) { answer, json in
            json.beginObject()
            json.member("size", answer.size)
            json.array("live", answer.liveBytes) { live, json in
                if let live { json.real(live) } else { json.null() }
            }
            json.endObject()
        }
        json.endObject()
    }

    static func write(_ answer: ScrapesAnswer, to json: inout JSONWriter) {
        json.beginObject()
        json.key("succeeded")
        json.integer(answer.succeeded)
        json.key("failed")
        json.integer(answer.failed)
        json.member("usual_ms", answer.usualMilliseconds.map { Number.integer($0) })
        json.array("reasons", answer.reasons) { reason, json in
            json.beginObject()
            json.member("reason", reason.reason)
            json.key("count")
            json.integer(reason.count)
            json.endObject()
        }
        json.array("failures", answer.failures) { failure, json in
            json.beginObject()
            json.member("t", failure.time)
            json.member("reason", failure.reason)
            json.endObject()
        }
        json.array("holes", answer.holes) { hole, json in
            json.beginArray()
            json.integer(hole.since?.milliseconds ?? 0)
            json.integer(hole.until?.milliseconds ?? 0)
            json.endArray()
        }
        json.endObject()
    }

    static func write(_ changes: [ChangeAnswer], to json: inout JSONWriter) {
        json.beginObject()
        json.array("changes", changes) { change, json in
            json.beginObject()
            json.member("series", change.series)
            json.member("measure", change.measure.rawValue)
            json.member("unit", change.unit?.rawValue)
            json.member("before", change.before)
            json.member("after", change.after)
            json.member("weight", change.weight)
            json.endObject()
        }
        json.endObject()
    }
}

extension PausePoint {
    /// Whether nothing was collected in the step, nor missed.
    fileprivate var isEmpty: Bool { summary.count == 0 && summary.missed == .integer(0) }
}

extension JSONWriter {
    mutating func member(_ key: String, _ value: String?) {
        self.key(key)
        if let value { string(value) } else { null() }
    }

    fileprivate mutating func member(_ key: String, _ value: Timestamp?) {
        self.key(key)
        if let value { integer(value.milliseconds) } else { null() }
    }

    mutating func member(_ key: String, _ value: Double?) {
        self.key(key)
        if let value { real(value) } else { null() }
    }

    mutating func member(_ key: String, _ value: Number?) {
        self.key(key)
        optional(value)
    }

    mutating func optional(_ value: Number?) {
        if let value { number(value) } else { null() }
    }

    mutating func array<Elements: Sequence>(
        _ key: String,
        _ elements: Elements,
        _ write: (Elements.Element, inout JSONWriter) -> Void
    ) {
        self.key(key)
        beginArray()
        for element in elements { write(element, &self) }
        endArray()
    }

    fileprivate mutating func column<Point>(
        _ key: String,
        _ points: [Point]?,
        _ path: KeyPath<Point, Double?>
    ) {
        array(key, points ?? []) { point, json in
            if let value = point[keyPath: path] { json.real(value) } else { json.null() }
        }
    }

    fileprivate mutating func steps(_ question: Question, _ start: Timestamp?) {
        member("start", start)
        key("step")
        integer(question.grid.step)
    }
}
