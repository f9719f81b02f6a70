import Foundation

/// The repository that these tests were compiled from.
enum SourceTree {
    /// Its root, found from this file; links are followed.
    static let root: URL =
        URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The Swift files under Sources, or another folder of the root, in the order of their paths.
    static func files(in folder: String = "Sources") throws -> [SourceFile] {
        let sources = root.appendingPathComponent(folder)
        let paths = try FileManager.default.subpathsOfDirectory(atPath: sources.path)
        return try paths.filter { $0.hasSuffix(".swift") }.sorted().map {
            let text = try String(contentsOf: sources.appendingPathComponent($0), encoding: .utf8)
            return SourceFile(path: "\(folder)/\($0)", source: text)
        }
    }

    /// The directories in Sources.
    static func modules() throws -> Set<String> {
        Set(try FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent("Sources").path))
    }

    /// The headings of a document, named by its path or by its name in docs; nil where there is none.
    static func headings(of name: String) -> [String]? {
        for path in [name, "docs/" + name] {
            // A path that leads nowhere is what is looked for.
            guard let text = try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
            else {
                continue
            }
            return text.split(separator: "\n").filter { $0.hasPrefix("#") }.map {
                String($0.drop { $0 == "#" }.dropFirst().filter { $0 != "`" })
            }
        }
        return nil
    }

    /// The text of Package.swift.
    static func manifest() throws -> String {
        try String(contentsOf: root.appendingPathComponent("Package.swift"), encoding: .utf8)
    }
}
