import Codec
package import Expvar
import Model

extension ChunkDecoder {
    /// What the header knows of a series, without decoding it; nil where it knows nothing, or documents are raw.
    ///
    /// `leaves` says for each shape of the chunk, in the order of `shapes`, which leaf carries the series.
    package func statistics(leaves: [Int?]) -> ChunkColumnStatistics? {
        // Without statistics the column is read, which tells what is wrong with it.
        guard header.columnRowCount == header.documentCount, let column = try? column(leaves: leaves) else {
            return nil  // damage shows when the column is decoded
        }
        return header.columns[column].statistics
    }

    /// The one column that carries a series in all shapes that have it; nil where none does or several.
    func column(leaves: [Int?]) throws -> Int? {
        var result: Int?
        for (shape, leaf) in zip(header.shapes, leaves) {
            guard let leaf else { continue }
            guard shape.columns.indices.contains(leaf) else {
                throw ChunkError.damaged("a shape has fewer leaves")
            }
            let column = shape.columns[leaf]
            if column < 0 || (result != nil && result != column) { return nil }
            result = column
        }
        return result
    }

    /// The values of a series, one for each document.
    ///
    /// `leaves` says for each shape of the chunk, in the order of `shapes`, which leaf carries the series; nil where
    /// the shape lacks it. `shape` finds shapes; it is called only where documents are raw.
    package func series(leaves: [Int?], shape: (ShapeID) throws -> Shape) throws -> SeriesColumn {
        guard leaves.contains(where: { $0 != nil }) else { return .absent }
        if header.columnRowCount == header.documentCount, let index = try column(leaves: leaves) {
            let entry = header.columns[index]
            if entry.count == header.documentCount, !entry.hasExceptions {
                switch (entry.kind, try values(of: entry)) {
                case (.signed, .integers(let values)): return .integers(values)
                case (.json, .doubles(let values)), (.general, .doubles(let values)):
                    if !entry.hasIntegers, values.allSatisfy(\.isFinite) { return .reals(values) }
                default: break
                }
            }
            // Without raw documents a document's number is that of its row in the columns.
            let numbers = try numbers(index)
            guard let rows = try columnRows(index) else { return Self.narrowed(numbers) }
            var result = [Number?](repeating: nil, count: header.documentCount)
            for (row, number) in zip(rows, numbers) { result[row] = number }
            return Self.narrowed(result)
        }
        return Self.narrowed(try mixed(leaves, shape))
    }

    /// The general case: any mixture of columns, texts and raw documents.
    private func mixed(_ leaves: [Int?], _ shape: (ShapeID) throws -> Shape) throws -> [Number?] {
        var result = [Number?](repeating: nil, count: header.documentCount)
        let documents = try documents()
        var columns: [Int: (numbers: [Number?], rows: [Int]?)] = [:]
        let blobs = documents.contains(where: \.isRaw) ? try blobs() : nil
        var scanned = ScannedDocument()
        for document in documents {
            guard document.shape < leaves.count, let leaf = leaves[document.shape] else { continue }
            let entry = header.shapes[document.shape]
            guard entry.columns.indices.contains(leaf) else {
                throw ChunkError.damaged("a shape has fewer leaves")
            }
            if document.isRaw {
                guard let body = blobs?.blob(document.place) else { continue }
                let kinds = try shape(entry.id).leafKinds.count
                do { try scanned.scan(body) } catch { continue }
                guard leaf < scanned.leaves.count, scanned.leaves.count == kinds else { continue }
                result[document.number] = Shape.number(scanned.leaves[leaf], in: body)
                continue
            }
            let column = entry.columns[leaf]
            // The rings are no series.
            guard column >= 0 else { continue }
            if columns[column] == nil { columns[column] = (try numbers(column), try columnRows(column)) }
            guard let (numbers, rows) = columns[column] else { continue }
            let place = rows.map { Self.index(of: document.place, in: $0) } ?? document.place
            guard place < numbers.count else { throw ChunkError.damaged("a column of another length") }
            result[document.number] = numbers[place]
        }
        return result
    }

    /// What the texts of a column tell of any `count` of its values: no text is a number, or there is one text.
    func knowledge(ofText column: Int, count: Int) throws -> SeriesSummary.Knowledge {
        let entry = header.columns[column]
        let numbers = (try texts().ofColumns[column] ?? []).map(Self.number)
        if numbers.allSatisfy({ $0 == nil }) { return .absent }
        guard numbers.count == 1, let number = numbers[0], number.exactInteger != nil,
            !entry.hasExceptions, entry.count == header.documentCount
        else { return .unknown }
        return .statistics(ChunkColumnStatistics(of: number, count: count))
    }

    /// The numbers of a column, nil for what is none.
    private func numbers(_ index: Int) throws -> [Number?] {
        let entry = header.columns[index]
        var numbers: [Number?]
        switch (entry.kind, try values(of: entry)) {
        case (.text, .integers(let places)):
            let texts = try texts()
            let ofTexts = (texts.ofColumns[index] ?? []).map(Self.number)
            numbers = try places.map { place in
                guard place >= 0, place < Int64(ofTexts.count) else {
                    throw ChunkError.damaged("a text's place")
                }
                return ofTexts[Int(place)]
            }
        case (let kind, .integers(let values)):
            numbers = values.map { ChunkHeader.number($0, kind) }
        case (let kind, .doubles(let values)):
            let format = kind.format ?? .json
            numbers = values.map { $0.isFinite ? ChunkHeader.number($0, format) : nil }
        }
        if entry.hasExceptions {
            let texts = try texts()
            for exception in texts.exceptions[index] ?? [] {
                numbers[exception.row] = Self.number(exception.text)
            }
        }
        return numbers
    }

    /// The number that a leaf's text is.
    private static func number(_ text: [UInt8]) -> Number? {
        guard let first = text.first else { return nil }
        let kind: LeafKind
        switch first {
        case UInt8(ascii: "t") where text.elementsEqual("true".utf8): kind = .boolean
        case UInt8(ascii: "f") where text.elementsEqual("false".utf8): kind = .boolean
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): kind = .number
        default: return nil
        }
        let body = Array(text)
        return Shape.number(
            Leaf(offset: 0, length: Int32(truncatingIfNeeded: body.count), kind: kind),
            in: body
        )
    }

    private static func narrowed(_ numbers: [Number?]) -> SeriesColumn {
        var integers: [Int64] = []
        var reals: [Double] = []
        for number in numbers {
            switch number {
            case .integer(let value) where reals.isEmpty: integers.append(value)
            case .real(let value) where integers.isEmpty: reals.append(value)
            default: return numbers.allSatisfy({ $0 == nil }) ? .absent : .mixed(numbers)
            }
        }
        return reals.isEmpty ? .integers(integers) : .reals(reals)
    }
}
