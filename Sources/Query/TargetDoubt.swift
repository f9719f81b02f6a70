import Storage

/// What whoever reads a target's rates and pauses must know, since the numbers follow the rules and may mislead.
package struct TargetDoubt: Hashable, Sendable {
    /// The target's name.
    package var target: String
    /// In words, without the target's name.
    package var words: String
}

extension QueryEngine {
    /// The doubts about the targets of those names, all where `names` is empty; by name.
    ///
    /// - Throws: `QueryError.unknownTarget`.
    package func doubts(_ names: [String] = []) throws -> [TargetDoubt] {
        try records(names).flatMap { record in
            TargetAnswer.doubts(record.isAlternating, record.unprovenCount, isUnsettled: record.isUnsettled)
                .map { TargetDoubt(target: record.name, words: $0) }
        }
    }
}

extension TargetAnswer {
    /// What is doubtful about its rates and pauses, a sentence each.
    package var doubts: [String] {
        TargetAnswer.doubts(isAlternating, unproven, isUnsettled: isUnsettled)
    }

    fileprivate static func doubts(_ isAlternating: Bool, _ unproven: Int64, isUnsettled: Bool) -> [String] {
        var doubts: [String] = []
        if isAlternating {
            doubts.append(
                "several processes take turns behind this URL"
                    + (unproven == 0
                        ? "; what they count is added up"
                        : "; of \(unproven) scrapes nothing proves which of them answered, so rates and missed collections may be wrong")
            )
        }
        if isUnsettled {
            doubts.append(
                "scrapes were imported in between, and restarts and collections among them are not counted yet; "
                    + "`expvault compact` finds them if no import is at work"
            )
        }
        return doubts
    }
}
