/// Places of an array in the order in which they were used last, each moved to the end at once.
struct RecencyOrder: Sendable {
    private static let none: Int32 = -1

    /// By place: the one that was used directly before it, and directly after it.
    private var older: [Int32] = []
    private var newer: [Int32] = []
    private var unused: [Int32] = []
    private var first = none
    private var last = none
    private(set) var count = 0

    /// The place that was not used for longest; nil where there is none.
    var oldest: Int? { first == Self.none ? nil : Int(first) }

    /// The place that was used last.
    var newest: Int? { last == Self.none ? nil : Int(last) }

    /// The place that was used directly before that one.
    func before(_ place: Int) -> Int? { older[place] == Self.none ? nil : Int(older[place]) }

    /// A place as the newest: the number of places so far, or one that was removed.
    mutating func add() -> Int {
        let place = unused.popLast() ?? Int32(older.count)
        if Int(place) == older.count {
            older.append(Self.none)
            newer.append(Self.none)
        }
        count += 1
        append(place)
        return Int(place)
    }

    /// Makes a place the newest.
    mutating func use(_ place: Int) {
        guard Int(last) != place else { return }
        detach(Int32(place))
        append(Int32(place))
    }

    /// Takes a place out; it is given away again.
    mutating func remove(_ place: Int) {
        detach(Int32(place))
        unused.append(Int32(place))
        count -= 1
    }

    private mutating func append(_ place: Int32) {
        older[Int(place)] = last
        newer[Int(place)] = Self.none
        if last == Self.none { first = place } else { newer[Int(last)] = place }
        last = place
    }

    private mutating func detach(_ place: Int32) {
        let (before, after) = (older[Int(place)], newer[Int(place)])
        if before == Self.none { first = after } else { newer[Int(before)] = after }
        if after == Self.none { last = before } else { older[Int(after)] = before }
    }
}
