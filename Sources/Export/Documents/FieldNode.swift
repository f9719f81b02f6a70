import Expvar

/// A value of a document before it is written: its numbers and strings are still leaves of the body.
///
/// Nulls, empty strings, empty maps and empty lists are never in such a tree: see `FieldNode.init(_:omitting:)`.
indirect enum FieldNode: Hashable, Sendable {
    /// Members in the order in which they are written.
    case object([FieldMember])
    case array([FieldNode])
    /// The leaf of that index, copied as it is spelled.
    case leaf(Int)

    /// The tree of a marked document, where every leaf stands as its index (see `DocumentFields`); nil where
    /// nothing of it is left once leaves in `omitted` (the empty strings) and all that is empty are taken out.
    init?(_ node: DocumentNode, omitting omitted: Set<Int>) {
        switch node {
        case .object(let members):
            let kept = members.compactMap { member in
                FieldNode(member.value, omitting: omitted).map { FieldMember(key: member.key, value: $0) }
            }
            guard !kept.isEmpty else { return nil }
            self = .object(kept)
        case .array(let elements):
            let kept = elements.compactMap { FieldNode($0, omitting: omitted) }
            guard !kept.isEmpty else { return nil }
            self = .array(kept)
        case .number(let digits): self.init(leaf: String(decoding: digits, as: UTF8.self), omitting: omitted)
        case .string(let digits): self.init(leaf: digits, omitting: omitted)
        case .boolean, .null: return nil
        }
    }

    private init?(leaf digits: String, omitting omitted: Set<Int>) {
        guard let index = Int(digits), !omitted.contains(index) else { return nil }
        self = .leaf(index)
    }

    /// Calls `body` for each leaf with the path that it stands at, which all elements of an array share.
    func visitLeaves(at path: String, _ body: (Int, String) -> Void) {
        switch self {
        case .leaf(let index): body(index, path)
        case .array(let elements): for element in elements { element.visitLeaves(at: path, body) }
        case .object(let members):
            for member in members { member.value.visitLeaves(at: path + "." + member.key, body) }
        }
    }
}

/// A member of an object of a document.
struct FieldMember: Hashable, Sendable {
    var key: String
    var value: FieldNode
}
