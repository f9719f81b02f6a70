import Model

/// Collects the values of one series, in the narrowest form that holds them all.
struct ColumnBuilder {
    private var integers: [Int64] = []
    private var reals: [Double] = []
    private var mixed: [Number?] = []
    private var count = 0

    mutating func append(_ value: Number?) {
        defer { count += 1 }
        switch value {
        case .integer(let integer)? where integers.count == count:
            integers.append(integer)
            return
        case .real(let real)? where reals.count == count:
            reals.append(real)
            return
        default:
            break
        }
        if mixed.count < count || !(integers.isEmpty && reals.isEmpty) { widen() }
        mixed.append(value)
        // A column of which nothing was seen yet stays narrow until it must not.
        if count == 0 { return }
    }

    /// Moves what was collected into `mixed`.
    private mutating func widen() {
        if integers.count == count && count > 0 {
            mixed = integers.map { .integer($0) }
        } else if reals.count == count && count > 0 {
            mixed = reals.map { .real($0) }
        }
        integers = []
        reals = []
    }

    /// What was collected.
    var column: SeriesColumn {
        if count > 0 && integers.count == count { return .integers(integers) }
        if count > 0 && reals.count == count { return .reals(reals) }
        return mixed.contains { $0 != nil } ? .mixed(mixed) : .absent
    }
}

extension SeriesColumn {
    /// The values of some rows.
    func part(_ range: Range<Int>) -> SeriesColumn {
        switch self {
        case .absent: return .absent
        case .integers(let values): return .integers(Array(values[range]))
        case .reals(let values): return .reals(Array(values[range]))
        case .mixed(let values):
            let part = Array(values[range])
            return part.contains { $0 != nil } ? .mixed(part) : .absent
        }
    }
}
