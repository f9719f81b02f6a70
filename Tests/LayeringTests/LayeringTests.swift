import Testing

/// The house rules hold in this repository.
///
/// What each of them catches is tested in RuleTests.
@Suite struct LayeringTests {
    @Test("no file of Sources breaks a rule of the house")
    func rules() throws {
        let files = try SourceTree.files()
        try #require(files.count > 10, "these tests must find the sources, or they test nothing")
        let violations = files.flatMap { file in Rules.all.flatMap { $0(file) } }
        let report = violations.map(\.description).joined(separator: "\n")
        #expect(violations.isEmpty, "\(violations.count) lines:\n\(report)")
    }

    @Test("no test's outcome hangs on how fast the machine is: all wait by `Waiting`, and long enough")
    func waits() throws {
        let files = try SourceTree.files(in: "Tests")
        try #require(files.contains { $0.name == "Waiting.swift" })
        let violations = files.flatMap(TestRules.waits)
        #expect(violations.isEmpty, "\(violations.map(\.description).joined(separator: "\n"))")
    }

    @Test("every document and heading that a comment names is there")
    func references() throws {
        var known: [String: [String]?] = [:]
        let violations = try (SourceTree.files() + SourceTree.files(in: "Tests")).flatMap { file in
            DocumentReferences.violations(in: file) { name in
                if let headings = known[name] { return headings }
                let headings = SourceTree.headings(of: name)
                known[name] = .some(headings)
                return headings
            }
        }
        #expect(violations.isEmpty, "\(violations.map(\.description).joined(separator: "\n"))")
    }

    @Test("every module has its row in the table, and every row its module")
    func table() throws {
        #expect(try SourceTree.modules() == Set(Layers.allowed.keys))
    }

    @Test("the table has no circle")
    func acyclic() {
        var rest = Layers.allowed
        while let free = rest.first(where: { $0.value.allSatisfy { rest[$0] == nil } }) {
            rest[free.key] = nil
        }
        #expect(rest.isEmpty, "these import one another: \(rest.keys.sorted())")
    }

    @Test("Recorder, Query and Export never import one another")
    func siblings() {
        let siblings: Set = ["Recorder", "Query", "Export"]
        for module in siblings {
            #expect(Layers.allowed[module]?.isDisjoint(with: siblings) == true)
        }
    }

    @Test("the package names no dependency that the rules do not know")
    func manifest() throws {
        let packages = try SourceTree.manifest().split(separator: "\n").filter {
            $0.contains(".package(url:")
        }
        // Five packages, none of which imports Foundation. A sixth is a decision: docs/decisions/0015.
        #expect(packages.count == 5, "\(packages)")
    }
}
