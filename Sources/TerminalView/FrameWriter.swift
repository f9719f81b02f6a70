/// Turns pictures into the bytes that bring a terminal from the last one to the next.
///
/// Control functions of ECMA-48 that every terminal of the last thirty years knows, and xterm's private modes 1049
/// (alternate screen), 25 (cursor) and 7 (wrapping), which those ignore that lack them. Only changed cells are sent: a
/// refresh over a slow line is a few dozen bytes.
package struct FrameWriter {
    /// Sent once before the first picture: alternate screen, no cursor, no wrapping at the right edge.
    package static let entry = Array("\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l".utf8)
    /// Sent after the last picture, so that the terminal is as it was; one without an alternate screen is at least clean.
    package static let exit = Array(
        "\u{1B}[0m\u{1B}[H\u{1B}[J\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l".utf8
    )

    private let hasColour: Bool
    private let isASCII: Bool
    private var shown: Frame?
    /// So many unchanged cells between two changed ones are sent again, since moving the cursor costs as much.
    private static let gapMax = 5

    /// A writer for a terminal that has shown nothing yet.
    ///
    /// - Parameters:
    ///   - hasColour: Whether colours may be used.
    ///   - isASCII: Whether nothing but ASCII may be sent; bars and marks are then drawn with its characters.
    package init(hasColour: Bool, isASCII: Bool) {
        self.hasColour = hasColour
        self.isASCII = isASCII
    }

    /// Forgets what the terminal shows: the next picture is sent whole.
    package mutating func forget() { shown = nil }

    /// The bytes that make the terminal show `frame`.
    package mutating func bytes(for frame: Frame) -> [UInt8] {
        var output = Output(hasColour: hasColour, isASCII: isASCII)
        var before = shown
        if before?.columns != frame.columns || before?.rows != frame.rows {
            output.raw("\u{1B}[0m\u{1B}[2J")
            before = Frame(columns: frame.columns, rows: frame.rows)
        }
        for row in 0..<frame.rows {
            let range = row * frame.columns..<(row + 1) * frame.columns
            let old = before.map { $0.cells[range] } ?? []
            guard frame.cells[range] != old else { continue }
            line(Array(frame.cells[range]), Array(old), row, &output)
        }
        shown = frame
        return output.bytes
    }

    private func line(_ new: [GridCell], _ old: [GridCell], _ row: Int, _ output: inout Output) {
        var column = 0
        while column < new.count {
            guard new[column] != old[column] else {
                column += 1
                continue
            }
            // The right half of a wide character is sent with its left half.
            var start = column
            while start > 0, new[start].character == nil { start -= 1 }
            var end = column
            var next = column
            while next < new.count, next - end <= FrameWriter.gapMax {
                if new[next] != old[next] { end = next }
                next += 1
            }
            while end + 1 < new.count, new[end + 1].character == nil { end += 1 }
            for index in start...end { output.put(new[index], row: row, column: index) }
            column = end + 1
        }
    }
}

/// Bytes for the terminal, and what it will have made of them.
private struct Output {
    private let hasColour: Bool
    private let isASCII: Bool
    private(set) var bytes: [UInt8] = []
    /// Where the cursor is; nil where terminals may differ.
    private var cursor: (row: Int, column: Int)?
    private var style: Style?

    init(hasColour: Bool, isASCII: Bool) {
        self.hasColour = hasColour
        self.isASCII = isASCII
    }

    mutating func raw(_ text: String) { bytes += Array(text.utf8) }

    mutating func put(_ cell: GridCell, row: Int, column: Int) {
        guard let character = cell.character else {
            // It came with its left half, but for a terminal without such characters.
            if isASCII { put(GridCell(character: "?", style: cell.style), row: row, column: column) }
            return
        }
        if cursor.map({ $0 != (row, column) }) ?? true { raw("\u{1B}[\(row + 1);\(column + 1)H") }
        if style != cell.style {
            raw("\u{1B}[\(cell.style.parameters(hasColour: hasColour))m")
            style = cell.style
        }
        raw(isASCII ? String(ASCIIGlyph.of(character)) : String(character))
        // After a character whose width terminals do not agree on, the next one is put where it belongs.
        cursor = isASCII || ASCIIGlyph.isOurs(character) ? (row, column + 1) : nil
    }
}

/// The characters that the view itself draws with, and what stands for them where there is only ASCII.
enum ASCIIGlyph {
    private static let ours: [Character: Character] = [
        "▁": "_", "▂": ".", "▃": ":", "▄": "-", "▅": "=", "▆": "+", "▇": "*", "█": "#",
        "▲": "^", "▼": "v", "–": "-", "…": "~", "µ": "u", "·": "|", "×": "x",
    ]

    /// Whether every terminal gives it one column.
    static func isOurs(_ character: Character) -> Bool {
        character.isASCII || ours[character] != nil
    }

    /// The ASCII character for it.
    static func of(_ character: Character) -> Character {
        character.isASCII ? character : ours[character] ?? "?"
    }
}
