/// The parts of a URL as text (RFC 3986, section 3), as far as documents and lines need them.
enum URLText {
    /// What stands between `://` and the path: user, host and port; nil where there is no `://`.
    static func authority(of url: String) -> Substring? {
        guard let colon = url.utf8.firstIndex(of: UInt8(ascii: ":")),
            url.utf8[colon...].starts(with: "://".utf8)
        else {
            return nil
        }
        let rest = url[url.utf8.index(colon, offsetBy: 3)...]
        return rest[..<(rest.utf8.firstIndex { "/?#".utf8.contains($0) } ?? rest.endIndex)]
    }

    /// The URL without user and password: they are everything up to the last `@` of the authority (3.2.1).
    static func withoutUser(_ url: String) -> String {
        guard let authority = authority(of: url), let at = authority.utf8.lastIndex(of: UInt8(ascii: "@"))
        else {
            return url
        }
        return String(url[..<authority.startIndex]) + String(url[url.utf8.index(after: at)...])
    }
}
