/// What an export did.
///
/// `read` = `sent` + `thereBefore` + `refused` + `unanswered`.
package struct ReplaySummary: Hashable, Sendable {
    /// Documents taken from the source.
    package var read = 0
    /// Stored by this export.
    package var sent = 0
    /// In the destination already.
    package var thereBefore = 0
    /// Refused and put in quarantine.
    package var refused = 0
    /// Of those sent, how many went without some custom variables, or without a number that no field takes.
    package var leftOut = 0
    /// Which those were.
    package var leftOutPaths = LeftOutPaths()
    /// Fractions that were sent to fields that cut them.
    package var cut = 0
    /// Which fields those were.
    package var cutPaths = LeftOutPaths()
    /// Scrapes without memstats, which make no heap document.
    package var withoutMemstats = 0
    /// Handed out, but not answered for when the export ended.
    package var unanswered = 0
    /// Documents that may be stored twice, or that were seen to be.
    package var possiblyTwice = 0
    /// Documents that were sent again.
    package var resent = 0
    /// Bulk requests.
    package var requests = 0
    /// Bytes of bulk requests, before compression.
    package var bytes: Int64 = 0
    /// Bytes of bulk requests as they went over the wire.
    package var bytesOnWire: Int64 = 0

    /// A summary of nothing.
    package init() {}

    /// Whether everything that was read is in the destination, but for what its mapping does not take.
    package var isComplete: Bool { refused == 0 && unanswered == 0 }
    /// Whether it is there whole.
    package var isWhole: Bool { leftOut == 0 && cut == 0 }
}

/// How an export ended.
package enum ReplayEnd: Hashable, Sendable {
    /// Everything was answered for.
    case done
    /// Somebody asked it to end.
    case cancelled
    /// Somebody asked it to end while the server took nothing; the last thing that went wrong.
    case cancelledWaiting(reason: String)
    /// No progress for `--max-wait`; the last thing that went wrong.
    case gaveUp(reason: String)
    case stopped(ReplayStop)

    /// The exit status, given what was done; one who is strict takes also what was left out or cut for a failure.
    package func exitStatus(_ summary: ReplaySummary, isStrict: Bool) -> Int32 {
        let isWhole = summary.isWhole || !isStrict
        return switch self {
        case .done: summary.isComplete && isWhole ? 0 : 1
        // A signal is an orderly end; what is left is sent the next time.
        case .cancelled: summary.refused == 0 && isWhole ? 0 : 1
        case .gaveUp, .cancelledWaiting: 69
        case .stopped(let stop): stop.exitStatus
        }
    }
}
