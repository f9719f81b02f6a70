package import Model
import Storage

/// How the scraping of a target went.
package struct ScrapesAnswer: Hashable, Sendable {
    /// The target's name.
    package var target: String
    /// How many scrapes got a document.
    package var succeeded: Int
    /// How many failed.
    package var failed: Int
    /// The reasons of the failed ones, the most frequent first.
    package var reasons: [FailureCount]
    /// The failed ones, ascending by time; the last ones where there are too many.
    package var failures: [FailureAnswer]
    /// Where nothing was scraped for long, ascending by time; the longest where there are too many.
    package var holes: [TimeRange]
    /// The usual distance of two scrapes in milliseconds: the median; nil of fewer than two.
    package var usualMilliseconds: Int64?
}

/// A reason for which scrapes failed, and how many did.
package struct FailureCount: Hashable, Sendable {
    /// In words for a person.
    package var reason: String
    /// How many failed for it.
    package var count: Int
}

extension QueryEngine {
    /// A hole is at least that many times the usual distance of two scrapes.
    private static let holeFactor: Int64 = 4

    /// How the scraping of a target went in `range`: failures with their reasons, and holes.
    ///
    /// - Parameters:
    ///   - target: The name of a target.
    ///   - range: Which scrapes count.
    ///   - listMax: How many reasons, failures and holes are listed at most.
    /// - Returns: The answer, all zero where nothing was scraped in the range.
    /// - Throws: `QueryError.unknownTarget`.
    package func scrapes(target: String, range: TimeRange, listMax: Int) throws -> ScrapesAnswer {
        guard let record = try records([target]).first else {
            throw QueryError.unknownTarget(target, known: [])
        }
        var answer = ScrapesAnswer(
            target: record.name,
            succeeded: 0,
            failed: 0,
            reasons: [],
            failures: [],
            holes: []
        )
        var counts: [String: Int] = [:]
        var times: [Int64] = []
        let scrapes = try snapshot.scrapes(of: record.id, in: range, failures: true)
        while let scrape = try scrapes.next() {
            guard range.contains(scrape.position.time) else { continue }
            times.append(scrape.position.time.milliseconds)
            guard let reason = scrape.failure else {
                answer.succeeded += 1
                continue
            }
            answer.failed += 1
            counts[reason, default: 0] += 1
            answer.failures.append(FailureAnswer(time: scrape.position.time, reason: reason))
        }
        answer.failures = Array(answer.failures.suffix(listMax))
        answer.reasons = Array(
            counts.map { FailureCount(reason: $0.key, count: $0.value) }
                .sorted { ($1.count, $0.reason) < ($0.count, $1.reason) }.prefix(listMax)
        )
        let distances = zip(times.dropFirst(), times).map { $0 &- $1 }
        guard !distances.isEmpty else { return answer }
        let usual = distances.sorted()[distances.count / 2]
        answer.usualMilliseconds = usual
        let holes = distances.indices.filter { distances[$0] / Self.holeFactor > max(usual, 0) }
        let longest = holes.sorted { distances[$0] > distances[$1] }.prefix(listMax).sorted()
        answer.holes = longest.map { index in
            TimeRange(
                since: Timestamp(milliseconds: times[index]),
                until: Timestamp(milliseconds: times[index + 1])
            )
        }
        return answer
    }
}
