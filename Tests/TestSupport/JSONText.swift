package import JSON

/// Reads what the binary printed as JSON.
package enum JSONText {
    /// The elements of an array that `text` holds.
    package static func array(_ text: String) throws -> [JSONValue] {
        guard case .array(let elements) = try JSONReader.value(of: Array(text.utf8)) else { return [] }
        return elements
    }

    /// Each line of `text` as a value.
    package static func lines(_ text: String) throws -> [JSONValue] {
        try text.split(separator: "\n").map { try JSONReader.value(of: Array($0.utf8)) }
    }
}
