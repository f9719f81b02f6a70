/// The objects of a document with their members, as a skeleton has them.
///
/// One pass over a skeleton, whose leaves have been found already: a third of what a scan takes. What it says of text are
/// places in the body, or in the skeleton where no leaves are given.
struct MemberTree: Sendable {
    /// An object.
    struct Object {
        /// Its members, in `members`, in their order.
        var members: Range<Int32>
        /// The object after all that stand in this one.
        var end: Int32
    }

    /// A member of an object: its key, and the text from the quote before that to the end of its value.
    struct Member {
        /// Equal for keys that say the same.
        var keyHash: UInt64
        var start: Int32
        var end: Int32
        /// The objects in its value, those in these included.
        var objects: Range<Int32>
    }

    /// All objects, each before those that stand in it.
    private(set) var objects: [Object] = []
    private(set) var members: [Member] = []
    /// Equal for documents that differ in nothing but leaves and the order of members.
    private(set) var hash: UInt64 = 0

    /// Where the document ends.
    private(set) var end = 0

    /// A container that is open.
    private struct Level {
        /// The object's number; -1 for an array.
        var object: Int32
        /// Where its members begin among those that are open.
        var firstMember: Int
        /// The hash of what stands between its members, or of all that stands in an array.
        var text: UInt64
        /// The sum of its members' hashes, which does not depend on their order.
        var sum: UInt64 = 0
        /// The hash of the member that is being read.
        var member: UInt64 = 0
        var isInMember = false

        /// Takes what stands at the current place into the hash of the member, or of what is around it.
        @inline(__always)
        mutating func note(_ word: UInt64) {
            if isInMember { member = MemberTree.mix(member, word) } else { text = MemberTree.mix(text, word) }
        }
    }

    /// The innermost container that is open; at first the document itself.
    private var level = Level(object: -1, firstMember: 0, text: 0)
    /// Those around it.
    private var outer: [Level] = []
    private var openMembers: [Member] = []

    /// The objects of a skeleton; nil where it is none, or has other leaves than those.
    init?(skeleton: [UInt8], leaves: [Leaf]?) {
        outer.reserveCapacity(16)
        members.reserveCapacity(skeleton.count / 16)
        let isRead = skeleton.withUnsafeBufferPointer { text in
            leaves?.withUnsafeBufferPointer { read(text, skeleton, $0) } ?? read(text, skeleton, nil)
        }
        guard isRead else { return nil }
        hash = level.text
        outer = []
        openMembers = []
    }

    private mutating func read(
        _ text: UnsafeBufferPointer<UInt8>,
        _ skeleton: [UInt8],
        _ leaves: UnsafeBufferPointer<Leaf>?
    ) -> Bool {
        var i = 0
        var leaf = 0
        // What is to be added to a place in the skeleton.
        var shift = 0
        while i < text.count {
            let byte = text[i]
            switch byte {
            case 1...6:
                var end = i &+ 1
                level.note(UInt64(byte))
                if byte == SkeletonMarker.size {
                    while end < text.count, text[end] != SkeletonMarker.sizeEnd {
                        level.note(UInt64(text[end]))
                        end &+= 1
                    }
                    guard end < text.count else { return false }
                    end &+= 1
                }
                if let leaves {
                    guard leaf < leaves.count, Int(leaves[leaf].offset) == i &+ shift else { return false }
                    shift &+= Int(leaves[leaf].length) &- (end &- i)
                    leaf &+= 1
                }
                valueEnded(at: end &+ shift)
                i = end
            case UInt8(ascii: "\""):
                guard let end = key(text, skeleton, i, shift) else { return false }
                i = end
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                guard outer.count < ScannedDocument.levelsMax else { return false }
                open(byte)
                i &+= 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard !outer.isEmpty, (level.object >= 0) == (byte == UInt8(ascii: "}")) else { return false }
                close(at: i &+ 1 &+ shift)
                i &+= 1
            default:
                level.note(UInt64(byte))
                i &+= 1
            }
        }
        end = i &+ shift
        return outer.isEmpty && !objects.isEmpty && leaf == leaves?.count ?? leaf
    }

    /// Mixes a hash with what comes next: the upper half of a product is folded back.
    @inline(__always)
    private static func mix(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        let product = (hash ^ word) &* 0x9e37_79b9_7f4a_7c15
        return (product ^ (product >> 29)) &+ 1
    }

    private mutating func open(_ byte: UInt8) {
        let isObject = byte == UInt8(ascii: "{")
        outer.append(level)
        level = Level(
            object: isObject ? Int32(truncatingIfNeeded: objects.count) : -1,
            firstMember: openMembers.count,
            text: UInt64(byte)
        )
        if isObject { objects.append(Object(members: 0..<0, end: 0)) }
    }

    private mutating func close(at end: Int) {
        var hash = level.text
        if level.object >= 0 {
            let first = Int32(truncatingIfNeeded: members.count)
            members.append(contentsOf: openMembers[level.firstMember...])
            openMembers.removeLast(openMembers.count - level.firstMember)
            objects[Int(level.object)] = Object(
                members: first..<Int32(truncatingIfNeeded: members.count),
                end: Int32(truncatingIfNeeded: objects.count)
            )
            hash = Self.mix(hash, level.sum)
        }
        level = outer.removeLast()
        level.note(hash)
        valueEnded(at: end)
    }

    /// A value has ended, and so has the member that it is of.
    @inline(__always)
    private mutating func valueEnded(at end: Int) {
        guard level.isInMember else { return }
        level.isInMember = false
        level.sum &+= Self.mix(level.member, 0xff51_afd7_ed55_8ccd)
        let last = openMembers.count &- 1
        let first = openMembers[last].objects.lowerBound
        openMembers[last].end = Int32(truncatingIfNeeded: end)
        openMembers[last].objects = first..<Int32(truncatingIfNeeded: objects.count)
    }

    /// Begins a member, and gives the place behind its key; nil where none can be there.
    @inline(__always)
    private mutating func key(
        _ text: UnsafeBufferPointer<UInt8>,
        _ skeleton: [UInt8],
        _ start: Int,
        _ shift: Int
    ) -> Int? {
        guard level.object >= 0, !level.isInMember else { return nil }
        var end = start &+ 1
        var isPlain = true
        while end < text.count, text[end] != UInt8(ascii: "\"") {
            if text[end] == UInt8(ascii: "\\") {
                isPlain = false
                end &+= 1
            }
            end &+= 1
        }
        guard end < text.count else { return nil }
        let hash =
            isPlain
            ? Self.hash(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: text[(start &+ 1)..<end])))
            : Self.hash(ofEscaped: skeleton[(start + 1)..<end])
        let objects = Int32(truncatingIfNeeded: self.objects.count)
        openMembers.append(
            Member(
                keyHash: hash,
                start: Int32(truncatingIfNeeded: start &+ shift),
                end: 0,
                objects: objects..<objects
            )
        )
        level.isInMember = true
        level.member = hash
        return end &+ 1
    }

    /// Which of two members counts that say the same in different spellings is a matter of their order.
    @inline(never)
    private static func hash(ofEscaped key: ArraySlice<UInt8>) -> UInt64 {
        Array(JSONText.decoded(key).utf8).withUnsafeBytes { hash($0) }
    }

    /// Eight bytes at a time.
    @inline(__always)
    private static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash = UInt64(truncatingIfNeeded: bytes.count)
        var i = 0
        while i &+ 8 <= bytes.count {
            hash = mix(hash, UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self)))
            i &+= 8
        }
        var rest: UInt64 = 0
        while i < bytes.count {
            rest = rest << 8 | UInt64(bytes[i])
            i &+= 1
        }
        return mix(hash, rest)
    }
}
