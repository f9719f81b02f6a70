/// Which order the members of a shape's objects stand in, and how a body of another order becomes one of the shape.
///
/// Go programs range over maps, so that one and the same document comes in another order each time. A shape has the order
/// in which it was seen first. A body that has the same members in another one is *tidied*: members are exchanged until it
/// has the shape's skeleton, and the order that it came in is kept beside it. What stands between members (commas, white
/// space) keeps its place, so that a body comes back byte for byte, whatever it is.
///
/// Members that say the same key keep their order among themselves: of these the last one counts.
package struct MemberOrder: Sendable {
    /// How many members each object of the shape has that has two to `membersMax`, in the order of the skeleton.
    package let sizes: [Int]
    /// Equal for all documents that could be tidied to this shape.
    package let hash: UInt64

    private let tree: MemberTree
    /// Where the members of an object stand among all that `sizes` counts; -1 for one of fewer than two.
    private let places: [Int32]
    private let memberCount: Int
    /// For each object of two members and more a table: its members by the hash of their key.
    private let slots: [Int32]
    /// Where the table of an object begins, and its size less one.
    private let tables: [(first: Int32, mask: Int32)]
    /// The member after this one, by its number in the object, that has the same hash; -1 for none.
    private let next: [Int32]
    /// Whether an object has such members.
    private let hasEqualKeys: [Bool]
    /// Whether bodies can be tidied to it.
    private let canTidy: Bool

    /// An object with more members is not put in another order.
    package static let membersMax = 65_536
    /// A body whose keys cannot be found with so many looks is not tidied: nobody means well with such keys.
    private static let looksMax = 64

    /// The order of a shape's members; nil where that is no skeleton.
    package init?(skeleton: [UInt8]) {
        guard let tree = MemberTree(skeleton: skeleton, leaves: nil) else { return nil }
        var sizes: [Int] = []
        var places: [Int32] = []
        var slots: [Int32] = []
        var tables: [(first: Int32, mask: Int32)] = []
        var next = [Int32](repeating: -1, count: tree.members.count)
        var hasEqualKeys = [Bool](repeating: false, count: tree.objects.count)
        var count = 0
        var canTidy = true
        for (number, object) in tree.objects.enumerated() {
            let size = object.members.count
            guard size > 1, size <= Self.membersMax else {
                if size > 1 { canTidy = false }
                places.append(-1)
                tables.append((0, 0))
                continue
            }
            sizes.append(size)
            places.append(Int32(truncatingIfNeeded: count))
            count += size
            var tableSize = 4
            while tableSize < 2 * size { tableSize *= 2 }
            let first = slots.count
            tables.append((Int32(truncatingIfNeeded: first), Int32(truncatingIfNeeded: tableSize - 1)))
            slots.append(contentsOf: repeatElement(-1, count: tableSize))
            // From the last on, so that of equal keys the first is found first.
            for index in (0..<size).reversed() {
                let member = Int(object.members.lowerBound) + index
                let hash = tree.members[member].keyHash
                var slot = Int(truncatingIfNeeded: hash) & (tableSize - 1)
                var looks = 0
                while slots[first + slot] >= 0,
                    tree.members[Int(object.members.lowerBound + slots[first + slot])].keyHash != hash
                {
                    slot = (slot + 1) & (tableSize - 1)
                    looks += 1
                    if looks == Self.looksMax { canTidy = false }
                    if !canTidy { break }
                }
                guard canTidy else { break }
                next[member] = slots[first + slot]
                if next[member] >= 0 { hasEqualKeys[number] = true }
                slots[first + slot] = Int32(truncatingIfNeeded: index)
            }
        }
        self.tree = tree
        self.sizes = sizes
        self.places = places
        self.slots = slots
        self.tables = tables
        self.next = next
        self.hasEqualKeys = hasEqualKeys
        self.canTidy = canTidy
        hash = tree.hash
        memberCount = count
    }

    /// How many bytes it takes in memory, about.
    package var byteCount: Int { tree.members.count * 36 + tree.objects.count * 24 + slots.count * 4 }

    /// What documents that differ in leaves and order alone have in common; nil where it cannot be told.
    package static func hash(of document: ScannedDocument) -> UInt64? {
        MemberTree(skeleton: document.skeleton, leaves: nil)?.hash
    }
}

// MARK: Tidying

extension MemberOrder {
    /// A body in the shape's order, and the order that it came in: for each object of `sizes`, one after the other, which
    /// of the shape's members stands in each place.
    ///
    /// Nil where it has other members. Whether the result has the shape's skeleton is the caller's to see: what stands
    /// between members, and how keys are spelled, is not looked at here.
    package func tidied(_ document: ScannedDocument, _ body: [UInt8]) -> (body: [UInt8], order: [UInt16])? {
        guard canTidy, let served = MemberTree(skeleton: document.skeleton, leaves: document.leaves),
            served.hash == hash, served.objects.count == tree.objects.count, served.end == body.count
        else { return nil }
        var work = Tidying(shape: self, served: served)
        guard let tidy = MemberText.make(of: body, { work.run(&$0) }) else { return nil }
        return (tidy, work.order)
    }

    /// Exchanges members until they stand as the shape has them.
    private struct Tidying {
        let shape: MemberOrder
        let served: MemberTree
        var order: [UInt16]
        /// For each member of the shape which of the body's it is; -1 while that is not known.
        var source: [Int32]

        init(shape: MemberOrder, served: MemberTree) {
            self.shape = shape
            self.served = served
            order = [UInt16](repeating: 0, count: shape.memberCount)
            source = [Int32](repeating: -1, count: shape.memberCount)
        }

        mutating func run(_ output: inout MemberText) -> Bool {
            let top = served.members(of: 0)
            guard let first = top.first, let last = top.last else { return false }
            output.copy(0, served.members[first].start)
            guard object(0, 0, &output) else { return false }
            output.copy(served.members[last].end, Int32(truncatingIfNeeded: served.end))
            return output.isFull
        }

        /// Puts the members of an object of the body in the order of the shape's.
        private mutating func object(_ ours: Int, _ theirs: Int, _ output: inout MemberText) -> Bool {
            let from = served.members(of: theirs)
            let to = shape.tree.members(of: ours)
            guard from.count == to.count else { return false }
            guard from.count > 1 else {
                return from.isEmpty || member(to.lowerBound, from.lowerBound, &output)
            }
            guard shape.places[ours] >= 0, match(ours, from, to) else { return false }
            let place = Int(shape.places[ours])
            for index in 0..<from.count {
                let theirs = from.lowerBound &+ Int(source[place &+ index])
                guard member(to.lowerBound &+ index, theirs, &output) else { return false }
                // What stands between two members keeps its place.
                if index &+ 1 < from.count {
                    let before = from.lowerBound &+ index
                    output.copy(served.members[before].end, served.members[before &+ 1].start)
                }
            }
            return true
        }

        /// Finds for each member of the body which of the shape's it is.
        private mutating func match(_ ours: Int, _ from: Range<Int>, _ to: Range<Int>) -> Bool {
            let place = Int(shape.places[ours])
            let hasEqualKeys = shape.hasEqualKeys[ours]
            for index in 0..<from.count {
                let hash = served.members[from.lowerBound &+ index].keyHash
                var found = index
                // Often it stands where it stood.
                if hasEqualKeys || shape.tree.members[to.lowerBound &+ index].keyHash != hash {
                    found = shape.find(hash, ours, to)
                }
                // Of members with one key the later ones follow the first.
                while found >= 0, source[place &+ found] >= 0 {
                    found = Int(shape.next[to.lowerBound &+ found])
                }
                guard found >= 0 else { return false }
                order[place &+ index] = UInt16(truncatingIfNeeded: found)
                source[place &+ found] = Int32(truncatingIfNeeded: index)
            }
            return true
        }

        /// Copies a member, the objects in it put in order.
        private mutating func member(_ ours: Int, _ theirs: Int, _ output: inout MemberText) -> Bool {
            let from = served.members[theirs]
            let to = shape.tree.members[ours]
            guard from.keyHash == to.keyHash, from.objects.count == to.objects.count else { return false }
            var position = from.start
            var next = (ours: Int(to.objects.lowerBound), theirs: Int(from.objects.lowerBound))
            while next.theirs < Int(from.objects.upperBound) {
                guard next.ours < Int(to.objects.upperBound) else { return false }
                let members = served.members(of: next.theirs)
                if let first = members.first, let last = members.last {
                    output.copy(position, served.members[first].start)
                    guard object(next.ours, next.theirs, &output) else { return false }
                    position = served.members[last].end
                } else if !shape.tree.members(of: next.ours).isEmpty {
                    return false
                }
                next.ours = Int(shape.tree.objects[next.ours].end)
                next.theirs = Int(served.objects[next.theirs].end)
            }
            output.copy(position, from.end)
            return true
        }
    }

    /// The first member of an object of the shape whose key has that hash, by its number in the object; -1 for none.
    private func find(_ hash: UInt64, _ object: Int, _ members: Range<Int>) -> Int {
        let (first, mask) = tables[object]
        var slot = Int(truncatingIfNeeded: hash) & Int(mask)
        for _ in 0...Self.looksMax {
            let index = slots[Int(first) + slot]
            guard index >= 0, tree.members[members.lowerBound + Int(index)].keyHash != hash else {
                return Int(index)
            }
            slot = (slot + 1) & Int(mask)
        }
        return -1
    }
}

// MARK: And back

extension MemberOrder {
    /// The body that was tidied to `body`, whose leaves are `leaves`, and that came in that order.
    ///
    /// Nil where the body is not of this shape, or the order is none of its members.
    package func served(_ body: [UInt8], _ document: ScannedDocument, order: [UInt16]) -> [UInt8]? {
        guard order.count == memberCount,
            let tidy = MemberTree(skeleton: document.skeleton, leaves: document.leaves),
            tidy.objects.count == tree.objects.count, tidy.members.count == tree.members.count,
            tidy.end == body.count
        else { return nil }
        let work = Serving(shape: self, tidy: tidy, order: order)
        return MemberText.make(of: body) { work.run(&$0) }
    }

    /// Exchanges members until they stand as they were served.
    private struct Serving {
        let shape: MemberOrder
        let tidy: MemberTree
        let order: [UInt16]

        func run(_ output: inout MemberText) -> Bool {
            let top = tidy.members(of: 0)
            guard let first = top.first, let last = top.last else { return false }
            output.copy(0, tidy.members[first].start)
            guard object(0, &output) else { return false }
            output.copy(tidy.members[last].end, Int32(truncatingIfNeeded: tidy.end))
            return output.isFull
        }

        private func object(_ number: Int, _ output: inout MemberText) -> Bool {
            let members = tidy.members(of: number)
            guard members.count == shape.tree.members(of: number).count else { return false }
            let place = Int(shape.places[number])
            for index in 0..<members.count {
                let source = place < 0 ? index : Int(order[place + index])
                guard source < members.count, member(members.lowerBound + source, &output) else {
                    return false
                }
                if index + 1 < members.count {
                    let before = members.lowerBound + index
                    output.copy(tidy.members[before].end, tidy.members[before + 1].start)
                }
            }
            return true
        }

        private func member(_ number: Int, _ output: inout MemberText) -> Bool {
            let member = tidy.members[number]
            var position = member.start
            var next = Int(member.objects.lowerBound)
            while next < Int(member.objects.upperBound) {
                let members = tidy.members(of: next)
                if let first = members.first, let last = members.last {
                    output.copy(position, tidy.members[first].start)
                    guard object(next, &output) else { return false }
                    position = tidy.members[last].end
                }
                next = Int(tidy.objects[next].end)
            }
            output.copy(position, member.end)
            return true
        }
    }
}

/// A text made of pieces of another of the same length.
private struct MemberText {
    private let body: UnsafeBufferPointer<UInt8>
    private let output: UnsafeMutableBufferPointer<UInt8>
    private var count = 0

    /// The text that `write` puts together; nil where it says that it could not.
    static func make(of body: [UInt8], _ write: (inout MemberText) -> Bool) -> [UInt8]? {
        var isMade = false
        let made = [UInt8](unsafeUninitializedCapacity: body.count) { output, count in
            body.withUnsafeBufferPointer { body in
                var text = MemberText(body: body, output: output)
                isMade = write(&text)
                // What is not written is not read either.
                count = isMade ? body.count : 0
            }
        }
        return isMade ? made : nil
    }

    private init(body: UnsafeBufferPointer<UInt8>, output: UnsafeMutableBufferPointer<UInt8>) {
        self.body = body
        self.output = output
    }

    /// Whether as much was copied as there is.
    var isFull: Bool { count == body.count }

    /// Copies that part, or nothing where there is none, or no room.
    @inline(__always)
    mutating func copy(_ start: Int32, _ end: Int32) {
        let (start, end) = (Int(start), Int(end))
        guard 0 <= start, start < end, end <= body.count, end &- start <= body.count &- count,
            let from = body.baseAddress, let to = output.baseAddress
        else { return }
        (to + count).update(from: from + start, count: end &- start)
        count &+= end &- start
    }
}

extension MemberTree {
    /// The numbers of an object's members.
    func members(of object: Int) -> Range<Int> {
        Int(objects[object].members.lowerBound)..<Int(objects[object].members.upperBound)
    }
}
