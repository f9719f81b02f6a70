/// A Swift file taken apart: its code without comments and texts, and the texts of its string literals.
///
/// Rules about code must not stumble over a comment that says `print(`, and the rule about SQL wants nothing but
/// literals. Code and comments keep the file's line structure, so that a finding can name its line. What stands in an
/// interpolation is code. Regular expression literals are not known; the sources have none.
struct SwiftText {
    /// Line by line the code; characters of comments and texts are blanks.
    private(set) var code: [String] = []
    /// Line by line the comments, the slashes included; all else is left out.
    private(set) var comments: [String] = []
    /// The texts of string literals with the line they begin on; an interpolation counts as `\()`.
    private(set) var literals: [(line: Int, text: String)] = []

    /// Takes the file's text apart.
    init(_ source: String) {
        var lexer = Lexer(Array(source.utf8))
        lexer.code(endsAtParenthesis: false)
        code = lexer.codeLines()
        comments = lexer.commentLines()
        literals = lexer.literals
    }
}

/// One pass over the bytes; each construct writes to one of two pages of the file's size, blanks elsewhere.
private struct Lexer {
    private let bytes: [UInt8]
    private var at = 0
    private var line = 1
    private var codePage: [UInt8]
    private var commentPage: [UInt8]
    private(set) var literals: [(line: Int, text: String)] = []

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        let blank = bytes.map { $0 == UInt8(ascii: "\n") ? $0 : UInt8(ascii: " ") }
        codePage = blank
        commentPage = blank
    }

    func codeLines() -> [String] { lines(codePage) }
    func commentLines() -> [String] { lines(commentPage) }

    private func lines(_ page: [UInt8]) -> [String] {
        page.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    private func isNext(_ text: StaticString, _ ahead: Int = 0) -> Bool {
        let count = text.utf8CodeUnitCount
        guard at + ahead + count <= bytes.count else { return false }
        return (0..<count).allSatisfy { bytes[at + ahead + $0] == text.utf8Start[$0] }
    }

    private mutating func step(_ count: Int = 1) {
        for _ in 0..<count where at < bytes.count {
            if bytes[at] == UInt8(ascii: "\n") { line += 1 }
            at += 1
        }
    }

    /// Reads code up to the end, or to the parenthesis that closes an interpolation.
    mutating func code(endsAtParenthesis: Bool) {
        var depth = 0
        while at < bytes.count {
            if isNext("//") {
                lineComment()
            } else if isNext("/*") {
                blockComment()
            } else if let hashes = literalAhead() {
                literal(hashes)
            } else {
                let byte = bytes[at]
                if byte == UInt8(ascii: "(") { depth += 1 }
                if byte == UInt8(ascii: ")") {
                    if depth == 0, endsAtParenthesis { return }
                    depth -= 1
                }
                codePage[at] = byte
                step()
            }
        }
    }

    private mutating func lineComment() {
        while at < bytes.count, bytes[at] != UInt8(ascii: "\n") {
            commentPage[at] = bytes[at]
            step()
        }
    }

    private mutating func blockComment() {
        var depth = 0
        repeat {
            if isNext("/*") { depth += 1 }
            if isNext("*/") { depth -= 1 }
            let width = isNext("/*") || isNext("*/") ? 2 : 1
            for _ in 0..<width where at < bytes.count {
                commentPage[at] = bytes[at]
                step()
            }
        } while depth > 0 && at < bytes.count
    }

    /// The number of `#` before a quote that begins here, nil where none begins.
    private func literalAhead() -> Int? {
        var hashes = 0
        while isNext("#", hashes) { hashes += 1 }
        return isNext("\"", hashes) ? hashes : nil
    }

    private func isHashes(_ count: Int, after ahead: Int) -> Bool {
        (0..<count).allSatisfy { isNext("#", ahead + $0) }
    }

    private mutating func literal(_ hashes: Int) {
        let began = line
        step(hashes)
        let isMultiline = isNext("\"\"\"")
        let quotes = isMultiline ? 3 : 1
        step(quotes)
        var text: [UInt8] = []
        while at < bytes.count {
            if isNext("\\"), isHashes(hashes, after: 1) {
                if isNext("(", 1 + hashes) {
                    text += [UInt8](#"\()"#.utf8)
                    step(2 + hashes)
                    code(endsAtParenthesis: true)
                    step()
                } else {
                    text += bytes[at..<min(at + 2 + hashes, bytes.count)]
                    step(2 + hashes)
                }
                continue
            }
            if isMultiline ? isNext("\"\"\"") : isNext("\""), isHashes(hashes, after: quotes) {
                step(quotes + hashes)
                break
            }
            // A text of one line that does not end is no Swift; going on to the next line limits the harm.
            if !isMultiline, bytes[at] == UInt8(ascii: "\n") { break }
            text.append(bytes[at])
            step()
        }
        literals.append((began, String(decoding: text, as: UTF8.self)))
    }
}
