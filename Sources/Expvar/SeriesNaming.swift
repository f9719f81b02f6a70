/// Names of series: a path of keys, joined by dots; see cli.md, "Series names".
package enum SeriesNaming {
    /// The key with `.` and `\` escaped.
    package static func escaped(_ key: String) -> String {
        fatalError("pending")
    }

    /// The keys of a name, unescaped: the inverse of joining escaped keys by dots.
    package static func keys(of name: String) -> [String] {
        fatalError("pending")
    }
}
