/// What is to be said of a document beside what stands in it.
package struct DocumentRemarks: Hashable, Sendable {
    /// Numbers that no field takes, which it goes without.
    package var leftOut: [LeftOutVariable] = []
    /// Fields, such as `golang.expvar.custom.ratio`, that have something behind the point: a `long` would cut it.
    package var fractions: [String] = []
    /// Whether its scrape has no memstats, and so no heap document.
    package var isWithoutMemstats = false

    /// Nothing to say.
    package init() {}

    /// The tag of a document that goes without a number.
    package static let tag = "expvault-left-out"

    /// A number that the integration's `long`, or its `float`, does not take.
    static func beyond(_ path: String, _ value: String) -> LeftOutVariable {
        LeftOutVariable(path: path, reason: "\(path) is \(value), more than its field holds")
    }
}
