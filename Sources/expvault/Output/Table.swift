import TerminalView

/// A table for the eyes: columns aligned, numbers to the right, a heading above.
struct Table {
    /// A column's heading.
    private let headings: [String]
    /// Whether the column is aligned to the right.
    private let isNumeric: [Bool]
    private var rows: [[String]] = []

    /// A table with these headings; a column is numeric where most of its cells are.
    init(headings: [String], isNumeric: [Bool]) {
        self.headings = headings
        self.isNumeric = isNumeric
    }

    /// The table of records that share their fields; `headings` rename fields, `nil` hides one.
    init(_ records: [Record], headings: (String) -> String? = { $0 }) {
        let names = records.first?.fields.map(\.name) ?? []
        let kept = names.indices.filter { headings(names[$0]) != nil }
        self.init(
            headings: kept.map { headings(names[$0]) ?? "" },
            isNumeric: kept.map { index in records.contains { $0.fields[index].cell.isNumeric } }
        )
        for record in records {
            add(kept.map { record.fields[$0].cell.human })
        }
    }

    mutating func add(_ cells: [String]) {
        rows.append(cells)
    }

    /// The table as lines; empty without rows.
    func text(isStyled: Bool) -> String {
        guard !rows.isEmpty else { return "" }
        var widths = headings.map(TextWidth.columns)
        for row in rows {
            for (column, cell) in row.enumerated() {
                widths[column] = max(widths[column], TextWidth.columns(of: cell))
            }
        }
        let heading = line(headings.map { $0.uppercased() }, widths)
        let head = isStyled ? "\u{1B}[1m\(heading)\u{1B}[0m\n" : heading + "\n"
        return head + rows.map { line($0, widths) + "\n" }.joined()
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        var text = ""
        for (column, cell) in cells.enumerated() {
            let padding = String(repeating: " ", count: max(0, widths[column] - TextWidth.columns(of: cell)))
            let isLast = column == cells.count - 1
            text += isNumeric[column] ? padding + cell : cell + (isLast ? "" : padding)
            if !isLast { text += "  " }
        }
        return text
    }
}
