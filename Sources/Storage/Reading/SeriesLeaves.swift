import Expvar
import Model

/// Which leaf of each shape carries the asked series.
///
/// Names are compared by their bytes: two keys that Unicode holds equivalent are two series.
struct SeriesLeaves {
    /// The places of each asked name, by its bytes.
    private let asked: [[UInt8]: [Int]]
    let count: Int
    private var known: [ShapeID: [Int]] = [:]
    private var last: (id: ShapeID, indexes: [Int])?

    /// The series of these names; nil for one that the target does not have.
    init(names: [String?]) {
        var asked: [[UInt8]: [Int]] = [:]
        for (index, name) in names.enumerated() {
            if let name { asked[Array(name.utf8), default: []].append(index) }
        }
        self.asked = asked
        count = names.count
    }

    /// The index of the leaf of each series in that shape, -1 where the shape lacks it.
    mutating func indexes(in shape: Shape, id: ShapeID) -> [Int] {
        if let last, last.id == id { return last.indexes }
        let indexes = known[id] ?? find(in: shape)
        known[id] = indexes
        last = (id, indexes)
        return indexes
    }

    private func find(in shape: Shape) -> [Int] {
        var found = [Int](repeating: -1, count: count)
        for series in shape.series where shape.leafKinds.indices.contains(series.leaf) {
            for index in asked[Array(series.name.utf8)] ?? [] { found[index] = series.leaf }
        }
        return found
    }
}
