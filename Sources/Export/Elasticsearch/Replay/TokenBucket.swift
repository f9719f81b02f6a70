/// Bytes a second: how long to wait before so many more may go out.
///
/// Pure: time comes in as milliseconds of a clock that only goes forward. The bucket holds one second's worth, so
/// that a pause is not made up for by a burst.
package struct TokenBucket: Sendable {
    private let bytesPerSecond: Double
    private var tokens: Double
    private var filledAt: Int64

    /// A full bucket of that rate, above 0.
    package init(bytesPerSecond: Int64, now: Int64) {
        precondition(bytesPerSecond > 0, "BUG: a rate limit must let something through")
        self.bytesPerSecond = Double(bytesPerSecond)
        tokens = self.bytesPerSecond
        filledAt = now
    }

    /// Takes tokens for `bytes`, and says how many milliseconds to wait before sending them.
    ///
    /// The balance may go below zero: whoever comes next waits for that, too, so that the rate holds for requests on
    /// the way at once.
    package mutating func take(_ bytes: Int, now: Int64) -> Int64 {
        tokens = min(bytesPerSecond, tokens + Double(max(now - filledAt, 0)) / 1_000 * bytesPerSecond)
        filledAt = max(filledAt, now)
        tokens -= Double(bytes)
        return tokens >= 0 ? 0 : Int64((-tokens / bytesPerSecond * 1_000).rounded(.up))
    }
}
