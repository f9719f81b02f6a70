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

    /// The folders under Sources and Tests with the number of their entries; what is no source aside.
    static func folders() throws -> [(path: String, count: Int)] {
        let manager = FileManager.default
        return try ["Sources", "Tests"].flatMap { top -> [(path: String, count: Int)] in
            let below = try manager.subpathsOfDirectory(atPath: root.appendingPathComponent(top).path)
            return try ([top] + below.map { "\(top)/\($0)" }).sorted().compactMap { path in
                var isDirectory: ObjCBool = false
                let full = root.appendingPathComponent(path).path
                guard manager.fileExists(atPath: full, isDirectory: &isDirectory), isDirectory.boolValue,
                    !path.hasPrefix("Tests/Fixtures/")
                else { return nil }
                return (path, try manager.contentsOfDirectory(atPath: full).count)
            }
        }
    }

    /// The limits that docs/limits.md names in the first column of its tables: `Type.name`, and `.name` for another of
    /// the type before it.
    static func limits() throws -> [(type: String, name: String)] {
        let document = root.appendingPathComponent("docs/limits.md")
        let text = try String(contentsOf: document, encoding: .utf8)
        var found: [(type: String, name: String)] = []
        for row in text.split(separator: "\n") where row.hasPrefix("| ") {
            var type = ""
            let cell = row.split(separator: "|").first ?? ""
            for (number, part) in cell.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            where number % 2 == 1 {
                let parts = part.split(separator: ".", omittingEmptySubsequences: false)
                guard parts.count == 2, !parts[1].isEmpty else { continue }
                if !parts[0].isEmpty { type = String(parts[0]) }
                found.append((type, String(parts[1])))
            }
        }
        return found
    }

    /// The text of Package.swift.
    static func manifest() throws -> String {
        try String(contentsOf: root.appendingPathComponent("Package.swift"), encoding: .utf8)
    }
}
