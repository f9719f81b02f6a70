/// The orders of some lists, record after record: nothing for one that stays as it was, else near log2(n!) bits.
///
/// A record has a layout, how many members each of its lists has, and an order: for each list a permutation, all of them
/// one after the other. `order[i]` of a list is the member that stands in place i. Lists that stay are told from those
/// that are shuffled each time by what they did before (`AdaptiveBit`), so that neither costs much more than it holds.
///
/// A permutation is coded as the numbers that sort it by exchanges (Myrvold and Ruskey 2001, Ranking and unranking
/// permutations in linear time), each of them alike likely.
package struct PermutationCoder: Sendable {
    /// A longer list cannot be coded.
    package static let membersMax = 65_536
    /// Below so many members a shuffled list may come out as it was, by chance.
    private static let chanceMax = 6
    /// So often it then counts as shuffled all the same.
    private static let patience: UInt8 = 8

    /// What is known of the records of one layout.
    private struct Known {
        /// The order of the last one.
        var order: [UInt16]
        /// For each list, how many records ago it changed; 255 for never and long ago.
        var age: [UInt8]
    }

    private var known: [Int64: Known] = [:]
    private var isChanged = [AdaptiveBit](repeating: AdaptiveBit(), count: 2)
    private var isCoded = [AdaptiveBit](repeating: AdaptiveBit(), count: 3)
    private var wasChanged = false
    private var inverse: [UInt16] = []
    private var work: [UInt16] = []
    private var coded: [Bool] = []

    /// A coder that has seen nothing: each record stands in its own order.
    package init() {}

    /// The order in which each list stands as it is.
    package static func identity(_ sizes: [Int]) -> [UInt16] {
        var order: [UInt16] = []
        order.reserveCapacity(sizes.reduce(0, +))
        for size in sizes { for index in 0..<size { order.append(UInt16(truncatingIfNeeded: index)) } }
        return order
    }

    /// Says what the record before had, for the layout of that name.
    package mutating func begin(_ layout: Int64, _ sizes: [Int], after order: [UInt16]) {
        known[layout] = Known(
            order: order.isEmpty ? Self.identity(sizes) : order,
            age: [UInt8](repeating: .max, count: sizes.count)
        )
    }

    /// Codes the order of a record; an empty one is that in which each list stands as it is.
    ///
    /// `layout` is the name of what `sizes` are the sizes of.
    package mutating func encode(
        _ order: [UInt16],
        _ sizes: [Int],
        of layout: Int64,
        into encoder: inout RangeEncoder
    ) {
        var known = take(layout, sizes)
        let order = order.isEmpty ? Self.identity(sizes) : order
        precondition(order.count == known.order.count, "BUG: an order of another layout")
        let hasChanged = note(order, sizes, known)
        encoder.bit(hasChanged, &isChanged[wasChanged ? 1 : 0])
        wasChanged = hasChanged
        if hasChanged {
            var start = 0
            for (list, size) in sizes.enumerated() {
                let isNow = coded[list]
                encoder.bit(isNow, &isCoded[Self.context(known.age[list])])
                var isOther = false
                if isNow {
                    encode(order, start, size, into: &encoder)
                    isOther = order[start..<start + size] != known.order[start..<start + size]
                }
                Self.note(isOther, &known.age[list])
                start += size
            }
            known.order = order
        }
        self.known[layout] = known
    }

    /// The order of the next record; empty for that in which each list stands as it is.
    package mutating func decode(
        _ sizes: [Int],
        of layout: Int64,
        from decoder: inout RangeDecoder
    ) -> [UInt16] {
        var known = take(layout, sizes)
        wasChanged = decoder.bit(&isChanged[wasChanged ? 1 : 0])
        if wasChanged {
            var start = 0
            for (list, size) in sizes.enumerated() {
                let isNow = decoder.bit(&isCoded[Self.context(known.age[list])])
                var isOther = false
                if isNow {
                    let before = Array(known.order[start..<start + size])
                    decode(&known.order, start, size, from: &decoder)
                    isOther = known.order[start..<start + size] != before[...]
                }
                Self.note(isOther, &known.age[list])
                start += size
            }
        }
        self.known[layout] = known
        return Self.isIdentity(known.order, sizes) ? [] : known.order
    }

    /// Whether each list stands as it is.
    package static func isIdentity(_ order: [UInt16], _ sizes: [Int]) -> Bool {
        var start = 0
        for size in sizes {
            for index in 0..<size where order[start &+ index] != UInt16(truncatingIfNeeded: index) {
                return false
            }
            start += size
        }
        return true
    }

    /// Notes which lists are to be coded; says whether any is.
    private mutating func note(_ order: [UInt16], _ sizes: [Int], _ known: Known) -> Bool {
        coded.removeAll(keepingCapacity: true)
        var hasAny = false
        order.withUnsafeBufferPointer { new in
            known.order.withUnsafeBufferPointer { old in
                var start = 0
                for (list, size) in sizes.enumerated() {
                    var isNow = size < Self.chanceMax && known.age[list] < Self.patience
                    var place = start
                    while !isNow, place < start &+ size {
                        isNow = new[place] != old[place]
                        place &+= 1
                    }
                    coded.append(isNow)
                    hasAny = hasAny || isNow
                    start &+= size
                }
            }
        }
        return hasAny
    }

    private mutating func take(_ layout: Int64, _ sizes: [Int]) -> Known {
        if let found = known.removeValue(forKey: layout) { return found }
        return Known(
            order: Self.identity(sizes),
            age: [UInt8](repeating: .max, count: sizes.count)
        )
    }

    private static func context(_ age: UInt8) -> Int { age == 0 ? 0 : age < patience ? 1 : 2 }

    private static func note(_ isOther: Bool, _ age: inout UInt8) {
        age = isOther ? 0 : age < .max ? age + 1 : age
    }

    private mutating func encode(
        _ order: [UInt16],
        _ start: Int,
        _ count: Int,
        into encoder: inout RangeEncoder
    ) {
        work.removeAll(keepingCapacity: true)
        work.append(contentsOf: order[start..<start + count])
        if inverse.count < count { inverse = [UInt16](repeating: 0, count: count) }
        work.withUnsafeMutableBufferPointer { work in
            inverse.withUnsafeMutableBufferPointer { inverse in
                for place in 0..<count { inverse[Int(work[place])] = UInt16(truncatingIfNeeded: place) }
                var left = count
                while left > 1 {
                    let last = left &- 1
                    let member = Int(work[last])
                    encoder.uniform(member, below: left)
                    // Exchanged, so that the largest stands last: what is left is a permutation of the others.
                    let place = Int(inverse[last])
                    work.swapAt(last, place)
                    inverse.swapAt(member, last)
                    left = last
                }
            }
        }
    }

    private func decode(
        _ order: inout [UInt16],
        _ start: Int,
        _ size: Int,
        from decoder: inout RangeDecoder
    ) {
        order.withUnsafeMutableBufferPointer { order in
            for index in 0..<size { order[start + index] = UInt16(truncatingIfNeeded: index) }
            var left = size
            while left > 1 {
                order.swapAt(start + left - 1, start + decoder.uniform(below: left))
                left -= 1
            }
        }
    }
}
