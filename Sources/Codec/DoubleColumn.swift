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
package enum DoubleColumn {
    /// 10^e is an exact double up to here.
    package static let exponentMax = 22

    /// How a column is taken apart.
    package enum Form: Hashable, Sendable {
        /// One column: the bits in order.
        case bits
        /// Two columns: k and j.
        case decimal(exponent: Int)
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
        }
    }

    /// The form that makes the changes smallest, judged by some of the values.
    package static func form(for values: [Double]) -> Form {
        guard values.count > 1 else { return .bits }
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
