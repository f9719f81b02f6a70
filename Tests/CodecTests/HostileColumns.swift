@testable import Codec

/// What must hold for any bytes as a column: values or an error, never a trap; and what was read can be written and read
/// again as the same.
///
/// The fuzz targets hand in any bytes, the tests those that are kept in Fuzz/Corpus. A broken claim is a trap, since
/// that is what libFuzzer sees.
struct HostileColumns {
    private var encoder = IntegerColumn.Encoder()
    private var tokens = TokenEncoder()

    init() {}

    // MARK: Integers

    /// One byte of mode, two of how many values; then a column's bytes, or values.
    mutating func integers(_ input: [UInt8]) {
        guard input.count > 3 else { return }
        let rest = Array(input[3...])
        switch input[0] & 3 {
        case 0, 1:
            let count = (Int(input[1]) << 8 | Int(input[2])) & 1023
            _ = try? IntegerColumn.columnsRead(by: ByteReader(rest))
            guard let values = Self.decode(rest, count: count) else { return }
            precondition(values.count == count, "another number of values")
            if input[0] & 3 == 1 { mustComeBack(values, isHard: false) }
        case 2: mustComeBack(Self.words(rest), isHard: false)
        default: mustComeBack(Self.words(rest), isHard: true)
        }
    }

    private mutating func mustComeBack(_ values: [Int64], isHard: Bool) {
        let bytes: [UInt8]
        if isHard, !values.isEmpty {
            let terms = [
                LinearPrediction.Term(column: 0, isGap: false, weight: 3),
                LinearPrediction.Term(column: 1, isGap: true, weight: -1),
            ]
            bytes = encoder.encode(
                values,
                predictions: [
                    LinearPrediction(terms: terms, bias: 1, shift: 1),
                    LinearPrediction(terms: terms, bias: -7, shift: 62, gate: 2),
                ],
                divisor: IntegerColumn.divisor(values)
            ) { Self.column($0, count: values.count) }
        } else {
            bytes = encoder.encode(values)
        }
        precondition(Self.decode(bytes, count: values.count) == values, "other integers come back")
    }

    private static func decode(_ bytes: [UInt8], count: Int) -> [Int64]? {
        var reader = ByteReader(bytes)
        return try? IntegerColumn.decode(&reader, count: count) { (number) throws(CodecError) in
            guard number < 4 else { throw .malformed("no such column") }
            return column(number, count: count)
        }
    }

    /// What predictions can read: a counter, a wild one, one that rarely changes, a constant.
    private static func column(_ number: Int, count: Int) -> [Int64] {
        (0..<Int64(count)).map { t in
            switch number {
            case 0: t &* 17
            case 1: (t &* 0x1e37_79b9_7f4a_7c15) ^ t
            case 2: t / 16
            default: Int64.max
            }
        }
    }

    /// Eight bytes each, or small ones where the first byte says so.
    private static func words(_ bytes: [UInt8]) -> [Int64] {
        guard let first = bytes.first else { return [] }
        if first & 1 == 0 { return bytes.dropFirst().prefix(1024).map { Int64(Int8(bitPattern: $0)) } }
        var words: [Int64] = []
        var index = 1
        while index + 8 <= bytes.count {
            words.append(
                Int64(bitPattern: bytes[index..<index + 8].reduce(0) { $0 << 8 | UInt64($1) })
            )
            index += 8
        }
        return words
    }

    // MARK: Doubles

    /// One byte of form, one of its number; then integers of columns, or doubles.
    func doubles(_ input: [UInt8]) {
        guard input.count > 2 else { return }
        let form: DoubleColumn.Form =
            switch input[0] & 3 {
            case 0: .bits
            case 1: .decimal(exponent: Int(input[1]))
            case 2: .average(thousandths: Int(input[1]) * 4, isWeighted: false)
            default: .average(thousandths: Int(input[1]) * 4 + 3, isWeighted: true)
            }
        let words = Self.words([1] + input[2...])
        let half = words.count / 2
        // As from a file: any integers, of a form that may not be.
        _ = try? DoubleColumn.decode([Array(words[..<half]), Array(words[half..<(half * 2)])], as: form)
        _ = try? DoubleColumn.decode([words], as: form)
        // As from a body: any doubles.
        let values = words.map { Double(bitPattern: UInt64(bitPattern: $0)) }
        if input[0] & 4 != 0 { mustComeBack(values, DoubleColumn.form(for: values)) }
        switch form {
        case .decimal(let exponent) where exponent > DoubleColumn.exponentMax: return
        case .average(let thousandths, _) where !(1...DoubleColumn.thousandthsMax ~= thousandths): return
        default: mustComeBack(values, form)
        }
    }

    private func mustComeBack(_ values: [Double], _ form: DoubleColumn.Form) {
        let columns = DoubleColumn.encode(values, as: form)
        let back = try? DoubleColumn.decode(columns, as: form)
        precondition(back?.map(\.bitPattern) == values.map(\.bitPattern), "other doubles come back")
    }

    // MARK: Lists of bytes

    /// A list as `BytesColumn` writes it.
    func bytes(_ input: [UInt8]) {
        var reader = ByteReader(input)
        guard let list = try? BytesColumn.read(&reader, countMax: 200, bytesMax: 20_000) else { return }
        precondition(list.reduce(0) { $0 + $1.count } <= 20_000, "more bytes than allowed")
        var writer = ByteWriter()
        BytesColumn.write(list, to: &writer)
        var again = ByteReader(writer.bytes)
        let back = try? BytesColumn.read(&again, countMax: 200, bytesMax: 20_000)
        precondition(back == list && again.isAtEnd, "another list comes back")
    }

    // MARK: Orders

    /// One byte of how many records, one of how long the lists are; then what `PermutationCoder` writes.
    mutating func orders(_ input: [UInt8]) {
        guard input.count > 2 else { return }
        let sizes = (0..<Int(input[1] & 7)).map { 2 + ($0 * Int(input[1])) % 70 }
        var coder = PermutationCoder()
        var decoder = RangeDecoder(Array(input[2...]))
        let orders = (0..<Int(input[0])).map { _ in coder.decode(sizes, of: 1, from: &decoder) }
        for order in orders where !order.isEmpty {
            var start = 0
            for size in sizes {
                let isAll = order[start..<start + size].sorted().elementsEqual((0..<size).map { UInt16($0) })
                precondition(isAll, "an order names each member once")
                start += size
            }
        }
        var writer = PermutationCoder()
        var encoder = RangeEncoder()
        for order in orders { writer.encode(order, sizes, of: 1, into: &encoder) }
        var again = PermutationCoder()
        var reader = RangeDecoder(encoder.finish())
        for order in orders {
            precondition(again.decode(sizes, of: 1, from: &reader) == order, "other orders come back")
        }
    }

    // MARK: Tokens

    /// One byte of how many numbers, one of how their buckets go on; then what `TokenEncoder` writes.
    mutating func tokens(_ input: [UInt8]) {
        guard input.count > 2 else { return }
        let step = Int(input[1])
        let values = Self.decodeTokens(Array(input[2...]), count: Int(input[0]), step: step)
        guard let values, !values.isEmpty else { return }
        tokens.load(values)
        tokens.assignBuckets { buckets in
            for t in buckets.indices { buckets[t] = UInt8(Self.bucket(t, step)) }
        }
        var writer = ByteWriter()
        tokens.write(values, clusters: tokens.plan().clusters, to: &writer)
        let back = Self.decodeTokens(writer.bytes, count: values.count, step: step)
        precondition(back == values, "other numbers come back")
    }

    private static func bucket(_ t: Int, _ step: Int) -> Int { t * step % MagnitudeBucket.count }

    private static func decodeTokens(_ bytes: [UInt8], count: Int, step: Int) -> [Int64]? {
        var reader = ByteReader(bytes)
        return try? TokenDecoder.withDecoder(&reader) { (decoder) throws(CodecError) in
            var values: [Int64] = []
            for t in 0..<count { values.append(decoder.next(bucket: bucket(t, step))) }
            try decoder.finish()
            return values
        }
    }
}
