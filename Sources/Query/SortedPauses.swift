/// Pauses in slices, each ascending: of a range as a whole, or step by step, and then nothing needs to be sorted twice.
struct SortedPauses {
    /// Slice i is `values[starts[i]..<starts[i + 1]]`.
    private let values: [UInt64]
    private let starts: [Int]
    /// What they add up to: 2⁶³ pauses below 2⁶⁴ are less than 2¹²⁷.
    let total: Int128

    /// All of them as one slice.
    init(_ pauses: [UInt64]) {
        self.init(pauses, starts: [0, pauses.count])
    }

    /// Sorts each slice of `values`; `starts` ascends from 0 to the number of values.
    init(_ values: consuming [UInt64], starts: [Int]) {
        var scratch: [UInt64] = []
        var total: Int128 = 0
        for index in 0..<starts.count - 1 {
            let range = starts[index]..<starts[index + 1]
            PauseSort.sort(&values, in: range, scratch: &scratch)
        }
        // Halves apart: 64-bit sums that cannot overflow before 2³¹ values.
        for part in stride(from: 0, to: values.count, by: 1 << 30) {
            var (high, low): (UInt64, UInt64) = (0, 0)
            for value in values[part..<Swift.min(values.count, part + 1 << 30)] {
                high &+= value >> 32
                low &+= value & 0xffff_ffff
            }
            total += Int128(high) << 32 + Int128(low)
        }
        self.starts = starts
        self.total = total
        self.values = values
    }

    private init(slice: ArraySlice<UInt64>) {
        values = Array(slice)
        starts = [0, values.count]
        total = slice.reduce(0) { $0 &+ Int128($1) }
    }

    var count: Int { values.count }

    /// How many slices there are.
    var sliceCount: Int { starts.count - 1 }

    /// One of the slices.
    func slice(_ index: Int) -> SortedPauses { SortedPauses(slice: values[range(index)]) }

    private func range(_ index: Int) -> Range<Int> { starts[index]..<starts[index + 1] }

    private var slices: [Range<Int>] { (0..<sliceCount).map(range).filter { !$0.isEmpty } }

    /// The shortest; nil of none.
    var min: UInt64? { slices.map { values[$0.lowerBound] }.min() }

    /// The longest; nil of none.
    var max: UInt64? { slices.map { values[$0.upperBound - 1] }.max() }

    /// How many are below `value`.
    func count(below value: UInt64) -> Int {
        slices.reduce(0) { $0 + partition($1) { $0 < value } }
    }

    /// The value of that rank, from 1, among all of them in order; for ranks up to `count`.
    func value(rank: Int) -> UInt64? {
        if sliceCount == 1 { return values[rank - 1] }
        guard var low = min, var high = max else { return nil }
        let slices = slices
        // The least value that so many are not above.
        while low < high {
            let middle = low + (high - low) / 2
            let count = slices.reduce(0) { $0 + partition($1) { $0 <= middle } }
            if count >= rank { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// How many values of a slice come before the first of which `isBefore` no longer holds.
    private func partition(_ slice: Range<Int>, _ isBefore: (UInt64) -> Bool) -> Int {
        var low = slice.lowerBound
        var high = slice.upperBound
        while low < high {
            let middle = (low + high) / 2
            if isBefore(values[middle]) { low = middle + 1 } else { high = middle }
        }
        return low - slice.lowerBound
    }
}
