/// Finds what a mistyped name may have meant.
enum NearestNames {
    /// So many are offered at most.
    static let countMax = 3
    /// Longer names are not compared by edits: their cost grows with the square.
    static let comparedBytesMax = 128

    /// The names nearest to `name`, best first; none where nothing is near.
    ///
    /// A name that holds the other whole (`HeapAlloc` in `memstats.HeapAlloc`) is as near as one edit. Else the
    /// count of edits (Levenshtein) decides, and more than a third of the letters is not near.
    static func among(_ names: [String], to name: String) -> [String] {
        let wanted = folded(name)
        guard !wanted.isEmpty, wanted.count <= comparedBytesMax else { return [] }
        let limit = max(1, wanted.count / 3)
        var near: [(edits: Int, name: String)] = []
        for candidate in names {
            let letters = folded(candidate)
            if wanted.count >= 3, holds(letters, wanted) {
                near.append((1, candidate))
            } else if (letters.count - wanted.count).magnitude <= limit, letters.count <= comparedBytesMax {
                let edits = edits(letters, wanted)
                if edits <= limit { near.append((edits, candidate)) }
            }
        }
        near.sort { ($0.edits, $0.name.utf8.count, $0.name) < ($1.edits, $1.name.utf8.count, $1.name) }
        return near.prefix(countMax).map(\.name)
    }

    /// Small letters, and no stars: a glob is near what it would match with a letter changed.
    private static func folded(_ name: String) -> [UInt8] {
        name.utf8.filter { $0 != UInt8(ascii: "*") }.map { byte in
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
        }
    }

    private static func holds(_ letters: [UInt8], _ part: [UInt8]) -> Bool {
        guard letters.count >= part.count else { return false }
        return (0...letters.count - part.count).contains { letters[$0...].starts(with: part) }
    }

    private static func edits(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var row = Array(0...b.count)
        for (i, letter) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in b.enumerated() {
                let replaced = diagonal + (letter == other ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[b.count]
    }
}
