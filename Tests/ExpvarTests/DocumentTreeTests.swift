import Expvar
import Testing

@Suite("Variables as trees")
struct DocumentTreeTests {
    private func number(_ text: String) -> DocumentNode {
        .number(Array(text.utf8)[...])
    }

    private func variables(_ body: String) throws -> [DocumentMember] {
        try DocumentTree.variables(of: Array(body.utf8))
    }

    @Test("a tree has every variable but memstats and the broken ones, with numbers as they are spelled")
    func tree() throws {
        let body = """
            {
            "a": 18446744073709551616,
            "bad": NaN,
            "c": {"s": "x\\u00e9\\n", "n": null, "l": [1e+06, [], {}], "t": true, "f": false},
            "memstats": {"NumGC": 1},
            "-0": -0
            }

            """
        let inner: [DocumentMember] = [
            DocumentMember(key: "s", value: .string("xé\n")),
            DocumentMember(key: "n", value: .null),
            DocumentMember(key: "l", value: .array([number("1e+06"), .array([]), .object([])])),
            DocumentMember(key: "t", value: .boolean(true)),
            DocumentMember(key: "f", value: .boolean(false)),
        ]
        let expected = [
            DocumentMember(key: "a", value: number("18446744073709551616")),
            DocumentMember(key: "c", value: .object(inner)),
            DocumentMember(key: "-0", value: number("-0")),
        ]
        #expect(try variables(body) == expected)
    }

    @Test("of duplicate keys only the last is there, in its own place")
    func duplicates() throws {
        let body = "{\"a\":{\"x\":1},\"b\":{\"k\":1,\"j\":2,\"k\":3},\"a\":4,\"memstats\":1,\"memstats\":{}}"
        let expected = [
            DocumentMember(
                key: "b",
                value: .object([
                    DocumentMember(key: "j", value: number("2")),
                    DocumentMember(key: "k", value: number("3")),
                ])
            ),
            DocumentMember(key: "a", value: number("4")),
        ]
        #expect(try variables(body) == expected)
        #expect(try variables("{\n\"a\": 1,\n\"a\": NaN\n}\n") == [])
    }

    @Test("keys with Go's escapes are decoded")
    func keys() throws {
        #expect(try variables("{\"\\x1b\\U000e0001\\xff\":1}").map(\.key) == ["\u{1B}\u{E0001}\\xff"])
    }

    @Test("what is no document has no variables")
    func refused() {
        #expect(throws: DocumentError.markup) { try variables("<html>") }
        #expect(throws: Never.self) { try variables("{}") }
    }

    @Test("the deepest document can be read and let go")
    func deep() throws {
        let body = "{\"a\":" + String(repeating: "[", count: 63) + String(repeating: "]", count: 63) + "}"
        #expect(try variables(body).count == 1)
    }
}
