import JSON

/// Reads what the binary printed as JSON.
enum JSONText {
    /// The elements of an array that `text` holds.
    static func array(_ text: String) throws -> [JSONValue] {
        guard case .array(let elements) = try JSONReader.value(of: Array(text.utf8)) else { return [] }
        return elements
    }

    /// Each line of `text` as a value.
    static func lines(_ text: String) throws -> [JSONValue] {
        try text.split(separator: "\n").map { try JSONReader.value(of: Array($0.utf8)) }
    }
}
