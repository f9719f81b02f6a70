import Testing

/// The tree is laid out as ARCHITECTURE.md says; each rule is shown to catch what it is for.
@Suite struct HouseRulesTests {
    private func file(_ path: String, _ source: String) -> SourceFile {
        SourceFile(path: path, source: source)
    }

    @Test("no folder of Sources or Tests has more entries than a newcomer can look through")
    func entries() throws {
        let violations = try SourceTree.folders().flatMap { HouseRules.entries($0.count, in: $0.path) }
        #expect(violations.isEmpty, "\(violations.map(\.description).joined(separator: "\n"))")
        #expect(HouseRules.entries(23, in: "Sources/A").count == 1)
        #expect(try SourceTree.folders().contains { $0.path == "Sources/Storage/Tail" && $0.count > 3 })
    }

    @Test("a file that declares types is named for one of them")
    func typeNames() throws {
        let violations = try (SourceTree.files() + SourceTree.files(in: "Tests")).flatMap(HouseRules.typeName)
        #expect(violations.isEmpty, "\(violations.map(\.description).joined(separator: "\n"))")
        #expect(
            HouseRules.typeName(file("Sources/A/Chunk.swift", "package struct ChunkLimits {}\n")).count == 1
        )
        #expect(
            HouseRules.typeName(file("Sources/A/B+C.swift", "extension D {\n    struct B {}\n}\n")).count == 1
        )
        #expect(HouseRules.typeName(file("Sources/A/B+C.swift", "extension A.B {}\n")).isEmpty)
        #expect(HouseRules.typeName(file("Sources/A/B.swift", "@frozen package final class B {}\n")).isEmpty)
        #expect(HouseRules.typeName(file("Sources/A/b.swift", "func b() {}\n")).isEmpty)
    }

    @Test("in Storage no folder names a type of one above it")
    func folderOrder() throws {
        let files = try SourceTree.files()
        let ranks = HouseRules.ranks(files)
        let violations = files.flatMap { HouseRules.folderOrder($0, ranks) }
        #expect(violations.isEmpty, "\(violations.map(\.description).joined(separator: "\n"))")
        // What it is for.
        let below = file("Sources/Storage/Reading/A.swift", "let session: WriterSession\n")
        #expect(HouseRules.folderOrder(below, ranks).count == 1)
        let above = file("Sources/Storage/Care/A.swift", "let session: WriterSession\n")
        #expect(HouseRules.folderOrder(above, ranks).isEmpty)
        let face = file("Sources/Storage/VaultWriter.swift", "let session: WriterSession\n")
        #expect(HouseRules.folderOrder(face, ranks).isEmpty)
    }

    @Test("nothing in Sources is declared that nothing uses")
    func deadNames() throws {
        let violations = DeadNames.violations(in: try SourceTree.files())
        #expect(violations.isEmpty, "\(violations.map(\.description).joined(separator: "\n"))")
        let example = file(
            "Sources/A/A.swift",
            "enum A {\n    case used, b\n    func dead() {}\n}\nlet a = A.used\n"
        )
        #expect(
            DeadNames.violations(in: [example]).map(\.message) == ["nothing uses `dead`", "nothing uses `a`"]
        )
    }

    @Test("`try?` tells why the loss is fine")
    func losses() throws {
        let violations = try SourceTree.files().flatMap(HouseRules.losses)
        #expect(violations.isEmpty, "\(violations.map(\.description).joined(separator: "\n"))")
        #expect(HouseRules.losses(file("Sources/A/A.swift", "let a = try? b()\n")).count == 1)
        #expect(HouseRules.losses(file("Sources/A/A.swift", "// Nobody asks.\nlet a = try? b()\n")).isEmpty)
    }

    @Test("every limit that docs/limits.md names is declared in the type that it names")
    func limits() throws {
        let files = try SourceTree.files()
        var declared: [String: Set<String>] = [:]
        for file in files {
            let types = Declarations.types(in: file).union(Declarations.extensions(in: file))
            let names = Set(Declarations.all(in: file).map(\.name))
            for type in types { declared[type, default: []].formUnion(names) }
        }
        let named = try SourceTree.limits()
        #expect(named.count > 60, "the table must be found")
        for limit in named where !(declared[limit.type]?.contains(limit.name) ?? false) {
            Issue.record("docs/limits.md names \(limit.type).\(limit.name), which is not there")
        }
    }
}
