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

/// The grammar of JSON's scalars (RFC 8259), on bytes; nothing here allocates but `decoded(_:)`.
///
/// Keys may hold Go's escapes too, since expvar quotes them with `%q` (Go 1.19's expvar.go, and strconv.Quote):
/// `\a`, `\v`, `\xff`, `\U000e0001`. The two sets of escapes agree where they overlap, so one decoder reads both.
enum JSONText {
    /// What a string is there for, which decides what it may hold.
    enum Role {
        /// A value: JSON only.
        case value
        /// A key within a variable: JSON, or Go's escapes.
        case key
        /// The name of a top-level variable: also bytes that are no UTF-8, since nothing else could be blamed.
        case variable
    }

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
    static func stringEnd(_ text: [UInt8], _ start: Int, _ role: Role) throws(SyntaxFailure) -> Int {
        var i = start
        while i < text.count {
            let byte = text[i]
            if byte == UInt8(ascii: "\"") { return i + 1 }
            if byte == UInt8(ascii: "\\") {
                i = try escapeEnd(text, i, isKey: role != .value)
            } else if byte < 0x20 {
                throw .malformed(offset: i)
            } else if byte < 0x80 || role == .variable {
                i += 1
            } else {
                i = try scalarEnd(text, i)
            }
        }
        throw .ended
    }

    /// The position after the escape whose backslash is at `start`.
    private static func escapeEnd(_ text: [UInt8], _ start: Int, isKey: Bool) throws(SyntaxFailure) -> Int {
        let i = start + 1
        guard i < text.count else { throw .ended }
        switch text[i] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return i + 1
        case UInt8(ascii: "u"):
            return try hexEnd(text, i + 1, digits: 4)
        case UInt8(ascii: "a") where isKey, UInt8(ascii: "v") where isKey, UInt8(ascii: "'") where isKey:
            return i + 1
        case UInt8(ascii: "x") where isKey:
            return try hexEnd(text, i + 1, digits: 2)
        case UInt8(ascii: "U") where isKey:
            return try hexEnd(text, i + 1, digits: 8)
        default:
            throw .malformed(offset: i)
        }
    }

    private static func hexEnd(_ text: [UInt8], _ start: Int, digits: Int) throws(SyntaxFailure) -> Int {
        for i in start..<start + digits {
            guard i < text.count else { throw .ended }
            guard hexValue(text[i]) != nil else { throw .malformed(offset: i) }
        }
        return start + digits
    }

    private static func hexValue(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    /// The position after the scalar of more than one byte at `start`; the table is Unicode's 3-7.
    private static func scalarEnd(_ text: [UInt8], _ start: Int) throws(SyntaxFailure) -> Int {
        let lead = text[start]
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch lead {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        case 0xF1...0xF3: length = 4
        default: throw .malformed(offset: start)
        }
        for i in start + 1..<start + length {
            guard i < text.count else { throw .ended }
            let range = i == start + 1 ? second : 0x80...0xBF
            guard range.contains(text[i]) else { throw .malformed(offset: i) }
        }
        return start + length
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
    /// What is no UTF-8 after decoding (Go's `\xff`, half a surrogate pair) becomes U+FFFD, as JSON has no
    /// spelling for it.
    static func decoded(_ quoted: ArraySlice<UInt8>) -> String {
        guard quoted.contains(UInt8(ascii: "\\")) else { return String(decoding: quoted, as: UTF8.self) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(quoted.count)
        var i = quoted.startIndex
        while i < quoted.endIndex {
            let byte = quoted[i]
            if byte == UInt8(ascii: "\\"), i + 1 < quoted.endIndex {
                i = decodeEscape(quoted, i, into: &bytes)
            } else {
                bytes.append(byte)
                i += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
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

    /// Decodes the escape at `start`, and gives the position after it; one that is none stands for itself.
    private static func decodeEscape(
        _ text: ArraySlice<UInt8>,
        _ start: Int,
        into bytes: inout [UInt8]
    ) -> Int {
        let letter = text[start + 1]
        let next = start + 2
        switch letter {
        case UInt8(ascii: "a"): bytes.append(0x07)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "v"): bytes.append(0x0B)
        case UInt8(ascii: "x"):
            guard let value = hex(text, next, digits: 2) else { break }
            bytes.append(UInt8(truncatingIfNeeded: value))
            return next + 2
        case UInt8(ascii: "u"):
            guard let value = hex(text, next, digits: 4) else { break }
            if value >> 10 == 0x36, let low = lowSurrogate(text, next + 4) {
                append(0x10000 + ((value & 0x3FF) << 10 | low), to: &bytes)
                return next + 10
            }
            append(value, to: &bytes)
            return next + 4
        case UInt8(ascii: "U"):
            guard let value = hex(text, next, digits: 8) else { break }
            append(value, to: &bytes)
            return next + 8
        default:
            bytes.append(letter)
        }
        return next
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
