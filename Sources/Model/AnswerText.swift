/// What an answer that is no document says of itself: which well-known thing it is, or why the server refuses.
package enum AnswerText {
    /// So much of an answer is looked at, in bytes.
    private static let bytesMax = 4096
    /// A server's words are cut after so many characters.
    package static let wordsMax = 120

    // MARK: What it is

    /// The name of what `body` is, where it is something well known: `Prometheus text`; nil where it is not, or nothing.
    package static func name(of body: some BidirectionalCollection<UInt8>) -> String? {
        let start = body.drop(while: isSpace).prefix(bytesMax)
        guard let first = start.first else { return nil }
        if start.starts(with: [0x1f, 0x8b]) { return "gzip data" }
        switch first {
        case UInt8(ascii: "<"): return starts(start, with: "<?xml") ? "XML" : "HTML"
        case UInt8(ascii: "{"): return nil
        case UInt8(ascii: "["): return "a JSON array"
        case UInt8(ascii: "\""): return "a JSON text"
        default: break
        }
        let lines = start.split(separator: UInt8(ascii: "\n"), maxSplits: linesMax).prefix(linesMax)
        guard let line = lines.first else { return nil }
        if profileHeads.contains(where: { starts(line, with: $0) }) { return "a profile of /debug/pprof" }
        // A comment alone says nothing; a sample, or what is said of one, does.
        let isExposition = lines.allSatisfy { line in
            line.first == UInt8(ascii: "#") || isSample(line)
        }
        if isExposition, lines.contains(where: { isSample($0) || isMetadata($0) }) {
            return "Prometheus text"
        }
        let whole = body.count <= bytesMax ? String(decoding: trimmed(start), as: UTF8.self) : ""
        if ["null", "true", "false"].contains(whole) || Double(whole) != nil { return "JSON, but no object" }
        return first < 0x80 && isText(start) ? "plain text" : nil
    }

    /// So many lines tell Prometheus' text from any other.
    private static let linesMax = 8
    private static let profileHeads = [
        "goroutine profile:", "heap profile:", "threadcreate profile:", "--- mutex:",
    ]

    private static func isMetadata(_ line: some BidirectionalCollection<UInt8>) -> Bool {
        ["# HELP ", "# TYPE ", "# UNIT ", "# EOF"].contains { starts(line, with: $0) }
    }

    /// `name{labels} value` of Prometheus' text, or the first half of such a line where it is cut.
    private static func isSample(_ line: some BidirectionalCollection<UInt8>) -> Bool {
        let name = line.prefix(while: isNameByte)
        guard let first = name.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        let rest = line.dropFirst(name.count)
        guard let next = rest.first else { return false }
        if next == UInt8(ascii: "{") { return true }
        guard next == UInt8(ascii: " ") else { return false }
        let value = rest.dropFirst().prefix { $0 > 0x20 }
        let text = String(decoding: value, as: UTF8.self)
        return ["NaN", "+Inf", "-Inf"].contains(text) || Double(text) != nil
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: ":"):
            true
        default: false
        }
    }

    // MARK: What it says

    /// What a server says of why it refuses, in one line, escaped and cut; nil where it says nothing that can be shown.
    ///
    /// The first line of a text, the title of a page, or all of a JSON object on one line. Words that hold one of
    /// `secrets` are not shown: some servers repeat the credential that they refuse.
    package static func words(
        of body: some BidirectionalCollection<UInt8>,
        hiding secrets: [String] = []
    ) -> String? {
        let start = body.drop(while: isSpace).prefix(bytesMax)
        guard let first = start.first, isText(start) else { return nil }
        let text = String(decoding: start, as: UTF8.self)
        let line: Substring
        switch first {
        case UInt8(ascii: "<"):
            guard let title = title(of: Array(start)) else { return nil }
            line = Substring(title)
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            line = Substring(text.split(whereSeparator: \.isWhitespace).joined(separator: " "))
        default: line = text.prefix { !$0.isNewline }
        }
        guard !secrets.contains(where: { !$0.isEmpty && text.contains($0) }) else { return nil }
        let words = line.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return words.isEmpty ? nil : EscapedText.escape(words, charactersMax: wordsMax)
    }

    private static func title(of page: [UInt8]) -> String? {
        let small = page.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
        guard let begin = small.firstRange(of: Array("<title>".utf8))?.upperBound,
            let end = small[begin...].firstRange(of: Array("</title>".utf8))?.lowerBound
        else { return nil }
        return String(decoding: page[begin..<end], as: UTF8.self)
    }

    // MARK: Bytes

    private static func isSpace(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0a, 0x0d].contains(byte) }

    private static func isText(_ bytes: some BidirectionalCollection<UInt8>) -> Bool {
        bytes.allSatisfy { $0 >= 0x20 || isSpace($0) || $0 == 0x1b }
    }

    private static func trimmed(_ bytes: some BidirectionalCollection<UInt8>) -> [UInt8] {
        var bytes = Array(bytes)
        while let last = bytes.last, isSpace(last) { bytes.removeLast() }
        return bytes
    }

    private static func starts(_ bytes: some BidirectionalCollection<UInt8>, with text: String) -> Bool {
        bytes.starts(with: text.utf8)
    }
}
