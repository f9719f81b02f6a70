/// Comma-separated values (RFC 4180, lines ended by a newline alone).
enum CSV {
    /// One line of cells.
    static func line(_ cells: [String]) -> String {
        cells.map(cell).joined(separator: ",") + "\n"
    }

    /// A cell, quoted where it must be, and defused.
    ///
    /// Spreadsheets run a cell that begins with `=`, `+`, `-` or `@` as a formula, and names come from targets;
    /// so such a cell gets a `'` before it unless it is a number.
    static func cell(_ text: String) -> String {
        var text = text
        if let first = text.unicodeScalars.first, "=+-@\t\r".unicodeScalars.contains(first),
            Double(text) == nil
        {
            text = "'" + text
        }
        guard text.unicodeScalars.contains(where: { ",\"\n\r".unicodeScalars.contains($0) }) else {
            return text
        }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
            + "\""
    }
}
