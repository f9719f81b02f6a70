/// How the tree is laid out: small folders, files named for the types in them, and in Storage an order among folders.
enum HouseRules {
    /// So many entries a folder may have, so that a newcomer finds the file at the first look.
    static let entriesMax = 22

    /// Files that hold a family of small values, none of which is the main one.
    static let families: Set<String> = [
        "Sources/Storage/Records.swift", "Sources/Query/Answers.swift",
    ]

    /// What is wrong with a folder of that many entries.
    static func entries(_ count: Int, in folder: String) -> [Violation] {
        guard count > entriesMax else { return [] }
        return [
            Violation(
                path: folder,
                line: 1,
                message: "\(count) entries; above \(entriesMax) it needs folders"
            )
        ]
    }

    /// A file that declares types bears the name of one: `Type.swift`, or `Type+Aspect.swift` for a chapter of it.
    static func typeName(_ file: SourceFile) -> [Violation] {
        let stem = file.name.prefix { $0 != "." }
        let subject = stem.prefix { $0 != "+" }
        let declared = Declarations.types(in: file)
        let extended = Declarations.extensions(in: file)
        guard !declared.isEmpty || !extended.isEmpty, !families.contains(file.path) else { return [] }
        let names = stem.contains("+") || declared.isEmpty ? extended.union(declared) : declared
        guard !names.contains(String(subject)) else { return [] }
        return [
            Violation(
                path: file.path,
                line: 1,
                message: "declares \(names.sorted()), and is named for none of them"
            )
        ]
    }

    // MARK: Folders of Storage

    /// The folders of Storage from the bottom up: a file names no type of a folder to the right of its own.
    ///
    /// The files outside of them are what other modules see, and may name everything. `File` is about the files on disk,
    /// and names no table but those that it makes.
    static let order = ["Tables", "Tail", "Reading", "Writing", "Sealing", "Care"]

    /// Where a folder stands in the order; nil for what is in none.
    static func rank(_ path: String) -> Int? {
        let parts = path.split(separator: "/")
        guard parts.count > 3, parts[1] == "Storage" else { return nil }
        // The file itself comes before all tables but the schema, which it makes.
        return parts[2] == "File" ? 0 : order.firstIndex(of: String(parts[2])).map { $0 + 1 }
    }

    /// The types that each folder of Storage declares.
    static func ranks(_ files: [SourceFile]) -> [String: Int] {
        var ranks: [String: Int] = [:]
        for file in files {
            guard let rank = rank(file.path) else { continue }
            for name in Declarations.types(in: file) { ranks[name] = rank }
        }
        return ranks
    }

    /// Types that a file names although they are declared further up.
    static func folderOrder(_ file: SourceFile, _ ranks: [String: Int]) -> [Violation] {
        guard let own = rank(file.path) else { return [] }
        let limit = max(own, 1)
        return file.text.code.enumerated().flatMap { index, line in
            Set(Declarations.words(line)).compactMap { word -> Violation? in
                guard let rank = ranks[word], rank > limit else { return nil }
                return Violation(
                    path: file.path,
                    line: index + 1,
                    message: "names \(word), of the folder \(order[rank - 1]) above it"
                )
            }
        }
    }

    // MARK: Losses

    /// `try?` says on its line, or on the one above, why the loss is fine.
    static func losses(_ file: SourceFile) -> [Violation] {
        file.text.code.enumerated().compactMap { index, line in
            let places = line.ranges(of: "try?").map(\.lowerBound)
            let isLoss = places.contains { $0 == line.startIndex || !line[line.index(before: $0)].isLetter }
            guard isLoss else { return nil }
            let near = file.text.comments[max(0, index - 1)...index]
            guard near.allSatisfy({ !$0.contains("//") }) else { return nil }
            return Violation(path: file.path, line: index + 1, message: "`try?` without its reason beside it")
        }
    }
}
