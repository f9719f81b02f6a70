/// Writes text as a JSON string: the one escaper.
///
/// Escapes what JSON demands (RFC 8259, section 7), and DEL, which terminals would obey.
enum JSONQuote {
    /// So many bytes are quoted in one go, which bounds the room that is asked for: 6 bytes for each.
    private static let sliceMax = 4096

    /// Appends `text`, which is UTF-8, in quotes.
    static func append(_ text: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        let input = UnsafeRawBufferPointer(text)
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
        output.append(UInt8(ascii: "\""))
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
