/// What a column's next change will be, judged by other columns: a sum of weights times what they show.
///
/// All arithmetic is on integers, wraps, and is therefore the same for writer and reader on every machine:
///
///     p[t] = (bias + Σ weight × x[t]) >> shift        (an arithmetic shift, rounding down)
///
/// where x[t] of a term is the change of its column, u[t] - u[t-1], or the gap u[t-1] - v[t-1] between that column
/// and the one foretold. Gaps count only where the gate, a third column, has just changed, if there is one: memory
/// comes back when a collection has run. The prediction is in units of the foretold column's divisor.
package struct LinearPrediction: Hashable, Sendable {
    /// A prediction has at most this many terms.
    package static let termsMax = 64
    /// Shifts are at most this.
    package static let shiftMax = 62

    /// One summand.
    package struct Term: Hashable, Sendable {
        /// The column, in the caller's numbering.
        package var column: Int
        /// Whether it is the gap to that column that counts, not its change.
        package var isGap: Bool
        /// Its weight, in units of 2 to the power of -shift.
        package var weight: Int64

        /// The term with that weight.
        package init(column: Int, isGap: Bool, weight: Int64) {
            self.column = column
            self.isGap = isGap
            self.weight = weight
        }
    }

    /// The summands.
    package var terms: [Term]
    /// Added to their sum before the shift.
    package var bias: Int64
    /// The right shift.
    package var shift: Int
    /// The column whose changes let gaps count; nil where they always do.
    package var gate: Int?

    /// A prediction; `shift` is 0 to `shiftMax`.
    package init(terms: [Term], bias: Int64, shift: Int, gate: Int? = nil) {
        self.terms = terms
        self.bias = bias
        self.shift = shift
        self.gate = gate
    }

    /// The columns it reads, each once.
    package var columns: [Int] { Array(Set(terms.map(\.column) + (gate.map { [$0] } ?? []))) }

    /// The sums, ready but for the values of the foretold column itself.
    struct Prepared {
        /// For t ≥ 1.
        var sums: [Int64] = []
        /// The weight of the foretold column's last value at t; empty where it is always 0.
        var ownWeights: [Int64] = []
        var shift: Int64 = 0
    }

    /// The sums over `count` values; `column` gives those columns, each of as many values.
    func prepare(count: Int, column: (Int) throws(CodecError) -> [Int64]) throws(CodecError) -> Prepared {
        var prepared = Prepared()
        prepared.shift = Int64(shift)
        prepared.sums = [Int64](repeating: bias, count: count)
        let isOpen = try gate.map { (gate) throws(CodecError) in Self.changes(try column(gate)) }
        guard isOpen == nil || isOpen?.count == count else { throw .malformed("a gate of other length") }
        for term in terms {
            let values = try column(term.column)
            guard values.count == count else { throw .malformed("a prediction by a column of other length") }
            if term.isGap {
                if prepared.ownWeights.isEmpty { prepared.ownWeights = [Int64](repeating: 0, count: count) }
                for t in stride(from: 1, to: count, by: 1) where isOpen?[t] ?? true {
                    prepared.sums[t] &+= term.weight &* values[t - 1]
                    prepared.ownWeights[t] &-= term.weight
                }
            } else {
                Self.add(changesOf: values, times: term.weight, to: &prepared.sums)
            }
        }
        return prepared
    }

    private static func add(changesOf values: [Int64], times weight: Int64, to sums: inout [Int64]) {
        sums.withUnsafeMutableBufferPointer { sums in
            values.withUnsafeBufferPointer { values in
                for t in stride(from: 1, to: sums.count, by: 1) {
                    sums[t] &+= weight &* (values[t] &- values[t &- 1])
                }
            }
        }
    }

    /// Whether each value differs from the one before it.
    static func changes(_ values: [Int64]) -> [Bool] {
        values.indices.map { $0 > 0 && values[$0] != values[$0 - 1] }
    }

    func write(to writer: inout ByteWriter) {
        writer.count(terms.count)
        writer.byte(UInt8(shift))
        writer.zigzag(bias)
        writer.count(gate.map { $0 + 1 } ?? 0)
        for term in terms {
            writer.varint(UInt64(term.column) << 1 | (term.isGap ? 1 : 0))
            writer.zigzag(term.weight)
        }
    }

    init(from reader: inout ByteReader) throws(CodecError) {
        let count = try reader.count(max: Self.termsMax, "terms of a prediction")
        shift = Int(try reader.byte())
        guard shift <= Self.shiftMax else { throw .malformed("a shift over 62") }
        bias = try reader.zigzag()
        let gateAfter = try reader.count(max: Int(Int32.max), "columns")
        gate = gateAfter == 0 ? nil : gateAfter - 1
        terms = []
        for _ in 0..<count {
            let column = try reader.varint()
            guard column >> 1 <= UInt64(Int32.max) else { throw .overLimit("columns") }
            terms.append(Term(column: Int(column >> 1), isGap: column & 1 == 1, weight: try reader.zigzag()))
        }
    }
}
