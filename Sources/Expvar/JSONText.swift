/// Why a piece of text is no JSON.
enum SyntaxFailure: Error {
    /// The text ends within it: what is there could be the beginning of something good.
    case ended
    /// This byte cannot stand here.
    case malformed(offset: Int)
    /// The object ends, and this byte comes after it. `isOwnLine` tells whether its brace began a line, as expvar
    /// writes it; else the brace may belong to a careless text.
    case trailing(offset: Int, isOwnLine: Bool)
    /// Nested too deep.
    case tooDeep
}

/// The grammar of JSON's scalars (RFC 8259), on bytes; nothing here allocates but `text(of:)`.
///
/// Strings are read as Go writes them, too, keys and values alike: expvar quotes keys with `%q` (Go 1.19's expvar.go, and
/// strconv.Quote), others their values: `\a`, `\v`, `\xff`, `\U000e0001`. The two sets of escapes agree where they overlap,
/// so one decoder reads both. An escape that neither knows, or that has too few digits, is the character behind its
/// backslash, and a byte that is no UTF-8 stays what it is: neither costs the value, let alone its neighbours.
enum JSONText {
    /// The first position from `start` on that holds no JSON white space.
    @inline(__always)
    static func skipSpace(_ text: [UInt8], _ start: Int) -> Int {
        var i = start
        while i < text.count, isSpace(text[i]) { i += 1 }
        return i
    }

    /// Whether the byte is one of JSON's four kinds of white space.
    @inline(__always)
    static func isSpace(_ byte: UInt8) -> Bool {
        byte <= 0x20 && (byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09)
    }

    /// The position after the closing quote of the string whose first byte after the opening quote is at `start`.
    static func stringEnd(_ text: [UInt8], _ start: Int) throws(SyntaxFailure) -> Int {
        var i = start
        while i < text.count {
            let byte = text[i]
            if byte == UInt8(ascii: "\"") { return i + 1 }
            if byte == UInt8(ascii: "\\") {
                i += 1
                guard i < text.count else { throw .ended }
            }
            // What is behind a backslash may be a quote, and is no control character either.
            guard text[i] >= 0x20 else { throw .malformed(offset: i) }
            i += 1
        }
        throw .ended
    }

    private static func hexValue(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    /// The position after the number at `start`, where a digit or `-` stands.
    @inline(__always)
    static func numberEnd(_ text: [UInt8], _ start: Int) throws(SyntaxFailure) -> Int {
        var i = start
        if text[i] == UInt8(ascii: "-") {
            i += 1
            guard i < text.count else { throw .ended }
        }
        if text[i] == UInt8(ascii: "0") {
            i += 1
        } else {
            i = try digitsEnd(text, i)
        }
        guard i < text.count else { return i }
        // One comparison for the usual case: what follows an integer, `,` `]` `}` or white space, is none of these.
        if text[i] == UInt8(ascii: ".") || text[i] | 0x20 == UInt8(ascii: "e") {
            return try fractionEnd(text, i)
        }
        return i
    }

    private static func fractionEnd(_ text: [UInt8], _ start: Int) throws(SyntaxFailure) -> Int {
        var i = start
        if text[i] == UInt8(ascii: ".") {
            i = try digitsEnd(text, i + 1)
        }
        if i < text.count, text[i] | 0x20 == UInt8(ascii: "e") {
            i += 1
            if i < text.count, text[i] == UInt8(ascii: "+") || text[i] == UInt8(ascii: "-") { i += 1 }
            i = try digitsEnd(text, i)
        }
        return i
    }

    /// The position after the digits at `start`, at least one.
    @inline(__always)
    private static func digitsEnd(_ text: [UInt8], _ start: Int) throws(SyntaxFailure) -> Int {
        var i = start
        while i < text.count, text[i] &- UInt8(ascii: "0") <= 9 { i += 1 }
        if i == start {
            if i == text.count { throw .ended }
            throw .malformed(offset: i)
        }
        return i
    }

    /// The position after `word`, which must stand at `start`.
    static func wordEnd(_ text: [UInt8], _ start: Int, _ word: String) throws(SyntaxFailure) -> Int {
        var i = start
        for byte in word.utf8 {
            guard i < text.count else { throw .ended }
            guard text[i] == byte else { throw .malformed(offset: i) }
            i += 1
        }
        return i
    }
}

extension JSONText {
    /// The text of a string or key, given what stands between its quotes.
    ///
    /// A byte that is no UTF-8 after decoding (Go's `\xff`) is spelled `\xff`; half a surrogate pair becomes U+FFFD, as in
    /// Go.
    static func decoded(_ quoted: ArraySlice<UInt8>) -> String { text(of: bytes(of: quoted).bytes) }

    /// Whether what stands between the quotes of a string is one by JSON, too: no escape of Go's, and UTF-8.
    static func isStrict(_ quoted: ArraySlice<UInt8>) -> Bool {
        var isPlain = true
        var i = quoted.startIndex
        while i < quoted.endIndex {
            if quoted[i] >= 0x80 { isPlain = false }
            if quoted[i] == UInt8(ascii: "\\") {
                i += 1
                guard i < quoted.endIndex else { return false }
                switch quoted[i] {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
                    UInt8(ascii: "f"),
                    UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
                    break
                case UInt8(ascii: "u"):
                    guard hex(quoted, i + 1, digits: 4) != nil else { return false }
                default:
                    return false
                }
            }
            i += 1
        }
        return isPlain || String(validating: quoted, as: UTF8.self) != nil
    }

    /// What a string or key says, its escapes decoded, and whether all of these are known to JSON or Go.
    static func bytes(of quoted: ArraySlice<UInt8>) -> (bytes: ArraySlice<UInt8>, isKnown: Bool) {
        guard quoted.contains(UInt8(ascii: "\\")) else { return (quoted, true) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(quoted.count)
        var isKnown = true
        var i = quoted.startIndex
        while i < quoted.endIndex {
            let byte = quoted[i]
            if byte == UInt8(ascii: "\\"), i + 1 < quoted.endIndex {
                i = decodeEscape(quoted, i, into: &bytes, &isKnown)
            } else {
                bytes.append(byte)
                i += 1
            }
        }
        return (bytes[...], isKnown)
    }

    /// The text that those bytes are; what is no UTF-8 of them is spelled `\xff`.
    static func text(of bytes: ArraySlice<UInt8>) -> String {
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        var text = ""
        var i = bytes.startIndex
        while i < bytes.endIndex {
            // A scalar has at most four bytes, and nothing shorter than it is one.
            let scalar = (1...4).lazy.compactMap { count in
                i + count <= bytes.endIndex ? String(validating: bytes[i..<i + count], as: UTF8.self) : nil
            }.first
            if let scalar {
                text += scalar
                i += scalar.utf8.count
            } else {
                text += "\\x" + (bytes[i] < 0x10 ? "0" : "") + String(bytes[i], radix: 16)
                i += 1
            }
        }
        return text
    }

    /// Whether what stands between the quotes of a key says `word`, in whatever spelling: `mem\u0073tats`.
    @inline(__always)
    static func says(_ text: [UInt8], _ quoted: Range<Int>, _ word: String) -> Bool {
        let word = word.utf8
        // An escape is longer than what it stands for.
        guard quoted.count > word.count else {
            return quoted.count == word.count && text[quoted].elementsEqual(word)
        }
        return text[quoted].contains(UInt8(ascii: "\\")) && decoded(text[quoted]).utf8.elementsEqual(word)
    }

    /// Adds what a key says to a hash: equal for equal keys, in whatever spelling.
    static func hash(_ quoted: ArraySlice<UInt8>, into hasher: inout Hasher) {
        if quoted.allSatisfy({ $0 < 0x80 && $0 != UInt8(ascii: "\\") }) {
            quoted.withUnsafeBytes { hasher.combine(bytes: $0) }
        } else {
            Array(decoded(quoted).utf8).withUnsafeBytes { hasher.combine(bytes: $0) }
        }
    }

    /// Decodes the escape at `start`, and gives the position after it; one that is none is the byte behind the backslash.
    private static func decodeEscape(
        _ text: ArraySlice<UInt8>,
        _ start: Int,
        into bytes: inout [UInt8],
        _ isKnown: inout Bool
    ) -> Int {
        let letter = text[start + 1]
        let next = start + 2
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "'"):
            bytes.append(letter)
        case UInt8(ascii: "a"): bytes.append(0x07)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "v"): bytes.append(0x0B)
        default:
            if let end = decodeNumber(text, letter, next, into: &bytes) { return end }
            bytes.append(letter)
            isKnown = false
        }
        return next
    }

    /// Decodes an escape of hexadecimal digits that begin at `start`; nil where it is none.
    private static func decodeNumber(
        _ text: ArraySlice<UInt8>,
        _ letter: UInt8,
        _ start: Int,
        into bytes: inout [UInt8]
    ) -> Int? {
        switch letter {
        case UInt8(ascii: "x"):
            guard let value = hex(text, start, digits: 2) else { return nil }
            bytes.append(UInt8(truncatingIfNeeded: value))
            return start + 2
        case UInt8(ascii: "u"):
            guard let value = hex(text, start, digits: 4) else { return nil }
            if value >> 10 == 0x36, let low = lowSurrogate(text, start + 4) {
                append(0x10000 + ((value & 0x3FF) << 10 | low), to: &bytes)
                return start + 10
            }
            append(value, to: &bytes)
            return start + 4
        case UInt8(ascii: "U"):
            guard let value = hex(text, start, digits: 8) else { return nil }
            append(value, to: &bytes)
            return start + 8
        default:
            return nil
        }
    }

    /// The low ten bits that the second half of a surrogate pair at `start` carries.
    private static func lowSurrogate(_ text: ArraySlice<UInt8>, _ start: Int) -> UInt32? {
        guard start + 6 <= text.endIndex, text[start] == UInt8(ascii: "\\"),
            text[start + 1] == UInt8(ascii: "u"),
            let value = hex(text, start + 2, digits: 4), value >> 10 == 0x37
        else { return nil }
        return value & 0x3FF
    }

    private static func hex(_ text: ArraySlice<UInt8>, _ start: Int, digits: Int) -> UInt32? {
        guard start + digits <= text.endIndex else { return nil }
        var value: UInt32 = 0
        for i in start..<start + digits {
            guard let digit = hexValue(text[i]) else { return nil }
            value = value << 4 | digit
        }
        return value
    }

    private static func append(_ value: UInt32, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: String(Unicode.Scalar(value) ?? "\u{FFFD}").utf8)
    }
}
