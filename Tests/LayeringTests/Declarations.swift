/// What a file declares, by its lines: enough for rules about names.
enum Declarations {
    private static let kinds: Set<String> = [
        "struct", "class", "enum", "actor", "protocol", "typealias", "macro",
    ]
    private static let members: Set<String> = ["func", "var", "let", "case"]
    private static let modifiers: Set<String> = [
        "package", "public", "private", "fileprivate", "internal", "final", "indirect", "static", "mutating",
        "nonisolated", "lazy", "weak", "unowned", "override", "nonmutating", "convenience", "required",
    ]

    /// The types declared at the outermost level.
    static func types(in file: SourceFile) -> Set<String> { names(in: file, after: kinds) }

    /// The types extended at the outermost level; of `A.B` both names.
    static func extensions(in file: SourceFile) -> Set<String> {
        Set(names(in: file, after: ["extension"]).flatMap { $0.split(separator: ".").map(String.init) })
    }

    private static func names(in file: SourceFile, after keywords: Set<String>) -> Set<String> {
        Set(
            file.text.code.compactMap { line in
                guard let first = line.utf8.first, first != UInt8(ascii: " ") else { return nil }
                return declared(line, keywords)
            }
        )
    }

    /// The name that a line declares with one of those keywords; nil for none.
    static func declared(_ line: String, _ keywords: Set<String>) -> String? {
        var words = line.split(separator: " ")[...]
        while let word = words.first,
            word.hasPrefix("@") || modifiers.contains(String(word.prefix { $0 != "(" }))
        {
            words = words.dropFirst()
        }
        guard let keyword = words.popFirst(), keywords.contains(String(keyword)), let name = words.first
        else {
            return nil
        }
        // A case of a switch has its colon outside of any parenthesis.
        if keyword == "case", isPattern(words.joined(separator: " ")) { return nil }
        let bare = name.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "." }
        return bare.isEmpty ? nil : String(bare)
    }

    private static func isPattern(_ text: String) -> Bool {
        var depth = 0
        for character in text {
            switch character {
            case "(": depth += 1
            case ")": depth -= 1
            case ":" where depth == 0: return true
            default: break
            }
        }
        return text.hasPrefix("let ") || text.hasPrefix(".")
    }

    /// The functions, properties, cases and types that a file declares, with their lines.
    static func all(in file: SourceFile) -> [(name: String, line: Int)] {
        file.text.code.enumerated().compactMap { index, line in
            declared(line, kinds.union(members)).map { ($0, index + 1) }
        }
    }

    /// The identifiers of a line of code.
    static func words(_ line: String) -> [String] {
        line.split { !$0.isLetter && !$0.isNumber && $0 != "_" }.map(String.init)
    }
}
