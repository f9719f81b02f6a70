import JSON

/// `filter_path`: the parts of an answer that somebody wants, as dotted paths with `*` for one name.
struct ElasticsearchFilterPath {
    private let paths: [[String]]

    init(_ text: String) {
        paths = text.split(separator: ",").map { $0.split(separator: ".").map(String.init) }
    }

    /// What is left of an answer; arrays are passed through.
    func filter(_ value: JSONValue) -> JSONValue {
        filtered(value, paths) ?? .object([])
    }

    private func filtered(_ value: JSONValue, _ paths: [[String]]) -> JSONValue? {
        if paths.contains([]) { return value }
        switch value {
        case .object(let members):
            let kept = members.compactMap { member -> JSONMember? in
                let rest = paths.compactMap { path -> [String]? in
                    guard let first = path.first, first == "*" || first == member.key else { return nil }
                    return Array(path.dropFirst())
                }
                guard !rest.isEmpty, let value = filtered(member.value, rest) else { return nil }
                return JSONMember(key: member.key, value: value)
            }
            return kept.isEmpty ? nil : .object(kept)
        case .array(let elements):
            let kept = elements.compactMap { filtered($0, paths) }
            return kept.isEmpty ? nil : .array(kept)
        default: return nil
        }
    }
}
