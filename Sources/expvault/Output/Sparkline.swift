/// A line of small bars: how a value went over the steps.
enum Sparkline {
    private static let bars: [Character] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]

    /// At most `columns` bars from 0 (or the least value, where below 0) to the greatest; a blank where nothing is.
    ///
    /// With more values than columns a bar shows the greatest of its share, so that a spike is never lost.
    static func text(_ values: [Double?], columns: Int) -> String {
        let shares = min(columns, values.count)
        guard shares > 0 else { return "" }
        let bucketed = (0..<shares).map { share -> Double? in
            let from = share * values.count / shares
            let to = (share + 1) * values.count / shares
            return values[from..<to].compactMap { $0 }.filter(\.isFinite).max()
        }
        let present = bucketed.compactMap { $0 }
        guard let greatest = present.max(), let least = present.min() else {
            return String(repeating: " ", count: shares)
        }
        let base = min(0, least)
        return String(
            bucketed.map { value -> Character in
                guard let value else { return " " }
                guard greatest > base else { return bars[0] }
                let level = (value - base) / (greatest - base) * Double(bars.count - 1)
                return bars[max(0, min(bars.count - 1, Int(level.rounded())))]
            }
        )
    }
}
