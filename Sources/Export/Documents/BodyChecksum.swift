/// XXH64 with seed 0: the checksum of a body in the `_id` of its documents.
///
/// It only has to tell apart bodies of one agent, target and time, and runs over every exported body: 9 kB take
/// 1 to 2 µs, where SHA-256 in Swift takes 40. Written after the specification of xxHash, "XXH64 algorithm
/// description": four lanes of 64 bits over stripes of 32 bytes, merged, then the rest.
enum BodyChecksum {
    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

    /// The checksum of `bytes`.
    static func checksum(_ bytes: [UInt8]) -> UInt64 {
        // All loads are inside the buffer by the conditions of the loops.
        bytes.withUnsafeBytes { buffer in
            var offset = 0
            var hash = buffer.count >= 32 ? stripes(buffer, &offset) : prime5
            hash &+= UInt64(buffer.count)
            while offset + 8 <= buffer.count {
                hash = rotate(hash ^ round(0, load(buffer, offset)), 27) &* prime1 &+ prime4
                offset += 8
            }
            if offset + 4 <= buffer.count {
                let word = UInt32(littleEndian: buffer.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
                hash = rotate(hash ^ (UInt64(word) &* prime1), 23) &* prime2 &+ prime3
                offset += 4
            }
            while offset < buffer.count {
                hash = rotate(hash ^ (UInt64(buffer[offset]) &* prime5), 11) &* prime1
                offset += 1
            }
            hash = (hash ^ (hash >> 33)) &* prime2
            hash = (hash ^ (hash >> 29)) &* prime3
            return hash ^ (hash >> 32)
        }
    }

    private static func stripes(_ buffer: UnsafeRawBufferPointer, _ offset: inout Int) -> UInt64 {
        var (a, b, c, d) = (prime1 &+ prime2, prime2, UInt64(0), 0 &- prime1)
        while offset + 32 <= buffer.count {
            a = round(a, load(buffer, offset))
            b = round(b, load(buffer, offset + 8))
            c = round(c, load(buffer, offset + 16))
            d = round(d, load(buffer, offset + 24))
            offset += 32
        }
        var hash = rotate(a, 1) &+ rotate(b, 7) &+ rotate(c, 12) &+ rotate(d, 18)
        for lane in [a, b, c, d] { hash = (hash ^ round(0, lane)) &* prime1 &+ prime4 }
        return hash
    }

    private static func load(_ buffer: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    private static func round(_ lane: UInt64, _ word: UInt64) -> UInt64 {
        rotate(lane &+ word &* prime2, 31) &* prime1
    }

    private static func rotate(_ word: UInt64, _ count: UInt64) -> UInt64 {
        word << count | word >> (64 - count)
    }
}
