import Codec
package import Expvar
import Model

extension ChunkDecoder {
    /// The body of a row; of a failed scrape what is kept of it.
    ///
    /// Decodes the whole chunk: for many, see `forEachBody`.
    package func body(row: Int, shape: (ShapeID) throws -> Shape) throws -> [UInt8] {
        var result: [UInt8] = []
        try forEachBody(in: row..<row + 1, shape: shape) { _, body in result = body }
        return result
    }

    /// Calls `body` with the bodies of those rows, in order, each in the order of its shape; of failed scrapes with what is
    /// kept of them.
    ///
    /// All columns are decoded first, some 20 ms and 20 MB for a day at 10 s; then each body takes some µs.
    /// Rows outside the chunk are left out, and those that are not wanted.
    package func forEachBody(
        in rows: Range<Int>,
        where isWanted: (Int) -> Bool = { _ in true },
        shape find: (ShapeID) throws -> Shape,
        _ body: (Int, [UInt8]) throws -> Void
    ) throws {
        try forEachTidyBody(in: rows, where: isWanted, hasOrders: false, shape: find) {
            try body($0, $1.bytes)
        }
    }

    /// The same, with the orders that they were served in where `hasOrders`.
    func forEachTidyBody(
        in rows: Range<Int>,
        where isWanted: (Int) -> Bool = { _ in true },
        hasOrders: Bool = true,
        shape find: (ShapeID) throws -> Shape,
        _ body: (Int, TidyBody) throws -> Void
    ) throws {
        let rows = rows.clamped(to: 0..<rowCount)
        let documents = try documents()
        let blobs = header.rowCount > header.columnRowCount ? try blobs() : nil
        let source = try ChunkLeafTexts(self)
        var makers: [ChunkBodyMaker?] = header.shapes.map { _ in nil }
        var rings = try ChunkRingReader(self)
        let output = ChunkBodyBuffer()
        var next = 0
        var failure = 0
        for row in 0..<rows.upperBound {
            let isWanted = rows.contains(row) && isWanted(row)
            guard next < documents.count, documents[next].row == row else {
                // Blobs are numbered over failed and raw rows.
                if isWanted { try body(row, TidyBody(blobs?.blob(failure) ?? [])) }
                failure += 1
                continue
            }
            let document = documents[next]
            next += 1
            let order = hasOrders && isWanted ? try self.order(of: document, shape: find) : []
            if document.isRaw {
                if isWanted { try body(row, TidyBody(blobs?.blob(document.place) ?? [], order: order)) }
                failure += 1
                continue
            }
            let entry = header.shapes[document.shape]
            if entry.rings != nil { try rings.advance(to: document, source) }
            guard isWanted else { continue }
            if makers[document.shape] == nil {
                makers[document.shape] = try ChunkBodyMaker(entry, try find(entry.id), source)
            }
            guard let made = makers[document.shape]?.body(document, rings.current, source, output) else {
                throw ChunkError.damaged("a document that cannot be put together")
            }
            try body(row, TidyBody(made, order: order))
        }
    }
}
