/// What came of one GET.
package enum ScrapeOutcome: Hashable, Sendable {
    /// A document of `/debug/vars`, byte for byte as it was served.
    case document([UInt8])
    /// No document: why, in words for a person, and what was served, cut to `Scrape.failureBodyMax`.
    case failure(reason: String, body: [UInt8])
}

/// One GET of a target, before it is stored.
package struct Scrape: Hashable, Sendable {
    /// Of a failed scrape's body this much is kept, in bytes.
    package static let failureBodyMax = 64 * 1024

    /// When the request was sent, on the wall clock.
    ///
    /// The store may move it on (see `ScrapeClock`).
    package var time: Timestamp
    /// How long the request took, in nanoseconds; nil where an imported line had none.
    package var durationNanoseconds: Int64?
    /// The HTTP status; nil where there was no answer, or an imported line had none.
    package var status: Int?
    /// The answer's `Date` header, whole seconds.
    package var serverDate: Timestamp?
    /// The boot id of the recording host (`/proc/sys/kernel/random/boot_id`); nil for imported lines.
    package var bootID: String?
    /// CLOCK_BOOTTIME when the request was sent, in nanoseconds; comparable within one boot id only.
    package var bootNanoseconds: Int64?
    /// What came of it.
    package var outcome: ScrapeOutcome

    /// A scrape; everything but `time` and `outcome` may be unknown.
    package init(
        time: Timestamp,
        durationNanoseconds: Int64? = nil,
        status: Int? = nil,
        serverDate: Timestamp? = nil,
        bootID: String? = nil,
        bootNanoseconds: Int64? = nil,
        outcome: ScrapeOutcome
    ) {
        self.time = time
        self.durationNanoseconds = durationNanoseconds
        self.status = status
        self.serverDate = serverDate
        self.bootID = bootID
        self.bootNanoseconds = bootNanoseconds
        self.outcome = outcome
    }
}

/// A scrape's place among its target's scrapes: first by epoch, then by time.
///
/// An epoch ends where the wall clock steps back; no two scrapes of a target share a position.
package struct ScrapePosition: Hashable, Comparable, Sendable {
    /// The epoch, from 0.
    package var epoch: Int64
    /// The scrape's time.
    package var time: Timestamp

    /// The position at `time` of `epoch`.
    package init(epoch: Int64, time: Timestamp) {
        self.epoch = epoch
        self.time = time
    }

    /// By epoch first, whatever the times.
    package static func < (a: ScrapePosition, b: ScrapePosition) -> Bool {
        (a.epoch, a.time) < (b.epoch, b.time)
    }
}
