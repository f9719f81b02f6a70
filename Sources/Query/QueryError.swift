package import Model

/// What can be wrong with a question.
///
/// `description` is one sentence: what is wrong, and what would mend it.
package enum QueryError: Error, Hashable, Sendable {
    /// No target has that name; `known` are the nearest names, best first.
    case unknownTarget(String, known: [String])
    /// The name or glob matches no series of any asked target; `nearest` are the nearest names, best first.
    case unknownSeries(String, nearest: [String])
    /// The series was named, not matched by a glob, and its values are no counter's.
    case notACounter(series: String, kind: SeriesKind)
    /// The range holds more steps than `StepGrid.countMax`.
    case tooManySteps(count: Int64)
    /// So many series with so many steps each are more than `QueryEngine.pointsMax` together.
    case tooManyPoints(series: Int, steps: Int)
    /// No decimal number from 0 to 100.
    case badPercentile(String)
    /// The target has no such scrape at or before that time (at all, where nil).
    case noScrape(target: String, atOrBefore: Timestamp?, failures: Bool)

    /// Whether the question itself was wrong (exit status 64), not the name of something that is not there (66).
    package var isUsage: Bool {
        switch self {
        case .notACounter, .tooManySteps, .tooManyPoints, .badPercentile: true
        case .unknownTarget, .unknownSeries, .noScrape: false
        }
    }
}

extension QueryError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unknownTarget(let name, let known):
            "no target is named \(name)\(Self.suggestion(known)); `expvault targets` lists them"
        case .unknownSeries(let name, let nearest):
            "no series matches \(name)\(Self.suggestion(nearest)); `expvault series` lists them"
        case .notACounter(let series, let kind):
            "\(series) is a \(kind.rawValue) and has no rate; ask `expvault values` for it"
        case .tooManySteps(let count):
            "the range holds \(count) steps, more than \(StepGrid.countMax); take a longer step or a shorter range"
        case .tooManyPoints(let series, let steps):
            "\(series) series in \(steps) steps are more than \(QueryEngine.pointsMax) points; "
                + "take fewer series, a longer step or a shorter range"
        case .badPercentile(let text):
            "\(text) is no percentile; give decimal numbers from 0 to 100, such as 50,99.9"
        case .noScrape(let target, let time, let failures):
            "\(target) has no \(failures ? "" : "successful ")scrape"
                + (time == nil ? " yet" : " at or before that time; `expvault targets` shows its first")
        }
    }

    private static func suggestion(_ names: [String]) -> String {
        names.isEmpty ? "" : " (nearest: \(names.joined(separator: ", ")))"
    }
}
