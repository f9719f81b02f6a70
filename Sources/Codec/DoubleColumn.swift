/// Columns of doubles as columns of integers, and back, bit by bit.
///
/// Doubles in the wild are mostly decimals of few digits, or sums of such that are off by some units in the last place.
/// So a double x is taken apart as
///
///     k = round(x × 10^e)        the decimal
///     j = bits(x) - bits(k / 10^e)   how far x is off, in units in the last place; mostly 0
///
/// with one e for the column. Both k and 10^e are exact doubles (|k| < 2^53, e ≤ 22), and IEEE division is correctly
/// rounded everywhere, so this is exact whatever x is. Where decimals do not help, the column is the bits themselves,
/// in their natural order: then neighbours that are near have small differences.
///
/// Some doubles are moving averages of counts: x[t] = x[t-1] + a × (n[t] - x[t-1]) for whole n and an a of few digits.
/// They fill all their bits, but follow from n: then the columns are the sum of n so far, a counter that others may
/// foretell, and how far x is off, as above.
package enum DoubleColumn {
    /// 10^e is an exact double up to here.
    package static let exponentMax = 22
    /// The a of a moving average is below 1.
    package static let thousandthsMax = 999

    /// How a column is taken apart.
    package enum Form: Hashable, Sendable {
        /// One column: the bits in order.
        case bits
        /// Two columns: k and j.
        case decimal(exponent: Int)
        /// Two columns: the sum of n, and j. a is that many thousandths; `isWeighted` says that x was computed as
        /// (1 - a) × x + a × n, which rounds differently.
        case average(thousandths: Int, isWeighted: Bool)

        /// How many columns it takes.
        package var columnCount: Int { self == .bits ? 1 : 2 }
    }

    /// The bits of `x` as an integer that is ordered as the doubles are.
    @inline(__always)
    package static func orderedBits(_ x: Double) -> Int64 {
        let bits = Int64(bitPattern: x.bitPattern)
        return bits >= 0 ? bits : bits ^ Int64.max
    }

    /// The inverse of `orderedBits`.
    @inline(__always)
    package static func double(orderedBits bits: Int64) -> Double {
        Double(bitPattern: UInt64(bitPattern: bits >= 0 ? bits : bits ^ Int64.max))
    }

    /// The decimal nearest to `x`, and how far `x` is off.
    @inline(__always)
    static func split(_ x: Double, power: Double) -> (k: Int64, j: Int64) {
        let scaled = (x * power).rounded(.toNearestOrEven)
        let k = scaled.magnitude < 0x1p53 ? Int64(scaled) : 0
        return (k, orderedBits(x) &- orderedBits(Double(k) / power))
    }

    /// The integers of `values` in that form, one or two columns.
    package static func encode(_ values: [Double], as form: Form) -> [[Int64]] {
        switch form {
        case .bits: return [values.map(orderedBits)]
        case .decimal(let exponent):
            let power = Self.powers[exponent]
            var k: [Int64] = []
            var j: [Int64] = []
            k.reserveCapacity(values.count)
            j.reserveCapacity(values.count)
            for value in values {
                let parts = split(value, power: power)
                k.append(parts.k)
                j.append(parts.j)
            }
            return [k, j]
        case .average(let thousandths, let isWeighted):
            let average = MovingAverage(thousandths: thousandths, isWeighted: isWeighted)
            var sums: [Int64] = []
            var j: [Int64] = []
            var sum: Int64 = 0
            var last = 0.0
            for value in values {
                let n = average.count(from: last, to: value)
                sum &+= n
                sums.append(sum)
                j.append(orderedBits(value) &- orderedBits(average.next(last, n)))
                last = value
            }
            return [sums, j]
        }
    }

    /// The doubles of that form; `columns` are as many as it has, of equal length.
    package static func decode(_ columns: [[Int64]], as form: Form) throws(CodecError) -> [Double] {
        switch form {
        case .bits:
            guard columns.count == 1 else { throw .malformed("doubles of another form") }
            return columns[0].map(double(orderedBits:))
        case .decimal(let exponent):
            guard columns.count == 2, columns[0].count == columns[1].count, 0...exponentMax ~= exponent else {
                throw .malformed("doubles of another form")
            }
            let power = Self.powers[exponent]
            return zip(columns[0], columns[1]).map { k, j in
                double(orderedBits: orderedBits(Double(k) / power) &+ j)
            }
        case .average(let thousandths, let isWeighted):
            guard columns.count == 2, columns[0].count == columns[1].count, 1...thousandthsMax ~= thousandths
            else {
                throw .malformed("doubles of another form")
            }
            let average = MovingAverage(thousandths: thousandths, isWeighted: isWeighted)
            var last = 0.0
            var lastSum: Int64 = 0
            return zip(columns[0], columns[1]).map { sum, j in
                last = double(orderedBits: orderedBits(average.next(last, sum &- lastSum)) &+ j)
                lastSum = sum
                return last
            }
        }
    }

    /// The arithmetic of moving averages.
    struct MovingAverage {
        let a: Double
        let isWeighted: Bool

        init(thousandths: Int, isWeighted: Bool) {
            a = Double(thousandths) / 1000
            self.isWeighted = isWeighted
        }

        /// The average after `n`; each operation is rounded, none are fused, so that all machines agree.
        @inline(__always)
        func next(_ last: Double, _ n: Int64) -> Double {
            let count = Double(n)
            return isWeighted ? (1 - a) * last + a * count : last + a * (count - last)
        }

        /// The n that leads from one average to the next, as it comes out, whole or not.
        @inline(__always)
        func quotient(from last: Double, to value: Double) -> Double { (value - last) / a + last }

        /// The same, whole; 0 where it is no number, or too large to be exact.
        @inline(__always)
        func count(from last: Double, to value: Double) -> Int64 {
            let n = quotient(from: last, to: value).rounded(.toNearestOrEven)
            return n.magnitude < 0x1p53 ? Int64(n) : 0
        }
    }

    /// Whether the doubles are moving averages of counts, judged by some of them.
    private static func average(_ values: [Double]) -> Form? {
        let changed = values.indices.dropFirst().filter { values[$0] != values[$0 - 1] }
        guard changed.count >= 16, changed.count * 8 > values.count * 7 else { return nil }
        let rows = (0..<16).map { changed[$0 * (changed.count - 1) / 15] }
        for thousandths in 1...thousandthsMax {
            let average = MovingAverage(thousandths: thousandths, isWeighted: false)
            // By chance a row is that near to a whole number once in 5000 times.
            let whole = rows.count { row in
                let n = average.quotient(from: values[row - 1], to: values[row])
                return n.magnitude < 1e9 && (n - n.rounded(.toNearestOrEven)).magnitude < 1e-4
            }
            // All may be whole numbers themselves, which other forms do better.
            guard whole >= 14, rows.contains(where: { values[$0].rounded(.towardZero) != values[$0] }) else {
                continue
            }
            let forms = [false, true].map { Form.average(thousandths: thousandths, isWeighted: $0) }
            return forms.min { off(values, $0) < off(values, $1) }
        }
        return nil
    }

    /// How many bits it takes to say how far the values are off.
    private static func off(_ values: [Double], _ form: Form) -> Int {
        (encode(values, as: form).last ?? []).reduce(0) { $0 + 64 - Zigzag.encode($1).leadingZeroBitCount }
    }

    /// The form that makes the changes smallest, judged by some of the values.
    package static func form(for values: [Double]) -> Form {
        guard values.count > 1 else { return .bits }
        if let average = average(values) { return average }
        // Pairs of neighbours, at most 512 of them, from all over the column.
        let stride = max(1, (values.count - 1) / 512)
        func cost(_ parts: (Double) -> (Int64, Int64)) -> Int {
            var sum = 0
            var t = 1
            while t < values.count {
                let (k0, j0) = parts(values[t - 1])
                let (k1, j1) = parts(values[t])
                sum += 64 - Zigzag.encode(k1 &- k0).leadingZeroBitCount
                // What is off is off again: its distance to 0 counts as well as its change.
                sum += 64 - min(Zigzag.encode(j1 &- j0), Zigzag.encode(j1)).leadingZeroBitCount
                t += stride
            }
            return sum
        }
        var best = Form.bits
        // A second column must be worth its while: by a tenth.
        var bestCost = cost { (orderedBits($0), 0) } * 9 / 10
        for exponent in 0...18 {
            let power = Self.powers[exponent]
            let candidate = cost { split($0, power: power) }
            if candidate < bestCost { (best, bestCost) = (.decimal(exponent: exponent), candidate) }
        }
        return best
    }

    /// 10^0 to 10^22, all exact.
    private static let powers: [Double] = {
        var powers: [Double] = [1]
        for _ in 0..<exponentMax { powers.append(powers[powers.count - 1] * 10) }
        return powers
    }()
}
