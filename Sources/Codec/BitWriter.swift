/// Appends numbers of any width bit by bit; the first bit is the lowest of the first byte.
package struct BitWriter: Sendable {
    private var bytes: [UInt8] = []
    private var buffer: UInt64 = 0
    private var filled: UInt64 = 0

    /// An empty writer.
    package init() {}

    /// Appends the lowest `width` bits of `value`, 0 to 64 of them; those above must be zero.
    package mutating func write(_ value: UInt64, width: Int) {
        if width > 32 {
            write(value & 0xffff_ffff, width: 32)
            write(value >> 32, width: width - 32)
            return
        }
        // At most 7 bits wait, so that 39 are in the buffer.
        buffer |= value << filled
        filled += UInt64(width)
        while filled >= 8 {
            bytes.append(UInt8(truncatingIfNeeded: buffer))
            buffer >>= 8
            filled -= 8
        }
    }

    /// Appends a number from 0 on in Elias' gamma code (of one more): short where it is small.
    package mutating func gamma(_ value: UInt64) {
        let above = value &+ 1
        precondition(above != 0, "BUG: a gamma code over 64 bits")
        let width = 63 - above.leadingZeroBitCount
        write(0, width: width)
        write(1, width: 1)
        write(above & ~(1 << UInt64(width)), width: width)
    }

    /// All bits, the last byte filled up with zeros.
    package consuming func finish() -> [UInt8] {
        if filled > 0 { bytes.append(UInt8(truncatingIfNeeded: buffer)) }
        return bytes
    }
}
