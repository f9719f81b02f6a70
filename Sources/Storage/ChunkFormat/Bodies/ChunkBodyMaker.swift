import Codec
import Expvar
import Model

/// Follows the rings from document to document, as texts.
struct ChunkRingReader {
    private let counts: [Int64]
    private let runs: [Int64]
    private let ends: [Int64]
    private let pauses: [Int64]
    private let shapes: [ChunkHeader.ShapeEntry]
    private var next = 0
    private var rings: [Int64: RingText] = [:]
    private var currentRun: Int64?
    /// The rings of the document last advanced to.
    private(set) var current = RingText()

    init(_ decoder: ChunkDecoder) throws {
        counts = try decoder.stream(ChunkStream.ringCount)
        runs = try decoder.stream(ChunkStream.run)
        ends = try decoder.stream(ChunkStream.ringEnd)
        pauses = try decoder.stream(ChunkStream.ringPause)
        shapes = decoder.header.shapes
    }

    /// Goes on to that document, which comes after the last one.
    mutating func advance(to document: ChunkDocument, _ source: ChunkLeafTexts) throws {
        let count = counts[document.number]
        let run = runs[document.number]
        guard count >= 0, count <= Int64(PauseRing.slots), next + Int(count) <= ends.count else {
            throw ChunkError.damaged("a number of collections")
        }
        if run != currentRun {
            if let currentRun { rings[currentRun] = current }
            current = rings[run] ?? RingText()
            currentRun = run
        }
        guard count > 0 else { return }
        guard let places = shapes[document.shape].rings,
            let bits = source.bits(shapes[document.shape].columns[places.collectionCount], document.place)
        else { throw ChunkError.damaged("a count of collections") }
        let n = UInt64(bitPattern: bits)
        for age in stride(from: Int(count) - 1, through: 0, by: -1) {
            let slot = ChunkRing.slot(n &- UInt64(age))
            current.ends.set(slot, UInt64(bitPattern: ends[next]))
            current.pauses.set(slot, UInt64(bitPattern: pauses[next]))
            next += 1
        }
        current.ends.join()
        current.pauses.join()
    }
}

/// Both rings as text.
struct RingText {
    var ends = SlotTexts()
    var pauses = SlotTexts()
}

/// The texts of the 256 slots of a ring, and all of them joined by commas.
struct SlotTexts {
    /// A slot's text takes at most 20 bytes.
    private static let width = 24
    private var cells = [UInt8](repeating: UInt8(ascii: "0"), count: PauseRing.slots * width)
    private var sizes = [UInt8](repeating: 1, count: PauseRing.slots)
    /// All slots, joined, as of the last `join`.
    private(set) var joined: [UInt8] = []

    init() { join() }

    mutating func set(_ slot: Int, _ value: UInt64) {
        // There are 256 cells, and slots are below 256.
        let size = cells.withUnsafeMutableBytes { cells in
            DecimalText.write(value, at: cells.baseAddress.unsafelyUnwrapped + slot * Self.width)
        }
        sizes[slot] = UInt8(size)
    }

    /// One slot's text, for skeletons that put something else than a comma between them.
    func slot(_ slot: Int) -> (bytes: [UInt8], range: Range<Int>) {
        (cells, slot * Self.width..<slot * Self.width + Int(sizes[slot]))
    }

    mutating func join() {
        // A whole cell is copied each time, and what is too much is written over: room for one more.
        let capacity = PauseRing.slots * (Self.width + 1) + Self.width
        joined = [UInt8](unsafeUninitializedCapacity: capacity) { target, count in
            var position = 0
            cells.withUnsafeBytes { cells in
                guard let target = UnsafeMutableRawPointer(target.baseAddress), let cells = cells.baseAddress
                else {
                    return
                }
                for slot in 0..<PauseRing.slots {
                    (target + position).copyMemory(from: cells + slot &* Self.width, byteCount: Self.width)
                    position &+= Int(sizes[slot])
                    target.storeBytes(of: UInt8(ascii: ","), toByteOffset: position, as: UInt8.self)
                    position &+= 1
                }
            }
            count = max(0, position - 1)
        }
    }
}

/// Puts bodies of one shape together.
struct ChunkBodyMaker {
    private enum Part {
        /// Bytes of `fixed`: of the skeleton, and the texts of leaves that never change.
        case fixed(Range<Int>)
        /// The leaf's text from that column.
        case leaf(Int)
        /// A whole ring, its slots joined by commas.
        case ends
        case pauses
        /// One slot.
        case end(Int)
        case pause(Int)
    }

    private var fixed: [UInt8] = []
    private var parts: [Part] = []

    init(_ entry: ChunkHeader.ShapeEntry, _ shape: Shape, _ source: ChunkLeafTexts) throws {
        let skeleton = shape.skeleton
        let markers = ChunkSkeleton.markers(in: skeleton)
        guard markers.count == entry.columns.count, shape.leafKinds.count == entry.columns.count,
            ChunkTable.rings(of: shape) == entry.rings || entry.rings == nil
        else { throw ChunkError.damaged("a shape has another number of leaves") }
        let constant = ChunkBodyBuffer()
        var open = 0
        func part(_ part: Part, _ fixed: [UInt8], _ parts: inout [Part]) {
            if open < fixed.count { parts.append(.fixed(open..<fixed.count)) }
            open = fixed.count
            parts.append(part)
        }
        var last = 0
        var leaf = 0
        while leaf < markers.count {
            fixed += skeleton[last..<markers[leaf].lowerBound]
            last = markers[leaf].upperBound
            let column = entry.columns[leaf]
            leaf += 1
            if column >= 0 {
                if source.isConstant[column], source.place(column, 0) != nil {
                    constant.removeAll()
                    source.append(column, 0, to: constant)
                    fixed += constant.array()
                } else {
                    part(.leaf(column), fixed, &parts)
                }
                continue
            }
            guard let rings = entry.rings else { throw ChunkError.damaged("a leaf without a column") }
            let isEnds = leaf - 1 >= rings.ends && leaf - 1 < rings.ends + PauseRing.slots
            let slot = leaf - 1 - (isEnds ? rings.ends : rings.pauses)
            if slot == 0, Self.isJoinedByCommas(skeleton, markers[leaf - 1..<leaf - 1 + PauseRing.slots]) {
                part(isEnds ? .ends : .pauses, fixed, &parts)
                leaf += PauseRing.slots - 1
                last = markers[leaf - 1].upperBound
            } else {
                part(isEnds ? .end(slot) : .pause(slot), fixed, &parts)
            }
        }
        fixed += skeleton[last...]
        if open < fixed.count { parts.append(.fixed(open..<fixed.count)) }
    }

    private static func isJoinedByCommas(_ skeleton: [UInt8], _ markers: ArraySlice<Range<Int>>) -> Bool {
        zip(markers, markers.dropFirst()).allSatisfy { a, b in
            b.lowerBound == a.upperBound + 1 && skeleton[a.upperBound] == UInt8(ascii: ",")
        }
    }

    /// The body of a document; nil where a column has no value for it.
    func body(
        _ document: ChunkDocument,
        _ ring: RingText,
        _ source: ChunkLeafTexts,
        _ output: ChunkBodyBuffer
    ) -> [UInt8]? {
        output.removeAll()
        for part in parts {
            switch part {
            case .fixed(let range): output.append(fixed, range)
            case .leaf(let column):
                guard let place = source.place(column, document.place) else { return nil }
                source.append(column, place, to: output)
            case .ends: output.append(ring.ends.joined, ring.ends.joined.indices)
            case .pauses: output.append(ring.pauses.joined, ring.pauses.joined.indices)
            case .end(let slot):
                let (bytes, range) = ring.ends.slot(slot)
                output.append(bytes, range)
            case .pause(let slot):
                let (bytes, range) = ring.pauses.slot(slot)
                output.append(bytes, range)
            }
        }
        return output.array()
    }
}

/// Where the leaves of a skeleton stand; see Expvar's `SkeletonMarker`.
enum ChunkSkeleton {
    /// The bytes that stand for each leaf: one from 0x01 to 0x05, or a number kept between 0x06 and 0x07.
    static func markers(in skeleton: [UInt8]) -> [Range<Int>] {
        var markers: [Range<Int>] = []
        var i = 0
        while i < skeleton.count {
            switch skeleton[i] {
            case 1...5:
                markers.append(i..<i + 1)
                i += 1
            case 6:
                let end = skeleton[i...].firstIndex(of: 7) ?? skeleton.count - 1
                markers.append(i..<end + 1)
                i = end + 1
            default: i += 1
            }
        }
        return markers
    }
}
