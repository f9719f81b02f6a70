/// Gives the keys of custom variables names that Elasticsearch can take, and takes out what it refused.
///
/// Elasticsearch reads a key with dots as a path of objects, and refuses a document that holds something both as
/// value and as object. So within each object plain keys come first and dotted ones after them, in order of
/// appearance, and a dotted key that does not fit is written with `_` for `.`, with another `_` appended while that
/// name is taken. A key does not fit where
///
/// - its path, or the path of a value under it, is a value already, or leads through a value, or to an object where
///   a value is to stand (two objects may share a path: Elasticsearch merges them), or
/// - a part of it is blank, which Elasticsearch refuses for itself; a blank plain key is treated in the same way.
///
/// An array is a value at its path, also where it holds objects. See documents.md, "Custom variables that would break
/// a mapping".
enum FieldNames {
    /// A name that is taken with that many `_` appended is not tried with more; the variable is left out.
    ///
    /// Only a hostile target comes near it, and then names would grow with the square of its keys.
    private static let underscoresMax = 64

    /// `node` with names that fit, at every level.
    static func fitted(_ node: FieldNode) -> FieldNode {
        switch node {
        case .leaf: node
        case .array(let elements): .array(elements.map(fitted))
        case .object(let members): .object(fitted(members))
        }
    }

    private static func fitted(_ members: [FieldMember]) -> [FieldMember] {
        let members = members.map { FieldMember(key: $0.key, value: fitted($0.value)) }
        let isPlain = { (member: FieldMember) in
            !member.key.utf8.contains(UInt8(ascii: ".")) && !isBlank(member.key)
        }
        var tree = PathTree()
        var kept: [FieldMember] = []
        for member in members where isPlain(member) {
            // Keys of one object differ, so a plain one always fits.
            tree.insert(member.value, at: [member.key][...])
            kept.append(member)
        }
        for var member in members where !isPlain(member) {
            let path = parts(of: member.key)
            if path.contains(where: isBlank) || !tree.hasRoom(for: member.value, at: path[...]) {
                guard let name = freeName(for: member.key, in: tree) else { continue }
                member.key = name
            }
            tree.insert(member.value, at: parts(of: member.key)[...])
            kept.append(member)
        }
        return kept
    }

    /// `node` without the variables that an error named, by their paths below `custom`.
    ///
    /// A variable goes whose path equals a named one, leads to it or extends it; nil where nothing is left.
    static func removing(_ named: [[String]], from node: FieldNode, at path: [String] = []) -> FieldNode? {
        if named.contains(where: { path.starts(with: $0) }) { return nil }
        switch node {
        case .leaf, .array:
            return named.contains { $0.starts(with: path) } ? nil : node
        case .object(let members):
            guard named.contains(where: { $0.starts(with: path) }) else { return node }
            let kept = members.compactMap { member in
                removing(named, from: member.value, at: path + parts(of: member.key)).map {
                    FieldMember(key: member.key, value: $0)
                }
            }
            return kept.isEmpty ? nil : .object(kept)
        }
    }

    /// The parts of a key between its dots.
    static func parts(of key: String) -> [String] {
        key.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map {
            String($0) ?? ""
        }
    }

    private static func isBlank(_ part: String) -> Bool {
        part.unicodeScalars.allSatisfy { $0.properties.isWhitespace }
    }

    private static func freeName(for key: String, in tree: PathTree) -> String? {
        var name = String(
            decoding: key.utf8.map { $0 == UInt8(ascii: ".") ? UInt8(ascii: "_") : $0 },
            as: UTF8.self
        )
        for _ in 0...underscoresMax {
            if !isBlank(name), !tree.holds(name) { return name }
            name += "_"
        }
        return nil
    }
}

/// The paths that the members of one object take, as Elasticsearch will see them.
private struct PathTree {
    /// What stands under each name: nil for a value, a tree for an object.
    private var children: [String: PathTree?] = [:]

    /// Whether something stands under that name.
    func holds(_ name: String) -> Bool {
        children.keys.contains(name)
    }

    /// Whether `node` can stand at `path` beside what is there.
    func hasRoom(for node: FieldNode, at path: ArraySlice<String>) -> Bool {
        guard let name = path.first else {
            guard case .object(let members) = node else { return false }
            return members.allSatisfy { hasRoom(for: $0.value, at: FieldNames.parts(of: $0.key)[...]) }
        }
        guard let child = children[name] else { return true }
        guard let child else { return false }
        return child.hasRoom(for: node, at: path.dropFirst())
    }

    /// Notes that `node` stands at `path`, for which there is room.
    mutating func insert(_ node: FieldNode, at path: ArraySlice<String>) {
        guard let name = path.first else {
            guard case .object(let members) = node else { return }
            for member in members { insert(member.value, at: FieldNames.parts(of: member.key)[...]) }
            return
        }
        if path.count == 1, !node.isObject {
            children.updateValue(nil, forKey: name)
            return
        }
        // Taken out and put back, so that a large tree is not copied for each of its paths.
        var child = (children.removeValue(forKey: name) ?? nil) ?? PathTree()
        child.insert(node, at: path.dropFirst())
        children.updateValue(child, forKey: name)
    }
}
