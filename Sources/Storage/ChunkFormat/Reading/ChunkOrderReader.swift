import Codec
import Expvar

/// Reads in which orders the documents of a chunk were served, one after the other.
struct ChunkOrderReader {
    private var coder = PermutationCoder()
    private var decoder: RangeDecoder
    private let first: Int
    private var sizes: [ShapeID: [Int]] = [:]
    /// The document whose order comes next.
    private(set) var next = 0

    init(_ bytes: [UInt8]) throws(CodecError) {
        var reader = ByteReader(bytes)
        first = bytes.isEmpty ? .max : try reader.count(max: ChunkLimits.rowsMax, "documents")
        decoder = RangeDecoder(Array(bytes[reader.offset...]))
    }

    /// The order of the next document.
    mutating func order(of id: ShapeID, shape: (ShapeID) throws -> Shape) throws -> [UInt16] {
        defer { next += 1 }
        guard next >= first else { return [] }
        if sizes[id] == nil { sizes[id] = MemberOrder(skeleton: try shape(id).skeleton)?.sizes ?? [] }
        return coder.decode(sizes[id] ?? [], of: id.value, from: &decoder)
    }
}

extension ChunkDecoder {
    /// The bytes of the stream of orders, checked.
    private func orderBytes() throws -> [UInt8] {
        let entry = header.streams[ChunkStream.orders]
        if let inline = entry.inline { return inline }
        do {
            let start = streamsOffset + entry.offset
            let (stored, range) = try source.part(start..<start + entry.size)
            guard Checksum.crc32c(stored[range]) == entry.checksum else { throw CodecError.checksum }
            return Array(stored[range])
        } catch {
            throw try Self.wrapping(error, "the orders of its documents")
        }
    }

    /// Whether documents were served in another order than their shapes'.
    var hasOrders: Bool { !(header.streams[ChunkStream.orders].inline?.isEmpty ?? false) }

    /// In which order a document was served; cheap for documents one after the other.
    func order(of document: ChunkDocument, shape: (ShapeID) throws -> Shape) throws -> [UInt16] {
        guard hasOrders else { return [] }
        do {
            if (orderReader?.next ?? .max) > document.number {
                orderReader = try ChunkOrderReader(orderBytes())
            }
            var order: [UInt16] = []
            let documents = try documents()
            while let next = orderReader?.next, next <= document.number {
                let id = header.shapes[documents[next].shape].id
                order = try orderReader?.order(of: id, shape: shape) ?? []
            }
            return order
        } catch {
            throw try Self.wrapping(error, "the orders of its documents")
        }
    }

    /// What tells the orders of all documents apart.
    func orderPrint(shape: (ShapeID) throws -> Shape) throws -> OrderPrint {
        var print = OrderPrint()
        guard hasOrders else { return print }
        for document in try documents() {
            print.add(try order(of: document, shape: shape), of: document.number)
        }
        return print
    }

    /// That the stream of orders is what was written.
    func checkOrders() throws { if hasOrders { _ = try orderBytes() } }
}
