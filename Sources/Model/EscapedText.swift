/// Makes text from outside fit for one line of a log or a terminal.
package enum EscapedText {
    /// `text` with control characters, line separators and bidi marks written as `\u{…}`.
    ///
    /// Bidi marks can make a terminal show another text than the one that is there (CVE-2021-42574).
    package static func escape(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isUnsafe) else { return text }
        var escaped = ""
        for scalar in text.unicodeScalars {
            if isUnsafe(scalar) {
                escaped += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// `text` escaped, and cut to that many characters.
    package static func escape(_ text: String, charactersMax: Int) -> String {
        let cut = text.prefix(charactersMax)
        return escape(String(cut)) + (cut.endIndex == text.endIndex ? "" : "…")
    }

    /// Lines from outside for a terminal: as `escape` has it but for line feeds and tabs; what is no UTF-8 is `\xNN`.
    package static func escapeLines(_ bytes: [UInt8]) -> [UInt8] {
        var escaped: [UInt8] = []
        escaped.reserveCapacity(bytes.count)
        var rest = bytes[...]
        while let byte = rest.first {
            // The scalar at the front, if there is one; what Swift mends (U+FFFD) is none.
            let length = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
            guard let text = String(validating: rest.prefix(length), as: UTF8.self),
                let scalar = text.unicodeScalars.first, text.unicodeScalars.count == 1
            else {
                escaped += "\\x\(String(byte, radix: 16))".utf8
                rest.removeFirst()
                continue
            }
            let isLine = scalar == "\n" || scalar == "\t"
            escaped += isLine ? Array(rest.prefix(length)) : Array(escape(text).utf8)
            rest = rest.dropFirst(length)
        }
        return escaped
    }

    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool { isUnsafe(scalar.value) }

    /// Whether a terminal may obey the scalar of that value: a control character, a line separator or a bidi mark.
    package static func isUnsafe(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0..<0x20, 0x7f..<0xa0: true
        case 0x061c, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a...0x202e, 0x2066...0x2069: true
        default: false
        }
    }
}
