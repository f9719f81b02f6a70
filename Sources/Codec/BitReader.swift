/// Reads what `BitWriter` writes; past the end it reads zeros and remembers that it did.
///
/// So a loop over many small reads needs one check, `isPastEnd`, after it.
package struct BitReader {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var position: Int
    private var buffer: UInt64 = 0
    private var filled: UInt64 = 0

    /// Reads those bytes; they must outlive the reader.
    package init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
        position = 0
    }

    /// Whether more bits were read than there were.
    package var isPastEnd: Bool { position &* 8 &- Int(truncatingIfNeeded: filled) > bytes.count &* 8 }

    /// Whether all was read but what fills up the last byte.
    package var isAtEnd: Bool {
        (position &* 8 &- Int(truncatingIfNeeded: filled) &+ 7) / 8 == bytes.count
    }

    /// The next `width` bits, 0 to 64 of them.
    @inline(__always)
    package mutating func read(width: Int) -> UInt64 {
        if width > 56 {
            let low = readNarrow(width: 32)
            return low | readNarrow(width: width - 32) << 32
        }
        return readNarrow(width: width)
    }

    /// The inverse of `BitWriter.gamma`; 0 where the bits are no gamma code.
    package mutating func gamma() -> UInt64 {
        var width = 0
        while readNarrow(width: 1) == 0 {
            width += 1
            if width > 56 || isPastEnd { return 0 }
        }
        return (1 << UInt64(width) | readNarrow(width: width)) - 1
    }

    @inline(__always)
    private mutating func readNarrow(width: Int) -> UInt64 {
        let wanted = UInt64(truncatingIfNeeded: width)
        if filled < wanted { fill() }
        let value = buffer & ((1 &<< wanted) &- 1)
        buffer &>>= wanted
        filled &-= wanted
        return value
    }

    /// Fills the buffer to at least 56 bits.
    @inline(__always)
    private mutating func fill() {
        if position &+ 8 <= bytes.count {
            // Eight bytes are left, so there is a first one.
            let word = UnsafeRawPointer(bytes.baseAddress.unsafelyUnwrapped).loadUnaligned(
                fromByteOffset: position,
                as: UInt64.self
            )
            buffer |= UInt64(littleEndian: word) &<< filled
            let taken = (63 &- filled) / 8
            position &+= Int(truncatingIfNeeded: taken)
            filled &+= taken &* 8
            // What was or-ed in above the bits that are counted comes again, the same, with the next fill.
            return
        }
        while filled <= 56 {
            if position < bytes.count { buffer |= UInt64(bytes[position]) &<< filled }
            position &+= 1
            filled &+= 8
        }
    }
}
