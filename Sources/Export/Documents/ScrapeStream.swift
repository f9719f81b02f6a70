import Model
import Storage

/// Goes over the scrapes of one target in a range of times, in order of position, for as long as it takes.
///
/// No snapshot is kept for longer than `snapshotMax`, so that a slow export holds up no checkpoint; the next one goes on
/// where the last ended. Owned by one task.
final class ScrapeStream {
    private let vault: Vault
    private let target: TargetRecord
    private let failures: Bool
    private let snapshotMax: Duration

    /// The times it goes over; may be narrowed before the first `next()`.
    var range: TimeRange
    /// The scrape that `next()` returned last.
    private(set) var last: ScrapeRecord?

    private var open: (snapshot: VaultSnapshot, since: ContinuousClock.Instant)?
    private var cursor: ScrapeCursor?

    /// The scrapes of `target` in `range`, failed ones included where asked.
    init(vault: Vault, target: TargetRecord, range: TimeRange, failures: Bool, snapshotMax: Duration) {
        self.vault = vault
        self.target = target
        self.range = range
        self.failures = failures
        self.snapshotMax = snapshotMax
    }

    /// The snapshot in use, a new one where there is none.
    func snapshot() throws -> VaultSnapshot {
        if let open { return open.snapshot }
        let snapshot = try vault.snapshot()
        open = (snapshot, .now)
        return snapshot
    }

    /// Lets go of the snapshot.
    func rest() {
        cursor = nil
        open = nil
    }

    /// The next scrape; nil at the end.
    func next() throws -> ScrapeRecord? {
        if let open, ContinuousClock.now - open.since >= snapshotMax { rest() }
        let cursor = try self.cursor ?? newCursor()
        self.cursor = cursor
        while let record = try cursor.next() {
            if let last, record.position <= last.position { continue }
            last = record
            return record
        }
        return nil
    }

    /// The body of the scrape that `next()` returned last; ask before the next `rest()`.
    func body() throws -> [UInt8] {
        guard let cursor else { preconditionFailure("BUG: a body is asked for after rest()") }
        return try cursor.body()
    }

    /// The same in the order of its shape.
    func tidyBody() throws -> [UInt8] {
        guard let cursor else { preconditionFailure("BUG: a body is asked for after rest()") }
        return try cursor.tidyBody()
    }

    private func newCursor() throws -> ScrapeCursor {
        var range = range
        // Within one epoch all that is left is not before the last; a later epoch may begin before it.
        if let last, target.hasOneEpoch { range.since = last.position.time }
        return try snapshot().scrapes(of: target.id, in: range, failures: failures)
    }
}

extension TargetRecord {
    /// Whether the wall clock was never stepped back, so that order in time is order of position.
    var hasOneEpoch: Bool {
        first?.epoch == last?.epoch
    }
}
