import Codec
import Expvar
import Model

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Reads a chunk that was just made, and compares it with what was put in.
///
/// Everything is decoded from the chunk's bytes, and compared whole: what is known of each row, the layout of shapes, the
/// values of every column, texts, exceptions, blobs. A document's text follows from these, since a spelling is only taken
/// for a value where it is the one that the value is written as (`DecimalText.parse`, `ChunkLeafColumn`), a skeleton
/// only where it is the shape's (`ChunkTable`). That the text is put together from them as it was is tried for some
/// rows: the first of each shape, and one of 64. Putting all together cost 6 µs a scrape more, and showed no more.
struct ChunkReadBack {
    /// One row of so many is put together.
    static let sampleStride = 64

    let table: ChunkTable
    let planned: [ChunkStreamEncoder.Planned]
    /// The bodies of some rows.
    let samples: [Int: BodyPrint]

    /// What a chunk that was read back is good for.
    enum Verdict: Equatable {
        /// All comes back as it was put in.
        case sound
        /// The documents of these rows, never none, are to be kept raw: they would not come back.
        case keepRaw(Set<Int>)
        /// It does not come back, and no document is left that could be kept raw: this chunk must not be stored.
        case broken
    }

    /// Compares all of a chunk with what was put in.
    ///
    /// - Throws: `ChunkError.overLimit`, `.unavailable`; what finding a shape throws.
    func verdict(on bytes: [UInt8], shape: (ShapeID) throws -> Shape) throws -> Verdict {
        let uncounted = rowsWithoutCount()
        guard uncounted.isEmpty else { return .keepRaw(uncounted) }
        do {
            let decoder = try ChunkDecoder(bytes)
            if try holdsTable(decoder), try holdsSamples(decoder, shape),
                try decoder.orderPrint(shape: shape) == table.orders.print
            {
                return .sound
            }
        } catch ChunkError.damaged {
            // A mistake of ours, as everything here: what was given to us must be kept all the same.
        }
        // Where no document is in columns it is a row's own numbers that differ, and nothing kept raw mends them.
        let inColumns = rows { _ in true }
        return inColumns.isEmpty ? .broken : .keepRaw(inColumns)
    }

    /// The rows of documents in columns whose shape is as wanted.
    private func rows(_ isWanted: (ChunkTable.ShapeUse) -> Bool) -> Set<Int> {
        var rows: Set<Int> = []
        for (row, form) in table.streams[ChunkStream.form].enumerated() where form & 1 == 1 {
            if isWanted(table.shapes[Int((form - 1) / 2)]) { rows.insert(row) }
        }
        return rows
    }

    /// The rows whose rings have no count of collections.
    ///
    /// That must be an integer. Its column may have become something else by documents of another shape, with
    /// `"NumGC": 2.5` and no rings.
    private func rowsWithoutCount() -> Set<Int> {
        var isCount = [Bool](repeating: false, count: table.columns.count)
        for column in planned {
            isCount[column.index] = column.entry.kind.isInteger && !column.entry.hasExceptions
        }
        return rows { use in use.rings.map { !isCount[use.columns[$0.collectionCount]] } ?? false }
    }

    private func holdsSamples(_ decoder: ChunkDecoder, _ shape: (ShapeID) throws -> Shape) throws -> Bool {
        var isSame = true
        try decoder.forEachBody(in: 0..<table.rowCount, where: { samples[$0] != nil }, shape: shape) {
            row,
            body in
            if BodyPrint(body) != samples[row] { isSame = false }
        }
        return isSame
    }

    private func holdsTable(_ decoder: ChunkDecoder) throws -> Bool {
        let header = decoder.header
        guard header.rowCount == table.rowCount, header.documentCount == table.documentCount,
            header.columnRowCount == table.columnRowCount, header.columns.count == planned.count,
            holdsShapes(header)
        else { return false }
        for number in 0..<ChunkStream.storedCount {
            guard Self.isSame(try decoder.stream(number), table.streams[number]) else { return false }
        }
        let needsTexts =
            !table.reasons.isEmpty || header.columns.contains { $0.kind == .text || $0.hasExceptions }
        let texts = needsTexts ? try decoder.texts() : nil
        guard texts?.reasons ?? [] == table.reasons else { return false }
        for place in planned.indices {
            guard try holdsValues(decoder, place), holdsTexts(texts, place),
                holdsRows(try decoder.columnRows(place), table.columns[planned[place].index].rows)
            else { return false }
        }
        return try table.blobs.isEmpty || decoder.blobs().bytes.elementsEqual(table.blobs.joined())
    }

    private func holdsShapes(_ header: ChunkHeader) -> Bool {
        var places = [Int](repeating: 0, count: table.columns.count)
        for (place, column) in planned.enumerated() { places[column.index] = place }
        return header.shapes.count == table.shapes.count
            && zip(header.shapes, table.shapes).allSatisfy { entry, use in
                entry.id == use.id && entry.rowCount == use.rowCount && entry.rings == use.rings
                    && entry.columns.elementsEqual(use.columns.lazy.map { $0 < 0 ? -1 : places[$0] })
            }
    }

    private func holdsValues(_ decoder: ChunkDecoder, _ place: Int) throws -> Bool {
        let entry = decoder.header.columns[place]
        let column = planned[place].column
        guard entry.kind == column.kind, entry.count == column.count else { return false }
        return switch try decoder.values(of: entry) {
        case .integers(let values): Self.isSame(values, column.integers)
        case .doubles(let values): Self.isSame(values, column.doubles)
        }
    }

    private func holdsTexts(_ texts: ChunkTexts?, _ place: Int) -> Bool {
        let column = planned[place].column
        let exceptions = texts?.exceptions[place] ?? []
        return texts?.ofColumns[place] ?? [] == column.texts && exceptions.count == column.exceptions.count
            && zip(exceptions, column.exceptions).allSatisfy { $0.row == $1.row && $0.text == $1.text }
    }

    /// Whether a column is had by the same documents; where it is nil, by all.
    private func holdsRows(_ rows: [Int]?, _ expected: [Int32]?) -> Bool {
        guard let rows else { return expected.map { $0.count == table.columnRowCount } ?? true }
        return expected?.elementsEqual(rows) { Int($0) == $1 } ?? false
    }

    /// Whether both are the same bit by bit: zeros of both signs are not.
    private static func isSame<Value: BitwiseCopyable>(_ a: [Value], _ b: [Value]) -> Bool {
        guard a.count == b.count, !a.isEmpty else { return a.count == b.count }
        return a.withUnsafeBytes { a in
            b.withUnsafeBytes { b in
                // Not empty, and of one size.
                memcmp(a.baseAddress.unsafelyUnwrapped, b.baseAddress.unsafelyUnwrapped, a.count) == 0
            }
        }
    }
}

/// What tells bodies apart without keeping them: size, and 64 bits of all bytes.
///
/// It guards against mistakes of ours, not against forgery: two different bodies agree once in 2^64 times.
struct BodyPrint: Equatable {
    private var size: Int
    private var mixed: UInt64

    init(_ body: [UInt8]) {
        size = body.count
        mixed = body.withUnsafeBytes { Self.mix($0) }
    }

    /// Four lanes, so that one multiplication need not wait for the other: 9 kB take 0.4 µs instead of 2.
    private static func mix(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var a: UInt64 = 0x9e37_79b9_7f4a_7c15
        var b: UInt64 = 0xbf58_476d_1ce4_e5b9
        var c: UInt64 = 0x94d0_49bb_1331_11eb
        var d: UInt64 = 0xd6e8_feb8_6659_fd93
        var i = 0
        while i &+ 32 <= bytes.count {
            a = step(a, bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self))
            b = step(b, bytes.loadUnaligned(fromByteOffset: i &+ 8, as: UInt64.self))
            c = step(c, bytes.loadUnaligned(fromByteOffset: i &+ 16, as: UInt64.self))
            d = step(d, bytes.loadUnaligned(fromByteOffset: i &+ 24, as: UInt64.self))
            i &+= 32
        }
        while i < bytes.count {
            a = step(a, UInt64(bytes[i]))
            i &+= 1
        }
        return step(step(step(a, b), c), d)
    }

    /// Multiplication carries upwards only, so the high half is folded back each time.
    @inline(__always)
    private static func step(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        let product = (hash ^ word) &* 0xff51_afd7_ed55_8ccd
        return product ^ (product &>> 32)
    }
}
