import HTTPClient
import Model

/// Which proxy a server is spoken to through: the one that was named, else the environment's.
///
/// `HTTPS_PROXY` for https, `HTTP_PROXY` for http, in capitals or not, and `NO_PROXY` for what goes without, as curl takes
/// them. Only the environment's may hold a user and password: a command line shows in `ps`.
package struct ProxyChoice: Sendable {
    /// `--proxy`.
    package var url: String?
    /// The user, and the password from a file.
    package var user: String?
    package var password: String?

    /// The environment's proxy.
    package init() {}

    /// Puts the proxy into a client's settings, if there is one for its server.
    ///
    /// - Throws: `ExportSetupError` for a proxy that is none.
    package func apply(
        to settings: inout ElasticsearchClient.Settings,
        environment: (String) -> String?
    ) throws(ExportSetupError) {
        guard let chosen = try proxy(for: settings.url, environment: environment) else { return }
        settings.proxy = chosen.proxy
        settings.proxySecrets = chosen.secrets
    }

    /// The proxy for that server, and what of it must never be shown; nil where it goes without.
    func proxy(
        for server: ElasticsearchURL,
        environment: (String) -> String?
    ) throws(ExportSetupError) -> (proxy: HTTPProxy, secrets: [String])? {
        guard user != nil || password == nil else {
            throw ExportSetupError("--proxy-password-file needs --proxy-user")
        }
        let text: String
        let isNamed = url != nil
        if let url {
            text = url
        } else {
            let name = server.isTLS ? "HTTPS_PROXY" : "HTTP_PROXY"
            let value = [name.lowercased(), name].lazy.compactMap(environment).first { !$0.isEmpty }
            let exceptions = ["no_proxy", "NO_PROXY"].lazy.compactMap(environment).first { !$0.isEmpty }
            guard let value, !ProxyChoice.isException(server, exceptions ?? "") else {
                guard user == nil else {
                    throw ExportSetupError("--proxy-user is for --proxy, and there is none")
                }
                return nil
            }
            text = value
        }
        let parsed = try ProxyChoice.parsed(text, mayHoldUser: !isNamed)
        var authentication = Authentication.none
        if let user {
            guard let password else { throw ExportSetupError("--proxy-user needs --proxy-password-file") }
            authentication = .basic(user: user, password: password)
        } else if let user = parsed.user {
            authentication = .basic(user: user.name, password: user.password)
        }
        let proxy = HTTPProxy(host: parsed.host, port: parsed.port, authorization: authentication.header)
        return (proxy, authentication.secrets)
    }

    // MARK: URLs

    private static func parsed(
        _ text: String,
        mayHoldUser: Bool
    ) throws(ExportSetupError) -> (host: String, port: Int, user: (name: String, password: String)?) {
        var rest = text[...]
        if let scheme = rest.firstRange(of: "://") {
            guard rest[..<scheme.lowerBound].lowercased() == "http" else {
                throw ExportSetupError("a proxy is spoken to by http://; another scheme is not supported")
            }
            rest = rest[scheme.upperBound...]
        }
        if let slash = rest.firstIndex(of: "/") { rest = rest[..<slash] }
        var user: (name: String, password: String)?
        if let at = rest.lastIndex(of: "@") {
            guard mayHoldUser else {
                throw ExportSetupError(
                    "--proxy must hold no user or password; use --proxy-user with --proxy-password-file"
                )
            }
            let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            user = (decoded(parts[0]), parts.count > 1 ? decoded(parts[1]) : "")
            rest = rest[rest.index(after: at)...]
        }
        let hostEnd = rest.hasPrefix("[") ? rest.firstIndex(of: "]") : nil
        let colon = rest[(hostEnd ?? rest.startIndex)...].firstIndex(of: ":")
        let host = String(rest[..<(colon ?? rest.endIndex)].filter { $0 != "[" && $0 != "]" })
        guard !host.isEmpty, host.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw ExportSetupError("the proxy's URL names no host")
        }
        // curl's, for a proxy that names no port.
        guard let colon else { return (host, 1080, user) }
        guard let port = Int(rest[rest.index(after: colon)...]), (1...65_535).contains(port) else {
            throw ExportSetupError("the proxy's port must be a number from 1 to 65535")
        }
        return (host, port, user)
    }

    /// A text with the bytes that stand behind each `%`.
    private static func decoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Whether `NO_PROXY` names the server: `*`, its host, a domain that it lies in, each with a port or without.
    static func isException(_ server: ElasticsearchURL, _ list: String) -> Bool {
        list.split(whereSeparator: { $0 == "," || $0 == " " }).contains { entry in
            if entry == "*" { return true }
            var name = entry.lowercased()[...]
            if let colon = name.lastIndex(of: ":"), let port = Int(name[name.index(after: colon)...]),
                !name[..<colon].contains(":") || name.hasPrefix("[")
            {
                guard port == server.port else { return false }
                name = name[..<colon]
            }
            name = name.drop { $0 == "." || $0 == "[" }
            if name.hasSuffix("]") { name = name.dropLast() }
            guard !name.isEmpty else { return false }
            return server.host == name || server.host.hasSuffix("." + name)
        }
    }
}
