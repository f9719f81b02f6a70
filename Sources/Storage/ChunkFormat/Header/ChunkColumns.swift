import Expvar

/// The column of each leaf of a shape; -1 for slots of the rings.
///
/// A day may have dozens of shapes, and two leaves of three are slots of the rings: those take no room.
struct ChunkColumns: RandomAccessCollection, Sendable {
    /// The columns of the leaves outside the rings, in order.
    private var columns: [Int32]
    /// Where the two rings begin, ascending; past all leaves where there are none.
    private let firstRing: Int
    private let secondRing: Int
    let endIndex: Int

    /// Of so many leaves; those outside the rings are appended.
    init(leafCount: Int, rings: ChunkTable.Rings?) {
        endIndex = leafCount
        firstRing = rings.map { Swift.min($0.pauses, $0.ends) } ?? leafCount
        secondRing = rings.map { Swift.max($0.pauses, $0.ends) } ?? leafCount
        columns = []
        columns.reserveCapacity(leafCount - (rings == nil ? 0 : 2 * PauseRing.slots))
    }

    /// Of those columns, of which those of the rings' slots are -1.
    init(_ all: some Collection<Int>, rings: ChunkTable.Rings?) {
        self.init(leafCount: all.count, rings: rings)
        for column in all where column >= 0 { append(column) }
    }

    /// The column of the next leaf outside the rings.
    mutating func append(_ column: Int) { columns.append(Int32(truncatingIfNeeded: column)) }

    var startIndex: Int { 0 }

    subscript(leaf: Int) -> Int {
        let slots = PauseRing.slots
        if leaf < firstRing { return Int(columns[leaf]) }
        if leaf < firstRing + slots { return -1 }
        if leaf < secondRing { return Int(columns[leaf - slots]) }
        return leaf < secondRing + slots ? -1 : Int(columns[leaf - 2 * slots])
    }

    /// The columns of the leaves outside the rings, in order.
    var outsideRings: [Int32] { columns }

    /// How many bytes it takes in memory, about.
    var byteCount: Int { columns.count * 4 + 64 }
}
