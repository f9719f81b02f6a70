import JSON
import Testing

@Suite("Reading JSON")
struct JSONReaderTests {
    private func read(_ text: String) throws(JSONError) -> JSONValue {
        try JSONReader.value(of: Array(text.utf8))
    }

    @Test("a tree keeps the order of members, duplicates and the spelling of numbers")
    func tree() throws {
        let value = try read(#" { "b" : [1e+06, -0, 18446744073709551615 ], "a":null, "a": {"c":true} } "#)
        #expect(value.members?.map(\.key) == ["b", "a", "a"])
        #expect(value["b"]?.elements == [.number("1e+06"), .number("-0"), .number("18446744073709551615")])
        #expect(value["a"] == .object([JSONMember(key: "c", value: .boolean(true))]))
        #expect(value[path: ["a", "c"]]?.boolean == true)
        #expect(value[path: ["a", "d"]] == nil)
    }

    @Test(
        "escapes are decoded",
        arguments: [
            (#""""#, ""), (#""plain""#, "plain"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"),
            (#""\u00e9\u20AC""#, "é€"), (#""\ud83d\ude00!""#, "😀!"),
            (#""é😀 plain and long enough""#, "é😀 plain and long enough"),
            (#""\ud83d""#, "\u{FFFD}"), (#""\ude00\ud83dx""#, "\u{FFFD}\u{FFFD}x"), (#""\u0000""#, "\0"),
            (#""12345678\n12345678\\""#, "12345678\n12345678\\"),
        ]
    )
    func escapes(text: String, expected: String) throws {
        #expect(try read(text) == .string(expected))
    }

    @Test(
        "what is no JSON is refused",
        arguments: [
            "", " ", "{", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{a:1}", "01", "1.", ".5", "+1", "-", "1e",
            "NaN", "nul",
            "\"", "\"\\\"", "\"\\x41\"", "\"\\u12\"", "\"\\u12G4\"", "\"\n\"", "\"a\tb\"", "1 2", "[1] ]",
            "{\"a\":1,}", "tru",
            "\"\\", "\"12345678\\",
        ]
    )
    func refused(text: String) {
        #expect(throws: JSONError.self) { try read(text) }
    }

    @Test("bytes that are no UTF-8 are refused, wherever they stand in a string")
    func notUTF8() {
        for position in 0..<20 {
            var bytes = Array("\"aaaaaaaaaaaaaaaaaaaaa\"".utf8)
            bytes[position + 1] = 0xFF
            #expect(throws: JSONError.notUTF8(offset: 1)) { try JSONReader.value(of: bytes) }
        }
    }

    @Test("64 levels are read, 65 are not")
    func depth() throws {
        _ = try read(String(repeating: "[", count: 64) + String(repeating: "]", count: 64))
        #expect(throws: JSONError.tooDeep(limit: 64)) {
            try read(String(repeating: "[", count: 65) + String(repeating: "]", count: 65))
        }
        #expect(throws: JSONError.tooDeep(limit: 64)) {
            try read(String(repeating: "{\"a\":", count: 200_000))
        }
    }

    @Test("a text over the limit is refused before it is read")
    func size() {
        #expect(throws: JSONError.tooLarge(bytes: 5, limit: 4)) {
            try JSONReader.value(of: Array("12345".utf8), bytesMax: 4)
        }
    }

    @Test("every truncation of a text is refused, and none traps")
    func truncation() throws {
        let bytes = Array(
            #"{"a":[1.5e3,"x\u20ac\ud83d\ude00 long enough for a word",true,null],"b":{}}"#.utf8
        )
        _ = try JSONReader.value(of: bytes)
        for count in 0..<bytes.count {
            #expect(throws: JSONError.self) { try JSONReader.value(of: Array(bytes[..<count])) }
        }
    }

    @Test("what the writer quotes, the reader reads back, for random text")
    func roundTrip() throws {
        var generator = SystemRandomNumberGenerator()
        let seed = UInt64.random(in: 0...UInt64.max, using: &generator)
        var state = seed
        func next() -> UInt64 {
            // Knuth's MMIX constants.
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
        let alphabet: [Unicode.Scalar] = [
            "\"", "\\", "\n", "a", "b", "é", "😀", "\u{7F}", "\u{1}", "/", "\u{20AC}",
        ]
        for _ in 0..<2000 {
            var text = ""
            for _ in 0..<next() % 40 { text.unicodeScalars.append(alphabet[Int(next() % 11)]) }
            var json = JSONWriter()
            json.string(text)
            #expect(try JSONReader.value(of: json.bytes) == .string(text), "seed \(seed)")
        }
    }
}
