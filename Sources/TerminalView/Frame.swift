/// One cell of a picture.
struct GridCell: Hashable, Sendable {
    /// What stands in it; nil for the right half of a wide character.
    var character: Character? = " "
    var style = Style.plain
}

/// A picture of the whole screen: so many lines of so many cells.
///
/// Whatever is written stays within its cells; what does not fit is cut.
package struct Frame: Hashable, Sendable {
    /// The largest screen that is drawn; a terminal that claims more gets that much.
    package static let columnsMax = 500
    /// The most lines that are drawn.
    package static let rowsMax = 300

    /// Cells in a line.
    package let columns: Int
    /// Lines.
    package let rows: Int
    private(set) var cells: [GridCell]

    /// An empty picture.
    package init(columns: Int, rows: Int) {
        self.columns = max(1, min(columns, Frame.columnsMax))
        self.rows = max(1, min(rows, Frame.rowsMax))
        cells = Array(repeating: GridCell(), count: self.columns * self.rows)
    }

    /// The lines as text, without trailing blanks.
    package var lines: [String] {
        (0..<rows).map { row in
            var line = String(cells[row * columns..<(row + 1) * columns].compactMap(\.character))
            while line.last == " " { line.removeLast() }
            return line
        }
    }

    /// Which side of its cells a text keeps to.
    enum Alignment { case left, right }

    /// Writes a text into the `width` cells (to the line's end, where nil) from `column` on; outside of the picture
    /// nothing is written.
    mutating func write(
        _ text: String,
        row: Int,
        column: Int,
        width: Int? = nil,
        style: Style = .plain,
        alignment: Alignment = .left
    ) {
        let room = min(width ?? .max, columns - column)
        guard row >= 0, row < rows, column >= 0, room > 0 else { return }
        let glyphs = DisplayText.clipped(DisplayText.glyphs(text), to: room)
        let used = glyphs.reduce(0) { $0 + $1.width }
        var index = row * columns + column + (alignment == .right ? room - used : 0)
        for glyph in glyphs {
            cells[index] = GridCell(character: glyph.character, style: style)
            if glyph.width == 2 { cells[index + 1] = GridCell(character: nil, style: style) }
            index += glyph.width
        }
    }

    /// Gives a whole line one style.
    mutating func mark(row: Int, style: Style) {
        guard row >= 0, row < rows else { return }
        for index in row * columns..<(row + 1) * columns { cells[index].style = style }
    }

    /// Writes pieces of text one after the other.
    mutating func write(_ spans: [Span], row: Int, column: Int = 0) {
        var column = column
        for span in spans {
            write(span.text, row: row, column: column, style: span.style)
            column += DisplayText.width(span.text)
        }
    }
}

/// A piece of a line in one style.
struct Span: Hashable, Sendable {
    var text: String
    var style = Style.plain

    init(_ text: String, _ style: Style = .plain) {
        self.text = text
        self.style = style
    }
}
