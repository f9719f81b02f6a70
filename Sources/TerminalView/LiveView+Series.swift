import Model
import Query

/// The search among series, and the page of one.
extension LiveView {
    /// The series that are seen.
    var seenSeries: [SeriesKey] {
        search.position.seen(count: search.matches.count, rows: listRows).compactMap { search.key($0) }
    }

    mutating func drawSearch(_ top: Int, _ frame: inout Frame) {
        // A screen that became smaller still shows the chosen line.
        search.position.choose(search.position.chosen, count: search.matches.count, rows: listRows)
        let keys = seenSeries
        let cells = keys.map { SeriesCells($0, series[$0]) }
        let isOfOne: Bool = if case .search(of: _?) = page { true } else { false }
        let targetWidth = isOfOne ? 0 : width(of: "TARGET", cells.map(\.target), max: 20)
        let valueWidth = width(of: "VALUE", cells.map(\.value), max: 20)
        let rateWidth = width(of: "RATE", cells.map(\.rate), max: 12)
        let fixed = 2 + (isOfOne ? 0 : targetWidth + 1) + valueWidth + rateWidth + 2
        let names = width(of: "SERIES", cells.map(\.series), max: 80)
        // The name comes first, then the bars.
        let barsWidth = max(0, min(60, columns - fixed - min(names, max(20, columns - fixed - 17)) - 1))
        let nameWidth = max(8, columns - fixed - (barsWidth > 3 ? barsWidth + 1 : 0))
        let places = Places(
            target: 2,
            name: 2 + (isOfOne ? 0 : targetWidth + 1),
            nameWidth: min(names, nameWidth),
            targetWidth: targetWidth,
            valueWidth: valueWidth,
            rateWidth: rateWidth,
            barsWidth: barsWidth > 3 ? barsWidth : 0
        )
        let heading = SeriesCells(target: "TARGET", series: "SERIES", value: "VALUE", rate: "RATE")
        places.write(heading, [], top, .heading, &frame)
        for (row, key) in keys.enumerated() {
            let isChosen = key == search.chosen
            frame.write(isChosen ? ">" : " ", row: top + 1 + row, column: 0)
            let bars = series[key]?.course.bars(columns: places.barsWidth) ?? []
            places.write(cells[row], bars, top + 1 + row, .plain, &frame)
            if isChosen { frame.mark(row: top + 1 + row, style: .selected) }
        }
    }

    private func width(of heading: String, _ cells: [String], max limit: Int) -> Int {
        cells.reduce(heading.count) { max($0, min(limit, DisplayText.width($1))) }
    }

    /// Where the columns of the list stand.
    private struct Places {
        var target: Int
        var name: Int
        var nameWidth: Int
        var targetWidth: Int
        var valueWidth: Int
        var rateWidth: Int
        var barsWidth: Int

        func write(_ cells: SeriesCells, _ bars: [Double?], _ row: Int, _ style: Style, _ frame: inout Frame)
        {
            if targetWidth > 0 {
                frame.write(cells.target, row: row, column: target, width: targetWidth, style: style)
            }
            frame.write(cells.series, row: row, column: name, width: nameWidth, style: style)
            var column = name + nameWidth + 1
            frame.write(
                cells.value,
                row: row,
                column: column,
                width: valueWidth,
                style: style,
                alignment: .right
            )
            column += valueWidth + 1
            frame.write(
                cells.rate,
                row: row,
                column: column,
                width: rateWidth,
                style: style,
                alignment: .right
            )
            column += rateWidth + 1
            frame.write(
                Sparkline.text(bars, columns: barsWidth),
                row: row,
                column: column,
                width: barsWidth,
                style: .chart
            )
        }
    }

    func seriesLines(_ key: SeriesKey) -> [[Span]] {
        guard let reading = series[key] else {
            return [[Span("no sample in the last \(DurationText.format(milliseconds: window))", .fair)]]
        }
        let unit = reading.series.unit
        let values = reading.values
        var lines: [[Span]] = []
        func line(_ name: String, _ text: String) {
            let padded = name + String(repeating: " ", count: max(1, 12 - name.count))
            lines.append([Span(padded, .heading), Span(text)])
        }
        line("Value", LiveText.number(reading.series.value, unit))
        line(
            "Range",
            "\(LiveText.number(values?.min, unit)) to \(LiveText.number(values?.max, unit)), mean \(LiveText.number(values?.mean, unit))"
        )
        line("Samples", "\(values?.count ?? 0), \(reading.series.kind.rawValue)")
        if let rate = reading.rate {
            line(
                "Rate",
                "\(LiveText.number(rate.rate, unit, perSecond: true)), increase \(LiveText.number(rate.increase, unit)), \(rate.resets) resets, \(HumanText.nanoseconds(rate.coveredSeconds * 1e9)) covered"
            )
        }
        let isRate = reading.rate != nil
        lines.append([Span(isRate ? "Rate over time" : "Value over time", .faint)])
        let height = max(1, min(16, bodyRows - lines.count - 1))
        return lines
            + Chart.lines(
                reading.course,
                unit: unit,
                perSecond: isRate,
                Chart.width(columns),
                height,
                // A gauge of 10.1 to 10.3 would be nothing but a block; the scale tells where the bars begin.
                isFromLeast: !isRate
            )
    }
}

/// A series as a line of the list.
struct SeriesCells: Hashable {
    var target: String
    var series: String
    var value: String
    var rate: String

    init(target: String, series: String, value: String, rate: String) {
        self.target = target
        self.series = series
        self.value = value
        self.rate = rate
    }

    init(_ key: SeriesKey, _ reading: SeriesReading?) {
        let unit = reading?.series.unit
        target = key.target
        series = key.series
        value = LiveText.number(reading?.series.value, unit)
        rate = reading?.rate.map { LiveText.number($0.rate, unit, perSecond: true) } ?? ""
    }
}
