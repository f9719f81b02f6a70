import Model

/// Why a request is not answered.
struct Refusal: Error, Hashable {
    /// The HTTP status.
    var status: Int
    /// One sentence.
    var reason: String
}

/// The head of a request: all that decides about it.
struct RequestHead {
    var method: String
    var target: String
    var headers: [(name: String, value: String)]

    /// The values of a header, by its name in lower case.
    func values(_ name: String) -> [String] {
        headers.filter { $0.name.lowercased() == name }.map(\.value)
    }
}

/// Who may ask, and how: decides about a request by its head alone.
///
/// A page in the user's browser can make the browser send requests to loopback. It cannot choose the Host header
/// (a name that was rebound to 127.0.0.1 shows there), nor read an answer that carries no CORS headers.
struct RequestGuard {
    /// Every Host that is ours, in lower case, with the port.
    private let hosts: Set<String>
    private let token: [UInt8]?

    /// A guard of a server on that port, which may be reached by those names beside the loopback's.
    init(port: Int, hostNames: [String], token: String?) {
        let names = ["localhost", "127.0.0.1", "[::1]"] + hostNames.map { $0.lowercased() }
        // Port 80 is the one that browsers leave out.
        hosts = Set(names.map { "\($0):\(port)" } + (port == 80 ? names : []))
        self.token = token.map { Array($0.utf8) }
    }

    /// The path and the query of a request that may be answered.
    func admit(_ head: RequestHead) throws(Refusal) -> (path: String, query: String) {
        let host = head.values("host")
        guard host.count == 1, hosts.contains(host[0].lowercased()) else {
            throw Refusal(
                status: 421,
                reason: "this server is not reached by that name; `expvault serve --host-name NAME` adds it"
            )
        }
        guard head.method == "GET" || head.method == "HEAD" else {
            throw Refusal(status: 405, reason: "only GET and HEAD are answered")
        }
        let hasBody = head.values("content-length").contains { $0 != "0" }
        guard !hasBody, head.values("transfer-encoding").isEmpty else {
            throw Refusal(status: 413, reason: "a request has no body here")
        }
        guard head.target.utf8.count <= DashboardLimits.targetBytesMax else {
            throw Refusal(status: 414, reason: "the address is too long")
        }
        guard head.target.hasPrefix("/") else {
            throw Refusal(status: 400, reason: "the address must begin with a slash")
        }
        if let token, !head.values("authorization").contains(where: { isKnown($0, token) }) {
            throw Refusal(status: 401, reason: "the token is missing: give it as the password, or as Bearer")
        }
        let parts = head.target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = String(parts[0])
        // A link from elsewhere may open the page, but no other page loads what is behind it.
        let isForeign = head.values("sec-fetch-site").contains { $0 != "same-origin" && $0 != "none" }
        guard !isForeign || path == "/" else {
            throw Refusal(status: 403, reason: "other pages may not ask")
        }
        return (path, parts.count > 1 ? String(parts[1]) : "")
    }

    /// Whether an Authorization header carries the token: `Bearer TOKEN`, or as the password of `Basic`.
    private func isKnown(_ header: String, _ token: [UInt8]) -> Bool {
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2 else { return false }
        switch parts[0].lowercased() {
        case "bearer":
            return Self.isEqual(Array(parts[1].utf8), token)
        case "basic":
            guard let text = Base64.bytes(of: Array(parts[1].utf8)),
                let colon = text.firstIndex(of: UInt8(ascii: ":"))
            else {
                return false
            }
            return Self.isEqual(Array(text[(colon + 1)...]), token)
        default:
            return false
        }
    }

    /// Compares in a time that does not depend on where the two differ.
    private static func isEqual(_ given: [UInt8], _ token: [UInt8]) -> Bool {
        var difference: UInt8 = given.count == token.count ? 0 : 1
        for index in token.indices {
            difference |= token[index] ^ (index < given.count ? given[index] : 0)
        }
        return difference == 0
    }
}
