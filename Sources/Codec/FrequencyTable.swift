/// How often each token is expected, in parts of 4096; coarse, so that the table itself is small.
///
/// A count is kept as q, twice its binary logarithm, rounded (0: the token does not occur). A count that is off by a
/// quarter octave costs 0.01 bits a token, an exact one 8 bits more in the table: for columns of less than some
/// 10 000 values the coarse one is smaller. Neighbours are alike, two places apart more so (the tokens alternate in
/// sign), so a table is written as differences of q to the place two before.
struct FrequencyTable {
    /// The frequencies of all tables sum up to 2 to this power.
    static let scaleBits = 12
    static let scale = 1 << scaleBits
    /// The largest q: a count of 2 to the 20th is more than a column holds.
    private static let qMax = 41

    /// The first token; `frequencies[i]` is that of token `first + i`.
    private(set) var first = 0
    private(set) var frequencies: [UInt16] = []
    private var q: [UInt8] = []

    /// The table for tokens that occur that often; at least one must.
    init(counts: UnsafeBufferPointer<UInt32>) {
        guard let first = counts.firstIndex(where: { $0 > 0 }), let last = counts.lastIndex(where: { $0 > 0 })
        else {
            preconditionFailure("BUG: a frequency table of nothing")
        }
        self.first = first
        q = counts[first...last].map { Self.q(count: $0) }
        normalize()
    }

    /// Reads a table.
    init(from bits: inout BitReader) throws(CodecError) {
        let first = bits.gamma()
        let count = bits.gamma() &+ 1
        guard first < UInt64(Token.count), count <= UInt64(Token.count) - first else {
            throw .malformed("a frequency table beyond the tokens")
        }
        self.first = Int(first)
        q.reserveCapacity(Int(count))
        for i in 0..<Int(count) {
            let difference = Zigzag.decode(bits.gamma())
            let value = Int64(i >= 2 ? q[i - 2] : 0) &+ difference
            guard value >= 0, value <= Self.qMax else { throw .malformed("a frequency out of range") }
            q.append(UInt8(value))
        }
        guard q.contains(where: { $0 > 0 }), !bits.isPastEnd else {
            throw .malformed("an empty frequency table")
        }
        normalize()
    }

    /// Writes it.
    func write(to bits: inout BitWriter) {
        bits.gamma(UInt64(first))
        bits.gamma(UInt64(q.count - 1))
        for i in q.indices {
            bits.gamma(Zigzag.encode(Int64(q[i]) - Int64(i >= 2 ? q[i - 2] : 0)))
        }
    }

    private static func q(count: UInt32) -> UInt8 {
        guard count > 0 else { return 0 }
        // Compares count² with the powers of two in between: q - 1 = round(2 log2(count)).
        let square = UInt64(count) * UInt64(count)
        let exponent = 63 - square.leadingZeroBitCount
        // Above 2^(e + 1/2), that is square² ≥ 2^(2e + 1), it rounds up.
        let isUpper = square.multipliedFullWidth(by: square) >= (UInt64(1) << UInt64(exponent)).doubledSquare
        return UInt8(min(qMax, exponent + (isUpper ? 1 : 0) + 1))
    }

    /// Computes frequencies from q: in proportion, at least 1 each, and `scale` in all.
    ///
    /// Integers only, since all readers must agree.
    private mutating func normalize() {
        // 2^10 and 2^10.5, then doubled for each octave.
        let weights = q.map { $0 == 0 ? 0 : UInt64($0 & 1 == 1 ? 1024 : 1448) << UInt64(($0 - 1) / 2) }
        let sum = weights.reduce(0, +)
        var left = Self.scale
        frequencies = weights.map { weight in
            guard weight > 0 else { return 0 }
            return UInt16(max(1, weight * UInt64(Self.scale) / sum))
        }
        for frequency in frequencies { left -= Int(frequency) }
        while left != 0 {
            var largest = 0
            for i in frequencies.indices where frequencies[i] > frequencies[largest] { largest = i }
            // At most 260 tokens share 4096, so the largest has at least 16 and never falls to 0.
            let change = max(left, -Int(frequencies[largest] / 2))
            frequencies[largest] = UInt16(Int(frequencies[largest]) + change)
            left -= change
        }
    }
}

extension UInt64 {
    /// Twice the square of a power of two, as a full-width product.
    fileprivate var doubledSquare: (high: UInt64, low: UInt64) {
        let (high, low) = multipliedFullWidth(by: self)
        return (high << 1 | low >> 63, low << 1)
    }
}

private func >= (a: (high: UInt64, low: UInt64), b: (high: UInt64, low: UInt64)) -> Bool {
    a.high > b.high || (a.high == b.high && a.low >= b.low)
}
