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

    /// A Unix socket without the path that is asked for: `unix:/run/app.sock`; nil for any other URL.
    static func socket(of url: String) -> String? {
        guard url.utf8.starts(with: "unix:".utf8) else { return nil }
        let path = url.dropFirst("unix:".count)
        return "unix:" + path[..<(path.firstRange(of: ":/")?.lowerBound ?? path.endIndex)]
    }

    /// The URL without user and password: they are everything up to the last `@` of the authority (3.2.1).
    static func withoutUser(_ url: String) -> String {
        guard let authority = authority(of: url), let at = authority.utf8.lastIndex(of: UInt8(ascii: "@"))
        else {
            return url
        }
        return String(url[..<authority.startIndex]) + String(url[url.utf8.index(after: at)...])
    }

    /// A text as one part of a path: everything but unreserved characters percent-encoded (2.1, 2.3).
    static func segment(_ text: String) -> String {
        var result: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                result.append(byte)
            default:
                result.append(UInt8(ascii: "%"))
                result.append(hexDigits[Int(byte >> 4)])
                result.append(hexDigits[Int(byte & 0xF)])
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static let hexDigits = Array("0123456789ABCDEF".utf8)
}
