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
        let timeline = try snapshot.timeline(of: record.id, in: range, renewal: VaultSnapshot.ageMax)
        while let stretch = try timeline.next() {
            guard case .rows(let rows) = stretch else { continue }
            times += rows.times
            answer.succeeded += rows.times.count - rows.failures.count
            answer.failed += rows.failures.count
            for (index, reason) in rows.failures {
                counts[reason, default: 0] += 1
                let time = Timestamp(milliseconds: rows.times[index])
                answer.failures.append(FailureAnswer(time: time, reason: reason))
            }
        }
        answer.failures = Array(answer.failures.suffix(listMax))
        answer.reasons = Array(
            counts.map { FailureCount(reason: $0.key, count: $0.value) }
                .sorted { ($1.count, $0.reason) < ($0.count, $1.reason) }.prefix(listMax)
        )
        guard let usual = Self.usualDistance(of: times) else { return answer }
        answer.usualMilliseconds = usual
        func distance(_ index: Int) -> Int64 { times[index + 1] &- times[index] }
        let holes = times.indices.dropLast().filter { distance($0) / Self.holeFactor > max(usual, 0) }
        let longest = holes.sorted { distance($0) > distance($1) }.prefix(listMax).sorted()
        answer.holes = longest.map { index in
            TimeRange(
                since: Timestamp(milliseconds: times[index]),
                until: Timestamp(milliseconds: times[index + 1])
            )
        }
        return answer
    }

    /// The median of the distances of neighbours; nil of fewer than two.
    private static func usualDistance(of times: [Int64]) -> Int64? {
        guard times.count > 1 else { return nil }
        // Counted, since a year has three million of them and nearly all are the same few.
        var counts = [Int](repeating: 0, count: 1 << 17)
        var others: [Int64] = []
        for index in 1..<times.count {
            let distance = times[index] &- times[index - 1]
            if counts.indices.contains(Int(distance)) {
                counts[Int(distance)] += 1
            } else {
                others.append(distance)
            }
        }
        others.sort()
        let negative = others.prefix { $0 < 0 }.count
        let middle = (times.count - 1) / 2
        guard middle >= negative else { return others[middle] }
        var below = negative
        for (distance, count) in counts.enumerated() {
            below += count
            if middle < below { return Int64(distance) }
        }
        return others[negative + middle - below]
    }
}
