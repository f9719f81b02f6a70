package import Model

/// What one scrape says of the life of the process: enough to see restarts and collections.
///
/// A field that the document lacks is nil, and takes no part in comparisons.
package struct ProcessState: Hashable, Sendable {
    /// memstats.NumGC.
    package var collectionCount: UInt64?
    /// memstats.TotalAlloc, bytes.
    package var totalAllocatedBytes: UInt64?
    /// memstats.Mallocs.
    package var mallocs: UInt64?
    /// memstats.Frees.
    package var frees: UInt64?
    /// memstats.PauseTotalNs.
    package var pauseTotalNanoseconds: UInt64?
    /// memstats.PauseNs, all slots of the ring (256 of them), else nil.
    package var pauseRing: [UInt64]?
    /// memstats.PauseEnd, likewise.
    package var endRing: [UInt64]?
    /// cmdline: the arguments, decoded; nil where absent or no array of strings.
    package var commandLine: [String]?

    /// The state that `document`, scanned from `body` and of that shape, shows.
    package init(shape: Shape, document: ScannedDocument, body: [UInt8]) {
        fatalError("pending")
    }
}
