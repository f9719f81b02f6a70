/// A JSON value as a tree; numbers keep their spelling.
package indirect enum JSONValue: Hashable, Sendable {
    /// The members in order, duplicates included.
    case object([JSONMember])
    /// The elements in order.
    case array([JSONValue])
    /// A number as it is spelled, such as `1e+06`.
    case number(String)
    /// A string, decoded.
    case string(String)
    /// `true` or `false`.
    case boolean(Bool)
    /// `null`.
    case null

    /// The member of that key, of duplicates the last; nil where there is none, or this is no object.
    package subscript(key: String) -> JSONValue? {
        members?.last { $0.key == key }?.value
    }

    /// The value under a path of keys; nil where a step is missing.
    package subscript(path path: [String]) -> JSONValue? {
        var value = self
        for key in path {
            guard let next = value[key] else { return nil }
            value = next
        }
        return value
    }

    /// The members, where this is an object.
    package var members: [JSONMember]? {
        if case .object(let members) = self { members } else { nil }
    }

    /// The elements, where this is an array.
    package var elements: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The text, where this is a string.
    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The number as an integer, where it is spelled as one that Int64 holds.
    package var integer: Int64? {
        if case .number(let spelling) = self { Int64(spelling) } else { nil }
    }

    /// The number as the nearest double, where there is a finite one.
    package var double: Double? {
        guard case .number(let spelling) = self, let value = Double(spelling), value.isFinite else {
            return nil
        }
        return value
    }

    /// The truth value, where this is one.
    package var boolean: Bool? {
        if case .boolean(let value) = self { value } else { nil }
    }

    /// Whether this is `null`.
    package var isNull: Bool { self == .null }
}

/// A key and its value.
package struct JSONMember: Hashable, Sendable {
    /// The key, decoded.
    package var key: String
    /// Its value.
    package var value: JSONValue

    /// The member `key` with that value.
    package init(key: String, value: JSONValue) {
        self.key = key
        self.value = value
    }
}

/// Why a text is not the JSON that was expected.
package enum JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// It is longer than the reader takes.
    case tooLarge(bytes: Int, limit: Int)
    /// It nests deeper than the reader goes.
    case tooDeep(limit: Int)
    /// It ends in the middle of a value.
    case cutShort
    /// At that offset stands something that JSON does not allow there.
    case malformed(offset: Int)
    /// At or after that offset stand bytes that are no UTF-8, or an escaped half of a surrogate pair.
    case notUTF8(offset: Int)

    /// One sentence: what is wrong.
    package var description: String {
        switch self {
        case .tooLarge(let bytes, let limit):
            "\(bytes) bytes of JSON are more than the \(limit) that are read"
        case .tooDeep(let limit): "JSON nested over \(limit) deep"
        case .cutShort: "the JSON is cut short"
        case .malformed(let offset): "no JSON at byte \(offset)"
        case .notUTF8(let offset): "text that is not UTF-8 at byte \(offset)"
        }
    }
}
