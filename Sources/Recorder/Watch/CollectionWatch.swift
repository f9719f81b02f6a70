import Model

/// Notices when a target collects so often that its ring of the last 256 pauses nearly overruns between two
/// scrapes, and says which interval would be safe.
///
/// Looks at `NumGC` alone, as bytes: the store reads the body properly, and this is advice, not data.
struct CollectionWatch: Sendable {
    /// So many pauses memstats keeps: the length of `PauseNs` (Go, runtime/mstats.go).
    static let ringCount: Int64 = 256
    /// From so many collections between two scrapes on there is a warning: three quarters of the ring.
    static let nearCount: Int64 = 192
    /// The safe interval is one in which about so many come: half the ring.
    ///
    /// Below it the warning is over.
    static let safeCount: Int64 = 128

    private var lastCount: Int64?
    private var lastMilliseconds: Int64 = 0
    /// Whether the ring nearly overran before the last scrape, or did.
    private(set) var isNear = false
    private var isWarned = false
    /// Warned of a ring that did overrun, which is worth a line after one that nearly did.
    private var isWarnedOfLoss = false

    /// Takes the body of a scrape at that time; returns words for a warning where there is a new reason.
    mutating func event(_ body: [UInt8], at milliseconds: Int64, interval: Int64) -> String? {
        guard let count = Self.collections(in: body) else { return nil }
        let previous = lastCount
        let elapsed = milliseconds &- lastMilliseconds
        lastCount = count
        lastMilliseconds = milliseconds
        isNear = false
        // After a restart it counts from zero; a clock that was set says nothing about the time between.
        guard let previous, count >= previous, elapsed > 0 else { return nil }
        let grown = count - previous
        if grown < Self.safeCount { (isWarned, isWarnedOfLoss) = (false, false) }
        isNear = grown >= Self.nearCount
        let isLoss = grown > Self.ringCount
        // Scrapes that failed in between are no reason to scrape more often.
        guard grown >= Self.nearCount, isLoss ? !isWarnedOfLoss : !isWarned, elapsed / 2 <= interval else {
            return nil
        }
        isWarned = true
        isWarnedOfLoss = isLoss
        let safe = Self.safeInterval(collections: grown, in: elapsed)
        let advice = safe.map { "an interval of \(DurationText.format(milliseconds: $0)) would be safe" }
        let fact =
            isLoss
            ? "\(grown) collections between two scrapes, of which memstats keeps \(Self.ringCount)"
            : "\(grown) collections between two scrapes, and memstats keeps no more than \(Self.ringCount)"
        return "\(fact); \(advice ?? "no interval is short enough to see all of them")"
    }

    /// A round interval in which about `safeCount` collections come; nil where it would be under 10 ms.
    static func safeInterval(collections: Int64, in elapsed: Int64) -> Int64? {
        let (product, isOverflow) = elapsed.multipliedReportingOverflow(by: safeCount)
        let exact = isOverflow ? elapsed : product / collections
        for unit: Int64 in [60_000, 10_000, 1_000, 100, 10] where exact >= unit { return exact / unit * unit }
        return nil
    }

    /// The last `"NumGC":` of the body; memstats comes last of what Go itself publishes.
    static func collections(in body: [UInt8]) -> Int64? {
        let key = Array("\"NumGC\":".utf8)
        return body.withUnsafeBytes { bytes -> Int64? in
            var place = bytes.count - key.count
            while place >= 0, bytes[place] != key[0] || !bytes[place...].starts(with: key) { place -= 1 }
            guard place >= 0 else { return nil }
            let digits = bytes[(place + key.count)...].drop { $0 == 0x20 }.prefix(11).prefix {
                (0x30...0x39).contains($0)
            }
            // uint32 in Go: at most ten digits.
            guard (1...10).contains(digits.count) else { return nil }
            return digits.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
        }
    }
}
