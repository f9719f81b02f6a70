import Codec
import Expvar
import Model

/// All columns of a chunk, decoded, as what makes texts.
struct ChunkLeafTexts {
    private let kinds: [ChunkLeafColumn.Kind]
    /// By column, its values: integers, the bits of doubles, places in `texts`.
    private let values: [[Int64]]
    /// By column, which documents in columns have it; nil where all.
    private let rows: [[Int]?]
    /// Whether a column's text is the same for all documents.
    let isConstant: [Bool]
    /// By column, the texts that its values are places of.
    private let texts: [[[UInt8]]]
    private let exceptions: [Int: [Int: [UInt8]]]
    private let hasExceptions: [Bool]

    init(_ decoder: ChunkDecoder) throws {
        let header = decoder.header
        let needsTexts = header.columns.contains { $0.kind == .text || $0.hasExceptions }
        let texts = needsTexts ? try decoder.texts() : nil
        hasExceptions = header.columns.map(\.hasExceptions)
        exceptions = (texts?.exceptions ?? [:]).mapValues { list in
            Dictionary(list.map { ($0.row, $0.text) }, uniquingKeysWith: { a, _ in a })
        }
        var kinds: [ChunkLeafColumn.Kind] = []
        var values: [[Int64]] = []
        var rows: [[Int]?] = []
        var ofColumns: [[[UInt8]]] = []
        var isConstant: [Bool] = []
        for (index, entry) in header.columns.enumerated() {
            rows.append(try decoder.columnRows(index))
            ofColumns.append(entry.kind == .text ? texts?.ofColumns[index] ?? [] : [])
            kinds.append(entry.kind)
            switch try decoder.values(of: entry) {
            case .integers(let column):
                values.append(column)
                let count = Int64(ofColumns[index].count)
                guard entry.kind != .text || column.allSatisfy({ $0 >= 0 && $0 < count }) else {
                    throw ChunkError.damaged("a text's place")
                }
            case .doubles(let column):
                guard column.allSatisfy(\.isFinite) else { throw ChunkError.damaged("an infinite number") }
                values.append(column.map { Int64(bitPattern: $0.bitPattern) })
            }
            let column = values[index]
            isConstant.append(
                rows[index] == nil && !entry.hasExceptions && column.allSatisfy { $0 == column[0] }
            )
        }
        (self.kinds, self.values, self.rows, self.texts, self.isConstant) = (
            kinds, values, rows, ofColumns, isConstant
        )
    }

    /// Where in a column the value of that document stands; nil where it has none.
    @inline(__always)
    func place(_ column: Int, _ columnRow: Int) -> Int? {
        guard let rows = rows[column] else { return columnRow }
        let place = ChunkDecoder.index(of: columnRow, in: rows)
        return place < rows.count ? place : nil
    }

    /// Appends the text of a value.
    @inline(__always)
    func append(_ column: Int, _ place: Int, to output: ChunkBodyBuffer) {
        if hasExceptions[column], let text = exceptions[column]?[place] {
            output.append(text, text.indices)
            return
        }
        let value = values[column][place]
        switch kinds[column] {
        case .signed: output.append(value)
        case .unsigned: output.append(UInt64(bitPattern: value))
        case .json: output.append(Double(bitPattern: UInt64(bitPattern: value)), .json)
        case .general: output.append(Double(bitPattern: UInt64(bitPattern: value)), .shortestGeneral)
        case .text:
            let text = texts[column][Int(value)]
            output.append(text, text.indices)
        }
    }

    /// The integer of a value, as bits; nil where the column is none.
    func bits(_ column: Int, _ columnRow: Int) -> Int64? {
        guard kinds[column] == .signed || kinds[column] == .unsigned, let place = place(column, columnRow)
        else {
            return nil
        }
        return values[column][place]
    }
}

/// Where a body is put together: memory that is kept from body to body.
///
/// Appending to an array costs a check of its uniqueness each time, a third of the whole; so plain memory, owned here.
final class ChunkBodyBuffer {
    private var bytes: UnsafeMutableRawBufferPointer
    private(set) var count = 0
    private var scratch: [UInt8] = []

    init() { bytes = .allocate(byteCount: 16 * 1024, alignment: 8) }

    deinit { bytes.deallocate() }

    /// Forgets what it holds.
    func removeAll() { count = 0 }

    /// What it holds.
    func array() -> [UInt8] { Array(UnsafeRawBufferPointer(rebasing: bytes[..<count])) }

    /// Makes room for `more` bytes.
    @inline(__always)
    private func reserve(_ more: Int) {
        if bytes.count &- count < more { grow(more) }
    }

    private func grow(_ more: Int) {
        let larger = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(bytes.count * 2, count + more),
            alignment: 8
        )
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        bytes.deallocate()
        bytes = larger
    }

    /// Appends a part of an array.
    @inline(__always)
    func append(_ source: [UInt8], _ range: Range<Int>) {
        source.withUnsafeBytes { append(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    @inline(__always)
    private func append(_ source: UnsafeRawBufferPointer) {
        guard let start = source.baseAddress else { return }
        reserve(source.count)
        // Never empty: 16 KiB at first.
        (bytes.baseAddress.unsafelyUnwrapped + count).copyMemory(from: start, byteCount: source.count)
        count &+= source.count
    }

    /// Appends an integer.
    @inline(__always)
    func append(_ value: Int64) {
        if value < 0 {
            reserve(1)
            bytes[count] = UInt8(ascii: "-")
            count &+= 1
        }
        append(value.magnitude)
    }

    /// Appends an integer.
    @inline(__always)
    func append(_ value: UInt64) {
        reserve(24)
        count &+= DecimalText.write(value, at: bytes.baseAddress.unsafelyUnwrapped + count)
    }

    /// Appends a double as Go spells it.
    func append(_ value: Double, _ format: GoNumberFormat) {
        scratch.removeAll(keepingCapacity: true)
        GoNumberText.append(value, format, to: &scratch)
        append(scratch, 0..<scratch.count)
    }
}
