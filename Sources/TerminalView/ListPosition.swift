/// Which line of a list is chosen, and which is the first that is seen.
struct ListPosition: Hashable, Sendable {
    private(set) var chosen = 0
    private(set) var offset = 0

    /// The lines that are seen, of `count`, where there is room for `rows`.
    func seen(count: Int, rows: Int) -> Range<Int> {
        let start = max(0, min(offset, count))
        return start..<max(start, min(count, start + max(0, rows)))
    }

    /// Chooses a line, and moves the list so that it is seen.
    mutating func choose(_ line: Int, count: Int, rows: Int) {
        chosen = max(0, min(line, count - 1))
        let rows = max(1, rows)
        if chosen < offset { offset = chosen }
        if chosen >= offset + rows { offset = chosen - rows + 1 }
        offset = max(0, min(offset, count - rows))
    }

    /// Moves with a key; false where it is no key to move with.
    mutating func move(_ key: Key, count: Int, rows: Int) -> Bool {
        guard let line = ListPosition.line(from: chosen, key, count: count, rows: rows) else { return false }
        choose(line, count: count, rows: rows)
        return true
    }

    /// Scrolls without a chosen line; false where it is no key to scroll with.
    mutating func scroll(_ key: Key, count: Int, rows: Int) -> Bool {
        let last = max(0, count - max(1, rows))
        guard let line = ListPosition.line(from: offset, key, count: last + 1, rows: rows) else {
            return false
        }
        offset = max(0, min(line, last))
        chosen = offset
        return true
    }

    private static func line(from line: Int, _ key: Key, count: Int, rows: Int) -> Int? {
        switch key {
        case .up: line - 1
        case .down: line + 1
        case .pageUp: line - max(1, rows - 1)
        case .pageDown: line + max(1, rows - 1)
        case .home: 0
        case .end: count - 1
        default: nil
        }
    }
}
