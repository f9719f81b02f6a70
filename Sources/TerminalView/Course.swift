package import Model

/// How a value went over the steps of a window, oldest first.
package struct Course: Hashable, Sendable {
    /// The number of the first step since 1970.
    package var first: Int64
    /// The length of a step in milliseconds.
    package var step: Int64
    /// A value for each step; nil where nothing is known.
    package var values: [Double?]

    /// The course of `values` from the step on that begins at `start`.
    package init(start: Timestamp?, step: Int64, values: [Double?]) {
        first = (start?.milliseconds ?? 0) / max(1, step)
        self.step = max(1, step)
        self.values = values
    }

    /// A course of nothing.
    package static let none = Course(start: nil, step: 1, values: [])

    /// At most `columns` values to draw; with fewer steps each is drawn as often as fits.
    ///
    /// With more, each column is the greatest of its share, so that a spike is never lost. Shares are cut at whole
    /// multiples of their length since 1970, so that a bar keeps its height while the window moves on.
    func bars(columns: Int) -> [Double?] {
        guard columns > 0, !values.isEmpty else { return [] }
        guard values.count > columns else {
            return values.flatMap { Array(repeating: $0, count: columns / values.count) }
        }
        let size = Int64((values.count + columns - 1) / columns)
        var bars: [Double?] = []
        var last: Int64?
        for (index, value) in values.enumerated() {
            let share = (first + Int64(index)) / size
            if share == last {
                bars[bars.count - 1] = [bars[bars.count - 1], value].compactMap { $0 }.max()
            } else {
                bars.append(value)
                last = share
            }
        }
        // Cut at both ends there may be one share more than columns: the oldest goes with its neighbour.
        if bars.count > columns {
            let oldest = bars.removeFirst()
            bars[0] = [oldest, bars[0]].compactMap { $0 }.max()
        }
        return bars
    }

    /// In which of `count` columns, drawn by `bars`, a moment lies; nil where it is outside.
    func column(of time: Timestamp, among count: Int) -> Int? {
        let start = first * step
        let length = Int64(values.count) * step
        guard length > 0, count > 0, time.milliseconds >= start else { return nil }
        let column = Double(time.milliseconds - start) / Double(length) * Double(count)
        return column < Double(count) ? Int(column) : nil
    }
}
