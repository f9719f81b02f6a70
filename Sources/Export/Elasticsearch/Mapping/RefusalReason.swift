/// What a server says of a document that it refuses, taken at its word only where it is known how it puts it.
///
/// A reason quotes the document: names with brackets and quotes in them, and a preview of a value, which may look like
/// any path. So a reason is never searched for paths; the document's own are tried in the places where a path stands.
///
///     object mapping for [PATH] tried to parse field [NAME] as object, but found a concrete value
///     failed to parse field [PATH] of type [long] in document with id 'ID'. Preview of field's value: 'VALUE'
///     Could not dynamically add mapping for field [NAME]. Existing mapping for [PATH] must be of type object but found [long].
///     mapper [PATH] cannot be changed from type [long] to [keyword]
///     can't merge a non object mapping [PATH] with an object mapping
///     mapping set to strict, dynamic introduction of [NAME] within [PARENT] is not allowed
///
/// From 8.x on `[line:column] ` stands before it.
struct RefusalReason: Hashable, Sendable {
    /// The reason without the place in the request, and without the mark of one that was cut.
    private let text: String
    private let isCut: Bool

    init(_ reason: String) {
        var rest = reason[...]
        if rest.hasPrefix("["), let end = rest.firstRange(of: "] ") {
            let place = rest[..<end.lowerBound].dropFirst()
            if !place.isEmpty, place.utf8.allSatisfy({ (0x30...0x3A).contains($0) }) {
                rest = rest[end.upperBound...]
            }
        }
        isCut = rest.hasSuffix(ServerText.cutMark)
        text = String(isCut ? rest.dropLast(ServerText.cutMark.count) : rest)
    }

    /// Whether the index has as many fields as it may have.
    var isLimitOfFields: Bool { text.hasPrefix("Limit of total fields [") }

    /// Whether a new field was to be mapped in two ways: by the document alone, or by another in the same moment.
    ///
    /// Of those two the later is taken when it is sent again.
    var isMergeOfNewField: Bool {
        text.hasPrefix("mapper [") && text.contains("] cannot be changed from type [")
            || text.hasPrefix("can't merge a non")
    }

    /// How many levels there may be, where there are too many.
    var depthMax: Int? {
        let opening = "Limit of mapping depth ["
        guard text.hasPrefix(opening) else { return nil }
        return Int(text.dropFirst(opening.count).prefix { $0 != "]" })
    }

    /// Texts with the path between them.
    private static let anchored = [
        ("object mapping for [", "] tried to parse field ["),
        ("failed to parse field [", "] of type ["),
        ("mapper [", "] cannot be changed from type ["),
        ("can't merge a non object mapping [", "] with an object mapping"),
        ("can't merge a non-nested mapping [", "] with a nested mapping"),
        ("object field cannot contain only whitespace: ['", "']"),
    ]

    /// Whether it says that the path is what does not fit.
    func names(_ path: String) -> Bool {
        // Reasons come in one line; the names in them do, too.
        let path = ServerText.inOneLine(path)
        for (opening, closing) in RefusalReason.anchored where text.hasPrefix(opening) {
            let named = text.dropFirst(opening.count)
            return named.hasPrefix(path + closing) || isCut && (path + closing).hasPrefix(named)
        }
        if text.hasPrefix("Could not dynamically add mapping for field [") {
            return text.contains("]. Existing mapping for [\(path)] must be of type object but found [")
        }
        let strict = "mapping set to strict, dynamic introduction of ["
        guard text.hasPrefix(strict) else { return false }
        let named = text.dropFirst(strict.count)
        // A name may hold dots where the server takes it as one.
        for dot in path.indices where path[dot] == "." {
            let name = path[path.index(after: dot)...]
            if named.hasPrefix("\(name)] within [\(path[..<dot])] is not allowed") { return true }
        }
        return false
    }

    /// The path among these that it names: the longest, since one may be the beginning of another.
    func named(among paths: some Sequence<String>) -> String? {
        paths.filter(names).max { $0.utf8.count < $1.utf8.count }
    }
}
