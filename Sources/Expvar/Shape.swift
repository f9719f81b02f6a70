package import Model

/// A series as a shape of documents holds it: which leaf carries it.
package struct ShapeSeries: Hashable, Sendable {
    /// Its name, as cli.md spells names.
    package var name: String
    /// The index of its leaf.
    package var leaf: Int
    /// The index in `Shape.maps` of the object that holds it directly, if that is a map (an object below the
    /// top level, outside memstats); nil elsewhere.
    package var map: Int?

    /// The series of that name.
    package init(name: String, leaf: Int, map: Int?) {
        self.name = name
        self.leaf = leaf
        self.map = map
    }
}

/// Where a shape holds memstats.
///
/// Only there if the top-level memstats is an object.
package struct MemStatsLeaves: Hashable, Sendable {
    /// The leaves that memstats holds directly, strings and nulls too, by field.
    package var fields: [String: Int] = [:]
    /// The leaves of PauseNs; nil unless that is an array of nothing but numbers, be they ever so many.
    package var pauseRing: Range<Int>?
    /// The leaves of PauseEnd, likewise.
    package var endRing: Range<Int>?
    /// The leaf of NumGC, if it is a number.
    package var collectionCount: Int?
    /// The leaf of TotalAlloc, likewise.
    package var totalAllocatedBytes: Int?
    /// The leaf of Mallocs, likewise.
    package var mallocs: Int?
    /// The leaf of Frees, likewise.
    package var frees: Int?
    /// The leaf of PauseTotalNs, likewise.
    package var pauseTotalNanoseconds: Int?
}

/// What a skeleton says once for all documents that share it: the names of the leaves, and where memstats is.
///
/// Of duplicate keys the last counts, at every level; nothing below an earlier one is a series, a map or a field.
/// Keys are the same where JSON's and Go's escapes make them the same, so `"\u0061"` and `"a"` are, and `"é"` in two normal
/// forms is not. Elements of BySize that have the same name count as duplicates too.
package final class Shape: Sendable {
    /// So many numeric leaves of a document are series: those of memstats, then by the bytes of their paths.
    package static let seriesMax = 10_000
    /// So many maps are told apart; an object after them is none.
    ///
    /// Beyond what `seriesMax` needs, this only limits
    /// what a hostile document may cost.
    package static let mapsMax = 10_000
    /// So many bytes may the names of series have in all, and so many those of maps; the others are no series and no map.
    package static let nameBytesMax = 4 * 1024 * 1024

    /// The skeleton.
    package let skeleton: [UInt8]
    /// The kind of each leaf, in the order of the body.
    package let leafKinds: [LeafKind]
    /// The numeric leaves (numbers and booleans) that are series, in the order of the body; names are unique.
    package let series: [ShapeSeries]
    /// The paths of the maps (objects below the top level, outside memstats), each once, as names of series begin.
    package let maps: [String]
    /// The leaves that cannot be read, in the order of the body, named as series are; a limit as theirs.
    package let unread: [ShapeSeries]
    /// True where there were more than 10 000 numeric leaves, so that some are no series.
    package let isSeriesLimited: Bool
    /// Where memstats is; nil where it is missing, null or broken.
    package let memStats: MemStatsLeaves?
    /// The leaves of the arguments; nil unless the top-level cmdline is an array of nothing but strings.
    package let commandLine: Range<Int>?
    /// Every leaf below a top-level cmdline of any form, those of overruled duplicates too: what a recorder that
    /// must not keep arguments replaces.
    package let commandLineLeaves: [Int]

    /// Where in the skeleton each leaf's marker stands.
    private let markers: [Int32]
    /// What the maps are called, by the bytes of the name: Strings that look alike may be different keys.
    private let mapNames: Set<[UInt8]>

    /// Reads a skeleton, one of ours or one out of a file.
    ///
    /// Cost: linear, some seven times a scan.
    /// - Throws: `DocumentError` where it is none.
    package init(skeleton: [UInt8]) throws(DocumentError) {
        let structure = try ShapeStructure(skeleton: skeleton)
        var namer = ShapeNamer(structure: structure)
        try namer.run(skeleton)
        self.skeleton = skeleton
        leafKinds = structure.leafKinds
        markers = structure.markers
        maps = namer.maps
        mapNames = Set(namer.maps.map { Array($0.utf8) })
        unread = namer.unread
        memStats = namer.memStats
        commandLine = namer.commandLine
        commandLineLeaves = namer.commandLineLeaves
        (series, isSeriesLimited) = namer.series()
    }

    /// Whether the document has a map of that path.
    package func hasMap(_ path: String) -> Bool {
        mapNames.contains(Array(path.utf8))
    }

    /// The body: the skeleton with the spellings in `leaves` put in, one for each leaf.
    ///
    /// Whether there are as many as `leafKinds` is the caller's to check; one that lacks is left out.
    package func body(leaves: [ArraySlice<UInt8>]) -> [UInt8] {
        var body: [UInt8] = []
        body.reserveCapacity(leaves.reduce(skeleton.count) { $0 + $1.count })
        var copied = 0
        for (index, marker) in markers.enumerated() {
            let marker = Int(marker)
            if marker - copied == 1 {
                // The comma of an array: dearer to call memcpy for.
                body.append(skeleton[copied])
            } else {
                body.append(contentsOf: skeleton[copied..<marker])
            }
            if index < leaves.count { body.append(contentsOf: leaves[index]) }
            copied = afterMarker(marker)
        }
        body.append(contentsOf: skeleton[copied...])
        return body
    }

    private func afterMarker(_ marker: Int) -> Int {
        guard skeleton[marker] == SkeletonMarker.size else { return marker + 1 }
        return (skeleton[marker...].firstIndex(of: SkeletonMarker.sizeEnd) ?? marker) + 1
    }

    /// The value of a numeric leaf of `body`; nil for a number beyond the range of double, and for what is no number.
    ///
    /// `true` is 1 and `false` 0; `-0` is the integer 0.
    package static func number(_ leaf: Leaf, in body: [UInt8]) -> Number? {
        switch leaf.kind {
        case .number: NumberText.value(leaf.spelling(in: body))
        case .boolean: .integer(leaf.length == 4 ? 1 : 0)
        case .string, .null, .broken: nil
        }
    }

    /// The spelling of a number that memstats of `body` holds directly; nil where it is absent or no number.
    package func memStatsNumber(
        _ field: String,
        in document: ScannedDocument,
        body: [UInt8],
    ) -> ArraySlice<UInt8>? {
        guard let index = memStats?.fields[field], index < document.leaves.count,
            document.leaves[index].kind == .number
        else { return nil }
        return document.leaves[index].spelling(in: body)
    }
}
