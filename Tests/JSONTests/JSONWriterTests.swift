import JSON
import Model
import Testing

@Suite struct JSONWriterTests {
    private func text(_ write: (inout JSONWriter) -> Void) -> String {
        var json = JSONWriter()
        write(&json)
        return String(decoding: json.bytes, as: UTF8.self)
    }

    @Test("commas and colons stand where JSON wants them")
    func separators() {
        let json = text { json in
            json.beginObject()
            json.key("a")
            json.beginArray()
            json.integer(1)
            json.beginObject()
            json.endObject()
            json.null()
            json.endArray()
            json.key("b")
            json.boolean(true)
            json.endObject()
        }
        #expect(json == #"{"a":[1,{},null],"b":true}"#)
    }

    @Test("control characters, quotes and backslashes are escaped, other text is kept")
    func escapes() {
        #expect(text { $0.string("\"\\\n\r\t\u{1b}\u{7f}é😀") } == #""\"\\\n\r\t\u001b\u007fé😀""#)
    }

    @Test(
        "numbers keep every digit",
        arguments: [
            (Number.unsigned(.max), "18446744073709551615"),
            (.integer(.min), "-9223372036854775808"),
            (.real(0.1), "0.1"),
            (.real(5), "5"),
            (.real(-0.0), "-0"),
            (.real(1e22), "1e+22"),
            (.real(.nan), "null"),
        ]
    )
    func numbers(value: Number, expected: String) {
        #expect(text { $0.number(value) } == expected)
    }
}
