import JSON

/// Makes a document that a stream refused acceptable: without the custom variables that it choked on.
///
/// The first mapping of a field wins in a stream. Where one service's `cache` is a number and another's an object, the
/// later document is refused as a whole; its standard fields shall arrive all the same.
package enum CustomVariables {
    static let path = ["golang", "expvar", "custom"]
    static let prefix = "golang.expvar.custom"
    /// The tag of a document that lacks variables.
    package static let tag = "expvault-custom-left-out"

    /// The document without the variables that `reason` names, with the tag and the reason, and their paths; nil where
    /// it has none.
    ///
    /// Left out is what equals a named path, is a part of its way or extends it; where `reason` names no path under
    /// `golang.expvar.custom`, all custom variables are, and that is their path.
    package static func leaveOut(
        of document: ReplayDocument,
        reason: String
    ) -> (document: ReplayDocument, paths: [String])? {
        // A document of ours is JSON; one that is not has nothing that could be left out.
        guard let value = try? JSONReader.value(of: document.bytes), let custom = value[path: path],
            let members = custom.members, !members.isEmpty
        else { return nil }
        let named = paths(in: reason)
        var left: [String] = []
        var kept = pruned(custom, at: prefix, named, &left) ?? .object([])
        if left.isEmpty {
            // Where nothing is named, or the names fit nothing here, the reason is not understood.
            kept = .object([])
            left = [prefix]
        }
        var result = document
        result.bytes = annotated(replacing(path[...], in: value, by: kept), reason: reason).bytes
        return (result, left)
    }

    /// The paths under `golang.expvar.custom` that stand in brackets, as servers of all versions write them.
    static func paths(in reason: String) -> [String] {
        var paths: [String] = []
        for part in reason.split(separator: "[").dropFirst() {
            guard let end = part.firstIndex(of: "]") else { continue }
            let path = String(part[..<end])
            if path.hasPrefix(prefix + ".") { paths.append(path) }
        }
        return paths
    }

    /// The value without named members, whose paths are added to `left`; nil where nothing is left of it.
    private static func pruned(
        _ value: JSONValue,
        at path: String,
        _ named: [String],
        _ left: inout [String]
    ) -> JSONValue? {
        guard case .object(let members) = value else { return value }
        var kept: [JSONMember] = []
        for member in members {
            // A key with dots expands to objects, so paths are compared as they are written.
            let own = path + "." + member.key
            if named.contains(where: { $0 == own || own.hasPrefix($0 + ".") }) {
                left.append(own)
                continue
            }
            if named.contains(where: { $0.hasPrefix(own + ".") }) {
                // On the way to a named path: where the value is no object, it is itself what does not fit.
                guard case .object = member.value else {
                    left.append(own)
                    continue
                }
                guard let rest = pruned(member.value, at: own, named, &left) else { continue }
                kept.append(JSONMember(key: member.key, value: rest))
            } else {
                kept.append(member)
            }
        }
        return kept.isEmpty ? nil : .object(kept)
    }

    /// The document with another value at the path, or without it where the value is an empty object.
    private static func replacing(
        _ path: ArraySlice<String>,
        in value: JSONValue,
        by new: JSONValue
    ) -> JSONValue {
        guard let key = path.first, case .object(let members) = value else { return value }
        let rest = path.dropFirst()
        return .object(
            members.compactMap { member in
                guard member.key == key else { return member }
                let value = rest.isEmpty ? new : replacing(rest, in: member.value, by: new)
                return value == .object([]) ? nil : JSONMember(key: key, value: value)
            }
        )
    }

    private static func annotated(_ document: JSONValue, reason: String) -> JSONValue {
        guard case .object(var members) = document else { return document }
        if let index = members.firstIndex(where: { $0.key == "tags" }),
            case .array(let tags) = members[index].value
        {
            members[index].value = .array(tags + [.string(tag)])
        } else {
            members.append(JSONMember(key: "tags", value: .array([.string(tag)])))
        }
        let message = JSONMember(key: "message", value: .string(reason))
        members.removeAll { $0.key == "error" }
        members.append(JSONMember(key: "error", value: .object([message])))
        return .object(members)
    }
}
