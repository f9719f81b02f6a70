import Codec
import Expvar
import Model

extension ChunkParts {
    /// Lengths of time that a part may span, in hours: the first that gives a part `rowsUsual` rows on average.
    private static let hours: [Int64] = [1, 3, 6, 12, 24, 48, 168, 336, 672]
    /// Some ten bytes for each of 120 columns that change: 0.7 a scrape with the 2160 rows of 6 hours at 10 s.
    private static let rowsUsual = 1200

    /// A chunk of that level with fewer rows has no parts: those that were just sealed are soon merged.
    static func rowsMin(_ level: ChunkLevel) -> Int { level == .cold ? 1 : 500 }

    /// The expanded parts of a chunk; nil where it is not to have any: too many of them, or documents that are raw.
    static func write(_ table: ChunkTable, _ planned: [ChunkStreamEncoder.Planned]) -> [UInt8]? {
        guard table.columnRowCount == table.documentCount, table.documentCount > 0,
            let stretches = stretches(table)
        else { return nil }
        var writer = ByteWriter()
        writer.count(stretches.count)
        writeRows(stretches, table, to: &writer)
        var columns = [durations(stretches, table)]
        for column in planned {
            var writer = ByteWriter()
            write(column, stretches, table.columns[column.index].rows, to: &writer)
            columns.append(writer.bytes)
        }
        for column in columns { writer.count(column.count) }
        for column in columns { writer.raw(column) }
        return writer.bytes
    }

    /// Consecutive rows, and the documents among them.
    private struct Stretch {
        var rows: Range<Int>
        var documents: Range<Int>
    }

    /// Cut where the run, the epoch or the hours change, and before a clock step; nil where that makes too many.
    private static func stretches(_ table: ChunkTable) -> [Stretch]? {
        let times = table.streams[ChunkStream.time]
        let epochs = table.streams[ChunkStream.epoch]
        let flags = table.streams[ChunkStream.flags]
        let forms = table.streams[ChunkStream.form]
        let runs = table.streams[ChunkStream.run]
        let span = (times.max() ?? 0) &- (times.min() ?? 0)
        guard span >= 0 else { return nil }
        let usual = hours.first { Int(span / ($0 * 3_600_000) + 1) * rowsUsual <= times.count } ?? 672
        let length = usual * 3_600_000
        func bucket(_ row: Int) -> Int64 {
            times[row] / length - (times[row] % length < 0 ? 1 : 0)
        }
        var result: [Stretch] = []
        var document = 0
        var run: Int64?
        for row in times.indices {
            let isDocument = forms[row] > 0
            let isStep = ChunkRowFlags(rawValue: flags[row]).contains(.isAfterStep)
            let isOther = isDocument && run != nil && runs[document] != run
            if row == 0 || isStep || isOther || epochs[row] != epochs[row - 1]
                || bucket(row) != bucket(row - 1)
                || times[row] <= times[row - 1]
            {
                guard result.count < ChunkLimits.partsMax else { return nil }
                result.append(Stretch(rows: row..<row, documents: document..<document))
                run = nil
            }
            result[result.count - 1].rows = result[result.count - 1].rows.lowerBound..<row + 1
            guard isDocument else { continue }
            run = runs[document]
            document += 1
            result[result.count - 1].documents = result[result.count - 1].documents.lowerBound..<document
        }
        return result
    }

    private static func writeRows(_ stretches: [Stretch], _ table: ChunkTable, to writer: inout ByteWriter) {
        let times = table.streams[ChunkStream.time]
        let epochs = table.streams[ChunkStream.epoch]
        let forms = table.streams[ChunkStream.form]
        let runs = table.streams[ChunkStream.run]
        var (lastEpoch, lastTime, lastRun) = (epochs[0], times[0], Int64(0))
        for stretch in stretches {
            let first = stretch.rows.lowerBound
            let last = stretch.rows.upperBound - 1
            writer.count(stretch.rows.count)
            writer.count(stretch.documents.count)
            writer.zigzag(epochs[first] &- lastEpoch)
            writer.zigzag(times[first] &- lastTime)
            writer.count(Int(times[last] - times[first]))
            (lastEpoch, lastTime) = (epochs[last], times[last])
            guard !stretch.documents.isEmpty,
                let firstDocument = stretch.rows.first(where: { forms[$0] > 0 }),
                let lastDocument = stretch.rows.last(where: { forms[$0] > 0 })
            else { continue }
            let run = runs[stretch.documents.lowerBound]
            writer.zigzag(run &- lastRun)
            lastRun = run
            writer.count(Int(times[firstDocument] - times[first]))
            writer.count(Int(times[lastDocument] - times[firstDocument]))
            writer.count(Int((forms[firstDocument] - 1) / 2))
            writer.count(Int((forms[lastDocument] - 1) / 2))
        }
    }

    /// The durations of all rows in seconds, as they are answered: nanoseconds over 10⁹, rounded to a double.
    private static func durations(_ stretches: [Stretch], _ table: ChunkTable) -> [UInt8] {
        let flags = table.streams[ChunkStream.flags]
        let durations = table.streams[ChunkStream.duration]
        var writer = ByteWriter()
        var base: Int64 = 0
        for stretch in stretches {
            let known = stretch.rows.filter { ChunkRowFlags(rawValue: flags[$0]).contains(.duration) }
            guard known.count == stretch.rows.count else {
                writer.byte(known.isEmpty ? 1 : 0)
                continue
            }
            let seconds = known.map { Double(durations[$0]) / 1e9 }
            write(seconds, hasSum: true, &base, to: &writer)
        }
        return writer.bytes
    }

    private static func write(
        _ planned: ChunkStreamEncoder.Planned,
        _ stretches: [Stretch],
        _ rows: [Int32]?,
        to writer: inout ByteWriter
    ) {
        let column = planned.column
        guard column.kind != .text, column.exceptions.isEmpty, column.count > 0 else { return }
        // Of one value in all documents the header tells everything.
        if rows == nil, let whole = planned.entry.statistics, whole.isConstant { return }
        var base: Int64 = 0
        var place = 0
        for stretch in stretches where !stretch.documents.isEmpty {
            var values = stretch.documents
            if let rows {
                let first = place
                while place < rows.count, Int(rows[place]) < stretch.documents.upperBound { place += 1 }
                values = first..<place
                guard values.count == stretch.documents.count else {
                    writer.byte(values.isEmpty ? 1 : 0)
                    continue
                }
            }
            if column.kind.format == nil {
                write(column.integers[values], isUnsigned: column.kind == .unsigned, &base, to: &writer)
            } else {
                // A whole number of 2⁵³ or more is another integer than its double: such a sum is not told.
                let doubles = Array(column.doubles[values])
                let hasSum = !planned.entry.hasIntegers || doubles.allSatisfy { $0.magnitude < 0x1p53 }
                write(doubles, hasSum: hasSum, &base, to: &writer)
            }
        }
    }

    private static func write(
        _ values: ArraySlice<Int64>,
        isUnsigned: Bool,
        _ base: inout Int64,
        to writer: inout ByteWriter
    ) {
        // Unsigned ones in their order.
        let flip: Int64 = isUnsigned ? .min : 0
        guard let first = values.first, let last = values.last else { return }
        var found = Extremes(first ^ flip)
        var sum: Int128 = 0
        for value in values {
            found.add(value ^ flip)
            sum += isUnsigned ? Int128(UInt64(bitPattern: value)) : Int128(value)
        }
        func integer(_ bits: Int64) -> Int128 {
            isUnsigned ? Int128(UInt64(bitPattern: bits)) : Int128(bits)
        }
        let off = Int64(exactly: 2 * sum - Int128(values.count) * (integer(first) + integer(last)))
        found.low ^= flip
        found.high ^= flip
        writer.byte(found.state(first, last, hasSum: off != nil))
        found.write(first, last, &base, to: &writer)
        if let off, found.low != found.high { writer.zigzag(off) }
    }

    private static func write(
        _ values: [Double],
        hasSum: Bool,
        _ base: inout Int64,
        to writer: inout ByteWriter
    ) {
        let bits = values.map(DoubleColumn.orderedBits)
        guard let first = bits.first, let last = bits.last else { return }
        var found = Extremes(first)
        for value in bits { found.add(value) }
        let sum = hasSum ? DoubleSum(values) : nil
        writer.byte(found.state(first, last, hasSum: sum != nil))
        found.write(first, last, &base, to: &writer)
        guard let sum, found.low != found.high else { return }
        writer.zigzag(Int64(sum.exponent))
        writer.varint(UInt64(truncatingIfNeeded: sum.significand))
        writer.zigzag(Int64(truncatingIfNeeded: sum.significand >> 64))
    }
}

/// The least and the greatest of values, and whether they fall or rise.
private struct Extremes {
    var low: Int64
    var high: Int64
    private var last: Int64
    private var falls = false
    private var rises = false

    init(_ first: Int64) {
        (low, high, last) = (first, first, first)
    }

    mutating func add(_ value: Int64) {
        low = min(low, value)
        high = max(high, value)
        if value < last { falls = true }
        if value > last { rises = true }
        last = value
    }

    func state(_ first: Int64, _ last: Int64, hasSum: Bool) -> UInt8 {
        2 | (falls ? 0 : ChunkParts.Flag.neverFalls) | (rises ? 0 : ChunkParts.Flag.neverRises)
            | (low == high ? ChunkParts.Flag.isConstant : 0) | (low == first ? ChunkParts.Flag.minIsFirst : 0)
            | (high == last ? ChunkParts.Flag.maxIsLast : 0) | (hasSum ? ChunkParts.Flag.hasSum : 0)
    }

    func write(_ first: Int64, _ last: Int64, _ base: inout Int64, to writer: inout ByteWriter) {
        writer.zigzag(first &- base)
        base = last
        guard low != high else { return }
        writer.zigzag(last &- first)
        if low != first { writer.zigzag(low &- first) }
        if high != last { writer.zigzag(high &- first) }
    }
}

/// The exact sum of doubles of similar size, as an integer times a power of two.
private struct DoubleSum {
    private(set) var significand: Int128 = 0
    private(set) var exponent = 0

    /// Nil where it does not fit: doubles of very different size.
    init?(_ values: [Double]) {
        var lowest = Int.max
        var highest = Int.min
        for value in values where value != 0 {
            guard let (significand, exponent) = ChunkColumnStatistics.parts(of: value) else { return nil }
            lowest = min(lowest, exponent)
            highest = max(highest, exponent + 64 - significand.magnitude.leadingZeroBitCount)
        }
        guard lowest <= highest else { return }
        // 2¹⁴ of them, each below 2¹¹¹: 2¹²⁶ is never reached.
        guard highest - lowest <= 111, values.count <= ChunkLimits.rowsMax else { return nil }
        exponent = lowest
        for value in values where value != 0 {
            guard let part = ChunkColumnStatistics.parts(of: value) else { return nil }
            significand += Int128(part.significand) << Int128(part.exponent - lowest)
        }
    }
}
