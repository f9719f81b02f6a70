import JSON
import TerminalView

/// One entry of an answer: its members, and where a step was asked for a row for each step.
struct AnswerEntry {
    /// The members, as JSON and CSV name them.
    var record: Record
    /// The steps; nil where none were asked for.
    var points: [Record]?
    /// What stands for the steps in a table: the value whose course is drawn.
    var course: [Double?] = []
}

/// Prints a list of entries in each format.
struct AnswerPrinter {
    /// The format that was asked for.
    var format: OutputFormat
    /// Whether a terminal gets CSV as it is.
    var isRaw = false
    /// The members that name an entry and so begin each CSV line of its steps.
    var keys: Set<String>
    /// How members are called in a table's heading; nil leaves a member out of tables.
    var heading: (String) -> String? = { $0 }
    /// What a table says where there are no entries.
    var emptyNote: String

    /// Prints to standard output (a note that there is nothing to standard error).
    func print(_ entries: [AnswerEntry]) throws {
        switch format {
        case .json: try printJSON(entries)
        case .csv: try printCSV(entries)
        case .table: try printTables(entries)
        }
    }

    private func printJSON(_ entries: [AnswerEntry]) throws {
        var json = JSONWriter()
        json.beginArray()
        for entry in entries {
            json.beginObject()
            entry.record.writeMembers(to: &json)
            if let points = entry.points {
                json.key("points")
                json.beginArray()
                for point in points {
                    json.beginObject()
                    point.writeMembers(to: &json)
                    json.endObject()
                }
                json.endArray()
            }
            json.endObject()
        }
        json.endArray()
        json.endLine()
        try StandardStreams.output(json.bytes)
    }

    private func printCSV(_ entries: [AnswerEntry]) throws {
        var text = ""
        var hasHeading = false
        for entry in entries {
            let own =
                entry.points == nil
                ? entry.record.fields : entry.record.fields.filter { keys.contains($0.name) }
            for line in entry.points?.map(\.fields) ?? [[]] {
                let fields = own + line
                if !hasHeading {
                    text += CSV.line(fields.map(\.name))
                    hasHeading = true
                }
                text += CSV.line(fields.map(\.cell.plain))
            }
        }
        try StandardStreams.foreign(Array(text.utf8), raw: isRaw)
    }

    private func printTables(_ entries: [AnswerEntry]) throws {
        guard let first = entries.first else { return StandardStreams.errorLine(emptyNote) }
        guard first.points != nil else {
            return try StandardStreams.output(
                Table(entries.map(\.record), headings: heading).text(isStyled: Terminal.isStyled)
            )
        }
        let columns = max(20, min(Terminal.columns(1) - 4, 120))
        for (index, entry) in entries.enumerated() {
            if index > 0 { try StandardStreams.output("\n") }
            try StandardStreams.output(
                Table([entry.record], headings: heading).text(isStyled: Terminal.isStyled)
                    + Sparkline.text(entry.course, columns: columns) + "\n"
                    + Table(entry.points ?? [], headings: heading).text(isStyled: Terminal.isStyled)
            )
        }
    }
}
