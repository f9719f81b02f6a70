import JSON
import Model
import Query
import Storage

/// What the page's script asks, answered beforehand (`answerFrom` in view.js), target by target.
struct ReportAnswers {
    let range: TimeRange
    let host: String
    let lastSeq: Int64
    let made: Timestamp
    private var targets: [TargetAnswer] = []
    /// The answers of each, as elements of one array.
    private var json = JSONWriter(reserving: 1 << 20)
    private var bytesLeft: Int
    private var isCut = false

    /// Answers of no target yet, which are to have no more bytes than that.
    init(_ range: TimeRange, host: String, lastSeq: Int64, made: Timestamp, bytesMax: Int) {
        self.range = range
        self.host = host
        self.lastSeq = lastSeq
        self.made = made
        bytesLeft = bytesMax - ReportAnswers.frameBytes
        json.beginArray()
    }

    /// More than what stands around the targets takes: names, version, host, both ends.
    private static let frameBytes = 4096

    /// Whether the next target gets charts, if it has not too much to be drawn.
    var hasRoom: Bool { targets.count < ReportLimits.chartedTargetsMax && bytesLeft > 0 }

    /// Adds what fits of a target: all panels or none, and as many of its own variables as there is room for.
    mutating func add(_ target: ReportTarget, _ cuts: inout ReportCuts) {
        let fixed = ReportAnswers.fixed(target)
        var room = bytesLeft - fixed.count - overview([target.target]).count
        guard hasRoom, room > 0 else { return leaveOut(target, &cuts) }
        var shown: Set<String> = []
        var ownCount = 0
        for name in target.charted {
            let size = ReportAnswers.lines(target, [name]).count
            guard size <= room else {
                // Without the lines of its panels a target is not drawn.
                if ReportTarget.isOwn(name) { continue }
                return leaveOut(target, &cuts)
            }
            room -= size
            shown.insert(name)
            if ReportTarget.isOwn(name) { ownCount += 1 }
        }
        cuts.charted(ownCount, of: target.ownCount, variablesOf: target.target.target)
        if ownCount < target.ownCount { isCut = true }
        targets.append(target.target)
        json.raw(ReportAnswers.lines(target, shown).dropLast() + [UInt8(ascii: ",")] + fixed.dropFirst())
        bytesLeft = room
    }

    /// The document.
    func finished() -> [UInt8] {
        var list = json
        list.endArray()
        var json = JSONWriter(reserving: list.bytes.count + ReportAnswers.frameBytes)
        json.beginObject()
        json.key("since")
        json.integer(range.since?.milliseconds ?? 0)
        json.key("until")
        json.integer(range.until?.milliseconds ?? 0)
        json.key("overview")
        json.raw(overview(targets))
        json.key("of")
        json.raw(list.bytes)
        json.key("isCut")
        json.boolean(isCut)
        json.endObject()
        return json.bytes
    }

    private mutating func leaveOut(_ target: ReportTarget, _ cuts: inout ReportCuts) {
        isCut = true
        cuts.leaveOutCharts(of: target.target.target)
    }

    private func overview(_ targets: [TargetAnswer]) -> [UInt8] {
        var json = JSONWriter()
        AnswerJSON.write(targets.map(\.shortened), host: host, seq: lastSeq, now: made, to: &json)
        return json.bytes
    }

    /// The lines of those names, as an object.
    private static func lines(_ target: ReportTarget, _ shown: Set<String>) -> [UInt8] {
        var json = JSONWriter()
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
        AnswerJSON.write(target.valueLines.filter { shown.contains($0.series) }, target.question, to: &json)
        json.key("rate")
        AnswerJSON.write(target.rateLines.filter { shown.contains($0.series) }, target.question, to: &json)
        json.endObject()
        return json.bytes
    }

    /// All that is no line, as an object.
    private static func fixed(_ target: ReportTarget) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
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
        return json.bytes
    }
}

extension TargetAnswer {
    /// The same with command lines that can be shown.
    var shortened: TargetAnswer {
        var target = self
        target.runs = runs.map { run in
            var run = run
            run.commandLine = run.shortCommandLine
            return run
        }
        return target
    }
}

extension RunAnswer {
    /// The command line, cut where it is longer than `ReportLimits.commandLineMax` characters.
    var shortCommandLine: [String] {
        var room = ReportLimits.commandLineMax
        var words: [String] = []
        for word in commandLine {
            guard word.utf8.count <= room else { return words + [word.prefix(room / 4) + "…"] }
            room -= word.utf8.count + 1
            words.append(word)
        }
        return words
    }
}
