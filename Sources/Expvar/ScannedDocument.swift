/// What a leaf of a document is spelled as.
package enum LeafKind: UInt8, Sendable {
    /// A JSON number.
    case number
    /// A JSON string, quotes included.
    case string
    /// `true` or `false`.
    case boolean
    /// `null`.
    case null
    /// A text in the place of a value that cannot be read (`NaN`, nothing, `0 ops/s`): a member's, an element's, or the whole
    /// of a top-level variable.
    case broken
}

/// One scalar of a body: where its spelling stands, and what it is.
package struct Leaf: Hashable, Sendable {
    /// The offset of its first byte in the body.
    package var offset: Int32
    /// Its length in bytes; 0 only for a broken one without any text.
    package var length: Int32
    /// What it is.
    package var kind: LeafKind

    /// The leaf of that kind whose spelling is those bytes of the body.
    package init(offset: Int32, length: Int32, kind: LeafKind) {
        self.offset = offset
        self.length = length
        self.kind = kind
    }

    /// Its spelling in `body`, the body it was scanned from; empty where it does not lie within `body`.
    package func spelling(in body: [UInt8]) -> ArraySlice<UInt8> {
        let start = Int(offset)
        let end = start + Int(length)
        guard 0 <= start, start <= end, end <= body.count else { return [] }
        return body[start..<end]
    }
}

extension Leaf {
    /// The text of a string that JSON would spell otherwise: with escapes of Go's, or bytes that are no UTF-8.
    ///
    /// nil for any other leaf.
    package func textIfOdd(in body: [UInt8]) -> String? {
        guard kind == .string else { return nil }
        let quoted = spelling(in: body).dropFirst().dropLast()
        return JSONText.isStrict(quoted) ? nil : JSONText.decoded(quoted)
    }
}

/// Why a body is no document.
package enum DocumentError: Error, Hashable, Sendable {
    /// There is nothing but white space.
    case empty
    /// It begins with `<`: a login page, a proxy's error.
    case markup
    /// It is longer than `ScannedDocument.bytesMax`.
    case tooLarge(bytes: Int)
    /// Containers are nested over `ScannedDocument.levelsMax` levels.
    case tooDeep
    /// It is another thing that is well known, by that name: a login page's relatives, such as Prometheus' text.
    case foreign(String)
    /// It is something else than an object.
    case notAnObject
    /// It ends before the object does.
    case cutShort
    /// The object ends, and from that byte on something else follows.
    case trailing(offset: Int)
    /// At that byte stands what no program of Go's expvar writes, and no variable can be blamed for it.
    case malformed(offset: Int)
}

extension DocumentError: CustomStringConvertible {
    /// One sentence for a person.
    package var description: String {
        switch self {
        case .empty:
            "the body is empty, not a document of /debug/vars"
        case .markup:
            "the body is HTML, not a document of /debug/vars"
        case .tooLarge(let bytes):
            "the body has \(bytes) bytes, more than the \(ScannedDocument.bytesMax) that a document may have"
        case .tooDeep:
            "the body is nested more than \(ScannedDocument.levelsMax) levels deep"
        case .foreign(let name):
            "the body is \(name), not a document of /debug/vars"
        case .notAnObject:
            "the body is not a JSON object, so not a document of /debug/vars"
        case .cutShort:
            "the body is cut short: it ends before its object does"
        case .trailing(let offset):
            "the body goes on after its object, from byte \(offset) on, so it is not one document of /debug/vars"
        case .malformed(let offset):
            "the body is not a document of /debug/vars: it breaks the form at byte \(offset)"
        }
    }
}

/// A body of `/debug/vars` taken apart: the leaves, and the skeleton that is left when they are taken out.
///
/// The skeleton is the body with every leaf replaced by one marker byte for its kind, so a body is its skeleton
/// plus the spellings of its leaves, byte for byte. Scrapes of one process nearly always share one skeleton.
/// The bytes of skeletons are described at `SkeletonMarker`.
package struct ScannedDocument: Sendable {
    /// A longer body is no document, in bytes.
    package static let bytesMax = 16 * 1024 * 1024
    /// Containers nested deeper make a body no document; the outermost object is level 1.
    package static let levelsMax = 64

    /// Larger buffers are given back before the next scan; usual documents have 800 leaves, 4 kB of skeleton.
    private static let keptMax = 256 * 1024

    /// Longer bodies are not kept for the next scan to follow.
    private static let followedBytesMax = 256 * 1024

    /// The scalars in the order of the body, keys not among them.
    package private(set) var leaves: [Leaf] = []
    /// Keys, punctuation and white space, with markers for leaves.
    package private(set) var skeleton: [UInt8] = []
    /// How many scans there were: tells whether what is remembered of one is of the scan before this one.
    package private(set) var scanCount = 0
    /// The leaves whose spelling is another than in the body scanned before, ascending; nil where the two do not share
    /// a skeleton, or nobody looked.
    ///
    /// Where it is there, `skeleton` is that of the scan before. A leaf may be named whose spelling came out the same.
    package var changedLeaves: [Int32]? { isFollowing ? follower.changed : nil }

    private var follower = DocumentFollower()
    private var isFollowing = false
    /// The body whose leaves these are; empty where it is not to be followed.
    private var last: [UInt8] = []
    /// The leaves whose spelling the skeleton keeps.
    private var sizes: [Int32] = []

    /// An empty result whose buffers a scan fills.
    package init() {}

    /// Takes `body` apart, into buffers that are kept from scan to scan.
    ///
    /// One pass; both are empty after an error. What cannot be read becomes one `.broken` leaf and costs nothing but itself; see
    /// semantics.md, "Scrapes, runs, neighbours". A body that shares the skeleton of the one scanned before costs a sixth of another: so scan
    /// those of one target with a document of its own.
    package mutating func scan(_ body: [UInt8]) throws(DocumentError) {
        scanCount &+= 1
        isFollowing =
            !last.isEmpty && body.count <= Self.followedBytesMax
            && follower.follow(body, after: last, &leaves, sizes: sizes)
        if isFollowing {
            last = body
        } else {
            last = []
            try scanWhole(body)
            if body.count <= Self.followedBytesMax, !leaves.contains(where: { $0.kind == .broken }) {
                last = body
            }
        }
    }

    private mutating func scanWhole(_ body: [UInt8]) throws(DocumentError) {
        // One huge body must not hold its memory for as long as the buffers live.
        leaves.removeAll(keepingCapacity: leaves.capacity <= Self.keptMax)
        skeleton.removeAll(keepingCapacity: skeleton.capacity <= Self.keptMax)
        guard body.count <= Self.bytesMax else { throw .tooLarge(bytes: body.count) }
        // The scanner takes the buffers along, so that appending to them never copies.
        var scanner = DocumentScanner()
        swap(&scanner.leaves, &leaves)
        swap(&scanner.skeleton, &skeleton)
        sizes.removeAll(keepingCapacity: true)
        swap(&scanner.sizes, &sizes)
        defer {
            swap(&scanner.leaves, &leaves)
            swap(&scanner.skeleton, &skeleton)
            swap(&scanner.sizes, &sizes)
        }
        do {
            try scanner.scan(body)
        } catch {
            scanner.leaves.removeAll(keepingCapacity: true)
            scanner.skeleton.removeAll(keepingCapacity: true)
            throw error
        }
    }
}
