import Model

/// What is wrong with the configuration: one line, with the file and the line where there is one.
package struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file that is wrong; nil for a flag or the environment.
    package var file: String?
    /// The line in `file`, from 1; nil where the file as a whole is meant.
    package var line: Int?
    /// What is wrong, and what would mend it; never a credential.
    package var message: String

    /// That error.
    package init(_ message: String, file: String? = nil, line: Int? = nil) {
        self.message = message
        self.file = file
        self.line = line
    }

    /// One line: `FILE:LINE: MESSAGE`, escaped.
    package var description: String {
        switch (file, line) {
        case (let file?, let line?): EscapedText.escape("\(file):\(line): \(message)")
        case (let file?, nil): EscapedText.escape("\(file): \(message)")
        case (nil, _): EscapedText.escape(message)
        }
    }
}

/// Finds the word that somebody may have meant.
enum NearestWord {
    /// The known word with the fewest edits from `word`; nil where there is none within a third of its
    /// length.
    static func to(_ word: String, among known: [String]) -> String? {
        let distances = known.map { (word: $0, distance: distance(Array(word.utf8), Array($0.utf8))) }
        guard let best = distances.min(by: { ($0.distance, $0.word) < ($1.distance, $1.word) }),
            best.distance <= max(2, word.utf8.count / 3)
        else { return nil }
        return best.word
    }

    /// Insertions, deletions, replacements and swaps of neighbours that lead from `a` to `b` (optimal string
    /// alignment); words longer than 64 bytes count as far away.
    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        guard a.count <= 64, b.count <= 64 else { return .max }
        var beforeLast: [Int] = []
        var last = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var row = [i + 1]
            for (j, y) in b.enumerated() {
                var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (x == y ? 0 : 1))
                if i > 0, j > 0, x == b[j - 1], a[i - 1] == y { cost = min(cost, beforeLast[j - 1] + 1) }
                row.append(cost)
            }
            beforeLast = last
            last = row
        }
        return last[b.count]
    }
}
