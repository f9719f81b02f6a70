import Model
import SQLite

/// Goes over scrapes one by one.
package final class ScrapeCursor {
    private let rows: HistoryRows
    private let store: RowStore
    private let stepStarts: Set<ScrapePosition>
    private var current: ScrapeRow?

    init(rows: HistoryRows, store: RowStore, stepStarts: Set<ScrapePosition>) {
        self.rows = rows
        self.store = store
        self.stepStarts = stepStarts
    }

    /// The next scrape; nil at the end.
    ///
    /// Its body is decoded only when `body()` is called.
    package func next() throws -> ScrapeRecord? {
        try StorageError.wrapping(store.path) {
            current = try rows.next()
            return try current.map { try store.record($0, isAfterStep: stepStarts.contains($0.position)) }
        }
    }

    /// The body of the scrape that `next()` returned last; for a failed scrape what was kept of it.
    package func body() throws -> [UInt8] {
        guard let current else { preconditionFailure("BUG: no scrape was returned whose body could be read") }
        return try StorageError.wrapping(store.path) { try store.servedBody(of: current) }
    }

    /// The same in the order of its shape: which means the same, and is alike for all documents of one shape.
    package func tidyBody() throws -> [UInt8] {
        guard let current else { preconditionFailure("BUG: no scrape was returned whose body could be read") }
        return try StorageError.wrapping(store.path) { try store.body(of: current).bytes }
    }
}
