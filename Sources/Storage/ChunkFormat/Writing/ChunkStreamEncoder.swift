import Codec
import Expvar
import Model

/// Chooses the order of columns and what foretells them, and encodes all streams of a chunk.
///
/// A column may be foretold only by streams before it, so the order decides what a reader of one series must decode
/// besides. First come the target's own totals, then the rest of what is asked for, and last BySize, of which there is
/// most and which is asked for least; and what is asked for often may rest on a few columns only.
struct ChunkStreamEncoder {
    /// A column with its streams, in the order of the chunk.
    struct Planned {
        var entry: ChunkHeader.ColumnEntry
        var column: ChunkLeafColumn.Finished
        var name: String?
        var streams: [[Int64]]
        /// By order of the table.
        var index: Int
        var rank: Rank
    }

    /// A column's class: how early it stands, and on how many columns it may rest.
    enum Rank: Int, Comparable {
        case collectionCount, total, member, memStats, mallocs, frees, other

        static func < (a: Rank, b: Rank) -> Bool { a.rawValue < b.rawValue }

        init(_ name: String?, _ kind: ChunkLeafColumn.Kind) {
            guard let name, kind != .text else {
                self = .other
                return
            }
            if name.hasPrefix("memstats.BySize.") {
                self = name.hasSuffix(".Frees") ? .frees : .mallocs
            } else if name == "memstats.NumGC" {
                self = .collectionCount
            } else if name.hasPrefix("memstats.") {
                self = .memStats
            } else {
                self = name.utf8.contains(UInt8(ascii: ".")) ? .member : .total
            }
        }

        /// Whether it is a field of memstats itself.
        var isMemStats: Bool { self == .memStats || self == .collectionCount }

        /// How many streams may have to be decoded before one of this class.
        var closureMax: Int {
            switch self {
            case .collectionCount, .other: 4
            case .total: 12
            case .member, .memStats: 48
            case .mallocs, .frees: 1_000
            }
        }
    }

    let table: ChunkTable
    let level: ChunkLevel
    private var encoder = IntegerColumn.Encoder()
    private(set) var planned: [Planned] = []
    /// By number, the bytes of each stream.
    private(set) var encoded: [[UInt8]] = []

    init(_ table: ChunkTable, level: ChunkLevel) {
        self.table = table
        self.level = level
        planColumns()
    }

    // MARK: Planning

    private mutating func planColumns() {
        for (index, column) in table.columns.enumerated() {
            let finished = column.values.finished()
            var entry = ChunkHeader.ColumnEntry(kind: finished.kind, count: finished.count, stream: 0)
            entry.hasExceptions = !finished.exceptions.isEmpty
            if let format = finished.kind.format {
                entry.hasIntegers = finished.doubles.contains { GoNumberText.isInteger($0, format) }
            }
            planned.append(
                Planned(
                    entry: entry,
                    column: finished,
                    name: column.name,
                    streams: [],
                    index: index,
                    rank: Rank(column.name, finished.kind)
                )
            )
        }
        if level == .cold { planned.sort { ($0.rank, $0.index) < ($1.rank, $1.index) } }
        // Doubles after the integers of their class, which may be their quotient.
        if level == .cold {
            planned.sort { a, b in
                (a.rank, a.entry.kind.format == nil ? 0 : 1, a.index)
                    < (b.rank, b.entry.kind.format == nil ? 0 : 1, b.index)
            }
        }
        var stream = ChunkStream.firstLeaf
        for i in planned.indices {
            planned[i].entry.stream = stream
            split(i)
            planned[i].entry.statistics = statistics(planned[i])
            stream += planned[i].streams.count
        }
        encoded = [[UInt8]](repeating: [], count: stream)
    }

    private mutating func split(_ i: Int) {
        let column = planned[i].column
        guard column.kind.format != nil else {
            planned[i].streams = [column.integers]
            return
        }
        if level == .cold, let (form, stream) = ratio(column.doubles, before: i) {
            planned[i].entry.form = form
            planned[i].streams = [stream]
            return
        }
        let form = DoubleColumn.form(for: column.doubles)
        planned[i].streams = DoubleColumn.encode(column.doubles, as: form)
        planned[i].entry.form = ChunkHeader.DoubleForm(form)
    }

    /// Whether doubles are a quotient of counters, as hit ratios are: a / b or a / (a + c).
    private func ratio(_ values: [Double], before i: Int) -> (ChunkHeader.DoubleForm, [Int64])? {
        guard values.count == table.columnRowCount, values.count >= 16 else { return nil }
        let integers = planned[..<i].filter { $0.entry.kind == .signed && $0.entry.count == values.count }
        // Rows to try: where the value has just changed, from all over.
        let changed = values.indices.dropFirst().filter { values[$0] != values[$0 - 1] && values[$0] != 0 }
        guard changed.count >= 8 else { return nil }
        let rows = (0..<8).map { changed[$0 * (changed.count - 1) / 7] }
        func holds(_ a: [Int64], _ b: [Int64], _ c: [Int64]?) -> Bool {
            rows.allSatisfy { Self.quotient(a[$0], b[$0], c?[$0] ?? 0) == values[$0] }
        }
        let row = rows[7]
        var byValue: [Int64: [Int]] = [:]
        for (index, planned) in integers.enumerated() {
            byValue[planned.streams[0][row], default: []].append(index)
        }
        for a in integers {
            let sum = (Double(a.streams[0][row]) / values[row]).rounded()
            guard sum.magnitude < 0x1p53 else { continue }
            for b in byValue[Int64(sum)] ?? [] where holds(a.streams[0], integers[b].streams[0], nil) {
                return found(values, a, integers[b], nil)
            }
            for c in byValue[Int64(sum) &- a.streams[0][row]] ?? []
            where holds(a.streams[0], a.streams[0], integers[c].streams[0]) {
                return found(values, a, a, integers[c])
            }
        }
        return nil
    }

    private func found(
        _ values: [Double],
        _ a: Planned,
        _ b: Planned,
        _ c: Planned?
    ) -> (ChunkHeader.DoubleForm, [Int64])? {
        var wrong = 0
        let stream = values.indices.map { row in
            let off =
                DoubleColumn.orderedBits(values[row])
                &- DoubleColumn.orderedBits(
                    Self.quotient(a.streams[0][row], b.streams[0][row], c?.streams[0][row] ?? 0)
                )
            if off != 0 { wrong += 1 }
            return off
        }
        // It may be read a moment before or after its counters, now and then.
        guard wrong * 8 < values.count else { return nil }
        return (
            .ratio(numerator: a.entry.stream, denominator: b.entry.stream, addend: c?.entry.stream), stream
        )
    }

    /// a / (b + c), and 0 where that is no number.
    @inline(__always)
    static func quotient(_ a: Int64, _ b: Int64, _ c: Int64) -> Double {
        let denominator = b &+ c
        return denominator == 0 ? 0 : Double(a) / Double(denominator)
    }

    private func statistics(_ planned: Planned) -> ChunkColumnStatistics? {
        let column = planned.column
        guard column.kind != .text, column.exceptions.isEmpty, column.count > 0 else { return nil }
        let bits = column.kind.format == nil ? column.integers : column.doubles.map(DoubleColumn.orderedBits)
        // Unsigned ones in their order.
        let flip: Int64 = column.kind == .unsigned ? .min : 0
        let rows = table.columns[planned.index].rows
        var (low, high) = (bits[0] ^ flip, bits[0] ^ flip)
        var (neverFalls, neverRises) = (true, true)
        var lastOfRun: [Int64: Int64] = [:]
        var sum: Int128 = 0
        var run: Int64?
        var last: Int64 = 0
        for (row, value) in bits.enumerated() {
            let ordered = value ^ flip
            low = min(low, ordered)
            high = max(high, ordered)
            if column.kind == .signed { sum += Int128(value) }
            if column.kind == .unsigned { sum += Int128(UInt64(bitPattern: value)) }
            // Mostly one run: the dictionary is used where it changes.
            let ofRow = table.columnRuns[rows.map { Int($0[row]) } ?? row]
            if ofRow != run {
                if let run { lastOfRun[run] = last }
                run = ofRow
                last = lastOfRun[ofRow] ?? ordered
            }
            if ordered < last { neverFalls = false }
            if ordered > last { neverRises = false }
            last = ordered
        }
        func number(_ bits: Int64) -> Number { ChunkHeader.number(bits, column.kind) }
        return ChunkColumnStatistics(
            count: column.count,
            first: number(bits[0]),
            last: number(bits[bits.count - 1]),
            min: number(low ^ flip),
            max: number(high ^ flip),
            sum: column.kind.isInteger ? sum : nil,
            neverFalls: neverFalls,
            neverRises: neverRises
        )
    }

    // MARK: Encoding

    mutating func encode() {
        for number in 0..<ChunkStream.storedCount {
            encoded[number] =
                level == .cold
                ? encoder.encode(
                    table.streams[number],
                    predictions: [],
                    divisor: IntegerColumn.divisor(table.streams[number])
                ) { _ in [] }
                : encoder.encode(table.streams[number])
        }
        guard level == .cold else {
            encodeQuick()
            return
        }
        encodeCold()
    }

    private mutating func encodeQuick() {
        let count = table.columnRowCount
        var known: [Int: [Int64]] = [
            ChunkStream.ringTotal: table.ringTotals, ChunkStream.lastEnd: table.lastEnds,
            ChunkStream.pauseTotal: table.pauseTotals,
        ]
        var fields: [String: Int] = [:]
        for column in planned {
            for (i, stream) in column.streams.enumerated() {
                var prediction: LinearPrediction?
                if i == 0, column.rank.isMemStats, let name = column.name, stream.count == count {
                    prediction = ChunkIdentities.prediction(of: name, stream) {
                        fields[$0]
                    } values: {
                        known[$0] ?? []
                    }
                    fields[name] = column.entry.stream
                    known[column.entry.stream] = stream
                }
                encoded[column.entry.stream + i] =
                    prediction.map { prediction in
                        encoder.encode(stream, predictions: [prediction], divisor: 1) { known[$0] ?? [] }
                    } ?? encoder.encode(stream)
            }
        }
    }

    private mutating func encodeCold() {
        let count = table.columnRowCount
        var known: [Int: [Int64]] = [
            ChunkStream.ringTotal: table.ringTotals, ChunkStream.lastEnd: table.lastEnds,
            ChunkStream.pauseTotal: table.pauseTotals,
        ]
        var closures = [StreamSet](repeating: StreamSet(), count: encoded.count)
        // Below some 100 values weights cost more than they save.
        var search: PredictionSearch?
        if count >= 100 {
            var full: [[Int64]] = []
            for column in planned where column.entry.count == count { full.append(column.streams[0]) }
            search = PredictionSearch(count: count, judging: full)
            for number in known.keys.sorted() { addFeature(number, known[number] ?? [], &search) }
        }
        // Memory comes back when a collection has run.
        let gate = planned.first {
            $0.rank == .collectionCount && $0.entry.count == count && $0.entry.kind.isInteger
        }
        .map { (column: $0.entry.stream, values: $0.streams[0]) }
        for column in planned {
            let number = column.entry.stream
            for (i, stream) in column.streams.enumerated() {
                let divisor = IntegerColumn.divisor(stream)
                // What says how far decimals are off is noise of its own.
                let isForetold = i == 0 && column.entry.count == count && column.entry.kind != .text
                var predictions: [LinearPrediction] = []
                if isForetold, let search, Self.changes(stream) > 8 {
                    predictions = search.predictions(
                        of: stream,
                        divisor: divisor,
                        gapTo: gap(column),
                        gate: gate,
                        termsMax: 16
                    ) { candidate, chosen in
                        Self.closure(candidate, chosen, closures).count <= column.rank.closureMax
                    }
                }
                let bytes = encoder.encode(stream, predictions: predictions, divisor: divisor) {
                    known[$0] ?? []
                }
                encoded[number + i] = bytes
                guard i == 0, isForetold else { continue }
                known[number] = stream
                // Our own bytes, just written: they say which columns were taken in the end.
                let read = (try? IntegerColumn.columnsRead(by: ByteReader(bytes))) ?? []
                closures[number] = Self.closure(nil, read, closures)
                if column.entry.form == nil || column.entry.form != .bits {
                    addFeature(number, stream, &search)
                }
            }
        }
    }

    private func addFeature(_ number: Int, _ stream: [Int64], _ search: inout PredictionSearch?) {
        guard Self.changes(stream) > 8 else { return }
        search?.add(stream, column: number)
    }

    private static func changes(_ stream: [Int64]) -> Int {
        var changes = 0
        for t in stream.indices.dropFirst() where stream[t] != stream[t - 1] { changes += 1 }
        return changes
    }

    /// All streams that must be decoded before these are known.
    private static func closure(_ candidate: Int?, _ chosen: [Int], _ closures: [StreamSet]) -> StreamSet {
        var all = StreamSet()
        for column in chosen { all.formUnion(closures[column], and: column) }
        if let candidate { all.formUnion(closures[candidate], and: candidate) }
        return all
    }

    /// A set of numbers of streams, as bits.
    private struct StreamSet {
        private var words: [UInt64] = []

        var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

        mutating func formUnion(_ other: StreamSet, and number: Int) {
            let needed = max(other.words.count, number / 64 + 1)
            while words.count < needed { words.append(0) }
            for i in other.words.indices { words[i] |= other.words[i] }
            words[number / 64] |= 1 << UInt64(number % 64)
        }
    }

    /// The column of Mallocs for one of Frees: what was given out and not taken back yet.
    private func gap(_ column: Planned) -> (column: Int, values: [Int64])? {
        guard let name = column.name, name.hasSuffix(".Frees") else { return nil }
        let partner = name.dropLast(5) + "Mallocs"
        guard let other = planned.first(where: { $0.name == String(partner) }),
            other.entry.stream < column.entry.stream, other.entry.kind.isInteger,
            other.entry.count == column.entry.count
        else { return nil }
        return (other.entry.stream, other.streams[0])
    }
}
