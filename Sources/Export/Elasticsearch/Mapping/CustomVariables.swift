import JSON

/// The custom variables of a document, and the document with fewer of them.
///
/// The first mapping of a field wins in a stream. Where one service's `cache` is a number and another's an object, the
/// later document is refused as a whole; its standard fields shall arrive all the same.
package struct CustomVariables {
    static let path = ["golang", "expvar", "custom"]
    static let prefix = "golang.expvar.custom"
    /// The tag of a document that lacks variables.
    package static let tag = "expvault-custom-left-out"
    /// So many reasons stand in a document's `error.message`.
    static let reasonsMax = 10

    private let document: JSONValue
    private let custom: JSONValue

    /// The variables of a document; nil where it has none.
    package init?(of bytes: [UInt8]) {
        // A document of ours is JSON; one that is not has nothing that could be left out.
        guard let document = try? JSONReader.value(of: bytes), let custom = document[path: Self.path],
            custom.members?.isEmpty == false
        else { return nil }
        self.document = document
        self.custom = custom
    }

    /// The document without what the mapping does not take, and what that is; nothing where all of it fits.
    ///
    /// The document says itself what is missing, where the index has room for that.
    func fitted(to mapping: StreamMapping) -> (bytes: [UInt8], leftOut: [LeftOutVariable])? {
        var fitting = CustomFitting(mapping: mapping)
        let kept = fitting.fitted(custom, at: Self.prefix) ?? .object([])
        guard !fitting.leftOut.isEmpty else { return nil }
        return (bytes(with: kept, fitting.leftOut, isTold: !mapping.lacksRoomForNote), fitting.leftOut)
    }

    /// The document without any of them.
    func withoutAll(
        reason: String,
        on mapping: StreamMapping
    ) -> (bytes: [UInt8], leftOut: [LeftOutVariable]) {
        let leftOut = [LeftOutVariable(path: Self.prefix, reason: reason)]
        return (bytes(with: .object([]), leftOut, isTold: !mapping.lacksRoomForNote), leftOut)
    }

    /// What stands at each of the document's own paths: an object, a value, or several of them in arrays.
    var kinds: [String: Set<ValueKind>] {
        var kinds: [String: Set<ValueKind>] = [:]
        Self.note(custom, at: Self.prefix, &kinds)
        kinds[Self.prefix] = nil
        return kinds
    }

    private static func note(_ value: JSONValue, at path: String, _ kinds: inout [String: Set<ValueKind>]) {
        kinds[path, default: []].insert(ValueKind(value))
        noteInside(value, at: path, &kinds)
    }

    private static func noteInside(
        _ value: JSONValue,
        at path: String,
        _ kinds: inout [String: Set<ValueKind>]
    ) {
        switch value {
        case .object(let members):
            for member in members {
                // A key with dots expands to objects.
                var own = path
                let parts = FieldNames.parts(of: FieldNames.folded(member.key))
                for part in parts.dropLast() {
                    own += "." + part
                    kinds[own, default: []].insert(.object)
                }
                note(member.value, at: path + "." + FieldNames.folded(member.key), &kinds)
            }
        case .array(let elements): for element in elements { noteInside(element, at: path, &kinds) }
        default: break
        }
    }

    private func bytes(with custom: JSONValue, _ leftOut: [LeftOutVariable], isTold: Bool) -> [UInt8] {
        let replaced = Self.replacing(Self.path[...], in: document, by: custom)
        return (isTold ? Self.annotated(replaced, leftOut) : replaced).bytes
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

    private static func annotated(_ document: JSONValue, _ leftOut: [LeftOutVariable]) -> JSONValue {
        guard case .object(var members) = document else { return document }
        if let index = members.firstIndex(where: { $0.key == "tags" }),
            case .array(let tags) = members[index].value
        {
            members[index].value = .array(tags + [.string(tag)])
        } else {
            members.append(JSONMember(key: "tags", value: .array([.string(tag)])))
        }
        var reasons: [String] = []
        if let earlier = document[path: ["error", "message"]]?.string { reasons.append(earlier) }
        for variable in leftOut where !reasons.contains(variable.reason) {
            guard reasons.count < reasonsMax else {
                reasons.append("and others")
                break
            }
            reasons.append(variable.reason)
        }
        let message = JSONMember(key: "message", value: .string(reasons.joined(separator: "; ")))
        members.removeAll { $0.key == "error" }
        members.append(JSONMember(key: "error", value: .object([message])))
        return .object(members)
    }
}

/// Takes out of custom variables what a mapping does not take.
private struct CustomFitting {
    let mapping: StreamMapping
    private(set) var leftOut: [LeftOutVariable] = []

    init(mapping: StreamMapping) {
        self.mapping = mapping
    }

    /// The value as far as it fits; nil where nothing of it does.
    mutating func fitted(_ value: JSONValue, at path: String) -> JSONValue? {
        if case .object(let members) = value { return fitted(members, at: path) }
        guard let reason = reason(against: value, at: path) else { return value }
        leftOut.append(LeftOutVariable(path: path, reason: reason))
        return nil
    }

    private mutating func fitted(_ members: [JSONMember], at path: String) -> JSONValue? {
        if path != CustomVariables.prefix, let reason = mapping.objection(toObjectAt: path) {
            leftOut.append(LeftOutVariable(path: path, reason: reason))
            return nil
        }
        var kept: [JSONMember] = []
        for member in members {
            let own = path + "." + FieldNames.folded(member.key)
            if let reason = reasonAgainstWay(to: member.key, under: path) {
                leftOut.append(LeftOutVariable(path: own, reason: reason))
            } else if let value = fitted(member.value, at: own) {
                kept.append(JSONMember(key: member.key, value: value))
            }
        }
        return kept.isEmpty ? nil : .object(kept)
    }

    /// Against the objects that a key with dots expands to.
    private func reasonAgainstWay(to key: String, under path: String) -> String? {
        guard key.utf8.contains(UInt8(ascii: ".")) else { return nil }
        var own = path
        for part in FieldNames.parts(of: FieldNames.folded(key)).dropLast() {
            own += "." + part
            if let reason = mapping.objection(toObjectAt: own) { return reason }
        }
        return nil
    }

    /// Against a value that is no object; an array is one value, whatever it holds.
    private func reason(against value: JSONValue, at path: String) -> String? {
        guard case .array(let elements) = value else { return mapping.objection(to: value, at: path) }
        if let reason = mapping.objection(to: ValueKind(value), at: path) { return reason }
        for element in elements {
            if let reason = reason(againstInside: element, at: path) { return reason }
        }
        return nil
    }

    private func reason(againstInside value: JSONValue, at path: String) -> String? {
        switch value {
        case .object(let members):
            if let reason = mapping.objection(toObjectAt: path) { return reason }
            for member in members {
                if let reason = reasonAgainstWay(to: member.key, under: path) { return reason }
                if let reason = reason(
                    againstInside: member.value,
                    at: path + "." + FieldNames.folded(member.key)
                ) {
                    return reason
                }
            }
            return nil
        case .array: return reason(against: value, at: path)
        default: return mapping.objection(to: value, at: path)
        }
    }
}
