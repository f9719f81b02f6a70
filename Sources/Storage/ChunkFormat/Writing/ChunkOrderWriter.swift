import Codec
import Expvar

/// In which orders the documents of a chunk were served, while it is made.
///
/// Coded as documents are added, so that nothing is kept of an order but its bits. Documents before the first that was
/// served in another order than its shape's are only counted: most chunks have none such.
struct ChunkOrderWriter {
    private var coder = PermutationCoder()
    private var encoder = RangeEncoder()
    private var count = 0
    /// The first document with an order of its own.
    private var first: Int?
    private var sizes: [ShapeID: [Int]] = [:]
    /// What tells all orders apart, without keeping them.
    private(set) var print = OrderPrint()

    /// Adds the next document.
    mutating func append(_ order: [UInt16], of id: ShapeID, _ shape: Shape) {
        let document = count
        count += 1
        print.add(order, of: document)
        if first == nil {
            guard !order.isEmpty else { return }
            first = document
        }
        let sizes = self.sizes[id] ?? MemberOrder(skeleton: shape.skeleton)?.sizes ?? []
        self.sizes[id] = sizes
        // An order of another shape cannot be coded: what is read back tells that it is missing.
        let isFitting = order.isEmpty || order.count == sizes.reduce(0, +)
        coder.encode(isFitting ? order : [], sizes, of: id.value, into: &encoder)
    }

    /// The stream; empty where no document has an order of its own.
    var bytes: [UInt8] {
        guard let first else { return [] }
        var writer = ByteWriter()
        writer.count(first)
        writer.raw(encoder.finish())
        return writer.bytes
    }
}

/// What tells the orders of documents apart without keeping them; it guards against mistakes of ours, not against forgery.
struct OrderPrint: Equatable {
    private var hash: UInt64 = 0

    mutating func add(_ order: [UInt16], of document: Int) {
        guard !order.isEmpty else { return }
        step(UInt64(truncatingIfNeeded: document))
        for place in order { step(UInt64(place)) }
    }

    @inline(__always)
    private mutating func step(_ word: UInt64) {
        let product = (hash ^ word &+ 1).multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
        hash = product.high ^ product.low
    }
}
