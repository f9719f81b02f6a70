/// Appends numbers to a byte array: fixed ones little-endian, the others as varints.
///
/// A varint is LEB128: seven bits a byte, the lowest first, the top bit set on all bytes but the last; at most ten
/// bytes. A signed number is zigzagged first (0, -1, 1, -2, … become 0, 1, 2, 3, …).
package struct ByteWriter: Sendable {
    /// What was written so far.
    package private(set) var bytes: [UInt8] = []

    /// An empty writer.
    package init() {}

    /// How many bytes were written.
    package var count: Int { bytes.count }

    /// Appends one byte.
    package mutating func byte(_ value: UInt8) { bytes.append(value) }

    /// Appends bytes as they are.
    package mutating func raw(_ values: some Sequence<UInt8>) { bytes.append(contentsOf: values) }

    /// Appends two bytes, the lower first.
    package mutating func fixed16(_ value: UInt16) {
        bytes.append(UInt8(truncatingIfNeeded: value))
        bytes.append(UInt8(truncatingIfNeeded: value >> 8))
    }

    /// Appends four bytes, the lowest first.
    package mutating func fixed32(_ value: UInt32) {
        fixed16(UInt16(truncatingIfNeeded: value))
        fixed16(UInt16(truncatingIfNeeded: value >> 16))
    }

    /// Appends a varint.
    package mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// Appends a count of ours, never negative, as a varint.
    package mutating func count(_ value: Int) {
        precondition(value >= 0, "BUG: a count below zero")
        varint(UInt64(value))
    }

    /// Appends a signed number as a zigzag varint.
    package mutating func zigzag(_ value: Int64) { varint(Zigzag.encode(value)) }
}

/// Signed numbers as unsigned ones, the small ones small: 0, -1, 1, -2 are 0, 1, 2, 3.
package enum Zigzag {
    /// The unsigned number for `value`.
    @inline(__always)
    package static func encode(_ value: Int64) -> UInt64 {
        UInt64(bitPattern: (value << 1) ^ (value >> 63))
    }

    /// The inverse of `encode`.
    @inline(__always)
    package static func decode(_ value: UInt64) -> Int64 {
        Int64(bitPattern: value >> 1) ^ (0 &- Int64(bitPattern: value & 1))
    }
}
