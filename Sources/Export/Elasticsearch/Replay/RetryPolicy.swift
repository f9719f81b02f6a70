/// How long to wait before trying again: doubling, capped, spread by jitter, or as long as the server says.
///
/// Jitter takes up to half of the delay away, so that a fleet that lost its server together does not come back
/// together, and yet never hammers: the shortest first delay is half a second.
package struct RetryPolicy: Sendable {
    /// The delay before the first retry, in milliseconds.
    package static let delayFirst: Int64 = 1_000
    /// The longest delay of our own choosing.
    package static let delayMax: Int64 = 60_000
    /// A server may ask for this much at most.
    package static let retryAfterMax: Int64 = 600_000

    /// SplitMix64 (Steele, Lea, Flood 2014): enough for jitter, and the same on every run with one seed.
    private var state: UInt64

    /// A policy whose jitter comes from that seed.
    package init(seed: UInt64) {
        state = seed
    }

    /// The milliseconds to wait before retry number `attempt` (the first is 0).
    ///
    /// What the server asked for, `retryAfter`, in milliseconds, is never undercut, and exceeded by at most a tenth.
    package mutating func delay(attempt: Int, retryAfter: Int64? = nil) -> Int64 {
        if let retryAfter, retryAfter > 0 {
            let asked = min(retryAfter, RetryPolicy.retryAfterMax)
            return min(asked + Int64(next() % UInt64(asked / 10 + 1)), RetryPolicy.retryAfterMax)
        }
        // 1 s × 2⁶ = 64 s is over the cap already.
        let full = min(RetryPolicy.delayFirst << Int64(min(max(attempt, 0), 6)), RetryPolicy.delayMax)
        return full - Int64(next() % UInt64(full / 2 + 1))
    }

    private mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
