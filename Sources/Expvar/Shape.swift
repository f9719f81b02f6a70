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
}

/// What a skeleton says once for all documents that share it: the names of the leaves, and where memstats is.
package final class Shape: Sendable {
    /// The skeleton.
    package let skeleton: [UInt8]
    /// The kind of each leaf, in the order of the body.
    package let leafKinds: [LeafKind]
    /// The numeric leaves (numbers and booleans) that are series, in the order of the body.
    package let series: [ShapeSeries]
    /// The paths of the maps (objects below the top level, outside memstats), each once.
    package let maps: [String]
    /// True where there were more than 10 000 numeric leaves, so that the later ones are no series.
    package let isSeriesLimited: Bool

    /// Reads a skeleton, one of ours or one out of a file.
    ///
    /// - Throws: `DocumentError` where it is none.
    package init(skeleton: [UInt8]) throws(DocumentError) {
        fatalError("pending")
    }

    /// The body: the skeleton with the spellings in `leaves` (one for each leaf) put in.
    package func body(leaves: [ArraySlice<UInt8>]) -> [UInt8] {
        fatalError("pending")
    }

    /// The value of a numeric leaf of `body`; nil for a number beyond the range of double.
    package static func number(_ leaf: Leaf, in body: [UInt8]) -> Number? {
        fatalError("pending")
    }
}
