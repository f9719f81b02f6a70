/// What a recording came to.
package struct RecordingSummary: Hashable, Sendable {
    /// Scrapes that got a document and were stored.
    package var scrapes: Int64 = 0
    /// Scrapes that failed and were stored as such.
    package var failures: Int64 = 0
    /// Ticks that passed without a scrape, because the one before took too long or the process stood still.
    package var late: Int64 = 0
    /// Scrapes, failed or not, that the store could not take.
    package var notStored: Int64 = 0

    /// Nothing yet.
    package init() {}
}

extension RecordingSummary: CustomStringConvertible {
    /// All four numbers in one line.
    package var description: String {
        "stored \(scrapes) scrapes and \(failures) failures; \(late) ticks late, \(notStored) not stored"
    }
}
