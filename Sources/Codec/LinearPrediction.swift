/// What a column's next change will be, judged by other columns: a sum of weights times what they show.
///
/// All arithmetic is on integers, wraps, and is therefore the same for writer and reader on every machine:
///
///     p[t] = (bias + Σ weight × x[t]) >> shift        (an arithmetic shift, rounding down)
///
/// where x[t] of a term is the change of its column, u[t] - u[t-1], or the gap u[t-1] - v[t-1] between that column
/// and the one foretold. The prediction is in units of the foretold column's divisor.
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

    /// A prediction; `shift` is 0 to `shiftMax`.
    package init(terms: [Term], bias: Int64, shift: Int) {
        self.terms = terms
        self.bias = bias
        self.shift = shift
    }

    /// The columns it reads, each once.
    package var columns: [Int] { Array(Set(terms.map(\.column))) }

    /// The part of each sum that does not depend on the foretold column, and the weight of that column's last value.
    ///
    /// `sums[t]` is for t ≥ 1; all columns hold `count` values.
    func prepare(count: Int, columns: [[Int64]]) -> (sums: [Int64], ownWeight: Int64) {
        var sums = [Int64](repeating: bias, count: count)
        var ownWeight: Int64 = 0
        sums.withUnsafeMutableBufferPointer { sums in
            for (term, column) in zip(terms, columns) {
                column.withUnsafeBufferPointer { column in
                    let weight = term.weight
                    var last = column[0]
                    if term.isGap {
                        for t in 1..<count {
                            sums[t] &+= weight &* last
                            last = column[t]
                        }
                    } else {
                        for t in 1..<count {
                            let value = column[t]
                            sums[t] &+= weight &* (value &- last)
                            last = value
                        }
                    }
                }
                if term.isGap { ownWeight &-= term.weight }
            }
        }
        return (sums, ownWeight)
    }

    func write(to writer: inout ByteWriter) {
        writer.count(terms.count)
        writer.byte(UInt8(shift))
        writer.zigzag(bias)
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
        terms = []
        for _ in 0..<count {
            let column = try reader.varint()
            guard column >> 1 <= UInt64(Int32.max) else { throw .overLimit("columns") }
            terms.append(Term(column: Int(column >> 1), isGap: column & 1 == 1, weight: try reader.zigzag()))
        }
    }
}
