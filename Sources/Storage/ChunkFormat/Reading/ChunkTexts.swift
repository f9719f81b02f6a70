import Codec

/// A document's place in a chunk.
struct ChunkDocument {
    /// Its number among the documents.
    var number: Int
    /// Its row.
    var row: Int
    /// The index of its shape.
    var shape: Int
    var isRaw: Bool
    /// Its number among the documents in columns, or of its blob.
    var place: Int
}

/// The texts of a chunk, taken apart.
struct ChunkTexts {
    /// Why scrapes failed.
    private(set) var reasons: [[UInt8]] = []
    /// By column, its texts.
    private(set) var ofColumns: [Int: [[UInt8]]] = [:]
    /// By column, the numbers of the values that are exceptions, ascending, and their texts.
    private(set) var exceptions: [Int: [(row: Int, text: [UInt8])]] = [:]

    init(_ bytes: [UInt8], header: ChunkHeader) throws(CodecError) {
        var reader = ByteReader(bytes)
        var bytesLeft = ChunkLimits.textBytesMax
        if header.rowCount > header.documentCount { reasons = try Self.list(&reader, &bytesLeft) }
        for (index, column) in header.columns.enumerated() where column.kind == .text {
            ofColumns[index] = try Self.list(&reader, &bytesLeft)
        }
        for (index, column) in header.columns.enumerated() where column.hasExceptions {
            let texts = try Self.list(&reader, &bytesLeft)
            var next = 0
            exceptions[index] = try texts.map { (text) throws(CodecError) in
                let gap = try reader.count(max: column.count, "an exception's place")
                guard gap < column.count - next else { throw .malformed("an exception's place") }
                defer { next += gap + 1 }
                return (next + gap, text)
            }
        }
        guard reader.isAtEnd else { throw .malformed("bytes after the texts") }
    }

    private static func list(
        _ reader: inout ByteReader,
        _ bytesLeft: inout Int
    ) throws(CodecError) -> [[UInt8]] {
        let list = try BytesColumn.read(&reader, countMax: ChunkLimits.rowsMax, bytesMax: bytesLeft)
        bytesLeft -= list.reduce(0) { $0 + $1.count }
        return list
    }
}

/// The blobs of a chunk.
struct ChunkBlobs {
    let bytes: [UInt8]
    private var starts: [Int] = [0]

    init(_ bytes: [UInt8], sizes: [Int64]) throws(CodecError) {
        self.bytes = bytes
        for size in sizes {
            let start = starts[starts.count - 1]
            guard size >= 0, size <= Int64(bytes.count - start) else { throw .malformed("a blob's size") }
            starts.append(start + Int(size))
        }
        guard starts[starts.count - 1] == bytes.count else { throw .malformed("bytes after the blobs") }
    }

    /// The blob of that number; empty where there is none.
    func blob(_ number: Int) -> [UInt8] {
        guard number >= 0, number + 1 < starts.count else { return [] }
        return Array(bytes[starts[number]..<starts[number + 1]])
    }
}
