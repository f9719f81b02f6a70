import JSON
import Model
import Query

/// What the page's script asks, answered beforehand (`answerFrom` in view.js).
enum ReportAnswers {
    /// The answers as one JSON document; `isCut` says whether variables or charts were left out.
    static func json(
        _ targets: [ReportTarget],
        overview: [UInt8],
        range: TimeRange
    ) -> [UInt8] {
        var json = JSONWriter(reserving: 1 << 20)
        var isCut = targets.count > ReportLimits.chartedTargetsMax
        json.beginObject()
        json.key("since")
        json.integer(range.since?.milliseconds ?? 0)
        json.key("until")
        json.integer(range.until?.milliseconds ?? 0)
        json.key("overview")
        json.raw(overview)
        json.key("of")
        json.beginArray()
        for target in targets.prefix(ReportLimits.chartedTargetsMax) {
            guard json.bytes.count < ReportLimits.answerBytesMax else {
                isCut = true
                break
            }
            isCut = write(target, to: &json) || isCut
        }
        json.endArray()
        json.key("isCut")
        json.boolean(isCut)
        json.endObject()
        return json.bytes
    }

    /// Writes what there is of a target; whether variables were left out.
    private static func write(_ target: ReportTarget, to json: inout JSONWriter) -> Bool {
        // The program's own that changed most come first where not all fit.
        let own = target.series.filter { !$0.series.hasPrefix("memstats.") && !isAdded($0.series) }
        let ranks = Dictionary(
            (target.comparisons.first?.changes ?? []).enumerated().map { ($0.element.series, $0.offset) },
            uniquingKeysWith: min
        )
        let ranked = own.map(\.series).enumerated().sorted {
            (ranks[$0.element] ?? .max, $0.offset) < (ranks[$1.element] ?? .max, $1.offset)
        }
        let kept = ranked.prefix(ReportLimits.variablesMax).map(\.element)
        let shown = Set(kept).union(target.series.map(\.series).filter { !own.map(\.series).contains($0) })
        json.beginObject()
        json.member("target", target.target.target)
        json.key("names")
        json.beginObject()
        json.array("names", target.series.filter { shown.contains($0.series) }) { series, json in
            json.beginObject()
            json.member("series", series.series)
            json.member("kind", series.kind.rawValue)
            json.member("unit", series.unit?.rawValue)
            json.endObject()
        }
        json.endObject()
        json.key("values")
        AnswerJSON.write(target.values.filter { shown.contains($0.series) }, target.question, to: &json)
        json.key("rate")
        AnswerJSON.write(target.rates.filter { shown.contains($0.series) }, target.question, to: &json)
        json.key("pauses")
        AnswerJSON.write(target.collections, target.coarse, to: &json)
        json.key("sizes")
        AnswerJSON.write(target.sizes.classes, target.sizes.starts, target.coarse, to: &json)
        json.key("scrapes")
        AnswerJSON.write(target.scrapes, to: &json)
        json.array("changes", target.comparisons) { comparison, json in
            var answer = JSONWriter()
            AnswerJSON.write(comparison.changes, to: &answer)
            json.beginObject()
            for (name, time) in [
                ("since", comparison.before.since), ("until", comparison.before.until),
                ("since2", comparison.after.since), ("until2", comparison.after.until),
            ] {
                json.key(name)
                json.integer(time?.milliseconds ?? 0)
            }
            // The object that the page knows, with the ranges that it is about.
            json.raw(answer.bytes.dropFirst().dropLast())
            json.endObject()
        }
        json.endObject()
        return kept.count < own.count
    }

    private static func isAdded(_ name: String) -> Bool { name == "up" || name == "scrape.duration_seconds" }
}
