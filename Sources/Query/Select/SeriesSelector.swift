import Model

/// A name of a series, or a glob over names.
///
/// `*` stands for any bytes, dots among them; `\*` is a star. `\.` and `\\` stand for themselves, since that is
/// how names spell a dot and a backslash inside a key. Any other `\` is itself, as in `\up`. Compared by
/// bytes: two keys that Unicode holds equivalent are two series.
package struct SeriesSelector: Sendable {
    /// As it was written.
    let text: String
    /// The bytes between the stars; one piece where there is no star.
    private let pieces: [[UInt8]]

    /// Whether it names one series, and no more.
    package var isName: Bool { pieces.count == 1 }

    /// The name that it is; of a glob what stands before its first star.
    var exactName: String { String(decoding: pieces[0], as: UTF8.self) }

    /// The bytes of the name that it is; nil for a glob.
    var name: [UInt8]? { isName ? pieces[0] : nil }

    /// Reads a name or a glob; there is none that is wrong.
    package init(_ text: String) {
        self.text = text
        let star = UInt8(ascii: "*")
        let backslash = UInt8(ascii: "\\")
        var pieces: [[UInt8]] = [[]]
        var isEscaped = false
        for byte in text.utf8 {
            if byte == star, !isEscaped {
                pieces.append([])
            } else {
                // Of `\*` the backslash was taken for itself; it is not.
                if byte == star { pieces[pieces.count - 1].removeLast() }
                pieces[pieces.count - 1].append(byte)
            }
            isEscaped = byte == backslash && !isEscaped
        }
        self.pieces = pieces
    }

    /// Whether the series of that name is meant.
    package func matches(_ name: String) -> Bool {
        var name = name
        return name.withUTF8 { matches($0[...]) }
    }

    private func matches(_ name: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        guard let first = pieces.first, let last = pieces.last, pieces.count > 1 else {
            return name.elementsEqual(pieces[0])
        }
        guard name.starts(with: first), name.count >= first.count + last.count,
            name.suffix(last.count).elementsEqual(last)
        else { return false }
        // Between two stars the leftmost place is as good as any.
        var rest = name.dropFirst(first.count).dropLast(last.count)
        for piece in pieces[1..<pieces.count - 1] {
            while !rest.starts(with: piece) {
                guard rest.count > piece.count else { return false }
                rest = rest.dropFirst()
            }
            rest = rest.dropFirst(piece.count)
        }
        return true
    }
}
