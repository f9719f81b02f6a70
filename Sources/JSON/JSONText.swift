/// A position in a JSON text, and the steps that move it on: tokens, not trees.
///
/// `JSONReader` and the reader of raw lines go over a text with this. White space before a token is skipped.
package struct JSONText: Sendable {
    /// The text.
    package let bytes: [UInt8]
    /// The offset of the next byte to be read.
    package internal(set) var offset = 0

    /// A text to be read from its beginning.
    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The first byte of the next token, which stays unread.
    package mutating func peek() throws(JSONError) -> UInt8 {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x20, 0x0A, 0x0D, 0x09: offset += 1
            case let byte: return byte
            }
        }
        throw .cutShort
    }

    /// Passes over that punctuation mark.
    package mutating func expect(_ byte: UInt8) throws(JSONError) {
        guard try peek() == byte else { throw .malformed(offset: offset) }
        offset += 1
    }

    /// Checks that nothing but white space is left.
    package mutating func end() throws(JSONError) {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x20, 0x0A, 0x0D, 0x09: offset += 1
            default: throw .malformed(offset: offset)
            }
        }
    }

    /// Whether another member or element comes before the closing bracket, which is passed over when it is there.
    ///
    /// Start with `isFirst` true after the opening bracket.
    package mutating func hasNext(before bracket: UInt8, isFirst: inout Bool) throws(JSONError) -> Bool {
        let byte = try peek()
        if byte == bracket {
            offset += 1
            return false
        }
        if !isFirst {
            guard byte == UInt8(ascii: ",") else { throw .malformed(offset: offset) }
            offset += 1
        }
        isFirst = false
        return true
    }

    /// Passes over `true`, `false` or `null`.
    package mutating func literal(_ word: StaticString) throws(JSONError) {
        _ = try peek()
        for index in 0..<word.utf8CodeUnitCount {
            guard offset < bytes.count else { throw .cutShort }
            // The pointer of a StaticString of letters; the index is below its count.
            guard bytes[offset] == word.utf8Start[index] else { throw .malformed(offset: offset) }
            offset += 1
        }
    }

    /// Passes over a number; the range of its spelling.
    package mutating func number() throws(JSONError) -> Range<Int> {
        _ = try peek()
        let start = offset
        if byte() == UInt8(ascii: "-") { offset += 1 }
        if byte() == UInt8(ascii: "0") { offset += 1 } else { try digits() }
        if byte() == UInt8(ascii: ".") {
            offset += 1
            try digits()
        }
        if byte() == UInt8(ascii: "e") || byte() == UInt8(ascii: "E") {
            offset += 1
            if byte() == UInt8(ascii: "+") || byte() == UInt8(ascii: "-") { offset += 1 }
            try digits()
        }
        return start..<offset
    }

    /// Passes over a whole value that nobody asks for, checking it.
    package mutating func skipValue(depth: Int = 0) throws(JSONError) {
        switch try peek() {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            guard depth < JSONReader.depthMax else { throw .tooDeep(limit: JSONReader.depthMax) }
            let isObject = try peek() == UInt8(ascii: "{")
            offset += 1
            var isFirst = true
            while try hasNext(before: UInt8(ascii: isObject ? "}" : "]"), isFirst: &isFirst) {
                if isObject {
                    try skipString()
                    try expect(UInt8(ascii: ":"))
                }
                try skipValue(depth: depth + 1)
            }
        case UInt8(ascii: "\""): try skipString()
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        default: _ = try number()
        }
    }

    /// Appends the decoded text of the next string to `output`, as UTF-8.
    ///
    /// - Throws: `JSONError.notUTF8` also for an escaped half of a surrogate pair, unless it is to be replaced.
    package mutating func string(
        into output: inout [UInt8],
        replacingLoneSurrogates: Bool = false
    ) throws(JSONError) {
        try expect(UInt8(ascii: "\""))
        let start = offset
        let ending = try JSONString.end(in: bytes, from: start)
        offset = ending.quote + 1
        if !ending.isASCII, !JSONString.isUTF8(bytes, from: start, to: ending.quote) {
            throw .notUTF8(offset: start)
        }
        guard ending.hasEscape else {
            output.append(contentsOf: bytes[start..<ending.quote])
            return
        }
        try JSONString.decode(
            bytes,
            from: start,
            to: ending.quote,
            into: &output,
            replacingLoneSurrogates: replacingLoneSurrogates
        )
    }

    private mutating func skipString() throws(JSONError) {
        var ignored: [UInt8] = []
        try string(into: &ignored, replacingLoneSurrogates: true)
    }

    private func byte() -> UInt8? {
        offset < bytes.count ? bytes[offset] : nil
    }

    private mutating func digits() throws(JSONError) {
        let start = offset
        while offset < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[offset]) {
            offset += 1
        }
        guard offset > start else {
            throw offset < bytes.count ? .malformed(offset: offset) : .cutShort
        }
    }
}
