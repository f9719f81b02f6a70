/// Gives the keys of custom variables names that Elasticsearch can take.
///
/// Elasticsearch reads a key with dots as a path of objects, and refuses a document that holds something both as
/// value and as object. So within each object plain keys come first and dotted ones after them, by the bytes of the key
/// (members come in any order, and a name must not hang on it), and a dotted key that does not fit is written with `_` for `.`, with another `_` appended while that
/// name is taken. A key does not fit where
///
/// - its path, or the path of a value under it, is a value already, or leads through a value, or to an object where
///   a value is to stand (two objects may share a path: Elasticsearch merges them),
/// - a part of it is blank, which Elasticsearch refuses for itself, or, at the end, takes for nothing, so that `a.` is `a`; a
///   blank plain key is treated in the same way, or
/// - it leads deeper than 17 parts.
///
/// An array is a value at its path, also where it holds objects. See elasticsearch.md, "What is sent".
enum FieldNames {
    /// A name that is taken with that many `_` appended is not tried with more; the variable is left out.
    ///
    /// Only a hostile target comes near it, and then names would grow with the square of its keys.
    private static let underscoresMax = 64
    /// A key that leads deeper does not fit: Elasticsearch takes 20 levels in all (index.mapping.depth.limit), of which
    /// `golang.expvar.custom` is three; and a hostile target could send a key of a million dots, each of them a level here too.
    private static let partsMax = 17

    /// `node` with names that fit, at every level.
    static func fitted(_ node: FieldNode) -> FieldNode {
        fittedWithPaths(node, depth: 0).node
    }

    private static func fittedWithPaths(_ node: FieldNode, depth: Int) -> (node: FieldNode, paths: PathTree) {
        switch node {
        case .leaf: (node, .value)
        case .array(let elements): (.array(elements.map { fittedWithPaths($0, depth: depth).node }), .value)
        case .object(let members): fittedWithPaths(members, depth: depth)
        }
    }

    /// `depth` is how many parts lead to the object.
    private static func fittedWithPaths(
        _ members: [FieldMember],
        depth: Int
    ) -> (node: FieldNode, paths: PathTree) {
        var tree = PathTree.object([:])
        var kept: [FieldMember] = []
        kept.reserveCapacity(members.count)
        for member in members where isPlain(member.key) {
            // Keys of one object differ, so a plain one always fits.
            let (value, paths) = fittedWithPaths(member.value, depth: depth + 1)
            tree.insert(paths, at: [member.key][...])
            kept.append(FieldMember(key: member.key, value: value))
        }
        let dotted = members.filter { !isPlain($0.key) }
            .sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        for member in dotted {
            var name = member.key
            let path = parts(of: name)
            let isDeep = depth + path.count > partsMax
            let (value, paths) = fittedWithPaths(member.value, depth: depth + (isDeep ? 1 : path.count))
            if isDeep || path.contains(where: isBlank)
                || !tree.hasRoom(for: paths, at: path[...])
            {
                guard let free = freeName(for: name, in: tree) else { continue }
                name = free
            }
            tree.insert(paths, at: parts(of: name)[...])
            kept.append(FieldMember(key: name, value: value))
        }
        return (.object(kept), tree)
    }

    private static func isPlain(_ key: String) -> Bool {
        !key.utf8.contains(UInt8(ascii: ".")) && !isBlank(key)
    }

    /// The parts of a key between its dots.
    static func parts(of key: String) -> [String] {
        key.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map {
            String($0) ?? ""
        }
    }

    /// The key as a server takes it: dots at its end are nothing.
    static func folded(_ key: String) -> String {
        guard key.utf8.last == UInt8(ascii: "."),
            let end = key.utf8.lastIndex(where: { $0 != UInt8(ascii: ".") })
        else { return key }
        return String(key[...end])
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

/// What stands at one path of a document, and below it, as Elasticsearch will see it.
private indirect enum PathTree {
    /// A value.
    case value
    /// An object, with what stands under each name.
    case object([String: PathTree])

    /// Whether something stands under that name.
    func holds(_ name: String) -> Bool {
        if case .object(let children) = self { children[name] != nil } else { false }
    }

    /// Whether `new` can stand at `path` from here, beside what is there; the empty path is here.
    func hasRoom(for new: PathTree, at path: ArraySlice<String>) -> Bool {
        guard case .object(let children) = self else { return false }
        if let name = path.first {
            return children[name].map { $0.hasRoom(for: new, at: path.dropFirst()) } ?? true
        }
        guard case .object(let added) = new else { return false }
        return added.allSatisfy { name, new in children[name].map { $0.hasRoom(for: new, at: []) } ?? true }
    }

    /// Puts `new` at `path` from here, where there is room for it.
    mutating func insert(_ new: PathTree, at path: ArraySlice<String>) {
        guard case .object(var children) = self else {
            preconditionFailure("BUG: a path leads through a value")
        }
        // Taken out and put back, so that a large tree is changed in place instead of copied for each of its paths.
        self = .value
        if let name = path.first {
            var child = children.removeValue(forKey: name)
            if path.count > 1 || child != nil {
                child = child ?? .object([:])
                child?.insert(new, at: path.dropFirst())
            }
            children[name] = child ?? new
        } else if case .object(let added) = new {
            for (name, new) in added {
                if children[name] == nil { children[name] = new } else { children[name]?.insert(new, at: []) }
            }
        }
        self = .object(children)
    }
}
