/// Sorts pauses: by the digits of their numbers, since a year has some millions of them and most are below 2²⁰ ns.
enum PauseSort {
    /// Bits of a digit: 2¹¹ counters stay in the first cache.
    private static let digitBits = 11
    /// Below so many the digits' counters cost more than comparing does.
    private static let digitsMin = 512

    /// Sorts `values[range]` ascending; `scratch` is as long as `values`, and what is in it then means nothing.
    ///
    /// Least significant digit first (D. E. Knuth, The Art of Computer Programming, vol. 3, 5.2.5, algorithm R).
    static func sort(_ values: inout [UInt64], in range: Range<Int>, scratch: inout [UInt64]) {
        guard range.count >= digitsMin else { return values[range].sort() }
        precondition(scratch.count == values.count, "BUG: scratch of another length")
        var all: UInt64 = 0
        for index in range { all |= values[index] }
        var counts = [Int](repeating: 0, count: 1 << digitBits)
        let mask = UInt64(counts.count - 1)
        var shift: UInt64 = 0
        while shift < 64, all >> shift != 0 {
            for digit in counts.indices { counts[digit] = 0 }
            values.withUnsafeMutableBufferPointer { values in
                scratch.withUnsafeMutableBufferPointer { scratch in
                    for index in range { counts[Int(values[index] >> shift & mask)] += 1 }
                    var next = range.lowerBound
                    for digit in counts.indices {
                        let count = counts[digit]
                        counts[digit] = next
                        next += count
                    }
                    for index in range {
                        let value = values[index]
                        let digit = Int(value >> shift & mask)
                        scratch[counts[digit]] = value
                        counts[digit] += 1
                    }
                    for index in range { values[index] = scratch[index] }
                }
            }
            shift += UInt64(digitBits)
        }
    }

    /// All of them ascending.
    static func sorted(_ values: [UInt64]) -> [UInt64] {
        var values = values
        var scratch = [UInt64](repeating: 0, count: values.count)
        sort(&values, in: values.indices, scratch: &scratch)
        return values
    }
}
