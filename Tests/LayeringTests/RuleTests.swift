import Testing

/// Each rule finds what it is for, and lets pass what only looks like it.
@Suite struct RuleTests {
    private func broken(_ source: String, in path: String = "Sources/Query/A.swift") -> [Violation] {
        let file = SourceFile(path: path, source: source)
        return Rules.all.flatMap { $0(file) }
    }

    @Test(
        "a line that breaks a rule is found",
        arguments: [
            ("import Foundation", "Query"),
            ("import FoundationEssentials", "expvault"),
            ("internal import struct Foundation.Date", "Query"),
            ("@preconcurrency import Recorder", "Query"),
            ("package import Export", "Query"),
            ("import SQLite", "Query"),
            ("import Query", "Export"),
            ("import Storage", "Expvar"),
            ("import Model", "Codec"),
            ("import NIOCore", "Storage"),
            ("import CYAML", "Storage"),
            ("import Model", "Basement"),
            ("func f() { print(1) }", "Query"),
            ("let x = Swift.print(1)", "Storage"),
            ("Glibc.exit(1)", "Export"),
            ("guard let home = getenv(\"HOME\") else { return }", "Recorder"),
            ("let a = CommandLine.arguments", "Query"),
            ("signal(SIGINT, SIG_IGN)", "Recorder"),
            ("let now = Date()", "expvault"),
            ("clock_gettime(CLOCK_REALTIME, &now)", "SQLite"),
            ("let clock = ContinuousClock()", "Query"),
            ("let x = try! f()", "Model"),
            ("if abs(x) < 1 << 53 {}", "Dashboard"),
            ("fatalError(\"pending\")", "Storage"),
            ("text = \"a \\(getenv(\"HOME\")) b\"", "Storage"),
            ("let file = fopen(path, \"r\")", "Codec"),
            ("final class A: @unchecked Sendable {}", "Storage"),
            ("nonisolated(unsafe) var x = 1", "Storage"),
            ("run(\"SELECT body FROM scrapes\")", "Export"),
            ("run(\"\"\"\n    INSERT INTO targets\n    VALUES (?)\n    \"\"\")", "expvault"),
            ("run(#\"PRAGMA user_version\"#)", "Query"),
            ("let scrapes = 1", "Codec"),
            ("struct MemStatsColumn {}", "SQLite"),
            ("package func f() {}", "Model"),
            ("precondition(x > 0)", "Storage"),
            ("preconditionFailure(\"x is negative\")", "Codec"),
            ("    package static func f() {}", "Model"),
            ("package mutating func f() {}", "Model"),
            ("package var x: Int { 1 }", "Model"),
            ("package subscript(i: Int) -> Int { 1 }", "Model"),
            ("package private(set) var x: Int { didSet {} }", "Model"),
            ("/// Doc.\n\npackage struct A {}", "Model"),
            ("@frozen public enum A {}", "Model"),
            ("// no doc\n@inlinable\npackage func f() {}", "Model"),
            (String(repeating: "\n", count: 500), "Model"),
        ]
    )
    func finds(source: String, module: String) {
        #expect(broken(source, in: "Sources/\(module)/A.swift").count == 1)
    }

    @Test(
        "a line that only looks like it passes",
        arguments: [
            ("package import Model", "Query"),
            ("import struct Storage.Vault", "Query"),
            ("#if canImport(Glibc)\nimport Glibc\n#endif", "Codec"),
            ("import NIOCore\nimport CYAML\nimport Logging", "Recorder"),
            ("// import Foundation; print(1); try! f()", "Query"),
            ("/* print(1) /* nested */ exit(1) */", "Query"),
            ("let x = \"print(1) exit(1) Date()\"", "Query"),
            ("let x = \"\"\"\n    try! \\\" \"quoted\" fatalError()\n    \"\"\"", "Query"),
            ("let x = #\"a \" \\(print(1)) \"#", "Query"),
            ("table.print(row); blueprint(x); printer(x)", "Query"),
            ("func print(_ row: Row) {}", "Query"),
            ("print(1); exit(0); getenv(\"X\"); signal(SIGHUP, SIG_IGN)", "expvault"),
            ("let date = Dated(x); update(x)", "Query"),
            ("clock_gettime(CLOCK_REALTIME, &now)", "Recorder"),
            ("let clock = ContinuousClock()", "Storage"),
            ("precondition(x > 0, \"BUG: x is positive\")", "Storage"),
            ("precondition(\n    x > 0,\n    \"BUG: x is positive\"\n)", "Codec"),
            ("// One thread owns it: see VaultWriter.\nfinal class A: @unchecked Sendable {}", "Storage"),
            ("nonisolated(unsafe) var x = 1  // Written once, before any task starts.", "Storage"),
            ("run(\"SELECT body FROM scrapes\")", "Storage"),
            ("let x = \"select a target from the list\"", "Export"),
            ("let x = \"CREATE\"", "Export"),
            ("// a scrape's column", "Codec"),
            ("/// Doc.\npackage func f() {}", "Model"),
            ("/// Doc.\n@inlinable\n@available(*, deprecated)\npackage func f() {}", "Model"),
            ("package extension A {}", "Model"),
            ("package init(x: Int) { self.x = x }", "Model"),
            ("package var x: Int\npackage let y: Int\npackage private(set) var z = 1", "Model"),
            (
                "package var description: String { x }\npackage static func < (a: A, b: A) -> Bool { true }",
                "Model"
            ),
            (
                "package static func == (a: A, b: A) -> Bool { true }\npackage mutating func next() -> Int? {",
                "Model"
            ),
            ("func f(package: Int) {}", "Model"),
            (String(repeating: "\n", count: 499), "Model"),
        ]
    )
    func passes(source: String, module: String) {
        #expect(broken(source, in: "Sources/\(module)/A.swift") == [])
    }

    @Test(
        "a file named for no subject is found",
        arguments: ["StringUtils", "Helpers", "Common", "TargetManager"]
    )
    func fileNames(name: String) {
        #expect(broken("", in: "Sources/Model/\(name).swift").count == 1)
    }

    @Test(
        "a turned sign or a product where numbers come from outside is found",
        arguments: [
            "now.advanced(byMilliseconds: -back)", "return -x", "let y = [-x]", "f(x, -(a + b))",
            "let y = x * 1000",
            "let y = 1000 * x", "x *= 10", "// Says nothing of it.\nlet y = a * b", "text = \"\\(x * 1000)\"",
        ]
    )
    func outsideNumbers(source: String) {
        for path in ["Sources/Model/TimeText.swift", "Sources/expvault/Arguments/A.swift"] {
            #expect(broken(source, in: path).count == 1)
        }
        #expect(broken(source, in: "Sources/Model/RunID.swift") == [], "what was checked is another's affair")
    }

    @Test(
        "what is bounded by its reason, by the compiler or by the operator passes",
        arguments: [
            "let y = x * 1000  // Bounded: x is a day.", "// Bounded: x is a day.\nlet y =\n    x * 1000",
            "// Bounded throughout: of four digits each.\n\n\n\nlet y = x * 1000",
            "static let z = 36_600 * 86_400_000",
            "let y = x &* 1000", "let y = a - b", "let y = -1", "func f() -> Int { x }",
            "let glob = \"a * b\"",
            "let y = x.multipliedOrMax(by: 1000)",
        ]
    )
    func boundedNumbers(source: String) {
        #expect(broken(source, in: "Sources/Model/TimeText.swift") == [])
    }

    @Test("a finding names the line, also behind texts and comments of several lines")
    func lines() {
        let source = "/* a\nb */\nlet x = \"\"\"\n    c\n    \\(y)\n    \"\"\"\nprint(x)\n"
        #expect(
            broken(source) == [
                Violation(path: "Sources/Query/A.swift", line: 7, message: "`print`: only expvault prints")
            ]
        )
    }

    @Test("a text ends where Swift says, so that nothing hides behind it")
    func texts() {
        let text = SwiftText(##"let a = "x\"y"; let b = #"p"q\#(r)"#; let c = "\(f("in \(g)"))"; end()"##)
        #expect(text.code[0].contains("end()"))
        #expect(text.code[0].contains("f("))
        #expect(text.code[0].contains("g"))
        #expect(text.literals.map(\.text) == [#"x\"y"#, ##"p"q\()"##, #"in \()"#, #"\()"#])
    }

    @Test(
        "a wait that a busy machine can miss is found",
        arguments: [
            "try await Task.sleep(for: .seconds(1))", "usleep(20)", "sleep(1)", "nanosleep(&a, nil)",
            "try await child.wait(within: .seconds(10))", "f(within: .milliseconds(500))",
            "@Suite(.timeLimit(.minutes(1)))", "let deadline = ContinuousClock.now + .seconds(20)",
        ]
    )
    func impatient(line: String) {
        #expect(TestRules.waits(SourceFile(path: "Tests/A/B.swift", source: line)).count == 1)
    }

    @Test(
        "one that only a hanging test can miss passes",
        arguments: [
            "await Waiting.pause(milliseconds: 3)", "f(within: .seconds(60))", "f(within: limit)",
            "@Suite(.timeLimit(.minutes(20)))", "// usleep(20)", "usleep(20) // clock: a moment to kill at",
        ]
    )
    func patient(line: String) {
        #expect(TestRules.waits(SourceFile(path: "Tests/A/B.swift", source: line)).isEmpty)
    }

    @Test("a document that a comment names is found, with its heading, and an address is none")
    func documentReferences() {
        let found = DocumentReferences.references(
            in: "// limits.md; docs/semantics.md, \"Pairs\". See https://example.org/a/spec.md, a.mdx"
        )
        #expect(
            found == [
                DocumentReferences.Reference(document: "limits.md", heading: nil),
                DocumentReferences.Reference(document: "docs/semantics.md", heading: "Pairs"),
            ]
        )
        let file = SourceFile(path: "Sources/A/B.swift", source: "// a.md, \"X\"\n// a.md, \"Y\"\n// b.md")
        let broken = DocumentReferences.violations(in: file) { $0 == "a.md" ? ["X"] : nil }
        #expect(broken.map(\.line) == [2, 3])
    }
}
