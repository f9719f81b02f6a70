/// A line of small bars: how a value went over the steps.
package enum Sparkline {
    private static let bars: [Character] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]

    /// At most `columns` bars from 0 (or the least value, where below 0) to the greatest; a blank where nothing is.
    ///
    /// With more values than columns a bar shows the greatest of its share, so that a spike is never lost.
    package static func text(_ values: [Double?], columns: Int) -> String {
        let shares = min(columns, values.count)
        guard shares > 0 else { return "" }
        let greatest = (0..<shares).map { share -> Double? in
            let from = share * values.count / shares
            let to = (share + 1) * values.count / shares
            return values[from..<to].compactMap { $0 }.filter(\.isFinite).max()
        }
        return rows(greatest, count: 1)[0]
    }

    /// A chart of `count` lines, the highest first, with a bar for each value.
    ///
    /// The bars reach from `base` (`floor(of:)` where nil) to the greatest value; the least of them is still to be
    /// seen, and a blank says that there is no value.
    package static func rows(_ values: [Double?], count: Int, base: Double? = nil) -> [String] {
        let base = base ?? floor(of: values)
        let range = (values.compactMap { $0 }.filter(\.isFinite).max() ?? base) - base
        let levels = values.map { value -> Int? in
            guard let value, value.isFinite else { return nil }
            guard range > 0 else { return 1 }
            // Clamped, for the range of two huge doubles may be infinite.
            let share = max(0, min(1, (value - base) / range))
            return 1 + Int((share * Double(count * bars.count - 1)).rounded())
        }
        return (0..<count).reversed().map { row in
            String(
                levels.map { level -> Character in
                    guard let level, level > row * bars.count else { return " " }
                    return bars[min(bars.count, level - row * bars.count) - 1]
                }
            )
        }
    }

    /// Where the bars of these values begin: at 0, or at the least value where that is below.
    package static func floor(of values: [Double?]) -> Double {
        min(0, values.compactMap { $0 }.filter(\.isFinite).min() ?? 0)
    }
}
