/// The number of a target in its database; never reused.
package struct TargetID: Hashable, Comparable, Sendable {
    /// The row's number, from 1.
    package let value: Int64

    /// The target with that row number.
    package init(_ value: Int64) {
        self.value = value
    }

    /// Targets in the order in which their rows were made.
    package static func < (a: TargetID, b: TargetID) -> Bool {
        a.value < b.value
    }
}

/// The rule for target names: 1 to 128 bytes of UTF-8, without `=` and control characters.
package enum TargetName {
    /// The longest name in bytes.
    package static let bytesMax = 128

    /// Whether `name` may name a target.
    package static func isValid(_ name: String) -> Bool {
        (1...bytesMax).contains(name.utf8.count)
            && !name.unicodeScalars.contains { scalar in
                scalar == "=" || scalar.properties.generalCategory == .control
            }
    }
}
