/// The number of a run in its database; never reused.
package struct RunID: Hashable, Comparable, Sendable {
    /// The row's number, from 1.
    package let value: Int64

    /// The run with that row number.
    package init(_ value: Int64) {
        self.value = value
    }

    /// Runs in the order in which their rows were made.
    package static func < (a: RunID, b: RunID) -> Bool {
        a.value < b.value
    }
}
