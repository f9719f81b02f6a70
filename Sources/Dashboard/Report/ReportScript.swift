/// The page's modules as one script, since a file that is opened by itself may load no other.
///
/// Each module becomes a function of its own that returns what it exports, so that their names stay apart. It takes the
/// few forms of `import` and `export` that the modules use, each on a line of its own; a test runs the result.
enum ReportScript {
    /// In this order each finds what it imports.
    private static let order = ["format", "chart", "view", "pauses", "panels", "changes", "app"]

    static let text: String = {
        var script = "'use strict';\nconst modules = {};\n"
        for module in order {
            script += "modules.\(module) = (() => {\n"
            var exported: [Substring] = []
            for line in Asset.text("/\(module).js").split(separator: "\n", omittingEmptySubsequences: false) {
                if line.hasPrefix("import ") {
                    script += imported(line)
                } else if line.hasPrefix("export ") {
                    let rest = line.dropFirst("export ".count)
                    exported.append(name(declaredBy: rest))
                    script += rest
                } else {
                    script += line
                }
                script += "\n"
            }
            script += "return { \(exported.joined(separator: ", ")) };\n})();\n"
        }
        return script
    }()

    /// What takes the place of an import, of a whole module or of some of its names.
    private static func imported(_ line: Substring) -> String {
        let words = line.split(separator: " ")
        let file = words.last?.drop { $0 == "'" || $0 == "." || $0 == "/" }.prefix { $0 != "." } ?? ""
        if words.count > 3, words[1] == "*" { return "const \(words[3]) = modules.\(file);" }
        let names = line.drop { $0 != "{" }.prefix { $0 != "}" }
        return "const \(names)} = modules.\(file);"
    }

    /// The name in `const NAME =`, `class NAME {`, `function NAME(`, `async function NAME(`.
    private static func name(declaredBy line: Substring) -> Substring {
        let words = line.split(separator: " ").drop { ["async", "const", "class", "function"].contains($0) }
        return (words.first ?? "").prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "$" }
    }
}
