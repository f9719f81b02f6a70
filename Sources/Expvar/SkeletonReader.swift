/// The bytes that stand for leaves in a skeleton.
///
/// A skeleton is the text of a body, byte for byte, but for its leaves. In place of a leaf stands
///
///     0x01  a number        0x02  a string       0x03  true or false      0x04  null
///     0x05  a text that cannot be read (it may be empty)
///     0x06 SPELLING 0x07    a number whose spelling is kept, since it names series: memstats.BySize[*].Size
///
/// None of these bytes occurs elsewhere: JSON has no control characters but white space, keys must escape them, and
/// only a text that cannot be read, which is a leaf, may hold any. A reader of hostile skeletons still has to
/// know where keys are: they stand verbatim, with their quotes and escapes. Two bodies share a skeleton
/// exactly if they differ in leaves alone.
enum SkeletonMarker {
    /// A number whose spelling follows, up to `sizeEnd`.
    static let size: UInt8 = 0x06
    /// Ends the spelling that follows `size`.
    static let sizeEnd: UInt8 = 0x07

    /// The byte for a leaf of that kind.
    @inline(__always)
    static func marker(of kind: LeafKind) -> UInt8 {
        kind.rawValue + 1
    }

    /// The kind that the byte stands for.
    static func kind(of byte: UInt8) -> LeafKind? {
        byte == 0 ? nil : LeafKind(rawValue: byte - 1)
    }
}

/// Reads a skeleton token by token, ours or one out of a damaged file.
struct SkeletonReader {
    enum Token {
        case beginObject
        case endObject
        case beginArray
        case endArray
        /// A key: what stands between its quotes.
        case key(Range<Int>)
        /// A leaf, and the spelling of its number where the skeleton keeps it.
        case leaf(LeafKind, size: Range<Int>?)
    }

    private enum Expected {
        case value
        case valueOrEnd
        case key
        case keyOrEnd
        case commaOrEnd
        case nothing
    }

    let skeleton: [UInt8]
    /// Where the last token begins.
    private(set) var offset = 0
    /// How many containers are open.
    private(set) var depth = 0
    private var position = 0
    private var expected = Expected.value
    /// The open containers, the outermost in the lowest bit, 1 for an object.
    private var objects: UInt64 = 0

    init(_ skeleton: [UInt8]) {
        self.skeleton = skeleton
    }

    /// The next token; nil after the last.
    mutating func next() throws(DocumentError) -> Token? {
        while true {
            position = JSONText.skipSpace(skeleton, position)
            guard position < skeleton.count else {
                if expected == .nothing { return nil }
                throw depth == 0 ? .empty : .cutShort
            }
            offset = position
            let byte = skeleton[position]
            switch (expected, byte) {
            case (.commaOrEnd, UInt8(ascii: ",")):
                expected = isInObject ? .key : .value
                position += 1
            case (.keyOrEnd, UInt8(ascii: "}")):
                return close(.endObject)
            case (.commaOrEnd, UInt8(ascii: "}")) where isInObject:
                return close(.endObject)
            case (.valueOrEnd, UInt8(ascii: "]")):
                return close(.endArray)
            case (.commaOrEnd, UInt8(ascii: "]")) where !isInObject:
                return close(.endArray)
            case (.key, UInt8(ascii: "\"")), (.keyOrEnd, UInt8(ascii: "\"")):
                return .key(try key())
            case (.value, _), (.valueOrEnd, _):
                return try value(byte)
            default:
                throw .malformed(offset: position)
            }
        }
    }

    private var isInObject: Bool {
        depth > 0 && objects >> UInt64(depth - 1) & 1 == 1
    }

    private mutating func value(_ byte: UInt8) throws(DocumentError) -> Token {
        if byte == UInt8(ascii: "{") {
            try open(isObject: true)
            return .beginObject
        }
        guard depth > 0 else { throw .notAnObject }
        if byte == UInt8(ascii: "[") {
            try open(isObject: false)
            return .beginArray
        }
        position += 1
        expected = .commaOrEnd
        if let kind = SkeletonMarker.kind(of: byte) { return .leaf(kind, size: nil) }
        guard byte == SkeletonMarker.size else { throw .malformed(offset: offset) }
        return .leaf(.number, size: try size())
    }

    /// The spelling of the number whose marker was just passed.
    private mutating func size() throws(DocumentError) -> Range<Int> {
        let start = position
        guard start < skeleton.count, skeleton[start] == UInt8(ascii: "-") || skeleton[start] &- 0x30 <= 9,
            let end = try? JSONText.numberEnd(skeleton, start),  // why it is none does not matter
            end < skeleton.count, skeleton[end] == SkeletonMarker.sizeEnd
        else { throw .malformed(offset: start) }
        position = end + 1
        return start..<end
    }

    private mutating func key() throws(DocumentError) -> Range<Int> {
        let start = position + 1
        guard let end = try? JSONText.stringEnd(skeleton, start) else {  // likewise
            throw .malformed(offset: position)
        }
        position = JSONText.skipSpace(skeleton, end)
        guard position < skeleton.count else { throw .cutShort }
        guard skeleton[position] == UInt8(ascii: ":") else { throw .malformed(offset: position) }
        position += 1
        expected = .value
        return start..<end - 1
    }

    private mutating func open(isObject: Bool) throws(DocumentError) {
        guard depth < ScannedDocument.levelsMax else { throw .tooDeep }
        let bit: UInt64 = 1 << UInt64(depth)
        objects = isObject ? objects | bit : objects & ~bit
        depth += 1
        position += 1
        expected = isObject ? .keyOrEnd : .valueOrEnd
    }

    private mutating func close(_ token: Token) -> Token {
        depth -= 1
        position += 1
        expected = depth == 0 ? .nothing : .commaOrEnd
        return token
    }
}
