/// The inside of a JSON string: where it ends, and what its escapes stand for.
///
/// Eight bytes are looked at in one step. In a word `w` the expression `(w &- 0x0101…) & ~w & 0x8080…` has the
/// top bit of the first zero byte set (Hacker's Delight, 6-1); bytes above it may be flagged wrongly, so only the
/// lowest flag is believed. XOR with a repeated byte turns "equals that byte" into "is zero".
enum JSONString {
    /// What was found before the closing quote.
    struct Ending {
        /// The offset of the closing quote.
        var quote: Int
        /// Whether a backslash stands before it.
        var hasEscape: Bool
        /// Whether all bytes are below 0x80.
        var isASCII: Bool
    }

    /// Finds the closing quote of the string whose first byte is at `start`.
    static func end(in bytes: [UInt8], from start: Int) throws(JSONError) -> Ending {
        var offset = start
        var hasEscape = false
        var high: UInt64 = 0
        let count = bytes.count
        while true {
            // Inside the buffer by the loop's condition.
            let stop: (offset: Int, high: UInt64) = bytes.withUnsafeBytes { buffer in
                var at = offset
                var high: UInt64 = 0
                while at &+ 8 <= count {
                    let word = UInt64(littleEndian: buffer.loadUnaligned(fromByteOffset: at, as: UInt64.self))
                    let flags = special(word)
                    if flags != 0 {
                        let clean = flags.trailingZeroBitCount & ~7
                        high |= word & ((1 << UInt64(clean)) &- 1)
                        return (at &+ clean / 8, high)
                    }
                    high |= word
                    at &+= 8
                }
                while at < count, !isSpecial(buffer[at]) {
                    high |= UInt64(buffer[at])
                    at &+= 1
                }
                return (at, high)
            }
            high |= stop.high
            offset = stop.offset
            guard offset < count else { throw .cutShort }
            switch bytes[offset] {
            case UInt8(ascii: "\""):
                return Ending(quote: offset, hasEscape: hasEscape, isASCII: high & 0x8080_8080_8080_8080 == 0)
            case UInt8(ascii: "\\"):
                hasEscape = true
                offset += 2
            default: throw .malformed(offset: offset)
            }
        }
    }

    /// Appends what the bytes from `start` to `end` (a closing quote) stand for.
    static func decode(
        _ bytes: [UInt8],
        from start: Int,
        to end: Int,
        into output: inout [UInt8],
        replacingLoneSurrogates: Bool
    ) throws(JSONError) {
        var decoder = JSONStringDecoder(
            bytes: bytes,
            offset: start,
            end: end,
            replacingLoneSurrogates: replacingLoneSurrogates
        )
        var failure: JSONError?
        // No escape is shorter than what it stands for, so the decoded text fits the room of the encoded.
        output.append(addingCapacity: end - start) { room in
            do throws(JSONError) { try decoder.run(into: &room) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Whether those bytes are UTF-8.
    static func isUTF8(_ bytes: [UInt8], from start: Int, to end: Int) -> Bool {
        // Inside the buffer: both ends are offsets of the array.
        let isASCII = bytes.withUnsafeBytes { buffer in
            var high: UInt64 = 0
            var at = start
            while at &+ 8 <= end {
                high |= buffer.loadUnaligned(fromByteOffset: at, as: UInt64.self)
                at &+= 8
            }
            while at < end {
                high |= UInt64(buffer[at])
                at &+= 1
            }
            return high & 0x8080_8080_8080_8080 == 0
        }
        return isASCII || String(validating: bytes[start..<end], as: UTF8.self) != nil
    }

    /// Flags the lowest byte that is a quote, a backslash or a control character.
    @inline(__always)
    static func special(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        let quote = word ^ (ones &* 0x22)
        let backslash = word ^ (ones &* 0x5C)
        // A byte below 0x20 borrows when 0x20 is taken from it.
        return
            (((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash)
            | ((word &- ones &* 0x20) & ~word)) & tops
    }

    static func isSpecial(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte < 0x20
    }
}
