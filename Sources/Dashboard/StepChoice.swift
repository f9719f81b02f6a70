import Model

// Bounded throughout: ranges are within Timestamp.accepted, and `least` is a duration; the rest are constants.

/// Steps of lengths that people read well.
enum StepChoice {
    private static let second: Int64 = 1000
    private static let minute = 60 * second
    private static let hour = 60 * minute
    private static let day = 24 * hour

    private static let lengths: [Int64] =
        [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000]
        + [minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute]
        + [hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour, day, 2 * day, 7 * day, 14 * day, 28 * day]

    /// The shortest step of which a range holds at most `points`, and that is no shorter than `least`.
    static func grid(for range: TimeRange, points: Int, least: Int64 = 1) -> StepGrid {
        let length = max(1, (range.until?.milliseconds ?? 0) - (range.since?.milliseconds ?? 0))
        // The range may cut the first and the last step: one more than fit.
        let fit = Int64(max(1, points - 1))
        let needed = max(least, (length + fit - 1) / fit)
        let step = lengths.first { $0 >= needed }
        // Beyond the longest of the list: whole multiples of 28 days.
        return StepGrid(stepMilliseconds: step ?? (needed / (28 * day) + 1) * 28 * day)
    }
}
