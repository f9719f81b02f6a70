/// Help as the argument parser writes it, with those lines broken that it leaves as long as they are (USAGE).
enum HelpText {
    /// The text with no line longer than `columns`, but for words that are.
    ///
    /// An option stays on one line with its value, and what goes on is indented by four more than its line.
    static func wrapped(_ text: String, columns: Int) -> String {
        // What else the parser answers (completions, a dump) is no help, and for programs.
        guard text.hasPrefix("OVERVIEW: ") || text.hasPrefix("USAGE: ") else { return text }
        return text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.count <= columns ? String($0) : wrapped(line: $0, columns: columns) }
            .joined(separator: "\n")
    }

    /// What the parser takes for the width as well: `$COLUMNS`, else the terminal's own.
    static var columns: Int {
        Int(Terminal.variable("COLUMNS")).flatMap { $0 > 0 ? $0 : nil } ?? Terminal.columns(1)
    }

    private static func wrapped(line: Substring, columns: Int) -> String {
        let indent = String(line.prefix { $0 == " " })
        var lines = [indent]
        for part in parts(of: line.dropFirst(indent.count)) {
            let isFirst = lines[lines.count - 1].allSatisfy { $0 == " " }
            if !isFirst, lines[lines.count - 1].count + 1 + part.count > columns {
                lines.append(indent + "    " + part)
            } else {
                lines[lines.count - 1] += (isFirst ? "" : " ") + part
            }
        }
        return lines.joined(separator: "\n")
    }

    /// The words, those of a bracket together.
    private static func parts(of line: Substring) -> [String] {
        var parts: [String] = []
        var depth = 0
        for word in line.split(separator: " ") {
            if depth > 0 {
                parts[parts.count - 1] += " " + word
            } else {
                parts.append(String(word))
            }
            depth += word.count { $0 == "[" } - word.count { $0 == "]" }
        }
        return parts
    }
}
