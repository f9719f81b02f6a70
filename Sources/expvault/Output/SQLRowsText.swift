import JSON
import Model
import Storage

/// How the rows of a statement are written.
enum SQLRowsText {
    /// A table for the eyes has no more rows than this, since all must be there before the first is written.
    static let tableRowsMax = 100_000

    /// The rows of a table.
    static func cells(of rows: SQLRows) throws -> [[Cell]] {
        var cells: [[Cell]] = []
        while let row = try rows.next() {
            guard cells.count < tableRowsMax else {
                throw SQLStatementError.refused(
                    "more than \(tableRowsMax) rows are too many for a table; use --format json or csv, or LIMIT"
                )
            }
            cells.append(row.map { SQLRowsText.cell($0, isForTable: true) })
        }
        return cells
    }

    /// An array of objects, a line each.
    static func writeJSON(_ rows: SQLRows, to output: DeadlineOutput) throws {
        let names = distinct(rows.columns)
        var json = JSONWriter(reserving: DeadlineOutput.pieceBytes)
        json.beginArray()
        var isFirst = true
        while let row = try rows.next() {
            if !isFirst { try output.write(",\n") }
            isFirst = false
            json.beginObject()
            for (name, value) in zip(names, row) {
                json.key(name)
                cell(value, isForTable: false).write(to: &json)
            }
            json.endObject()
            try output.write(json.bytes)
            json.removeAll()
        }
        if isFirst { json.endArray() } else { try output.write("]") }
        json.endLine()
        try output.write(json.bytes)
        try output.flush()
    }

    /// A line with the names and one for each row.
    static func writeCSV(_ rows: SQLRows, to output: DeadlineOutput) throws {
        try output.write(CSV.line(rows.columns))
        while let row = try rows.next() {
            try output.write(CSV.line(row.map { cell($0, isForTable: false).plain }))
        }
        try output.flush()
    }

    /// Names that differ, as the keys of an object must: a second `t` is `t_2`.
    static func distinct(_ names: [String]) -> [String] {
        var seen: Set<String> = Set(names)
        var used: Set<String> = []
        return names.map { name in
            var candidate = name
            var count = 2
            while used.contains(candidate) || (candidate != name && seen.contains(candidate)) {
                candidate = "\(name)_\(count)"
                count += 1
            }
            used.insert(candidate)
            seen.insert(candidate)
            return candidate
        }
    }

    private static func cell(_ value: SQLCell, isForTable: Bool) -> Cell {
        switch value {
        case .null: .missing
        // In a table too every digit counts: t must be fit to be pasted into the next statement.
        case .integer(let value): isForTable ? .exact(String(value)) : .integer(Int128(value))
        case .real(let value): isForTable ? .exact(JSONWriter.text(of: value)) : .real(value)
        case .text(let text): .text(text)
        case .blob(let bytes): .text(Base64.text(of: bytes, alphabet: .standard))
        }
    }
}
