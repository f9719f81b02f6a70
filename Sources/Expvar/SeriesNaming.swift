import Model

/// Names of series: a path of keys, joined by dots; see cli.md, "Series names".
///
/// The one exception to "keys joined by dots" keeps the two names free that the recorder adds: a target's own
/// `up` is written `\up`, and its own `scrape.duration_seconds` (an object `scrape` that holds `duration_seconds`)
/// is written `\scrape.duration_seconds`. `keys(of:)` reads both as it reads every other escape.
package enum SeriesNaming {
    private static let dot = UInt8(ascii: ".")
    private static let backslash = UInt8(ascii: "\\")

    /// The key with `.` and `\` escaped.
    package static func escaped(_ key: String) -> String {
        var bytes: [UInt8] = []
        append(key, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The name of the series of a document at that path; the inverse of `keys(of:)`.
    package static func name(ofKeys keys: [String]) -> String {
        name(ofPath: keys.map(escaped).joined(separator: "."))
    }

    /// The keys of a name, unescaped: the inverse of joining escaped keys by dots.
    ///
    /// A backslash takes whatever follows it as it is; one at the very end stands for itself.
    package static func keys(of name: String) -> [String] {
        var keys: [String] = []
        var key: [UInt8] = []
        var isEscaped = false
        for byte in name.utf8 {
            if isEscaped {
                key.append(byte)
                isEscaped = false
            } else if byte == backslash {
                isEscaped = true
            } else if byte == dot {
                keys.append(String(decoding: key, as: UTF8.self))
                key.removeAll(keepingCapacity: true)
            } else {
                key.append(byte)
            }
        }
        if isEscaped { key.append(backslash) }
        keys.append(String(decoding: key, as: UTF8.self))
        return keys
    }

    /// Appends the key with its escapes to a path.
    static func append(_ key: String, to path: inout [UInt8]) {
        for byte in key.utf8 {
            if byte == dot || byte == backslash { path.append(backslash) }
            path.append(byte)
        }
    }

    /// The name of a leaf at a path of escaped keys: not one of the names that the recorder adds.
    static func name(ofPath path: String) -> String {
        path == AddedSeries.up || path == AddedSeries.duration ? "\\" + path : path
    }
}
