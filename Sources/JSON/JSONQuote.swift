import Model

/// Writes text as a JSON string: the one escaper.
///
/// Escapes what JSON demands (RFC 8259, section 7), and what terminals would obey: DEL, the controls of Latin-1, and bidi
/// marks, which can make a text look like another one.
enum JSONQuote {
    /// So many bytes are quoted in one go, which bounds the room that is asked for: 6 bytes for each.
    private static let sliceMax = 4096

    /// Appends `text`, which is UTF-8, in quotes.
    static func append(_ text: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        let input = UnsafeRawBufferPointer(text)
        if isASCII(input) {
            append(input, to: &output)
        } else {
            appendMarked(input, to: &output)
        }
        output.append(UInt8(ascii: "\""))
    }

    /// Whether no byte has its highest bit.
    private static func isASCII(_ input: UnsafeRawBufferPointer) -> Bool {
        var bits: UInt64 = 0
        var offset = 0
        while offset &+ 8 <= input.count {
            bits |= input.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            offset &+= 8
        }
        while offset < input.count {
            bits |= UInt64(input[offset])
            offset &+= 1
        }
        return bits & 0x8080_8080_8080_8080 == 0
    }

    /// Text that may hold marks which are no ASCII: these as `\u202e`, what lies between them as ever.
    private static func appendMarked(_ input: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        var start = 0
        var offset = 0
        while offset < input.count {
            guard let mark = mark(in: input, at: offset) else {
                offset &+= 1
                continue
            }
            append(UnsafeRawBufferPointer(rebasing: input[start..<offset]), to: &output)
            output += [UInt8(ascii: "\\"), UInt8(ascii: "u")]
            for shift in [12, 8, 4, 0] { output.append(hexadecimal(UInt8(mark.scalar >> shift & 15))) }
            offset &+= mark.length
            start = offset
        }
        append(UnsafeRawBufferPointer(rebasing: input[start...]), to: &output)
    }

    /// The mark that begins at `offset` (`EscapedText.isUnsafe`, but for ASCII), and how many bytes it takes.
    private static func mark(
        in input: UnsafeRawBufferPointer,
        at offset: Int
    ) -> (scalar: UInt32, length: Int)? {
        let length: Int
        let scalar: UInt32
        switch input[offset] {
        case 0xC2, 0xD8:
            guard offset &+ 1 < input.count else { return nil }
            length = 2
            scalar = UInt32(input[offset] & 0x1F) << 6 | UInt32(input[offset &+ 1] & 0x3F)
        case 0xE2:
            guard offset &+ 2 < input.count else { return nil }
            length = 3
            scalar = 0x2000 | UInt32(input[offset &+ 1] & 0x3F) << 6 | UInt32(input[offset &+ 2] & 0x3F)
        default: return nil
        }
        return EscapedText.isUnsafe(scalar) ? (scalar, length) : nil
    }

    /// Appends text without quotes.
    private static func append(_ input: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        var start = 0
        while start < input.count {
            let end = min(start + sliceMax, input.count)
            output.append(addingCapacity: (end - start) * 6) { room in
                room.withUnsafeMutableBufferPointer { buffer, count in
                    // `\u00XX` is the longest that a byte becomes, and the room is 6 bytes for each.
                    precondition(
                        buffer.count - count >= (end - start) * 6,
                        "BUG: too little room for a string"
                    )
                    count = escape(input, from: start, to: end, into: buffer, at: count)
                }
            }
            start = end
        }
    }

    private static func escape(
        _ input: UnsafeRawBufferPointer,
        from start: Int,
        to end: Int,
        into output: UnsafeMutableBufferPointer<UInt8>,
        at outStart: Int
    ) -> Int {
        let raw = UnsafeMutableRawBufferPointer(output)
        var offset = start
        var out = outStart
        while offset < end {
            if offset &+ 8 <= end {
                let word = input.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                raw.storeBytes(of: word, toByteOffset: out, as: UInt64.self)
                let flags = special(UInt64(littleEndian: word))
                let clean = flags == 0 ? 8 : flags.trailingZeroBitCount / 8
                offset &+= clean
                out &+= clean
                if flags == 0 { continue }
            }
            escape(input[offset], into: output, at: &out)
            offset &+= 1
        }
        return out
    }

    private static func escape(
        _ byte: UInt8,
        into output: UnsafeMutableBufferPointer<UInt8>,
        at out: inout Int
    ) {
        let letter: UInt8
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): letter = byte
        case 0x0A: letter = UInt8(ascii: "n")
        case 0x0D: letter = UInt8(ascii: "r")
        case 0x09: letter = UInt8(ascii: "t")
        case 0..<0x20, 0x7F:
            for unit in [UInt8(ascii: "\\"), UInt8(ascii: "u"), UInt8(ascii: "0"), UInt8(ascii: "0")] {
                output[out] = unit
                out &+= 1
            }
            output[out] = hexadecimal(byte >> 4)
            output[out &+ 1] = hexadecimal(byte & 15)
            out &+= 2
            return
        default:
            output[out] = byte
            out &+= 1
            return
        }
        output[out] = UInt8(ascii: "\\")
        output[out &+ 1] = letter
        out &+= 2
    }

    /// Flags the lowest byte that must be escaped; see `JSONString` for the arithmetic.
    @inline(__always)
    private static func special(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let delete = word ^ (ones &* 0x7F)
        return JSONString.special(word) | ((delete &- ones) & ~delete & (ones &* 0x80))
    }

    private static func hexadecimal(_ digit: UInt8) -> UInt8 {
        digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
    }
}
