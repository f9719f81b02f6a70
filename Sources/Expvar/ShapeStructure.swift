/// The first reading of a skeleton: its leaves, which members are overruled, and what size classes are called.
struct ShapeStructure {
    /// So many elements of BySize are named by their size, later ones by their index.
    ///
    /// Go has 68. This limits what a hostile document may cost.
    static let sizesMax = 4096

    private(set) var leafKinds: [LeafKind] = []
    /// Where each leaf's marker stands.
    private(set) var markers: [Int32] = []
    /// The members that a later one overrules, by the offset of their key; elements of BySize, by their own.
    private(set) var overruled: Set<Int> = []
    /// The keys that are named by their spelling, by their offset: what they say another key of their object says, too, in
    /// another way.
    private(set) var spelled: Set<Int> = []
    /// The spellings of their Size, by the offset of the element of BySize.
    private(set) var sizes: [Int: Range<Int>] = [:]

    /// One key of an open object.
    private struct Key {
        var hash: Int
        var offset: Int
        var range: Range<Int>
    }

    /// An open container.
    private struct Level {
        /// Where it begins, and where its keys begin in `keys`.
        var offset: Int
        var firstKey: Int
        /// The last key, undecoded.
        var key: Range<Int>?
        var place: Place
    }

    /// As much of a path as sizes need.
    private enum Place {
        case top
        case memStats
        case bySize
        case sizeClass
        case other
    }

    private let skeleton: [UInt8]
    /// The keys of all open objects, each object's after those of the one around it.
    private var keys: [Key] = []
    private var levels: [Level] = []
    /// Where the elements of BySize begin, and which is the latest of each size.
    private var elements: [Int32] = []
    private var elementsBySize: [[UInt8]: Int] = [:]

    init(skeleton: [UInt8]) throws(DocumentError) {
        self.skeleton = skeleton
        var reader = SkeletonReader(skeleton)
        while let token = try reader.next() {
            switch token {
            case .beginObject:
                begin(at: reader.offset, isObject: true)
            case .beginArray:
                begin(at: reader.offset, isObject: false)
            case .endObject:
                let offset = levels.last?.offset
                endObject()
                if let offset { elementEnded(at: offset) }
            case .endArray:
                let level = levels.removeLast()
                if level.place == .bySize { bySizeEnded() }
                elementEnded(at: level.offset)
            case .key(let range):
                key(range, at: reader.offset)
            case .leaf(let kind, let size):
                markers.append(Int32(truncatingIfNeeded: reader.offset))
                leafKinds.append(kind)
                leaf(size, at: reader.offset)
            }
        }
        keys = []
        elements = []
        elementsBySize = [:]
    }

    private mutating func begin(at offset: Int, isObject: Bool) {
        let place = nextPlace(isObject: isObject)
        if place == .bySize {
            // An earlier BySize is overruled, by a second key in memstats or a second memstats.
            elements = []
            elementsBySize = [:]
        }
        levels.append(Level(offset: offset, firstKey: keys.count, place: place))
    }

    /// The place of the container that begins.
    private func nextPlace(isObject: Bool) -> Place {
        guard let outer = levels.last else { return .top }
        switch outer.place {
        case .top: return isObject && isKey(outer.key, "memstats") ? .memStats : .other
        case .memStats: return !isObject && isKey(outer.key, "BySize") ? .bySize : .other
        case .bySize: return isObject ? .sizeClass : .other
        case .sizeClass, .other: return .other
        }
    }

    private func isKey(_ range: Range<Int>?, _ name: String) -> Bool {
        guard let range else { return false }
        return JSONText.says(skeleton, range, name)
    }

    private mutating func key(_ range: Range<Int>, at offset: Int) {
        var hasher = Hasher()
        JSONText.hash(skeleton[range], into: &hasher)
        keys.append(Key(hash: hasher.finalize(), offset: offset, range: range))
        levels[levels.count - 1].key = range
        // Of two the last counts, also where it is no number.
        if levels[levels.count - 1].place == .sizeClass, isKey(range, "Size") {
            sizes[levels[levels.count - 1].offset] = nil
        }
    }

    private mutating func leaf(_ size: Range<Int>?, at offset: Int) {
        guard let level = levels.last else { return }
        if level.place == .bySize { elementEnded(at: offset) }
        guard let size, level.place == .sizeClass, isKey(level.key, "Size") else { return }
        sizes[level.offset] = size
    }

    private mutating func endObject() {
        let level = levels.removeLast()
        keys[level.firstKey...].sort { ($0.hash, $0.offset) < ($1.hash, $1.offset) }
        let own = keys[level.firstKey...]
        var index = own.startIndex
        while index < own.endIndex {
            // Nearly always alone.
            var end = index + 1
            while end < own.endIndex, own[end].hash == own[index].hash,
                isSame(own[index].range, own[end].range)
            {
                end += 1
            }
            if end - index > 1 { settle(Array(own[index..<end])) }
            index = end
        }
        keys.removeLast(keys.count - level.firstKey)
    }

    /// Notes an element of BySize that has just ended: of two with one size the last counts.
    private mutating func elementEnded(at offset: Int) {
        guard levels.last?.place == .bySize else { return }
        elements.append(Int32(truncatingIfNeeded: offset))
        if elements.count > Self.sizesMax { sizes[offset] = nil }
        guard let size = sizes[offset] else { return }
        let index = elements.count - 1
        if let earlier = elementsBySize.updateValue(index, forKey: Array(skeleton[size])) {
            overruled.insert(Int(elements[earlier]))
        }
    }

    /// Settles what is left: an element without a size, named by its index, where that is another one's size.
    private mutating func bySizeEnded() {
        for (size, index) in elementsBySize {
            guard let other = Int(String(decoding: size, as: UTF8.self)),
                String(other).utf8.elementsEqual(size),
                elements.indices.contains(other), sizes[Int(elements[other])] == nil
            else { continue }
            overruled.insert(Int(elements[min(index, other)]))
        }
    }

    /// Settles keys of one object that are the same text once decoded.
    ///
    /// Of those that are the same by JSON and Go the last counts. Those that only become the same where an escape is no
    /// escape, or a byte no UTF-8, are several: one of them, the one that is spelled as it reads where there is one, gets
    /// the text for its name, the others their spelling. So the order of members decides nothing.
    private mutating func settle(_ keys: [Key]) {
        var groups: [[UInt8]: [Key]] = [:]
        for key in keys { groups[identity(key), default: []].append(key) }
        for group in groups.values { for key in group.dropLast() { overruled.insert(key.offset) } }
        guard groups.count > 1 else { return }
        let last = groups.values.compactMap(\.last)
        let text = Array(JSONText.decoded(skeleton[keys[0].range]).utf8)
        let named = last.min { a, b in
            let (isA, isB) = (skeleton[a.range].elementsEqual(text), skeleton[b.range].elementsEqual(text))
            return isA != isB ? isA : skeleton[a.range].lexicographicallyPrecedes(skeleton[b.range])
        }
        for key in last where key.offset != named?.offset { spelled.insert(key.offset) }
    }

    /// What tells keys apart that are the same text once decoded.
    private func identity(_ key: Key) -> [UInt8] {
        let (bytes, isKnown) = JSONText.bytes(of: skeleton[key.range])
        return isKnown ? Array(bytes) : [0] + skeleton[key.range]
    }

    /// The text that a key at that offset is called.
    func text(ofKey quoted: ArraySlice<UInt8>, at offset: Int) -> String {
        spelled.contains(offset) ? JSONText.text(of: quoted) : JSONText.decoded(quoted)
    }

    private func isSame(_ a: Range<Int>, _ b: Range<Int>) -> Bool {
        JSONText.decoded(skeleton[a]).utf8.elementsEqual(JSONText.decoded(skeleton[b]).utf8)
    }
}
