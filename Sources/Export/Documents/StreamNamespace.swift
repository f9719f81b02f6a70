/// The namespace of data streams: what stands behind the last `-` of `logs-golang.heap-default`.
package enum StreamNamespace {
    /// The longest, in bytes of UTF-8; Fleet's limit, which leaves room for what a backing index has beside it.
    package static let bytesMax = 100
    /// What no index may have in its name, and the `-` that parts a stream's name.
    private static let forbidden = #"\/*?"<>|,#:-"#

    /// Makes sure that a name may be a namespace.
    ///
    /// See: https://www.elastic.co/guide/en/elasticsearch/reference/current/indices-create-index.html, "Path
    /// parameters"; https://www.elastic.co/guide/en/fleet/current/data-streams.html
    ///
    /// - Throws: `ExportSetupError`, which says what is wrong.
    package static func check(_ namespace: String) throws(ExportSetupError) {
        guard let flaw = flaw(of: namespace) else { return }
        throw ExportSetupError(
            "--namespace \(flaw); a namespace is 1 to \(bytesMax) bytes, without capital letters, spaces and "
                + #"\ / * ? " < > | , # : -, as in default"#
        )
    }

    private static func flaw(of namespace: String) -> String? {
        if namespace.isEmpty { return "is empty" }
        if namespace.utf8.count > bytesMax { return "is longer than \(bytesMax) bytes" }
        if namespace != namespace.lowercased() { return "has a capital letter" }
        if let bad = namespace.first(where: forbidden.contains) { return "has a \(bad)" }
        // Elasticsearch bans the space alone; nobody would find again what other blanks and controls are part of.
        let isVisible = namespace.unicodeScalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator: false
            default: true
            }
        }
        return isVisible ? nil : "has a space or a character that cannot be seen"
    }
}
