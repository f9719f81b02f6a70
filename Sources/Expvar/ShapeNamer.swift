/// The second reading of a skeleton: names for the leaves that are series, and where memstats and cmdline are.
struct ShapeNamer {
    private var candidates = SeriesCandidates()
    private(set) var maps: [String] = []
    private(set) var memStats: MemStatsLeaves?
    private(set) var commandLine: Range<Int>?
    private(set) var commandLineLeaves: [Int] = []
    private(set) var unread: [ShapeSeries] = []

    /// Where a container stands, as far as names care.
    private enum Place {
        case top
        case memStats
        /// PauseNs or PauseEnd, and whatever is in them: no series.
        case pauseRing
        case endRing
        case bySize
        /// Anything else within memstats.
        case inMemStats
        case commandLine
        case custom
    }

    /// An open container.
    private struct Level {
        var place: Place
        var isObject: Bool
        /// The length of its own path in `path`.
        var pathCount: Int
        /// The index of the leaf that comes first in it.
        var firstLeaf: Int
        /// Its index in `maps`, if it is a map.
        var map: Int?
        /// The last key, and whether a later one overrules it.
        var key = ""
        var isOverruled = false
        /// How many values have ended or been entered.
        var elements = 0
        /// Whether it holds leaves of the one kind that its place wants, and nothing else.
        var isPlain = true
    }

    private let structure: ShapeStructure
    private var levels: [Level] = []
    /// The keys that lead to the value at hand, escaped and joined.
    private var path: [UInt8] = []
    private var mapNameBytes = 0
    private var unreadNameBytes = 0
    private var areMapsLimited = false
    private var leafCount = 0
    /// How many containers are open in a value that is overruled.
    private var overruledLevels = 0
    private var isInCommandLine = false
    private var isInMemStats = false

    init(structure: ShapeStructure) {
        self.structure = structure
    }

    /// The series, in the order of their leaves, and whether there were more.
    consuming func series() -> (all: [ShapeSeries], isLimited: Bool) { candidates.finish() }

    mutating func run(_ skeleton: [UInt8]) throws(DocumentError) {
        var reader = SkeletonReader(skeleton)
        while let token = try reader.next() {
            switch token {
            case .key(let range):
                key(skeleton[range], at: reader.offset)
            case .beginObject, .beginArray:
                var isObject = false
                if case .beginObject = token { isObject = true }
                begin(isObject: isObject, at: reader.offset, skeleton)
            case .endObject, .endArray:
                end()
            case .leaf(let kind, _):
                leaf(kind, at: reader.offset, skeleton)
                leafCount += 1
            }
        }
    }

    private mutating func key(_ quoted: ArraySlice<UInt8>, at offset: Int) {
        guard overruledLevels == 0 else { return }
        let last = levels.count - 1
        levels[last].key = structure.text(ofKey: quoted, at: offset)
        levels[last].isOverruled = structure.overruled.contains(offset)
        if last == 0 {
            isInCommandLine = Self.isSame(levels[0].key, "cmdline")
            isInMemStats = Self.isSame(levels[0].key, "memstats")
        }
    }

    private mutating func begin(isObject: Bool, at offset: Int, _ skeleton: [UInt8]) {
        guard !levels.isEmpty else {
            levels.append(Level(place: .top, isObject: isObject, pathCount: 0, firstLeaf: 0))
            return
        }
        guard overruledLevels == 0, !isOverruled(at: offset) else {
            if overruledLevels == 0 { levels[levels.count - 1].elements += 1 }
            overruledLevels += 1
            return
        }
        let outer = levels[levels.count - 1]
        enter(at: offset, skeleton)
        levels[levels.count - 1].isPlain = false
        levels[levels.count - 1].elements += 1
        var level = Level(
            place: place(in: outer, isObject: isObject),
            isObject: isObject,
            pathCount: path.count,
            firstLeaf: leafCount,
            map: nil,
        )
        level.isPlain = !isObject
        if level.place == .memStats { memStats = MemStatsLeaves() }
        if isObject, level.place == .custom || level.place == .commandLine { level.map = addMap() }
        levels.append(level)
    }

    /// Whether the value that begins there counts for nothing.
    private func isOverruled(at offset: Int) -> Bool {
        let level = levels[levels.count - 1]
        return level.isObject
            ? level.isOverruled : level.place == .bySize && structure.overruled.contains(offset)
    }

    private func place(in outer: Level, isObject: Bool) -> Place {
        switch outer.place {
        case .top:
            if isObject, Self.isSame(outer.key, "memstats") { return .memStats }
            return Self.isSame(outer.key, "cmdline") ? .commandLine : .custom
        case .memStats:
            if Self.isSame(outer.key, "PauseNs") { return .pauseRing }
            if Self.isSame(outer.key, "PauseEnd") { return .endRing }
            return !isObject && Self.isSame(outer.key, "BySize") ? .bySize : .inMemStats
        case .pauseRing, .endRing:
            return outer.place
        case .bySize, .inMemStats:
            return .inMemStats
        case .commandLine, .custom:
            return .custom
        }
    }

    /// Makes `path` that of the value that begins.
    private mutating func enter(at offset: Int, _ skeleton: [UInt8]) {
        let level = levels[levels.count - 1]
        path.removeLast(path.count - level.pathCount)
        if levels.count > 1 { path.append(UInt8(ascii: ".")) }
        if level.isObject {
            SeriesNaming.append(level.key, to: &path)
        } else if level.place == .bySize, let size = structure.sizes[offset] {
            SeriesNaming.append(String(decoding: skeleton[size], as: UTF8.self), to: &path)
        } else {
            path.append(contentsOf: String(level.elements).utf8)
        }
    }

    private mutating func addMap() -> Int? {
        guard !areMapsLimited, maps.count < Shape.mapsMax,
            mapNameBytes + path.count <= Shape.nameBytesMax
        else {
            areMapsLimited = true
            return nil
        }
        mapNameBytes += path.count
        maps.append(String(decoding: path, as: UTF8.self))
        return maps.count - 1
    }

    private mutating func end() {
        guard overruledLevels == 0 else {
            overruledLevels -= 1
            return
        }
        let level = levels.removeLast()
        guard level.isPlain, let outer = levels.last else { return }
        let leaves = level.firstLeaf..<leafCount
        switch (outer.place, level.place) {
        case (.memStats, .pauseRing): memStats?.pauseRing = leaves
        case (.memStats, .endRing): memStats?.endRing = leaves
        case (.top, .commandLine): commandLine = leaves
        default: break
        }
    }

    private mutating func leaf(_ kind: LeafKind, at offset: Int, _ skeleton: [UInt8]) {
        if isInCommandLine { commandLineLeaves.append(leafCount) }
        guard overruledLevels == 0 else { return }
        let level = levels[levels.count - 1]
        defer { levels[levels.count - 1].elements += 1 }
        guard !isOverruled(at: offset) else { return }
        switch level.place {
        case .pauseRing, .endRing:
            if kind != .number { levels[levels.count - 1].isPlain = false }
            return
        case .commandLine:
            if kind != .string { levels[levels.count - 1].isPlain = false }
        case .memStats:
            field(level.key, kind)
            if Self.isSame(level.key, "PauseNs") || Self.isSame(level.key, "PauseEnd") { return }
        case .top, .bySize, .inMemStats, .custom:
            break
        }
        if kind == .broken {
            enter(at: offset, skeleton)
            if unread.count < Shape.seriesMax, unreadNameBytes + path.count <= Shape.nameBytesMax {
                unreadNameBytes += path.count
                let name = SeriesNaming.name(ofPath: String(decoding: path, as: UTF8.self))
                unread.append(ShapeSeries(name: name, leaf: leafCount, map: level.map))
            }
        }
        guard kind == .number || kind == .boolean else { return }
        enter(at: offset, skeleton)
        candidates.add(path, isMemStats: isInMemStats, leaf: leafCount, map: level.map)
    }

    private mutating func field(_ key: String, _ kind: LeafKind) {
        memStats?.fields[key] = leafCount
        guard kind == .number else { return }
        switch key {
        case "NumGC": memStats?.collectionCount = leafCount
        case "TotalAlloc": memStats?.totalAllocatedBytes = leafCount
        case "Mallocs": memStats?.mallocs = leafCount
        case "Frees": memStats?.frees = leafCount
        case "PauseTotalNs": memStats?.pauseTotalNanoseconds = leafCount
        default: break
        }
    }

    /// Whether two keys are the same text, byte by byte; Strings also count different normal forms as equal.
    private static func isSame(_ a: String, _ b: String) -> Bool {
        a.utf8.elementsEqual(b.utf8)
    }
}
