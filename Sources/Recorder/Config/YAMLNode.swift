/// A value of a YAML file, and the line on which it begins.
struct YAMLNode: Hashable, Sendable {
    /// What stands there.
    indirect enum Value: Hashable, Sendable {
        /// A scalar's text; `isPlain` where it was written without quotes, so that `~` and `true` may mean
        /// more.
        case scalar(String, isPlain: Bool)
        case sequence([YAMLNode])
        /// The members in order; every key is there once.
        case mapping([YAMLMember])
    }

    /// From 1.
    var line: Int
    var value: Value

    /// What stands here, in words.
    var kind: String {
        switch value {
        case .scalar: isNull ? "nothing" : "a single value"
        case .sequence: "a list"
        case .mapping: "a map"
        }
    }

    /// Whether nothing stands here (`key:`, `key: ~`, `key: null`).
    var isNull: Bool {
        guard case .scalar(let text, isPlain: true) = value else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text)
    }
}

/// A key and its value.
struct YAMLMember: Hashable, Sendable {
    var key: String
    /// Where the key stands.
    var line: Int
    var value: YAMLNode
}
