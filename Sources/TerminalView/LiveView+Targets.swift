import Model
import Query

/// The list of targets.
extension LiveView {
    /// The targets that are seen, in their order.
    func seenTargets(_ now: Timestamp) -> [TargetReading] {
        let sorted = list.sorted(targets, now: now)
        return Array(sorted[list.position.seen(count: sorted.count, rows: listRows)])
    }

    func drawTargets(_ now: Timestamp, _ top: Int, _ frame: inout Frame) {
        let table = TargetTable(targets, list, now: now, columns: columns)
        table.drawHeading(list, top, &frame)
        for (row, reading) in seenTargets(now).enumerated() {
            table.draw(reading, now, top + 1 + row, isChosen: reading.target.target == list.chosen, &frame)
        }
    }
}

/// How the list of targets is laid out on a screen of some width: which columns, how wide, which with a line of bars.
struct TargetTable {
    /// One column, or the bars that belong to it.
    private struct Part {
        var column: TargetColumn
        var isBars: Bool
        var width: Int
    }

    /// The columns that stay where there is little room, most wanted first.
    private static let wanted: [TargetColumn] = [.state, .heap, .allocation, .pause, .collections, .age]
    /// Those that only a wide screen shows.
    private static let wide: [TargetColumn] = [.failures, .restarts]
    /// From here on a screen is wide.
    private static let wideColumns = 120
    private static let nameMin = 8
    private static let nameMax = 32
    private static let barsMin = 8

    private let parts: [Part]
    private let gap: Int

    init(_ targets: [TargetReading], _ list: TargetList, now: Timestamp, columns: Int) {
        let gap = columns < 100 ? 1 : 2
        self.gap = gap
        let names = targets.map { DisplayText.width($0.target.target) }.max() ?? 0
        // One more, for the mark of the sorted column.
        let nameLeast = max(TargetTable.nameMin, TargetColumn.name.heading.count + 1)
        var used = 2 + nameLeast
        var shown: [(column: TargetColumn, width: Int)] = []
        for column in TargetTable.wanted + (columns >= TargetTable.wideColumns ? TargetTable.wide : []) {
            let width = targets.reduce(column.heading.count + 1) {
                max($0, DisplayText.width(TargetTable.text(column, $1, now)))
            }
            guard used + gap + width <= columns else { continue }
            used += gap + width
            shown.append((column, width))
        }
        let name = max(nameLeast, min(names, TargetTable.nameMax, columns - used + nameLeast))
        var left = columns - used - (name - nameLeast)
        let drawn = [TargetColumn.heap, .allocation, .collections, .pause].filter { column in
            shown.contains { $0.column == column }
        }
        let barsCount = min(drawn.count, max(0, left / (TargetTable.barsMin + gap)))
        let withBars = drawn.prefix(barsCount)
        let bars = barsCount > 0 ? min(Int(LiveReader.stepCount), left / barsCount - gap) : 0
        left = 0
        var parts = [Part(column: .name, isBars: false, width: name)]
        for column in TargetColumn.allCases {
            guard let width = shown.first(where: { $0.column == column })?.width else { continue }
            parts.append(Part(column: column, isBars: false, width: width))
            if withBars.contains(column) { parts.append(Part(column: column, isBars: true, width: bars)) }
        }
        self.parts = parts
    }

    func drawHeading(_ list: TargetList, _ row: Int, _ frame: inout Frame) {
        forEachPart { part, column in
            guard !part.isBars else { return }
            let mark = part.column == list.column ? (list.isDescending ? "▼" : "▲") : ""
            frame.write(
                part.column.heading + mark,
                row: row,
                column: column,
                width: part.width,
                style: .heading,
                alignment: TargetTable.isText(part.column) ? .left : .right
            )
        }
    }

    func draw(_ reading: TargetReading, _ now: Timestamp, _ row: Int, isChosen: Bool, _ frame: inout Frame) {
        frame.write(isChosen ? ">" : " ", row: row, column: 0, width: 1)
        forEachPart { part, column in
            if part.isBars {
                let bars = TargetTable.course(part.column, reading).bars(columns: part.width)
                frame.write(
                    Sparkline.text(bars, columns: part.width),
                    row: row,
                    column: column,
                    width: part.width,
                    style: .chart
                )
                return
            }
            let state = part.column == .state ? reading.state(now).style : Style.plain
            frame.write(
                TargetTable.text(part.column, reading, now),
                row: row,
                column: column,
                width: part.width,
                style: state,
                alignment: TargetTable.isText(part.column) ? .left : .right
            )
        }
        if isChosen { frame.mark(row: row, style: .selected) }
    }

    private func forEachPart(_ body: (Part, Int) -> Void) {
        var column = 2
        for part in parts {
            body(part, column)
            column += part.width + gap
        }
    }

    private static func isText(_ column: TargetColumn) -> Bool { column == .name || column == .state }

    private static func course(_ column: TargetColumn, _ reading: TargetReading) -> Course {
        switch column {
        case .heap: reading.heapCourse
        case .allocation: reading.allocation.course
        case .collections: reading.collections.course
        case .pause: reading.pauseCourse
        default: .none
        }
    }

    private static func text(_ column: TargetColumn, _ reading: TargetReading, _ now: Timestamp) -> String {
        // There was no time to read it yet; that is not the same as nothing to say.
        if reading.scrapes == nil, ![.name, .state, .age].contains(column) { return "…" }
        return switch column {
        case .name: reading.target.target
        case .state: reading.state(now).word
        case .heap: LiveText.number(reading.heap?.double, .bytes)
        case .allocation: LiveText.number(reading.allocation.recent, .bytes)
        case .collections: LiveText.number(reading.collections.recent, nil)
        case .pause: LiveText.number(reading.pauses99.map { Double($0) }, .nanoseconds)
        case .age: LiveText.age(reading.age(now))
        case .failures: reading.scrapes.map { String($0.failed) } ?? LiveText.nothing
        case .restarts: String(reading.restarts.count)
        }
    }
}
