import Expvar
import Testing

@Suite("Variables that are not JSON")
struct BrokenVariableTests {
    /// Each case is the text of a variable between two good ones, and at the end; the good ones must survive.
    @Test(
        "a variable that is not JSON costs only itself, wherever it stands",
        arguments: [
            "NaN", "+Inf", "-Inf", "", "nil", "<nil>", "hello, world", "map[a:1 b:2]", "{1 2}",
            "0x10", "01",
            "1.", ".5", "+1", "1 2", "1, 2", "true false", "tru", "{\"a\": NaN} x",
            "{\"a\":1}}", "[1]]", "{\"a\":1]", "{\"a\" 1}", "{1:2}", "'single'",
            "`back`",
            "\"tab\there\"", "\"line\nfeed\"", "\"open", "\"a\"b\"",
            "Mon, 02 Jan 2006 15:04:05", "2006-01-02T15:04:05Z", "1h2m3s", "50%", "\"a\": 1", "\\", "}", "]",
            ":", ",",
            "two\nlines", "unicode é ☃ 😀", "null null", "-", "--1", "1e", "1e+", "\u{1}\u{2}\u{6}\u{7}",
        ]
    )
    func costsOnlyItself(text: String) throws {
        let middle = Array("{\n\"a\": 1,\n\"x\": \(text),\n\"z\": {\"k\": 2}\n}\n".utf8)
        #expect(try brokenTexts(middle) == [Array(text.utf8)])
        #expect(try scanned(middle).leaves.map(\.kind) == [.number, .broken, .number])
        let last = Array("{\n\"a\": 1,\n\"x\": \(text)\n}\n".utf8)
        #expect(try brokenTexts(last) == [Array(text.utf8)])
        let first = Array("{\n\"x\": \(text),\n\"z\": 3\n}".utf8)
        #expect(try brokenTexts(first) == [Array(text.utf8)])
        for body in [first, middle, last] {
            let document = try scanned(body)
            let shape = try Shape(skeleton: document.skeleton)
            #expect(shape.body(leaves: document.leaves.map { $0.spelling(in: body) }) == body)
        }
    }

    @Test("the scalars at the edges of UTF-8 are good")
    func edgesOfUTF8() throws {
        let text = "\u{7F}\u{80}\u{7FF}\u{800}\u{D7FF}\u{E000}\u{FFFF}\u{10000}\u{10FFFF}"
        #expect(try brokenTexts(Array("{\"\(text)\": \"\(text)\"}".utf8)).isEmpty)
    }

    @Test("good JSON over several lines is read strictly first, although a line of it looks like a variable")
    func strictFirst() throws {
        let body = "{\n\"a\": {\n\"b\": 1,\n\"c\": 2\n},\n\"d\": 3\n}\n"
        #expect(try seriesText(body) == ["a.b=1", "a.c=2", "d=3"])
    }

    @Test("a map with a broken part may go over lines that look like variables")
    func firstLine() throws {
        let body = Array(
            "{\n\"a\": {\"x\": NaN,\n\"b\": 1},\n\"c\": 2,\n \"d\": 3,\n\"e\":4,\n\"f\": 5\n}\n".utf8
        )
        // b stands in a's map, which ends where a line of expvar's ends.
        let texts = try brokenTexts(body).map { String(decoding: $0, as: UTF8.self) }
        #expect(texts == ["NaN"])
    }

    @Test("a text that opens a brace and never closes it costs itself where another line follows")
    func unclosed() throws {
        let body = Array("{\n\"a\": 1,\n\"x\": {\"k\": 1,\n\"y\": 2,\n\"z\": 3\n}\n".utf8)
        #expect(try brokenTexts(body) == [Array("{\"k\": 1".utf8)])
        #expect(try scanned(body).leaves.count == 4)
        // As the last one it looks like a body that was cut.
        #expect(throws: DocumentError.cutShort) { try scanned(Array("{\n\"a\": 1,\n\"x\": {\n}\n".utf8)) }
    }

    @Test("many broken variables in a row each cost themselves")
    func many() throws {
        let lines = (0..<500).map { "\"v\($0)\": \($0 % 2 == 0 ? "NaN" : "\($0)")" }.joined(separator: ",\n")
        let document = try scanned(Array("{\n\(lines)\n}\n".utf8))
        #expect(document.leaves.count == 500)
        #expect(document.leaves.count { $0.kind == .broken } == 250)
    }

    @Test("a body made to be read over and over is given up, and a small one of that kind is read")
    func overread() throws {
        let body = { (lines: Int) in
            let opening = String(repeating: "\"a\": {\"x\": 1,\n", count: 60)
            return Array("{\n\(opening)\(String(repeating: "\"z\": 1,\n", count: lines))\"q\": NaN\n}\n".utf8)
        }
        #expect(try brokenTexts(body(100)).count == 61)
        #expect(throws: DocumentError.self) { try scanned(body(40_000)) }
    }

    @Test("a key with bytes that are no UTF-8 is read, since no value is to blame")
    func keyNotUTF8() throws {
        let body = Array("{\n\"a\": 1,\n\"k".utf8) + [0xFF] + Array("\": 2\n}\n".utf8)
        let document = try scanned(body)
        #expect(try Shape(skeleton: document.skeleton).series.map(\.name) == ["a", "k\\\\xff"])
    }

    @Test("Go's escapes are good in keys and in values")
    func escapesOfGo() throws {
        #expect(
            try seriesText("{\n\"m\": {\"\\x1b\\a\\v\\'\": 1, \"\\U000e0001\": 2}\n}") == [
                "m.\u{1B}\u{7}\u{B}'=1", "m.\u{E0001}=2",
            ]
        )
        #expect(
            try brokenTexts(Array("{\n\"m\": \"\\x1b\", \"n\": {\"\\x1\": 1, \"\\q\": 1}\n}".utf8)).isEmpty
        )
    }
}
