import Expvar
import TestBasics
import Testing

/// Parts of a variable that cannot be read, at any depth.
@Suite("Broken parts")
struct BrokenPartTests {
    /// The text of a document of one variable with that value, as expvar writes it.
    private func body(_ value: String) -> String { "{\n\"a\": 1,\n\"x\": \(value),\n\"z\": 2\n}\n" }

    private func broken(_ text: String) throws -> [String] {
        try brokenTexts(Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test(
        "a member that cannot be read costs itself, and its neighbours are series",
        arguments: [
            ("NaN", "NaN"), ("+Inf", "+Inf"), ("", ""), ("0 ops/s", "0 ops/s"),
            ("12,345 ops/s", "12,345 ops/s"),
            ("<nil>", "<nil>"), ("map[a:1 b:2]", "map[a:1 b:2]"), ("01", "01"), ("1.", "1."), ("tru", "tru"),
            ("{1 2", "{1 2"), ("[1] 2", "[1] 2"), ("{\"k\": 1} 2", "{\"k\": 1} 2"),
            ("\"text\" 5", "\"text\" 5"),
            ("1h2m3s", "1h2m3s"), ("\u{1}\u{6}", "\u{1}\u{6}"),
        ]
    )
    func members(text: String, expected: String) throws {
        for value in [
            "{\"m\": 3, \"r\": \(text), \"n\": 5}", "{\"r\": \(text), \"m\": 3, \"n\": 5}",
            "{\"m\": 3, \"n\": 5, \"r\": \(text)}",
        ] {
            #expect(try seriesText(body(value)).sorted() == ["a=1", "x.m=3", "x.n=5", "z=2"], "\(value)")
            #expect(try broken(body(value)) == [expected], "\(value)")
            let deep = body("{\"o\": [7, {\"p\": \(value)}, 8]}")
            #expect(
                try seriesText(deep).sorted() == [
                    "a=1", "x.o.0=7", "x.o.1.p.m=3", "x.o.1.p.n=5", "x.o.2=8", "z=2",
                ],
                "\(value)"
            )
        }
    }

    @Test("in an array Go's words cost one element, and any other text all behind it")
    func elements() throws {
        for word in ["NaN", "+Inf", "-Inf", "<nil>", ""] {
            #expect(try seriesText(body("[1, \(word), 3]")) == ["a=1", "x.0=1", "x.2=3", "z=2"], "\(word)")
        }
        #expect(try seriesText(body("[1, 2 ops, 3]")) == ["a=1", "x.0=1", "z=2"])
        #expect(try broken(body("[1, 2 ops, 3]")) == ["2 ops, 3"])
        #expect(try seriesText(body("{\"r\": [1,, 4, 5 x, 6], \"n\": 7}")).contains("x.n=7"))
    }

    @Test("a variable with a broken part counts only where it ends as expvar's lines end")
    func ends() throws {
        for text in ["{\"a\": NaN} x", "{\"a\": NaN}}", "{\"a\": NaN", "[NaN]]", "{1 2}"] {
            #expect(try seriesText(body(text)) == ["a=1", "z=2"], "\(text)")
        }
        // Without its own line nobody knows that this was the end.
        #expect(throws: DocumentError.self) { try scanned(Array("{\"x\": {\"a\": NaN}, \"y\": 1}".utf8)) }
        #expect(try seriesText("{\n\"x\": {\"a\": NaN, \"b\": 2}\n}\n") == ["x.b=2"])
    }

    @Test(
        "Go's escapes are read in keys and texts, and what is no escape is the character behind the backslash"
    )
    func escapes() throws {
        let text = body(
            "{\"t\": \"\\xc4\\a\\.\", \"orders.bob\\.smith\": 3, \"\\x1b\": 4, \"\\x1g\": 5, \"\\q\": 6}"
        )
        #expect(
            try seriesText(text) == [
                "a=1", "x.orders\\.bob\\.smith=3", "x.\u{1B}=4", "x.x1g=5", "x.q=6", "z=2",
            ]
        )
        #expect(try broken(text).isEmpty)
        let variables = try DocumentTree.variables(of: Array(text.utf8))
        guard case .object(let members) = variables[1].value else { return #expect(Bool(false)) }
        #expect(members[0].value == .string("\\xc4\u{7}."))
    }

    @Test("a byte that is no UTF-8 is spelled, and costs nothing")
    func notUTF8() throws {
        for bytes: [UInt8] in [[0xFF], [0xC0, 0x80], [0xC3], [0xED, 0xA0, 0x80], [0xF8]] {
            let spelled = bytes.map { "\\\\x" + String($0, radix: 16) }.joined()
            let text = Array("{\n\"x\": {\"caf".utf8) + bytes + Array("\": 1, \"n\": 2}\n}\n".utf8)
            let document = try scanned(text)
            let names = try Shape(skeleton: document.skeleton).series.map(\.name)
            #expect(names == ["x.caf\(spelled)", "x.n"])
        }
    }

    @Test("keys that are the same only where an escape is none are two, whatever their order")
    func sameKeys() throws {
        for members in [["\"a.b\": 1", "\"a\\.b\": 2"], ["\"a\\.b\": 2", "\"a.b\": 1"]] {
            let text = "{\n\"m\": {\(members.joined(separator: ", "))}\n}\n"
            #expect(try seriesText(text).sorted() == ["m.a\\.b=1", "m.a\\\\\\.b=2"])
        }
        // By JSON and Go the same: the last counts.
        #expect(try seriesText("{\n\"m\": {\"A\": 1, \"\\x41\": 2, \"\\u0041\": 3}\n}\n") == ["m.A=3"])
    }

    // MARK: Random breakage

    /// Makes values with broken parts, and notes the series that are left.
    private struct Breaker {
        var generator: SeededGenerator
        var expected: [String] = []
        var brokenCount = 0

        private static let texts = [
            "NaN", "+Inf", "-Inf", "", "<nil>", "0 ops/s", "12,345 ops/s", "1h2m", "map[a:1 b:2]", "tru",
            "01", "{1 2",
            "2026-01-02T03:04:05Z", "1,", "caf\u{e9}", "a\\b", "--", "1e+", "null null",
        ]
        private static let words = ["NaN", "+Inf", "-Inf", "<nil>"]
        private static let elementTexts = ["0 ops", "1h", "tru", "{1 2", "a\\b", "1 2"]
        private static let gaps = ["", " ", "\n", "\n  ", "\t"]

        private mutating func chance(_ percent: Int) -> Bool {
            Int.random(in: 0..<100, using: &generator) < percent
        }

        private mutating func pick(_ texts: [String]) -> String {
            texts.randomElement(using: &generator) ?? ""
        }

        mutating func value(_ path: String, depth: Int, counts: Bool = true) -> String {
            guard depth > 0, chance(50) else {
                let number = Int.random(in: 0..<1000, using: &generator)
                if counts { expected.append("\(path)=\(number)") }
                return String(number)
            }
            return chance(60) ? object(path, depth) : array(path, depth)
        }

        mutating func object(_ path: String, _ depth: Int) -> String {
            let members = (0..<Int.random(in: 0...5, using: &generator)).map { index in
                let text: String
                if chance(30) {
                    text = pick(Self.texts)
                    brokenCount += 1
                } else {
                    text = value("\(path).k\(index)", depth: depth - 1)
                }
                return "\(pick(Self.gaps))\"k\(index)\"\(pick([":", ": "]))\(text)"
            }
            return "{" + members.joined(separator: ",") + pick(Self.gaps) + "}"
        }

        mutating func array(_ path: String, _ depth: Int) -> String {
            var isLost = false
            let elements = (0..<Int.random(in: 2...6, using: &generator)).map { index in
                // What is behind a text must not close the array, or it would end there.
                if isLost { return String(index) }
                if chance(15) {
                    brokenCount += 1
                    return pick(Self.words)
                }
                if chance(8) {
                    brokenCount += 1
                    isLost = true
                    return pick(Self.elementTexts)
                }
                return value("\(path).\(index)", depth: depth - 1)
            }
            return "[" + elements.joined(separator: ",\(pick(Self.gaps))") + "]"
        }
    }

    @Test("whatever is broken, at whatever depth, all else is read", arguments: 0..<300)
    func random(round: Int) throws {
        let seed = UInt64.random(in: 0...(.max))
        var breaker = Breaker(generator: SeededGenerator(seed: seed))
        let variables = (0..<3).map { "\"v\($0)\": \(breaker.object("v\($0)", 5))" }
        let text = "{\n\(variables.joined(separator: ",\n"))\n}\n"
        #expect(try seriesText(text).sorted() == breaker.expected.sorted(), "seed \(seed): \(text)")
        let document = try scanned(Array(text.utf8))
        #expect(document.leaves.count { $0.kind == .broken } == breaker.brokenCount, "seed \(seed): \(text)")
        let shape = try Shape(skeleton: document.skeleton)
        let spellings = document.leaves.map { $0.spelling(in: Array(text.utf8)) }
        #expect(shape.body(leaves: spellings) == Array(text.utf8))
        #expect(shape.unread.count == breaker.brokenCount)
    }
}
