import Model
import SQLite

/// What the virtual tables of one statement share: the snapshot, and what was read of it once.
final class SQLTableSource {
    let snapshot: VaultSnapshot
    /// Set once it is made; lives as long as any cursor.
    weak var connection: VirtualTableConnection?
    private var knownTargets: [TargetRecord]?
    private var knownSeries: [TargetID: [SeriesRecord]] = [:]
    private var knownRuns: [TargetID: [RunRecord]] = [:]

    init(_ snapshot: VaultSnapshot) { self.snapshot = snapshot }

    /// All targets, ascending by the bytes of their names, as SQLite compares texts.
    func targets() throws -> [TargetRecord] {
        if let knownTargets { return knownTargets }
        let targets = try snapshot.targets().sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        knownTargets = targets
        return targets
    }

    /// The targets that fulfil the conditions on their name.
    func targets(_ filter: SQLNameFilter) throws -> [TargetRecord] {
        try targets().filter { filter.matches($0.name) }
    }

    /// The runs of a target, ascending by first position.
    func runs(of target: TargetID) throws -> [RunRecord] {
        if let known = knownRuns[target] { return known }
        let runs = try snapshot.runs(of: target)
        knownRuns[target] = runs
        return runs
    }

    /// The series that a target serves, ascending by the bytes of their names.
    ///
    /// A map `scrape` of the target's own may have a key that makes the name of an added series: it means the added.
    func series(of target: TargetID) throws -> [SeriesRecord] {
        if let known = knownSeries[target] { return known }
        let series = try snapshot.series(of: target)
            .filter { record in
                ![AddedSeries.up, AddedSeries.duration].contains { $0.utf8.elementsEqual(record.name.utf8) }
            }
            .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        knownSeries[target] = series
        return series
    }

    /// Whether a target's order is by time, for every target: no epoch was opened by a clock that stepped back.
    func isOrderedByTime() throws -> Bool {
        try targets().allSatisfy { $0.first?.epoch == $0.last?.epoch }
    }

    /// Throws where the statement's time has passed.
    func checkDeadline() throws { try connection?.checkDeadline() }
}

/// The conditions on a column of names, as far as they were taken over.
struct SQLNameFilter {
    private var conditions: [Condition] = []

    private enum Condition {
        case oneOf(Set<[UInt8]>)
        case like([UInt8])
        case glob([UInt8])
        case nothing
    }

    /// Those of `arguments` that are about the column.
    ///
    /// Conditions on values that are no text are left to SQLite, which then looks at each row.
    init(_ arguments: [VirtualTableArgument], column: Int) {
        for argument in arguments where argument.column == column {
            switch argument.operation {
            case .equal, .oneOf:
                // NULL is equal to nothing.
                let values = argument.values.filter { $0 != .null }
                let texts = values.compactMap { value -> [UInt8]? in
                    if case .text(let text) = value { text } else { nil }
                }
                if texts.count == values.count { conditions.append(.oneOf(Set(texts))) }
            case .like, .glob:
                switch argument.values.first {
                case .text(let pattern)?:
                    conditions.append(argument.operation == .like ? .like(pattern) : .glob(pattern))
                case .null?:
                    conditions.append(.nothing)
                default:
                    break
                }
            case .less, .lessOrEqual, .greater, .greaterOrEqual:
                break
            }
        }
    }

    /// The names that a condition asks for exactly; none where no condition does.
    var exactNames: [String] {
        for case .oneOf(let names) in conditions {
            return names.map { String(decoding: $0, as: UTF8.self) }.sorted()
        }
        return []
    }

    /// Whether a name fulfils them all.
    func matches(_ name: String) -> Bool {
        conditions.allSatisfy { condition in
            switch condition {
            case .oneOf(let names): names.contains(Array(name.utf8))
            case .like(let pattern): SQLPattern.isLike(name, pattern)
            case .glob(let pattern): SQLPattern.isGlob(name, pattern)
            case .nothing: false
            }
        }
    }
}

/// The conditions on a column of integers, as far as they were taken over: a range with both ends in it.
struct SQLIntegerFilter: Equatable {
    private(set) var first = Int64.min
    private(set) var last = Int64.max
    private var isEmpty = false

    /// No condition.
    init() {}

    /// Those of `arguments` that are about the column.
    ///
    /// Conditions on a double are widened to whole numbers, those on texts and bytes left to SQLite, which then looks
    /// at each row.
    init(_ arguments: [VirtualTableArgument], column: Int) {
        for argument in arguments where argument.column == column {
            switch argument.values.first {
            case .integer(let value)?: take(argument.operation, value)
            case .real(let value)?: take(argument.operation, value)
            // A comparison with NULL holds for nothing.
            case .null?: isEmpty = true
            default: break
            }
        }
    }

    /// Whether nothing can fulfil it.
    var isNever: Bool { isEmpty || first > last }

    /// Whether a value fulfils it.
    func contains(_ value: Int64) -> Bool { !isEmpty && first <= value && value <= last }

    /// The times that fulfil it, in milliseconds.
    var timeRange: TimeRange {
        TimeRange(
            since: first == .min ? nil : Timestamp(milliseconds: first),
            until: last == .max ? nil : Timestamp(milliseconds: last + 1)
        )
    }

    /// The milliseconds that hold the nanoseconds which fulfil it.
    var millisecondsOfNanoseconds: SQLIntegerFilter {
        var filter = self
        if first != .min { filter.first = SQLIntegerFilter.floor(first, by: 1_000_000) }
        if last != .max { filter.last = SQLIntegerFilter.floor(last, by: 1_000_000) }
        return filter
    }

    /// What fulfils both.
    func intersection(_ other: SQLIntegerFilter) -> SQLIntegerFilter {
        var filter = self
        filter.first = max(first, other.first)
        filter.last = min(last, other.last)
        filter.isEmpty = isEmpty || other.isEmpty
        return filter
    }

    private static func floor(_ value: Int64, by divisor: Int64) -> Int64 {
        let (quotient, rest) = value.quotientAndRemainder(dividingBy: divisor)
        return rest < 0 ? quotient - 1 : quotient
    }

    private mutating func take(_ operation: VirtualTableOperation, _ value: Int64) {
        switch operation {
        case .equal:
            first = max(first, value)
            last = min(last, value)
        case .greaterOrEqual:
            first = max(first, value)
        case .greater:
            if value == .max { isEmpty = true } else { first = max(first, value + 1) }
        case .lessOrEqual:
            last = min(last, value)
        case .less:
            if value == .min { isEmpty = true } else { last = min(last, value - 1) }
        case .oneOf, .like, .glob:
            break
        }
    }

    /// Whole numbers on either side of the double; SQLite compares exactly afterwards.
    private mutating func take(_ operation: VirtualTableOperation, _ value: Double) {
        // -2⁶³ is an Int64, 2⁶³ is none.
        let low = value < -0x1p63 ? Int64.min : Int64(exactly: value.rounded(.down)) ?? .max
        let high = value >= 0x1p63 ? Int64.max : Int64(exactly: value.rounded(.up)) ?? .min
        switch operation {
        case .equal:
            first = max(first, low)
            last = min(last, high)
        case .greaterOrEqual, .greater:
            first = max(first, low)
        case .lessOrEqual, .less:
            last = min(last, high)
        case .oneOf, .like, .glob:
            break
        }
    }
}

/// Which conditions and which order a table of ours takes over: the same rules for all of them.
struct SQLTablePlanner {
    /// Columns of names: `=`, IN, LIKE and GLOB, with the share of the rows that one name leaves.
    var names: [Int: Double]
    /// Columns of integers: ranges.
    var integers: Set<Int>
    /// Columns of integers of which `=` leaves that share of the rows.
    var equalShare: [Int: Double] = [:]
    /// How many rows a scan without a condition gives, about, and what each costs.
    var rows: Double
    var costOfRow = 1.0
    /// The columns by which rows come.
    var order: [Int] = []
    /// Columns of `order` that may be left out of a wish, since they are the same for all rows of what comes before.
    var idleInOrder: Set<Int> = []

    /// The plan for a question.
    func plan(for question: VirtualTableQuestion) -> VirtualTablePlan {
        var plan = VirtualTablePlan(used: [], exact: [], isOrdered: false, rows: rows, cost: 0)
        var fixed: Set<Int> = []
        for (index, constraint) in question.constraints.enumerated() {
            guard let share = share(of: constraint) else { continue }
            plan.used.append(index)
            plan.rows *= share
            if constraint.operation == .equal { fixed.insert(constraint.column) }
            if isExact(constraint) { plan.exact.insert(index) }
        }
        plan.rows = max(1, plan.rows)
        plan.cost = 100 + plan.rows * costOfRow
        plan.isOrdered = isOrder(question.order, fixed: fixed)
        return plan
    }

    /// What share of the rows a condition leaves; nil where it is not taken over.
    private func share(of constraint: VirtualTableConstraint) -> Double? {
        if let share = names[constraint.column] {
            switch constraint.operation {
            case .equal: return constraint.isBinary ? share : nil
            case .oneOf: return constraint.isBinary ? min(1, share * 4) : nil
            case .like, .glob: return min(1, share * 8)
            case .less, .lessOrEqual, .greater, .greaterOrEqual: return nil
            }
        }
        guard integers.contains(constraint.column) else { return nil }
        switch constraint.operation {
        case .equal: return equalShare[constraint.column] ?? 0.001
        case .less, .lessOrEqual, .greater, .greaterOrEqual: return 0.25
        case .oneOf, .like, .glob: return nil
        }
    }

    /// Whether SQLite need not look again: only where the value's type is known to be that of the column, so that
    /// no conversion of SQLite's has a say.
    private func isExact(_ constraint: VirtualTableConstraint) -> Bool {
        switch constraint.literal {
        case .text?: names[constraint.column] != nil && constraint.operation != .oneOf
        case .integer?: integers.contains(constraint.column)
        default: false
        }
    }

    /// Whether rows come in that order already, where `fixed` columns have one value.
    private func isOrder(_ wish: [Int]?, fixed: Set<Int>) -> Bool {
        guard let wish, !wish.isEmpty else { return false }
        var own = order.filter { !fixed.contains($0) }[...]
        for column in wish where !fixed.contains(column) {
            while let next = own.first, next != column, idleInOrder.contains(next) { own.removeFirst() }
            guard own.popFirst() == column else { return false }
        }
        return true
    }
}
