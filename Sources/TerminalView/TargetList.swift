import Model
import Query

/// What the list of targets is sorted by.
enum TargetColumn: Int, CaseIterable, Hashable, Sendable {
    case name, state, heap, allocation, collections, pause, age, failures, restarts

    /// What stands above the column.
    var heading: String {
        switch self {
        case .name: "TARGET"
        case .state: "STATE"
        case .heap: "HEAP"
        case .allocation: "ALLOC/S"
        case .collections: "GC/S"
        case .pause: "P99"
        case .age: "LAST"
        case .failures: "FAILED"
        case .restarts: "RESTARTS"
        }
    }

    /// The key that sorts by it.
    var letter: Unicode.Scalar {
        switch self {
        case .name: "n"
        case .state: "s"
        case .heap: "h"
        case .allocation: "a"
        case .collections: "g"
        case .pause: "p"
        case .age: "l"
        case .failures: "f"
        case .restarts: "t"
        }
    }

    /// Whether one wants to see the greatest first.
    var isDescendingFirst: Bool { self != .name && self != .state }
}

/// How a target is doing at one moment, worst first.
enum TargetState: Int, Hashable, Sendable {
    /// The last scrape failed.
    case down
    /// There was none for longer than there should be.
    case late
    /// The last scrape got a document, not long ago.
    case up
    /// There was none yet.
    case new

    var word: String { "\(self)" }

    var style: Style {
        switch self {
        case .down: .bad
        case .late: .fair
        case .up: .good
        case .new: .faint
        }
    }
}

extension TargetReading {
    /// A scrape is late after that many times the usual distance.
    private static let lateFactor: Int64 = 3
    /// No scrape is late before that, in milliseconds: a commit may take its time.
    private static let lateMillisecondsMin: Int64 = 5000
    /// Where the usual distance is not known.
    private static let lateMillisecondsDefault: Int64 = 60_000
    private static let unseenMillisecondsMax: Int64 = 60_000

    /// How long ago the last scrape was, in milliseconds; nil where there was none.
    func age(_ now: Timestamp) -> Int64? {
        target.last.map { max(0, now.milliseconds &- $0.milliseconds) }
    }

    /// How it is doing.
    func state(_ now: Timestamp) -> TargetState {
        // What came since we looked is unknown: on a busy machine that is some seconds. For a minute it gets the benefit
        // of the doubt; where there is no looking for longer, nobody knows that it is up.
        let earliest = now.advanced(byMilliseconds: -TargetReading.unseenMillisecondsMax)
        guard let age = age(min(now, max(earliest, lookedAt ?? now))) else { return .new }
        let limit = scrapes?.usualMilliseconds.map {
            max(TargetReading.lateMillisecondsMin, $0 &* TargetReading.lateFactor)
        }
        if age > limit ?? TargetReading.lateMillisecondsDefault { return .late }
        return target.lastFailure?.time == target.last ? .down : .up
    }

    /// The runs that began in the window, but for the first of all.
    var restarts: [Timestamp] {
        guard let since = range.since else { return [] }
        return target.restarts.filter { $0 >= since }
    }
}

/// The list of all targets: how it is sorted, and which of them is chosen.
struct TargetList: Hashable, Sendable {
    private(set) var column = TargetColumn.name
    private(set) var isDescending = false
    var position = ListPosition()
    /// The chosen target stays chosen where it moves in the list.
    var chosen: String?

    /// Sorts by a column, the other way round where that is the column already.
    mutating func sort(by new: TargetColumn) {
        isDescending = new == column ? !isDescending : new.isDescendingFirst
        column = new
    }

    /// Sorts the other way round.
    mutating func reverse() { isDescending.toggle() }

    /// Sorts by the next column of those, or the one before.
    mutating func sort(byNext distance: Int, of columns: [TargetColumn]) {
        guard !columns.isEmpty else { return }
        let index = columns.firstIndex(of: column).map { $0 + distance } ?? 0
        sort(by: columns[(index + columns.count) % columns.count])
    }

    /// The targets in order; those that have no value in the column come last, equal ones by name.
    func sorted(_ targets: [TargetReading], now: Timestamp) -> [TargetReading] {
        let keyed = targets.map { (reading: $0, key: key($0, now)) }
        return keyed.sorted { a, b in
            if column != .name {
                switch (a.key, b.key) {
                case (let x?, let y?) where x != y: return isDescending ? x > y : x < y
                case (_?, nil): return true
                case (nil, _?): return false
                default: break
                }
            }
            let isBefore = a.reading.target.target.utf8.lexicographicallyPrecedes(
                b.reading.target.target.utf8
            )
            let isAfter = b.reading.target.target.utf8.lexicographicallyPrecedes(a.reading.target.target.utf8)
            return column == .name && isDescending ? isAfter : isBefore
        }.map(\.reading)
    }

    private func key(_ reading: TargetReading, _ now: Timestamp) -> Double? {
        switch column {
        case .name: nil
        case .state: Double(reading.state(now).rawValue)
        case .heap: reading.heap?.double
        case .allocation: reading.allocation.recent
        case .collections: reading.collections.recent
        case .pause: reading.pauses99.map { Double($0) }
        case .age: reading.age(now).map { Double($0) }
        case .failures: reading.scrapes.map { Double($0.failed) }
        case .restarts: Double(reading.restarts.count)
        }
    }
}
