/// Sizes as people write them: `512`, `16KiB`, `500MB`, `1GiB`.
package enum SizeText {
    /// What a size must look like, for error messages.
    package static let rule =
        "a size is a number of bytes, or one with KiB, MiB, GiB, KB, MB or GB, as in 1GiB"

    /// The size in bytes; nil where `text` is none, or too large for Int64.
    ///
    /// A fraction is allowed where it comes out in whole bytes (`1.5KiB`). `KB` is 1000 bytes, `KiB` 1024.
    package static func bytes(_ text: String) -> Int64? {
        for (unit, factor) in units where text.hasSuffix(unit) {
            return DecimalText.multiply(text.utf8.dropLast(unit.utf8.count), by: factor)
        }
        return DecimalText.multiply(text.utf8, by: 1)
    }

    /// The size in the largest binary unit, with one decimal, cut and not rounded: `512 B`, `1.5 MiB`.
    ///
    /// For people; see `exact(bytes:)` for what may be read back.
    package static func format(bytes: Int64) -> String {
        let size = bytes.magnitude
        let sign = bytes < 0 ? "-" : ""
        for (unit, factor) in binaryUnits where size >= UInt64(factor) {
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
