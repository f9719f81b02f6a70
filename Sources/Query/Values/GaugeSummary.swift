import Model
import Storage

/// The samples of one series in a range or a step, summed up.
struct GaugeSummary {
    private(set) var count = 0
    private(set) var min: Number?
    private(set) var max: Number?
    private(set) var first: Number?
    private(set) var last: Number?
    private var sum = ExactSum()

    /// The arithmetic mean, rounded once; nil where there is no sample.
    var mean: Double? {
        count == 0 ? nil : sum.mean(of: count)
    }

    /// Adds the next sample in order.
    mutating func add(_ value: Number) {
        note(first: value, last: value, min: value, max: value, count: 1)
        switch value {
        case .integer(let integer): sum.add(Int128(integer))
        case .unsigned(let integer): sum.add(Int128(integer))
        case .real(let real): sum.add(real)
        }
    }

    /// Adds the next samples in order, all integers.
    mutating func add(_ values: ArraySlice<Int64>) {
        guard let first = values.first, let last = values.last else { return }
        var lowest = first
        var highest = first
        // The halves of a value are summed apart: 64-bit sums that cannot overflow before 2³¹ values, which
        // the compiler can put in vectors, where one 128-bit sum could not be.
        var high: Int64 = 0
        var low: Int64 = 0
        for value in values {
            lowest = Swift.min(lowest, value)
            highest = Swift.max(highest, value)
            high &+= value >> 32
            low &+= value & 0xffff_ffff
        }
        note(
            first: .integer(first),
            last: .integer(last),
            min: .integer(lowest),
            max: .integer(highest),
            count: values.count
        )
        sum.add(Int128(high) << 32 + Int128(low))
    }

    /// Adds the next samples in order, all doubles.
    mutating func add(_ values: ArraySlice<Double>) {
        guard let first = values.first, let last = values.last else { return }
        var lowest = first
        var highest = first
        for value in values {
            if value < lowest { lowest = value }
            if value > highest { highest = value }
            sum.add(value)
        }
        note(
            first: .real(first),
            last: .real(last),
            min: .real(lowest),
            max: .real(highest),
            count: values.count
        )
    }

    /// Adds the next samples in order, of which a chunk tells this.
    ///
    /// Returns false, with nothing added, where it does not tell the sum.
    mutating func add(_ known: ChunkColumnStatistics) -> Bool {
        guard let sum = known.sum else { return false }
        note(first: known.first, last: known.last, min: known.min, max: known.max, count: known.count)
        self.sum.add(sum, exponent: known.sumExponent)
        return true
    }

    /// Adds the next samples in order, summed up.
    mutating func add(_ next: GaugeSummary) {
        guard let first = next.first, let last = next.last, let min = next.min, let max = next.max else {
            return
        }
        note(first: first, last: last, min: min, max: max, count: next.count)
        sum.add(next.sum)
    }

    private mutating func note(first: Number, last: Number, min: Number, max: Number, count: Int) {
        if self.count == 0 { self.first = first }
        self.last = last
        self.min = self.min.map { Swift.min($0, min) } ?? min
        self.max = self.max.map { Swift.max($0, max) } ?? max
        self.count += count
    }
}
