/// The query of a URL, where many a token stands.
package enum URLQuery {
    /// What stands in the place of a value.
    package static let hidden = "…"

    /// The values in the query of a URL, as they are spelled there.
    package static func values(of url: String) -> [String] {
        guard let mark = url.utf8.firstIndex(of: UInt8(ascii: "?")) else { return [] }
        return url[url.utf8.index(after: mark)...].split(separator: "&").compactMap { part in
            let value =
                part.utf8.firstIndex(of: UInt8(ascii: "=")).map { part[part.utf8.index(after: $0)...] }
                ?? part
            return value.isEmpty ? nil : String(value)
        }
    }

    /// The URL with each value of its query as `…`: `http://a/x?token=secret&full` is `http://a/x?token=…&…`.
    ///
    /// What stands in the query without a name may be a secret itself, and a fragment goes with the query. A URL
    /// without a query, and one whose values are hidden already, stay as they are.
    package static func hidingValues(of url: String) -> String {
        guard let mark = url.utf8.firstIndex(of: UInt8(ascii: "?")) else { return url }
        let parts = url[url.utf8.index(after: mark)...].split(
            separator: "&",
            omittingEmptySubsequences: false
        )
        let shown = parts.map { part in
            guard let equals = part.utf8.firstIndex(of: UInt8(ascii: "=")) else {
                return part.isEmpty ? "" : hidden
            }
            let isEmpty = part.utf8.index(after: equals) == part.endIndex
            return part[...equals] + (isEmpty ? "" : hidden)
        }
        return url[...mark] + shown.joined(separator: "&")
    }
}
