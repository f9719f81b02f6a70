import Model

/// A scrape as it is stored: a record of the tail, or a row of a chunk.
struct ScrapeRow {
    var seq: Int64
    var target: TargetID
    var position: ScrapePosition
    /// What the wall clock said, where that is not the position's time.
    var wall: Timestamp?
    /// nil for a failed scrape.
    var run: RunID?
    /// The row of `origins`.
    var origin: Int64
    /// The row of `boots`.
    var boot: Int64?
    var bootNanoseconds: Int64?
    var durationNanoseconds: Int64?
    var status: Int64?
    var serverDate: Timestamp?
    /// nil for a failed scrape.
    var shape: ShapeID?
    /// Why it failed; nil for a successful scrape.
    var failure: String?
    /// How many collections this scrape was the first to show: the newest of its ring.
    var seen: Int64 = 0
    /// What nobody saw before it.
    var missed: MissedCollections?
    /// The `seq` of the scrape that the body is coded against; its own where the body stands in `tail_bodies`.
    var base: Int64?
    /// The body as `BodyEncoding` has it; nil where it is to be fetched.
    var body: [UInt8]?
    /// The number of its chunk, and its row there; nil for a row of the tail.
    var sealed: (chunk: Int64, row: Int)?
}
