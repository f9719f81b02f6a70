/// The base URL of a server, checked.
package struct ElasticsearchURL: Hashable, Sendable, CustomStringConvertible {
    /// Scheme, host, port and the path before which a proxy puts it; without a slash at the end.
    package let description: String
    package let host: String
    package let port: Int
    package let isTLS: Bool
    /// The path before which a proxy puts the server; empty, or from a slash on and without one at the end.
    package let basePath: String

    /// The URL that `text` is.
    ///
    /// - Throws: `ExportSetupError`; above all where a user or password stands in it, which would show in `ps`.
    package init(_ text: String) throws(ExportSetupError) {
        // Scheme and host are the same in capitals (RFC 3986, 6.2.2.1), and one destination should have one name.
        let parts = text.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
        let scheme = parts[0].lowercased()
        guard parts.count == 2, scheme == "https" || scheme == "http" else {
            throw ExportSetupError("the URL must begin with https:// or http://")
        }
        isTLS = scheme == "https"
        let rest = parts[1]
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        var path = rest.dropFirst(authority.count)
        guard !authority.contains("@") else {
            throw ExportSetupError(
                "the URL must hold no user or password; use --user with --password-file, or --api-key-file"
            )
        }
        guard !path.contains("?"), !path.contains("#") else {
            throw ExportSetupError("the URL must have no query and no fragment")
        }
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C }) else {
            throw ExportSetupError("the URL holds characters that no URL has")
        }
        while path.hasSuffix("/") { path = path.dropLast() }
        let hostEnd = authority.hasPrefix("[") ? authority.firstIndex(of: "]") : nil
        let colon = authority[(hostEnd ?? authority.startIndex)...].firstIndex(of: ":")
        host = authority[..<(colon ?? authority.endIndex)].filter { $0 != "[" && $0 != "]" }.lowercased()
        guard !host.isEmpty else { throw ExportSetupError("the URL names no host") }
        if let colon {
            guard let port = Int(authority[authority.index(after: colon)...]), (1...65_535).contains(port)
            else {
                throw ExportSetupError("the URL's port must be a number from 1 to 65535")
            }
            self.port = port
        } else {
            // What Elastic's own clients take where none is given.
            port = scheme == "https" ? 443 : 9200
        }
        let shownHost = host.contains(":") ? "[\(host)]" : host
        basePath = String(path)
        description = "\(scheme)://\(shownHost):\(port)\(path)"
    }
}
