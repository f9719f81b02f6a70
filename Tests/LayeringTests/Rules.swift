/// A file of Sources: what the rules look at.
struct SourceFile {
    /// Its path from the repository's root, `Sources/Model/RunID.swift`.
    var path: String
    var text: SwiftText

    init(path: String, source: String) {
        self.path = path
        text = SwiftText(source)
    }

    /// The directory under Sources that it lies in.
    var module: String { String(path.split(separator: "/").dropFirst().first ?? "") }

    var name: String { String(path.split(separator: "/").last ?? "") }
}

/// A line that breaks a rule.
struct Violation: CustomStringConvertible, Equatable {
    var path: String
    var line: Int
    var message: String

    var description: String { "\(path):\(line): \(message)" }
}

/// The house rules that neither compiler nor formatter checks; each takes a file and names what breaks it.
enum Rules {
    /// All of them.
    static let all: [@Sendable (SourceFile) -> [Violation]] = [
        imports, calls, unsafeMarks, invariants, sqlText, fieldWords, documentation, length, fileName,
        OutsideNumbers.arithmetic,
    ]

    /// Files longer than that have a second subject.
    static let linesMax = 500

    /// Imports follow the table of `Layers`, and nothing imports Foundation.
    static func imports(_ file: SourceFile) -> [Violation] {
        guard let allowed = Layers.allowed[file.module] else {
            return [
                Violation(
                    path: file.path,
                    line: 1,
                    message: "module \(file.module) is not in the table of Layers"
                )
            ]
        }
        return file.text.code.enumerated().compactMap { index, line in
            guard let module = importedModule(line) else { return nil }
            if module.hasPrefix("Foundation") {
                return Violation(
                    path: file.path,
                    line: index + 1,
                    message: "imports \(module); use the C library"
                )
            }
            guard allowed.contains(module) || Layers.platform.contains(module) else {
                return Violation(
                    path: file.path,
                    line: index + 1,
                    message: "\(file.module) must not import \(module)"
                )
            }
            return nil
        }
    }

    /// The module that a line imports, `package import struct NIOCore.ByteBuffer` being NIOCore.
    static func importedModule(_ line: String) -> String? {
        var words = line.split(whereSeparator: { $0 == " " || $0 == ";" })[...]
        while let word = words.first, word.hasPrefix("@") || accessWords.contains(String(word)) {
            words = words.dropFirst()
        }
        guard words.first == "import" else { return nil }
        words = words.dropFirst()
        if let kind = words.first, importKinds.contains(String(kind)) { words = words.dropFirst() }
        return words.first.map { String($0.prefix(while: { $0 != "." })) }
    }

    private static let accessWords: Set<String> = ["package", "public", "internal", "private", "fileprivate"]
    private static let importKinds: Set<String> = [
        "struct", "class", "enum", "protocol", "func", "var", "let", "typealias",
    ]

    /// Nothing is used outside its home.
    static func calls(_ file: SourceFile) -> [Violation] {
        let bans = Ban.all.filter { $0.modules.contains(file.module) }
        return file.text.code.enumerated().flatMap { index, line in
            let words = Set(line.split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != "_" }))
            return bans.filter { words.contains($0.word) && $0.isBroken(by: line) }.map {
                Violation(path: file.path, line: index + 1, message: "`\($0.name)`: \($0.reason)")
            }
        }
    }

    /// What switches a check of the compiler off says why, on the line or just above.
    static func unsafeMarks(_ file: SourceFile) -> [Violation] {
        let marks = ["@unchecked Sendable", "nonisolated(unsafe)", "unsafeBitCast(", "unsafeDowncast("]
        return file.text.code.enumerated().compactMap { index, line in
            guard let mark = marks.first(where: line.contains) else { return nil }
            let near = file.text.comments[max(0, index - 1)...index]
            guard near.allSatisfy({ !$0.contains("//") }) else { return nil }
            return Violation(
                path: file.path,
                line: index + 1,
                message: "`\(mark)` without its reason beside it"
            )
        }
    }

    /// SQL is spoken in Storage and SQLite, and shown in the help of the command that takes it.
    static func sqlText(_ file: SourceFile) -> [Violation] {
        guard !Layers.sqlSpeakers.contains(file.module), !file.name.lowercased().hasPrefix("sql") else {
            return []
        }
        return file.text.literals.compactMap { line, text in
            guard looksLikeSQL(text) else { return nil }
            return Violation(path: file.path, line: line, message: "SQL outside Storage")
        }
    }

    /// Two words of SQL that stand together in a statement and nowhere else.
    static func looksLikeSQL(_ text: String) -> Bool {
        let words = text.split(whereSeparator: \.isWhitespace)
        guard let verb = words.first else { return false }
        let rest = words.dropFirst()
        return switch verb {
        case "SELECT", "WITH": rest.contains("FROM") || rest.contains("AS")
        case "INSERT", "REPLACE": rest.contains("INTO")
        case "DELETE": rest.first == "FROM"
        case "UPDATE": rest.contains("SET")
        case "CREATE", "DROP", "ALTER":
            rest.contains { ["TABLE", "INDEX", "VIEW", "TRIGGER", "UNIQUE", "VIRTUAL"].contains($0) }
        case "PRAGMA", "ATTACH": !rest.isEmpty
        default: text.hasPrefix("BEGIN IMMEDIATE") || text.hasPrefix("PRAGMA")
        }
    }

    /// Codec, SQLite and Compression know no word of the field.
    static func fieldWords(_ file: SourceFile) -> [Violation] {
        guard Layers.wordless.contains(file.module) else { return [] }
        let words = ["scrape", "memstats", "expvar", "gc_pauses"]
        return file.text.code.enumerated().compactMap { index, line in
            guard let word = words.first(where: line.lowercased().contains) else { return nil }
            return Violation(
                path: file.path,
                line: index + 1,
                message: "\(file.module) knows nothing of a \(word)"
            )
        }
    }

    /// An invariant of ours that is broken says so: a crash must be told from a refusal of bad data at a glance.
    static func invariants(_ file: SourceFile) -> [Violation] {
        let calls = ["precondition", "preconditionFailure", "assert"].map {
            Ban(name: $0, modules: [], reason: "")
        }
        return file.text.code.enumerated().compactMap { index, line in
            guard line.utf8.count > 6, calls.contains(where: { $0.isBroken(by: line) }) else { return nil }
            // A call laid out over several lines has its message a few lines on.
            let near = (index + 1)...(index + 6)
            guard
                !file.text.literals.contains(where: { near.contains($0.line) && $0.text.hasPrefix("BUG: ") })
            else {
                return nil
            }
            return Violation(path: file.path, line: index + 1, message: "an invariant without its \"BUG: …\"")
        }
    }

    /// Types and functions that cross modules have a doc comment; swift-format checks this for `public` alone.
    ///
    /// A stored property may do with its type's, an `init` with the properties', and what a protocol of the standard
    /// library asks for with that protocol's.
    static func documentation(_ file: SourceFile) -> [Violation] {
        file.text.code.indices.compactMap { index in
            guard needsDocumentation(file.text.code[index]) else { return nil }
            var above = index - 1
            while above >= 0, file.text.code[above].trimmed.hasPrefix("@") { above -= 1 }
            guard above < 0 || !file.text.comments[above].trimmed.hasPrefix("///") else { return nil }
            return Violation(
                path: file.path,
                line: index + 1,
                message: "declared `package` without a doc comment"
            )
        }
    }

    /// Whether the line declares something `package` or `public` that needs to be explained.
    static func needsDocumentation(_ line: String) -> Bool {
        var words = line.split(separator: " ")[...]
        while words.first?.hasPrefix("@") ?? false { words = words.dropFirst() }
        guard let access = words.popFirst(), ["package", "public", "open"].contains(access) else {
            return false
        }
        while let word = words.first, modifiers.contains(String(word.prefix(while: { $0 != "(" }))) {
            words = words.dropFirst()
        }
        guard let kind = words.popFirst() else { return false }
        let name = words.first.map { String($0.prefix(while: { !"(:<".contains($0) || $0 == "<" })) } ?? ""
        return switch kind {
        case "struct", "class", "enum", "actor", "protocol", "typealias", "macro": true
        case "func":
            !standardNames.contains(name)
                && words.first.map { !$0.hasPrefix("<") && !$0.hasPrefix("=") } ?? true
        case "var": line.contains("{") && !standardNames.contains(name)
        default: kind.hasPrefix("subscript")
        }
    }

    private static let modifiers: Set<String> = [
        "static", "final", "mutating", "nonmutating", "nonisolated", "override", "convenience", "required",
        "lazy",
        "indirect", "private", "fileprivate", "internal", "weak", "unowned", "borrowing", "consuming",
        "isolated",
    ]
    private static let standardNames: Set<String> = [
        "description", "debugDescription", "hash", "next", "makeIterator", "makeAsyncIterator", "startIndex",
        "endIndex", "index", "encode", "errorDescription",
    ]

    /// A file has one subject.
    static func length(_ file: SourceFile) -> [Violation] {
        guard file.text.code.count > linesMax else { return [] }
        let message = "\(file.text.code.count) lines; above \(linesMax) there is a second subject"
        return [Violation(path: file.path, line: linesMax, message: message)]
    }

    /// A file is named for its subject.
    static func fileName(_ file: SourceFile) -> [Violation] {
        let banned = ["Util", "Helper", "Common", "Manager", "Misc"]
        let isBanned = banned.contains(where: file.name.contains) || file.name == "Extensions.swift"
        return isBanned ? [Violation(path: file.path, line: 1, message: "named for no subject")] : []
    }
}

extension String {
    /// Without blanks at either end.
    var trimmed: Substring {
        var rest = self[...]
        while rest.first?.isWhitespace ?? false { rest = rest.dropFirst() }
        while rest.last?.isWhitespace ?? false { rest = rest.dropLast() }
        return rest
    }
}
