import Storage

/// Some pauses, in nanoseconds.
///
/// A year may have ten million of them: those below four seconds, which is all but always all, take four bytes.
struct PauseSlice {
    private var short: [UInt32] = []
    private var long: [UInt64] = []
    /// What they add up to: 2⁶³ pauses below 2⁶⁴ are less than 2¹²⁷.
    private(set) var total: Int128 = 0

    /// None.
    init() {}

    /// Those pauses.
    init(_ pauses: some Sequence<UInt64>) {
        let bits = pauses.map { Int64(bitPattern: $0) }
        bits.withUnsafeBufferPointer { append($0) }
    }

    var count: Int { short.count + long.count }

    /// Adds pauses, given as bit patterns.
    mutating func append(_ pauses: UnsafeBufferPointer<Int64>) {
        var all: UInt64 = 0
        for pause in pauses { all |= UInt64(bitPattern: pause) }
        guard all >> 32 == 0 else {
            for pause in pauses {
                let pause = UInt64(bitPattern: pause)
                total += Int128(pause)
                if let fits = UInt32(exactly: pause) { short.append(fits) } else { long.append(pause) }
            }
            return
        }
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: pauses.count) { narrow in
            var sum: UInt64 = 0
            // Fewer than 2³² fit in memory, so that their sum fits.
            for (index, pause) in pauses.enumerated() {
                sum &+= UInt64(bitPattern: pause)
                narrow.initializeElement(at: index, to: UInt32(truncatingIfNeeded: pause))
            }
            total += Int128(sum)
            short.append(contentsOf: UnsafeBufferPointer(narrow))
        }
    }

    /// Adds pauses below 2³² ns.
    mutating func append(_ pauses: UnsafeBufferPointer<UInt32>) {
        var sum: UInt64 = 0
        for pause in pauses { sum &+= UInt64(pause) }
        total += Int128(sum)
        short.append(contentsOf: pauses)
    }

    /// Puts them in order; `scratch` grows as needed, and what is in it means nothing.
    mutating func sort(scratch: inout [UInt32]) {
        PauseSort.sort(&short, scratch: &scratch)
        long.sort()
    }

    // MARK: In order

    /// The one of that rank, from 0.
    subscript(rank: Int) -> UInt64 { rank < short.count ? UInt64(short[rank]) : long[rank - short.count] }

    /// How many are below `value`.
    func count(below value: UInt64) -> Int { partition { $0 < value } }

    /// How many come before the first of which `isBefore` no longer holds.
    func partition(_ isBefore: (UInt64) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if isBefore(self[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// Pauses in slices, each ascending: of a range as a whole, or step by step, and then nothing needs to be sorted twice.
struct SortedPauses {
    private let slices: [PauseSlice]
    let total: Int128
    let count: Int

    /// All of them as one slice.
    init(_ pauses: [UInt64]) {
        self.init([PauseSlice(pauses)])
    }

    /// Sorts each slice.
    init(_ slices: consuming [PauseSlice]) {
        var scratch: [UInt32] = []
        for index in slices.indices { slices[index].sort(scratch: &scratch) }
        self.init(sorted: slices)
    }

    private init(sorted slices: [PauseSlice]) {
        total = slices.reduce(0) { $0 + $1.total }
        count = slices.reduce(0) { $0 + $1.count }
        self.slices = slices
    }

    /// How many slices there are.
    var sliceCount: Int { slices.count }

    /// One of the slices.
    func slice(_ index: Int) -> SortedPauses { SortedPauses(sorted: [slices[index]]) }

    /// The shortest; nil of none.
    var min: UInt64? { slices.lazy.filter { $0.count > 0 }.map { $0[0] }.min() }

    /// The longest; nil of none.
    var max: UInt64? { slices.lazy.filter { $0.count > 0 }.map { $0[$0.count - 1] }.max() }

    /// How many are below `value`.
    func count(below value: UInt64) -> Int { slices.reduce(0) { $0 + $1.count(below: value) } }

    /// The value of that rank, from 1, among all of them in order; for ranks up to `count`.
    func value(rank: Int) -> UInt64? {
        if sliceCount == 1 { return slices[0][rank - 1] }
        guard var low = min, var high = max else { return nil }
        // The least value that so many are not above.
        while low < high {
            let middle = low + (high - low) / 2
            let count = slices.reduce(0) { $0 + $1.partition { $0 <= middle } }
            if count >= rank { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
