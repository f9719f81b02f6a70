/// The documents that comments send a reader to: each exists, and has the heading that is named.
///
/// A reference is `limits.md` or `docs/limits.md`, and with a heading `semantics.md, "Pairs"`.
enum DocumentReferences {
    /// A document that a comment names, and the heading where it names one.
    struct Reference: Equatable {
        var document: String
        var heading: String?
    }

    /// What the comments of a file name that is not there; `headings` gives a document's, nil where there is none.
    static func violations(in file: SourceFile, headings: (String) -> [String]?) -> [Violation] {
        file.text.comments.enumerated().flatMap { index, comment in
            references(in: comment).compactMap { reference in
                guard let known = headings(reference.document) else {
                    return Violation(
                        path: file.path,
                        line: index + 1,
                        message: "there is no document \(reference.document)"
                    )
                }
                guard let heading = reference.heading, !known.contains(heading) else { return nil }
                return Violation(
                    path: file.path,
                    line: index + 1,
                    message: "\(reference.document) has no heading \"\(heading)\""
                )
            }
        }
    }

    /// The references that a comment holds, in order; addresses are none.
    static func references(in comment: String) -> [Reference] {
        let isPart: (Character) -> Bool = { $0.isLetter || $0.isNumber || "/._-".contains($0) }
        var found: [Reference] = []
        var rest = comment[...]
        while let end = rest.firstRange(of: ".md") {
            let before = rest[..<end.upperBound].reversed().prefix(while: isPart)
            let name = String(before.reversed())
            let start = rest.index(end.upperBound, offsetBy: -name.count)
            let isAddress = rest[..<start].hasSuffix(":")
            rest = rest[end.upperBound...]
            if isAddress || name == ".md" || rest.first.map({ $0.isLetter || $0.isNumber }) == true {
                continue
            }
            var heading: String?
            if rest.hasPrefix(", \"") {
                heading = String(rest.dropFirst(3).prefix { $0 != "\"" })
            }
            found.append(Reference(document: name, heading: heading))
        }
        return found
    }
}
