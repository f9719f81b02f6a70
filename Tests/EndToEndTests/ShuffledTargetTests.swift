import JSON
import TestBasics
import TestSupport
import Testing

/// The built binary on documents of programs that range over maps, and on the same in order.
@Suite struct ShuffledTargetTests {
    /// Lines of a target whose members stand in their order, or in another one each time; and the bodies.
    private static func lines(isShuffled: Bool) -> (text: String, bodies: [String]) {
        var random = SeededGenerator(seed: 9)
        func object(_ members: [(String, String)]) -> String {
            let members = isShuffled ? members.shuffled(using: &random) : members
            return "{" + members.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ") + "}"
        }
        var bodies: [String] = []
        for index in 0..<300 {
            let nodes = (0..<12).map { node in
                let tags = object([
                    ("host", "\"edge\""), ("a.b", "\"\(node)\""), ("a", object([("b", "\(node)")])),
                ])
                let values = object([
                    ("emitted", "\(index * node)"), ("rate", "\(Double(index) / 8)"), ("ok", "true"),
                ])
                return ("node-\(node)", object([("name", "\"nodes\""), ("tags", tags), ("values", values)]))
            }
            bodies.append("{\n\"nodes\": \(object(nodes)),\n\"requests\": \(index)\n}\n")
        }
        return (CommandLineTests.lines(bodies), bodies)
    }

    @Test("a shuffled document gives the series, values and fields that it gives in order, and its own bytes")
    func sameAnswers() async throws {
        let directory = try TemporaryDirectory()
        var answers: [[String]] = []
        for isShuffled in [false, true] {
            let db = directory.file("\(isShuffled).db")
            let (text, bodies) = Self.lines(isShuffled: isShuffled)
            let file = try directory.write(text.utf8, to: "\(isShuffled).ndjson")
            _ = try await Expvault.output("import", "--db", db, file)
            _ = try await Expvault.output("compact", "--db", db)
            var ofThis: [String] = []
            for words in [
                ["series"], ["values", "nodes.*"], ["rate", "nodes.*.emitted", "--step", "10m"],
                ["values", #"nodes.node-3.tags.a\.b"#, "requests"],
            ] {
                let arguments = words + ["--db", db, "--format", "json"]
                let outcome = try await ChildProcess.run(Expvault.binary, arguments)
                ofThis.append("\(outcome.status) \(outcome.text)")
            }
            ofThis.append(try await Self.fields(db))
            answers.append(ofThis)
            let raw = try await Expvault.output("export", "raw", "--db", db, "--out", "-")
            let back = try raw.split(separator: "\n").map { line in
                try #require(JSONReader.value(of: Array(line.utf8))["body"]?.string)
            }
            #expect(back == bodies)
            let check = try await Expvault.run("check", "--db", db)
            #expect(check.status == 0 && check.error.contains("sound"), "\(check.error)")
        }
        #expect(answers[0] == answers[1])
    }

    /// What documents say of the target's own variables, whichever database they are of.
    private static func fields(_ db: String) async throws -> String {
        let documents = try await Expvault.output("export", "file", "--db", db, "--out", "-")
        return try documents.split(separator: "\n").map { line in
            let document = try JSONReader.value(of: Array(line.utf8))
            return sorted(document["golang"])
        }
        .joined(separator: "\n")
    }

    /// A value with its members by name.
    private static func sorted(_ value: JSONValue?) -> String {
        guard let value else { return "-" }
        if let members = value.members {
            return "{" + members.map { "\($0.key):\(sorted($0.value))" }.sorted().joined(separator: ",") + "}"
        }
        if let elements = value.elements {
            return "[" + elements.map { sorted($0) }.joined(separator: ",") + "]"
        }
        return "\(value)"
    }
}
