package import Model
import Storage

/// A series that a target has, without a look at its samples.
package struct NamedSeries: Hashable, Sendable {
    /// The series' name, as cli.md spells names.
    package var name: String
    /// What its values are; nil for custom variables, whose samples only show it.
    package var kind: SeriesKind?
    /// The unit of its values; nil where it counts things or nobody knows.
    package var unit: Unit?
}

extension QueryEngine {
    /// All series that a target ever had, ascending by name; reads no scrape.
    ///
    /// - Throws: `QueryError.unknownTarget`.
    package func names(target: String) throws -> [NamedSeries] {
        guard try records([target]).first?.first != nil else { return [] }
        return try select(["*"], targets: [target]).flatMap { selected in
            selected.series.map { NamedSeries(name: $0.name, kind: $0.kind, unit: $0.unit) }
        }
    }

    /// The selector that matches the series of that name and no other, whatever stars it holds.
    package static func selector(exactly name: String) -> String {
        var bytes: [UInt8] = []
        for byte in name.utf8 {
            if byte == UInt8(ascii: "*") { bytes.append(UInt8(ascii: "\\")) }
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
