/// Decodes the inside of one JSON string into memory that has room for all its encoded bytes.
struct JSONStringDecoder {
    let bytes: [UInt8]
    /// The offset of the next byte to be decoded.
    var offset: Int
    /// The offset of the closing quote.
    let end: Int
    /// Whether an escaped half of a surrogate pair becomes U+FFFD instead of an error.
    let replacingLoneSurrogates: Bool

    private var failure: JSONError?

    init(bytes: [UInt8], offset: Int, end: Int, replacingLoneSurrogates: Bool) {
        self.bytes = bytes
        self.offset = offset
        self.end = end
        self.replacingLoneSurrogates = replacingLoneSurrogates
    }

    /// Writes the decoded text.
    mutating func run(into room: inout OutputSpan<UInt8>) throws(JSONError) {
        room.withUnsafeMutableBufferPointer { output, count in
            // Every step reads at least as many bytes as it writes, and the room holds `end - offset` bytes:
            // so a write never passes the end of `output`.
            precondition(output.count - count >= end - offset, "BUG: too little room for a decoded string")
            count = bytes.withUnsafeBytes { input in run(input, output, from: count) }
        }
        if let failure { throw failure }
    }

    private mutating func run(
        _ input: UnsafeRawBufferPointer,
        _ output: UnsafeMutableBufferPointer<UInt8>,
        from start: Int
    ) -> Int {
        let raw = UnsafeMutableRawBufferPointer(output)
        var out = start
        while offset < end {
            if offset &+ 8 <= end {
                let word = input.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                raw.storeBytes(of: word, toByteOffset: out, as: UInt64.self)
                let flags = JSONString.special(UInt64(littleEndian: word))
                let clean = flags == 0 ? 8 : flags.trailingZeroBitCount / 8
                offset &+= clean
                out &+= clean
                if flags == 0 { continue }
            } else if !JSONString.isSpecial(input[offset]) {
                output[out] = input[offset]
                offset &+= 1
                out &+= 1
                continue
            }
            guard escape(input, output, &out) else { return out }
        }
        return out
    }

    /// Decodes the escape at `offset`; false where it is none.
    private mutating func escape(
        _ input: UnsafeRawBufferPointer,
        _ output: UnsafeMutableBufferPointer<UInt8>,
        _ out: inout Int
    ) -> Bool {
        // The closing quote was found by stepping over escapes, so one byte after the backslash is before `end`.
        let byte: UInt8
        switch input[offset + 1] {
        case UInt8(ascii: "\""): byte = UInt8(ascii: "\"")
        case UInt8(ascii: "n"): byte = 0x0A
        case UInt8(ascii: "\\"): byte = UInt8(ascii: "\\")
        case UInt8(ascii: "/"): byte = UInt8(ascii: "/")
        case UInt8(ascii: "t"): byte = 0x09
        case UInt8(ascii: "r"): byte = 0x0D
        case UInt8(ascii: "b"): byte = 0x08
        case UInt8(ascii: "f"): byte = 0x0C
        case UInt8(ascii: "u"): return unicode(input, output, &out)
        default:
            failure = .malformed(offset: offset)
            return false
        }
        output[out] = byte
        out &+= 1
        offset &+= 2
        return true
    }

    private mutating func unicode(
        _ input: UnsafeRawBufferPointer,
        _ output: UnsafeMutableBufferPointer<UInt8>,
        _ out: inout Int
    ) -> Bool {
        guard let first = unit(input, at: offset) else {
            failure = .malformed(offset: offset)
            return false
        }
        var scalar = Unicode.Scalar(first)
        var length = 6
        if scalar == nil, first < 0xDC00, let second = unit(input, at: offset + 6), second >= 0xDC00,
            second < 0xE000
        {
            // RFC 8259, section 7: a character beyond U+FFFF is a pair of surrogates.
            scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
            length = 12
        }
        guard let scalar = scalar ?? (replacingLoneSurrogates ? "\u{FFFD}" : nil) else {
            failure = .notUTF8(offset: offset)
            return false
        }
        for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter {
            output[out] = byte
            out &+= 1
        }
        offset += length
        return true
    }

    /// The value of `\uXXXX` at `start`; nil where none stands there.
    private func unit(_ input: UnsafeRawBufferPointer, at start: Int) -> UInt32? {
        guard start + 6 <= end, input[start] == UInt8(ascii: "\\"), input[start + 1] == UInt8(ascii: "u")
        else {
            return nil
        }
        var value: UInt32 = 0
        for digit in input[start + 2..<start + 6] {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"):
                value = value << 4 | UInt32(digit - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"):
                value = value << 4 | UInt32(digit - UInt8(ascii: "A") + 10)
            default: return nil
            }
        }
        return value
    }
}
