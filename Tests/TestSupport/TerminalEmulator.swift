/// As much of a terminal as `expvault top` uses: what a byte stream leaves on the screen.
package struct TerminalEmulator: Sendable {
    /// Cells in a line.
    package let columns: Int
    /// Lines.
    package let rows: Int
    /// Whether the alternate screen is shown.
    package private(set) var isAlternate = false
    /// Whether the cursor is shown.
    package private(set) var isCursorShown = true
    /// Whether lines wrap at the right edge.
    package private(set) var isWrapping = true
    /// Whether some colour was chosen at any time.
    package private(set) var hasColour = false
    /// What came that no terminal need know.
    package private(set) var unknown: [String] = []
    private var cells: [Character]
    private var row = 0
    private var column = 0
    private var pending: [UInt8] = []

    /// An empty screen.
    package init(columns: Int, rows: Int) {
        self.columns = columns
        self.rows = rows
        cells = Array(repeating: " ", count: columns * rows)
    }

    /// The lines without trailing blanks.
    package var lines: [String] {
        (0..<rows).map { row in
            var line = String(cells[row * columns..<(row + 1) * columns].filter { $0 != "\0" })
            while line.last == " " { line.removeLast() }
            return line
        }
    }

    /// Takes what a program wrote.
    package mutating func take(_ bytes: some Sequence<UInt8>) {
        pending += bytes
        var index = 0
        while index < pending.count {
            let count = pending[index] == 0x1B ? sequence(at: index) : character(at: index)
            // The rest of it has not come yet.
            guard count > 0 else { break }
            index += count
        }
        pending.removeFirst(index)
    }

    private mutating func character(at index: Int) -> Int {
        let byte = pending[index]
        guard byte >= 0x20 else {
            if byte == 0x0D { column = 0 }
            if byte == 0x0A { row = min(rows - 1, row + 1) }
            return 1
        }
        let count = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
        guard index + count <= pending.count else { return 0 }
        let text = String(decoding: pending[index..<index + count], as: UTF8.self)
        for scalar in text.unicodeScalars { put(scalar) }
        return count
    }

    private mutating func put(_ scalar: Unicode.Scalar) {
        if scalar.properties.generalCategory == .nonspacingMark { return }
        // At the edge without wrapping the last cell is written over and over.
        column = min(column, columns - 1)
        cells[row * columns + column] = Character(scalar)
        column += 1
        // Wide: the blocks that the tests use.
        if (0x3041...0xD7A3).contains(scalar.value) || (0x1F300...0x1FAFF).contains(scalar.value) {
            if column < columns { cells[row * columns + column] = "\0" }
            column += 1
        }
    }

    private mutating func sequence(at index: Int) -> Int {
        guard index + 1 < pending.count else { return 0 }
        guard pending[index + 1] == UInt8(ascii: "[") else {
            unknown.append("ESC \(pending[index + 1])")
            return 2
        }
        guard let last = pending[(index + 2)...].firstIndex(where: { (0x40..<0x7F).contains($0) }) else {
            return 0
        }
        let parameters = String(decoding: pending[(index + 2)..<last], as: UTF8.self)
        control(Character(Unicode.Scalar(pending[last])), parameters)
        return last + 1 - index
    }

    private mutating func control(_ final: Character, _ parameters: String) {
        let numbers = parameters.split(separator: ";").map { Int($0) ?? 0 }
        switch (final, parameters) {
        case ("H", _):
            row = max(0, min(rows - 1, (numbers.first ?? 1) - 1))
            column = max(0, min(columns - 1, (numbers.count > 1 ? numbers[1] : 1) - 1))
        case ("J", "2"): cells = Array(repeating: " ", count: columns * rows)
        case ("J", ""):
            for index in (row * columns + min(column, columns - 1))..<cells.count { cells[index] = " " }
        case ("m", _): if numbers.contains(where: { (30...37).contains($0) }) { hasColour = true }
        case ("h", "?1049"), ("l", "?1049"): isAlternate = final == "h"
        case ("h", "?25"), ("l", "?25"): isCursorShown = final == "h"
        case ("h", "?7"), ("l", "?7"): isWrapping = final == "h"
        default: unknown.append("CSI \(parameters)\(final)")
        }
    }
}
