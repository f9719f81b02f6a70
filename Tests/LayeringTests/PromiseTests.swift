import Foundation
import Testing

/// docs/guarantees.md names the test that shows each promise: it is there, under that name.
@Suite struct PromiseTests {
    @Test("every test that a promise names exists")
    func names() throws {
        let document = SourceTree.root.appendingPathComponent("docs/guarantees.md")
        let text = try String(contentsOf: document, encoding: .utf8)
        let tests = SourceTree.root.appendingPathComponent("Tests")
        let sources = try FileManager.default.subpathsOfDirectory(atPath: tests.path)
            .filter { $0.hasSuffix("Tests.swift") }
            .map { try String(contentsOf: tests.appendingPathComponent($0), encoding: .utf8) }
        let torture = try String(
            contentsOf: SourceTree.root.appendingPathComponent("scripts/torture"),
            encoding: .utf8
        )
        var count = 0
        for row in text.split(separator: "\n") where row.hasPrefix("| ") {
            let cell = row.split(separator: "|").last ?? ""
            // Names of tests stand in quotation marks; a long one may end in an ellipsis.
            for (number, part) in cell.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
            where number % 2 == 1 {
                let name = part.replacingOccurrences(of: " …", with: "")
                #expect(sources.contains { $0.contains("\"\(name)") }, "no test is called \"\(name)\"")
                count += 1
            }
            for (number, part) in cell.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            where number % 2 == 1 {
                let name = part.split(separator: "/").last.map(String.init) ?? ""
                if let words = part.split(separator: " ").dropFirst().first, part.hasPrefix("torture ") {
                    #expect(torture.contains("\"\(words)\":"), "no torture is called \(words)")
                    count += 1
                } else if name.hasSuffix("Tests") {
                    #expect(sources.contains { $0.contains("struct \(name)") }, "no suite is called \(name)")
                    count += 1
                }
            }
        }
        #expect(count > 30, "the table must be found")
    }

    @Test("docs/exit-status.md has every status that the sources have, and README leads there")
    func exitStatuses() throws {
        func text(_ path: String) throws -> String {
            try String(contentsOf: SourceTree.root.appendingPathComponent(path), encoding: .utf8)
        }
        let table = try text("docs/exit-status.md").split(separator: "\n").filter { $0.hasPrefix("| ") }
        let source = try text("Sources/expvault/ExitStatus.swift")
        var count = 0
        for line in source.split(separator: "\n") where line.contains("    case ") && line.contains(" = ") {
            guard let status = Int(line.split(separator: " ").last ?? "") else { continue }
            #expect(table.contains { $0.hasPrefix("| \(status) |") }, "\(status) is not in the table")
            count += 1
        }
        #expect(count == 11, "the statuses must be found")
        #expect(try text("README.md").contains("(docs/exit-status.md)"))
    }
}
