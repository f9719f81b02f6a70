import CZlib

/// The CRC-32 of gzip (ISO 3309, polynomial 0x04C11DB7), by zlib.
package enum CRC32 {
    /// The checksum of `bytes`.
    package static func checksum(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBytes { extend(0, with: $0) }
    }

    /// The checksum of what `crc` stands for, followed by `bytes`; 0 stands for nothing.
    package static func extend(_ crc: UInt32, with bytes: UnsafeRawBufferPointer) -> UInt32 {
        guard let start = bytes.baseAddress, !bytes.isEmpty else { return crc }
        return UInt32(
            truncatingIfNeeded: crc32_z(
                UInt(crc),
                start.assumingMemoryBound(to: UInt8.self),
                bytes.count
            )
        )
    }
}
