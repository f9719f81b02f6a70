/// Sorts pauses by the digits of their numbers, since a year has some millions of them and most are below 2²² ns.
package enum PauseSort {
    /// Bits of a digit: 2¹¹ counters stay in the first cache.
    private static let digitBits = 11
    /// Below so many the digits' counters cost more than comparing does.
    private static let digitsMin = 512

    /// Sorts `values` ascending; `scratch` grows as needed, and what is in it means nothing.
    ///
    /// Least significant digit first (D. E. Knuth, The Art of Computer Programming, vol. 3, 5.2.5, algorithm R).
    package static func sort(_ values: inout [UInt32], scratch: inout [UInt32]) {
        guard values.count >= digitsMin else { return values.sort() }
        if scratch.count < values.count { scratch = [UInt32](repeating: 0, count: values.count) }
        values.withUnsafeMutableBufferPointer { values in
            scratch.withUnsafeMutableBufferPointer { scratch in
                var all: UInt32 = 0
                for value in values { all |= value }
                var from = values
                var into = UnsafeMutableBufferPointer(rebasing: scratch[..<values.count])
                var shift: UInt32 = 0
                var passes = 0
                while shift < 32, all >> shift != 0 {
                    deal(from, into, shift)
                    swap(&from, &into)
                    shift += UInt32(digitBits)
                    passes += 1
                }
                // After an odd number of passes they stand in the scratch.
                if passes % 2 == 1 { for index in from.indices { into[index] = from[index] } }
            }
        }
    }

    private static func deal(
        _ from: UnsafeMutableBufferPointer<UInt32>,
        _ into: UnsafeMutableBufferPointer<UInt32>,
        _ shift: UInt32
    ) {
        let mask: UInt32 = 1 << UInt32(digitBits) - 1
        withUnsafeTemporaryAllocation(of: Int.self, capacity: 1 << digitBits) { places in
            places.initialize(repeating: 0)
            for value in from { places[Int(value >> shift & mask)] &+= 1 }
            var next = 0
            for digit in places.indices {
                let count = places[digit]
                places[digit] = next
                next &+= count
            }
            for value in from {
                let digit = Int(value >> shift & mask)
                into[places[digit]] = value
                places[digit] &+= 1
            }
        }
    }
}
