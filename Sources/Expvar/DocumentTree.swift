/// A value of a document as a tree that keeps the spelling of numbers.
package indirect enum DocumentNode: Hashable, Sendable {
    /// Members in order; of duplicate keys only the last is here.
    case object([DocumentMember])
    /// Elements in order.
    case array([DocumentNode])
    /// A number as it is spelled.
    case number(ArraySlice<UInt8>)
    /// A string, decoded.
    case string(String)
    /// `true` or `false`.
    case boolean(Bool)
    /// `null`.
    case null
}

/// A key, decoded, and its value.
package struct DocumentMember: Hashable, Sendable {
    /// The key, its escapes decoded.
    package var key: String
    /// The value.
    package var value: DocumentNode

    /// A member with that key.
    package init(key: String, value: DocumentNode) {
        self.key = key
        self.value = value
    }
}

/// Reads the top-level variables of a body as trees.
package enum DocumentTree {
    /// Every top-level variable but `memstats`, in order, broken ones left out.
    ///
    /// Throws where `scan` would. A duplicate that counts stands where it stood, not where the first did.
    package static func variables(of body: [UInt8]) throws(DocumentError) -> [DocumentMember] {
        var document = ScannedDocument()
        try document.scan(body)
        return try variables(of: document, body: body)
    }

    /// The same for a body that was scanned already.
    package static func variables(
        of document: ScannedDocument,
        body: [UInt8],
    ) throws(DocumentError) -> [DocumentMember] {
        let structure = try ShapeStructure(skeleton: document.skeleton)
        var builder = TreeBuilder(structure: structure, leaves: document.leaves, body: body)
        return try builder.build(document.skeleton)
    }
}

/// Puts the leaves back into a skeleton's containers.
///
/// Not recursive: the containers that are open are a stack.
private struct TreeBuilder {
    /// A container that is open.
    private struct Level {
        var isObject: Bool
        var members: [DocumentMember] = []
        var elements: [DocumentNode] = []
        var key = ""
        /// Whether the value of that key is left out.
        var isLeftOut = false
    }

    let structure: ShapeStructure
    let leaves: [Leaf]
    let body: [UInt8]
    private var levels: [Level] = []
    private var leafCount = 0
    /// How many containers are open in a value that is left out.
    private var levelsLeftOut = 0

    init(structure: ShapeStructure, leaves: [Leaf], body: [UInt8]) {
        self.structure = structure
        self.leaves = leaves
        self.body = body
    }

    mutating func build(_ skeleton: [UInt8]) throws(DocumentError) -> [DocumentMember] {
        var reader = SkeletonReader(skeleton)
        var variables: [DocumentMember] = []
        while let token = try reader.next() {
            switch token {
            case .key(let range):
                if levelsLeftOut == 0 {
                    key(structure.text(ofKey: skeleton[range], at: reader.offset), at: reader.offset)
                }
            case .beginObject:
                begin(isObject: true)
            case .beginArray:
                begin(isObject: false)
            case .leaf(let kind, _):
                leaf(kind)
            case .endObject, .endArray:
                if levelsLeftOut > 0 {
                    levelsLeftOut -= 1
                    continue
                }
                let level = levels.removeLast()
                if levels.isEmpty { variables = level.members }
                add(level.isObject ? .object(level.members) : .array(level.elements))
            }
        }
        return variables
    }

    private mutating func key(_ key: String, at offset: Int) {
        let last = levels.count - 1
        levels[last].key = key
        levels[last].isLeftOut =
            structure.overruled.contains(offset) || last == 0 && key.utf8.elementsEqual("memstats".utf8)
    }

    private mutating func begin(isObject: Bool) {
        if levelsLeftOut > 0 || levels.last?.isLeftOut == true {
            levelsLeftOut += 1
        } else {
            levels.append(Level(isObject: isObject))
        }
    }

    private mutating func leaf(_ kind: LeafKind) {
        defer { leafCount += 1 }
        guard levelsLeftOut == 0, levels.last?.isLeftOut != true, leafCount < leaves.count else { return }
        let spelling = leaves[leafCount].spelling(in: body)
        switch kind {
        case .number: add(.number(spelling))
        case .string: add(.string(JSONText.decoded(spelling.dropFirst().dropLast())))
        case .boolean: add(.boolean(spelling.count == 4))
        case .null: add(.null)
        case .broken: break
        }
    }

    private mutating func add(_ node: DocumentNode) {
        guard let last = levels.indices.last else { return }
        if levels[last].isObject {
            levels[last].members.append(DocumentMember(key: levels[last].key, value: node))
        } else {
            levels[last].elements.append(node)
        }
    }
}
