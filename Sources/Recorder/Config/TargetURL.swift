import Model

/// The URL of a target, without user and password.
package struct TargetURL: Hashable, Sendable, CustomStringConvertible {
    /// `http`, `https`, or `unix` for a Unix socket, over which HTTP is spoken.
    package var scheme: String
    /// A name or an address, IPv6 without brackets; `localhost` for a Unix socket.
    package var host: String
    /// The port; nil where the scheme's own is meant.
    package var port: Int?
    /// Path and query, beginning with `/`.
    package var pathAndQuery: String
    /// The file of a Unix socket, from the root on; nil for TCP.
    package var socketPath: String?

    /// A longer URL is refused, in bytes.
    package static let bytesMax = 2048
    /// The longest path of a Unix socket, in bytes (unix(7), `sun_path` and its NUL).
    package static let socketPathBytesMax = 107

    /// The URL as it is asked: `http://localhost:6060/debug/vars`, `unix:/run/app.sock:/debug/vars`.
    package var text: String {
        if let socketPath { return "unix:\(socketPath):\(pathAndQuery)" }
        return "\(scheme)://\(hostAndPort)\(pathAndQuery)"
    }

    /// The URL as it is stored and shown: the values of its query are hidden.
    package var description: String { URLQuery.hidingValues(of: text) }

    /// What the header `Host` says: without the port where it is the scheme's own.
    var hostAndPort: String {
        let shownHost = host.contains(":") ? "[\(host)]" : host
        return "\(shownHost)\(port.map { ":\($0)" } ?? "")"
    }

    /// What a target is called that nobody gave a name: host and port, or the name of the socket's file.
    var defaultName: String {
        if let socketPath { return socketPath.split(separator: "/").last.map(String.init) ?? socketPath }
        var named = self
        named.port = port ?? (scheme == "https" ? 443 : 80)
        return named.hostAndPort
    }

    /// User and password that stood before the host.
    struct UserInfo: Hashable, Sendable {
        var username: String
        var password: String
    }

    /// The URL that `text` is, and apart from it the user and password that stood in it.
    ///
    /// Without a path it gets `/debug/vars`, and a path that ends in `/` gets `debug/vars`; without a scheme `http://`; with
    /// nothing but a port (`:6060`) `localhost`. `unix:/run/app.sock` and `unix:/run/app.sock:/path` name a Unix socket.
    ///
    /// - Throws: `Malformed`, in words that never repeat the URL, since a password may stand in it.
    static func parse(_ text: String) throws(Malformed) -> (url: TargetURL, userInfo: UserInfo?) {
        guard text.utf8.count <= bytesMax else { throw Malformed("the URL is longer than \(bytesMax) bytes") }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw Malformed(
                "the URL holds a space, a control character or one outside ASCII; write it as %XX"
            )
        }
        if text.prefix(5).lowercased() == "unix:" { return (try parse(socket: text.dropFirst(5)), nil) }
        let colon = schemeEnd(of: text)
        let scheme = colon.map { text[..<$0.lowerBound].lowercased() } ?? "http"
        guard scheme == "http" || scheme == "https" else {
            throw Malformed("the URL must begin with http://, https:// or unix:")
        }
        var rest = text[(colon?.upperBound ?? text.startIndex)...]
        if let hash = rest.firstIndex(of: "#") { rest = rest[..<hash] }
        let authorityEnd = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        var authority = rest[..<authorityEnd]
        let pathAndQuery = completed(rest[authorityEnd...])
        var userInfo: UserInfo?
        if let at = authority.lastIndex(of: "@") {
            userInfo = try parse(userInfo: authority[..<at])
            authority = authority[authority.index(after: at)...]
        }
        if colon == nil, !authority.isEmpty, authority.allSatisfy(\.isNumber) {
            throw Malformed(
                "a number alone is no host; a port of this host is written with a colon, as in :6060"
            )
        }
        if colon == nil, authority.hasSuffix(":") {
            // `http:/a` is a slip of the pen, and no host named http.
            throw Malformed("the URL must begin with http://, https:// or unix:, or be HOST:PORT")
        }
        if authority.hasPrefix(":"), authority.dropFirst().first?.isNumber == true {
            authority = Substring("localhost\(authority)")
        }
        let (host, port) = try parse(authority: authority)
        return (TargetURL(scheme: scheme, host: host, port: port, pathAndQuery: pathAndQuery), userInfo)
    }

    /// Why a text is no URL of a target.
    struct Malformed: Error, Hashable {
        var reason: String
        init(_ reason: String) { self.reason = reason }
    }

    private static let defaultPath = "/debug/vars"

    /// Where the `://` of a scheme stands; nil where the text has no scheme.
    private static func schemeEnd(of text: String) -> Range<String.Index>? {
        guard let mark = text.firstRange(of: "://") else { return nil }
        let isScheme = text[..<mark.lowerBound].allSatisfy {
            $0.isLetter || $0.isNumber || "+-.".contains($0)
        }
        return isScheme ? mark : nil
    }

    /// Whether the text is a URL with its scheme.
    static func hasScheme(_ text: String) -> Bool { schemeEnd(of: text) != nil }

    /// Path and query, the path with what it lacks.
    private static func completed(_ pathAndQuery: Substring) -> String {
        let path = pathAndQuery.prefix { $0 != "?" }
        let query = pathAndQuery[path.endIndex...]
        if path.isEmpty { return defaultPath + query }
        return path.hasSuffix("/") ? "\(path)\(defaultPath.dropFirst())\(query)" : String(pathAndQuery)
    }

    /// A Unix socket: its path, and behind `:` the path that is asked for.
    private static func parse(socket text: Substring) throws(Malformed) -> TargetURL {
        var rest = text.prefix { $0 != "#" }
        while rest.hasPrefix("//") { rest = rest.dropFirst() }
        let mark = rest.firstRange(of: ":/")
        let path = String(rest[..<(mark?.lowerBound ?? rest.endIndex)])
        guard path.hasPrefix("/"), !path.hasSuffix("/"), !path.contains("?") else {
            throw Malformed(
                "a Unix socket is given from the root on, as in unix:/run/app.sock or unix:/run/app.sock:/debug/vars"
            )
        }
        guard path.utf8.count <= socketPathBytesMax else {
            throw Malformed("the path of a Unix socket has at most \(socketPathBytesMax) bytes")
        }
        let asked = completed(mark.map { rest[rest.index(after: $0.lowerBound)...] } ?? "")
        return TargetURL(scheme: "unix", host: "localhost", pathAndQuery: asked, socketPath: path)
    }

    private static func parse(userInfo text: Substring) throws(Malformed) -> UserInfo {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let username = decode(parts[0]), let password = decode(parts.count > 1 ? parts[1] : "") else {
            throw Malformed("the user or password in the URL has a % without two hexadecimal digits")
        }
        return UserInfo(username: username, password: password)
    }

    private static func parse(authority: Substring) throws(Malformed) -> (host: String, port: Int?) {
        var hostText = authority
        var portText: Substring?
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else {
                throw Malformed("the URL's host lacks its ]")
            }
            hostText = authority[authority.index(after: authority.startIndex)..<end]
            let after = authority[authority.index(after: end)...]
            guard after.isEmpty || after.hasPrefix(":") else {
                throw Malformed("only a port may follow the ]")
            }
            if !after.isEmpty { portText = after.dropFirst() }
            guard hostText.contains(":"),
                hostText.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." || $0 == "%" })
            else { throw Malformed("the URL's host in [ ] is no IPv6 address") }
        } else if let colon = authority.firstIndex(of: ":") {
            hostText = authority[..<colon]
            portText = authority[authority.index(after: colon)...]
            guard portText?.contains(":") == false else {
                throw Malformed("an IPv6 address must stand in [ ]")
            }
        }
        guard !hostText.isEmpty else { throw Malformed("the URL has no host") }
        guard hostText.allSatisfy({ !"\\<>\"{}|^`".contains($0) }) else {
            throw Malformed("the URL's host has a character that no host name has")
        }
        guard let portText, !portText.isEmpty else { return (hostText.lowercased(), nil) }
        guard let port = Int(portText), (1...65_535).contains(port), portText.allSatisfy(\.isNumber) else {
            throw Malformed("the URL's port must be a number from 1 to 65535")
        }
        return (hostText.lowercased(), port)
    }

    /// The text with `%XX` decoded; nil where a `%` stands alone.
    private static func decode(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = String(Substring(rest.prefix(2)))
            guard digits.count == 2, digits.allSatisfy(\.isHexDigit), let value = UInt8(digits, radix: 16)
            else {
                return nil
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
