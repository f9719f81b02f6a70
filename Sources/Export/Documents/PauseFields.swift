import Expvar
import JSON
import Model

/// The fields `golang.heap.gc.pause.*` that the integration does not have: the collections that a scrape saw first.
///
/// See elasticsearch.md, "What is sent".
struct PauseFields: Hashable, Sendable {
    /// How many collections there were, those that nobody saw included.
    var count: UInt64
    /// What they paused together, in nanoseconds, those that nobody saw included.
    var sumNanoseconds: UInt64
    /// How many nobody saw; nil where the question does not arise.
    var missedCount: UInt64?
    /// The pauses seen, ascending, in nanoseconds.
    var pauses: [UInt64]

    /// The collections between `predecessor` and a scrape with that state; nil where none ran.
    ///
    /// Of those only the newest `seenMax`, where that is known: the rest was shown by a scrape of another run already.
    init?(state: ProcessState, after predecessor: ScrapePredecessor, seenMax: Int? = nil) {
        switch predecessor {
        case .none: return nil
        case .sameRun(let before):
            let collections = PauseRing.newCollections(in: state, after: .scrape(before))
            if let seenMax, seenMax < collections.seen.count {
                self.init(Array(collections.seen.suffix(seenMax)), missed: nil, sum: nil)
                return
            }
            let grown = state.pauseTotalNanoseconds.flatMap { total in
                before.pauseTotalNanoseconds.map { total &- $0 }
            }
            self.init(collections.seen, missed: collections.missed, sum: grown)
        case .runBegin:
            // The process counted from 0.
            let collections = PauseRing.newCollections(in: state, after: .runBegin)
            self.init(collections.seen, missed: collections.missed, sum: state.pauseTotalNanoseconds)
        case .gap(let since):
            // Only those of the ring that ended after the scrape before the gap; PauseEnd by the target's clock is
            // compared with the scrape's time by ours as it is.
            let ring = PauseRing.newCollections(in: state, after: .unknown)
            let last = UInt64(max(0, since.milliseconds)).multipliedReportingOverflow(by: 1_000_000)
            guard !last.overflow else { return nil }
            let seen = ring.seen.suffix(seenMax ?? ring.seen.count)
            self.init(seen.filter { $0.endNanoseconds > last.partialValue }, missed: nil, sum: nil)
        }
    }

    /// Those collections; `sum` is what PauseTotalNs grew by, where that speaks of exactly these.
    private init?(_ seen: [Collection], missed: MissedCollections?, sum: UInt64?) {
        pauses = seen.map(\.pauseNanoseconds).sorted()
        missedCount = missed?.count
        // Wrapping: a hostile target's numbers may be anything.
        count = UInt64(pauses.count) &+ (missedCount ?? 0)
        sumNanoseconds = sum ?? pauses.reduce(missed?.pauseNanoseconds ?? 0, &+)
        guard count > 0 else { return nil }
    }

    /// The numbers that no `long` takes, which are not written: a target that is hostile, or broken.
    var leftOut: [LeftOutVariable] {
        numbers.filter { $0.value > UInt64(Int64.max) }.map { path, value in
            DocumentRemarks.beyond("golang.heap.gc.pause.\(path)", String(value))
        }
    }

    private var numbers: [(path: String, value: UInt64)] {
        var numbers = [("count", count), ("sum.ns", sumNanoseconds)]
        if let longest = pauses.last { numbers.append(("max.ns", longest)) }
        if let missedCount { numbers.append(("missed", missedCount)) }
        return numbers
    }

    /// The mean pause, as it is written.
    var average: Double { Double(sumNanoseconds) / Double(count) }

    /// Writes the members, for the object `pause`; `values` says whether each pause is one.
    func write(to json: inout JSONWriter, histogram: Bool, values: Bool = false) {
        number("count", count, to: &json)
        nanoseconds("sum", sumNanoseconds, to: &json)
        json.key("avg")
        json.beginObject()
        json.key("ns")
        // With its `.0` where it is whole, so that dynamic mapping makes it a floating-point field at the first.
        json.raw(average.description.utf8)
        json.endObject()
        if let longest = pauses.last { nanoseconds("max", longest, to: &json) }
        if let missedCount, missedCount > 0 { number("missed", missedCount, to: &json) }
        if histogram, !pauses.isEmpty { writeHistogram(to: &json) }
        if values { writeValues(to: &json) }
    }

    /// Every pause that a field takes, ascending and as often as it was seen.
    private func writeValues(to json: inout JSONWriter) {
        let fitting = pauses.filter { $0 <= UInt64(Int64.max) }
        guard !fitting.isEmpty else { return }
        json.key("ns")
        json.beginArray()
        for pause in fitting { json.integer(pause) }
        json.endArray()
    }

    private func number(_ key: String, _ value: UInt64, to json: inout JSONWriter) {
        guard value <= UInt64(Int64.max) else { return }
        json.key(key)
        json.integer(value)
    }

    private func nanoseconds(_ key: String, _ value: UInt64, to json: inout JSONWriter) {
        guard value <= UInt64(Int64.max) else { return }
        json.key(key)
        json.beginObject()
        json.key("ns")
        json.integer(value)
        json.endObject()
    }

    private func writeHistogram(to json: inout JSONWriter) {
        var values: [UInt64] = []
        var counts: [Int] = []
        for pause in pauses {
            if pause == values.last {
                counts[counts.count - 1] += 1
            } else {
                values.append(pause)
                counts.append(1)
            }
        }
        json.key("histogram")
        json.beginObject()
        json.key("values")
        json.beginArray()
        for value in values { json.integer(value) }
        json.endArray()
        json.key("counts")
        json.beginArray()
        for count in counts { json.integer(count) }
        json.endArray()
        json.endObject()
    }
}
