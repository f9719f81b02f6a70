/// Sizes as people write them: `512`, `16KiB`, `500MB`, `1GiB`.
package enum SizeText {
    /// What a size must look like, for error messages.
    package static let rule =
        "a size is a number of bytes, or one with KiB, MiB, GiB, KB, MB or GB, as in 1GiB, up to 8192TiB"

    /// The largest size that is taken, in bytes: 2⁵³, which a double holds exactly, and Int64 a thousandfold.
    package static let bytesMax: Int64 = 1 << 53

    /// The size in bytes; nil where `text` is none, or larger than `bytesMax`.
    ///
    /// A fraction is allowed where it comes out in whole bytes (`1.5KiB`). `KB` is 1000 bytes, `KiB` 1024.
    package static func bytes(_ text: String) -> Int64? {
        let (unit, factor) = units.first { text.hasSuffix($0.0) } ?? ("", 1)
        let bytes = DecimalText.multiply(text.utf8.dropLast(unit.utf8.count), by: factor)
        return bytes.flatMap { $0 <= bytesMax ? $0 : nil }
    }

    /// The size in the largest binary unit, with one decimal, cut and not rounded: `512 B`, `1.5 MiB`.
    ///
    /// For people; see `exact(bytes:)` for what may be read back.
    package static func format(bytes: Int64) -> String {
        let size = bytes.magnitude
        let sign = bytes < 0 ? "-" : ""
        for (unit, factor) in binaryUnits where size >= UInt64(factor) {
            // Bounded: 64 bits in 128.
            let tenths = (Int128(size) * 10) / Int128(factor)
            return "\(sign)\(tenths / 10).\(tenths % 10) \(unit)"
        }
        return "\(sign)\(size) B"
    }

    /// The size in the largest binary unit that needs no fraction, as it may be written in a configuration: `1GiB`.
    package static func exact(bytes: Int64) -> String {
        for (unit, factor) in binaryUnits where bytes != 0 && bytes % factor == 0 {
            return "\(bytes / factor)\(unit)"
        }
        return "\(bytes)"
    }

    private static let binaryUnits: [(String, Int64)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10),
    ]

    // `B` stands last: the others end in it too.
    private static let units: [(String, Int64)] =
        binaryUnits + [
            ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1000), ("kB", 1000),
            ("B", 1),
        ]
}
