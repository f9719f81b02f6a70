import JSON
import Model
import Query
import Storage

/// What is answered to a request.
struct Answer: Sendable {
    var status: Int
    var contentType: String
    var body: [UInt8]

    /// A document of JSON.
    static func json(_ status: Int = 200, _ write: (inout JSONWriter) throws -> Void) rethrows -> Answer {
        var json = JSONWriter(reserving: 1 << 14)
        try write(&json)
        return Answer(status: status, contentType: "application/json", body: json.bytes)
    }

    /// A refusal, as the page's script reads it.
    static func refusal(_ refusal: Refusal) -> Answer {
        json(refusal.status) { json in
            json.beginObject()
            json.key("error")
            json.string(refusal.reason)
            json.endObject()
        }
    }
}

/// The addresses that are answered from the database; each a question to Query and its answer as JSON.
///
/// Every question takes a snapshot of its own, and lets go of it with the answer.
enum Route: String, CaseIterable, Sendable {
    case targets = "/api/targets"
    case names = "/api/names"
    case series = "/api/series"
    case rate = "/api/rate"
    case values = "/api/values"
    case pauses = "/api/pauses"
    case sizes = "/api/sizes"
    case scrapes = "/api/scrapes"
    case changes = "/api/changes"

    /// The parameters that are known.
    var parameters: Set<String> {
        let ranged: Set = ["target", "since", "until"]
        return switch self {
        case .targets: []
        case .names: ["target"]
        case .series, .scrapes: ranged
        case .rate, .values: ranged.union(["series", "points", "least"])
        case .pauses, .sizes: ranged.union(["points", "least"])
        case .changes: ranged.union(["since2", "until2"])
        }
    }

    /// The answer; blocks while the database is read.
    func answer(_ query: QueryString, from vault: Vault, now: Timestamp) throws -> Answer {
        let snapshot = try vault.snapshot()
        let engine = QueryEngine(snapshot)
        switch self {
        case .targets:
            let targets = try engine.targets()
            return Answer.json {
                AnswerJSON.write(
                    targets,
                    host: snapshot.recordingHost,
                    seq: snapshot.lastSeq,
                    now: now,
                    to: &$0
                )
            }
        case .names:
            let names = try engine.names(target: query.required("target"))
            return Answer.json { AnswerJSON.write(names, to: &$0) }
        case .series:
            let series = try engine.series(targets: [query.required("target")], range: query.range())
            return Answer.json { AnswerJSON.write(series, to: &$0) }
        case .rate:
            let question = try Question(query)
            let rates = try engine.rate(
                question.series,
                targets: [question.target],
                range: question.range,
                step: question.grid
            )
            return Answer.json { AnswerJSON.write(rates, question, to: &$0) }
        case .values:
            let question = try Question(query)
            let values = try engine.values(
                question.series,
                targets: [question.target],
                range: question.range,
                step: question.grid
            )
            return Answer.json { AnswerJSON.write(values, question, to: &$0) }
        case .pauses:
            let question = try Question(query, hasSeries: false)
            let collections = try engine.collections(
                target: question.target,
                range: question.range,
                percentiles: try AnswerJSON.percentiles.map { try DecimalPercentile($0) },
                step: question.grid,
                shownMax: DashboardLimits.collectionsMax
            )
            return Answer.json { AnswerJSON.write(collections, question, to: &$0) }
        case .sizes:
            let question = try Question(query, hasSeries: false)
            let sizes = try engine.sizeClasses(
                target: question.target,
                range: question.range,
                step: question.grid
            )
            return Answer.json { AnswerJSON.write(sizes.classes, sizes.starts, question, to: &$0) }
        case .scrapes:
            let scrapes = try engine.scrapes(
                target: query.required("target"),
                range: query.range(),
                listMax: DashboardLimits.listMax
            )
            return Answer.json { AnswerJSON.write(scrapes, to: &$0) }
        case .changes:
            let changes = try engine.changes(
                target: query.required("target"),
                before: query.range(),
                after: query.range("since2", "until2"),
                limit: DashboardLimits.listMax
            )
            return Answer.json { AnswerJSON.write(changes, to: &$0) }
        }
    }

    /// What is said of an error: the status and one sentence.
    static func refusal(for error: any Error) -> Refusal {
        switch error {
        case let error as Refusal: error
        case let error as QueryError: Refusal(status: error.isUsage ? 400 : 404, reason: error.description)
        case let error as StorageError: Refusal(status: 500, reason: error.description)
        default: Refusal(status: 500, reason: "the question could not be answered")
        }
    }
}

/// What questions with steps have in common.
struct Question {
    var target: String
    var range: TimeRange
    var grid: StepGrid
    /// Selectors that each match one name.
    var series: [String] = []

    /// A question that comes from no address.
    init(target: String, range: TimeRange, grid: StepGrid) {
        self.target = target
        self.range = range
        self.grid = grid
    }

    /// Reads the parameters.
    init(_ query: QueryString, hasSeries: Bool = true) throws(Refusal) {
        target = try query.required("target")
        range = try query.range()
        let points = try query.count(
            "points",
            default: DashboardLimits.pointsDefault,
            limit: DashboardLimits.pointsMax
        )
        let least = try query.count("least", default: 1, limit: Int(DurationText.millisecondsMax))
        grid = StepChoice.grid(for: range, points: points, least: Int64(least))
        series =
            hasSeries
            ? try query.all("series", limit: DashboardLimits.seriesMax).map(QueryEngine.selector(exactly:))
            : []
    }
}
