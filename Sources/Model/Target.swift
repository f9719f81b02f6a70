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

/// Where scrapes of a target come from, as far as documents need to know it.
///
/// A target's origin may change; every scrape keeps the one it came from.
package struct Origin: Hashable, Sendable {
    /// The URL that was asked, without user and password; nil where an imported line had none.
    package var url: String?
    /// Labels of the target by name.
    package var labels: [String: String]
    /// `service_address` of the configuration, where set.
    package var serviceAddress: String?

    /// An origin; `url` must not hold a user or password any more.
    package init(url: String?, labels: [String: String] = [:], serviceAddress: String? = nil) {
        self.url = url
        self.labels = labels
        self.serviceAddress = serviceAddress
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
