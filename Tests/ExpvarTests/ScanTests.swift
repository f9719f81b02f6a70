import Expvar
import Testing

@Suite("Scanning bodies")
struct ScanTests {
    @Test("a skeleton is the body with a marker for each leaf, and keeps the numbers that name size classes")
    func skeleton() throws {
        let body =
            "{\n\"a\": -1.5e3,\n\"b\": [\"x\",true,null],\n\"memstats\": {\"BySize\":[{\"Size\":48,\"Frees\":2}]}\n}\n"
        let document = try scanned(Array(body.utf8))
        let expected =
            "{\n\"a\": \u{1},\n\"b\": [\u{2},\u{3},\u{4}],\n\"memstats\": {\"BySize\":[{\"Size\":\u{6}48\u{7},\"Frees\":\u{1}}]}\n}\n"
        #expect(String(decoding: document.skeleton, as: UTF8.self) == expected)
        #expect(document.leaves.map(\.kind) == [.number, .string, .boolean, .null, .number, .number])
    }

    @Test(
        "documents that Go and others serve are taken apart and put together again, byte for byte",
        arguments: [
            "{}", " \t\r\n{ } \n", "{\n\n}\n", "{\"a\":1}", "{\"a\" : 1 , \"b\":[ ] , \"c\" : { } }",
            "{\n\"a\": NaN,\n\"b\": ,\n\"c\": +Inf\n}\n", "{\n\"a\": \n}\n", "{\"\":{\"\":0}}",
            "{\"a\":-0,\"b\":1E400,\"c\":1e+06,\"d\":18446744073709551616}", "{\"a\":1,\"a\":2}",
            "{\"k\\u0000\\\"\\\\\":\"\\ud83d\\ude00\\ud800\"}", "{\"\\x1b\\a\\v\\xff\\U000e0001\": 1}",
            "{\"memstats\":{\"BySize\":[{\"Size\":8},{\"Size\":\"8\"},{\"Size\":[8]},{\"Size\":{\"Size\":8}}]}}",
            "{\"x\":{\"BySize\":[{\"Size\":8}]},\"memstats\":[{\"BySize\":[{\"Size\":8}]}]}",
            "{\"a\":[1,2,-3,4.5e6,\"x\",6,7 ,8, 9,[1,2],10]}",
            "{\"a\":[" + Array(repeating: "12", count: 600).joined(separator: ",") + "]}",
            SampleProcess().body,
        ]
    )
    func roundTrip(body: String) throws {
        let bytes = Array(body.utf8)
        let document = try scanned(bytes)
        let shape = try Shape(skeleton: document.skeleton)
        #expect(shape.body(leaves: document.leaves.map { $0.spelling(in: bytes) }) == bytes)
        #expect(shape.leafKinds == document.leaves.map(\.kind))
    }

    @Test(
        "what is no document of /debug/vars is refused, with its reason",
        arguments: [
            ("", DocumentError.empty), (" \n", .empty), ("<!DOCTYPE html>", .markup),
            ("\n<html>{}</html>", .markup),
            ("null", .foreign("JSON, but no object")), ("[]", .foreign("a JSON array")),
            ("404 page not found\n", .foreign("plain text")), ("\u{1}", .notAnObject),
            (
                "# HELP go_goroutines Number.\n# TYPE go_goroutines gauge\ngo_goroutines 7\n",
                .foreign("Prometheus text")
            ),
            ("\u{FEFF}{}", .notAnObject),
            ("{", .cutShort), ("{\"a", .cutShort), ("{\"a\"", .cutShort), ("{\"a\":", .cutShort),
            ("{\"a\":1", .cutShort), ("{\"a\":1,", .cutShort), ("{\"a\": tru", .cutShort),
            ("{\"a\": [1, {\"b\": -", .cutShort), ("{\"a\": \"\\u12", .cutShort),
            ("{\"a\": NaN,\n\"b\": Na", .cutShort),
            ("{\"a\": {\n\"b\": 1\n}\n", .cutShort),
            ("{}{}", .trailing(offset: 2)), ("{\"a\":1} x }", .trailing(offset: 8)),
            ("{\n\"a\": 1\n}\n{\n\"a\": 1\n}\n", .trailing(offset: 11)),
            ("{\n\"a\": 1\n}\nwords\n", .trailing(offset: 11)),
            ("{a: 1}", .malformed(offset: 1)), ("{,}", .malformed(offset: 1)),
            ("{\"a\" 1}", .malformed(offset: 5)),
            ("{\"a\": NaN}", .malformed(offset: 6)), ("{\"a\": 1,}", .malformed(offset: 8)),
            ("{\"a\tb\": 1}", .malformed(offset: 3)),
        ]
    )
    func refused(body: String, reason: DocumentError) {
        var document = ScannedDocument()
        #expect(throws: reason) { try document.scan(Array(body.utf8)) }
        #expect(document.leaves.isEmpty && document.skeleton.isEmpty)
    }

    @Test("the 64th level is a document and the 65th is none, also in a variable that is broken")
    func levels() throws {
        let nested = { (levels: Int, inner: String) in
            "{\n\"a\": " + String(repeating: "[", count: levels - 1) + inner
                + String(repeating: "]", count: levels - 1) + "\n}\n"
        }
        #expect(try scanned(Array(nested(64, "1").utf8)).leaves.count == 1)
        #expect(try brokenTexts(Array(nested(64, "NaN").utf8)).count == 1)
        for body in [nested(65, "1"), nested(65, "NaN"), nested(200_000, "1"), nested(200_000, "")] {
            #expect(throws: DocumentError.tooDeep) { try scanned(Array(body.utf8)) }
        }
        let objects = String(repeating: "{\"a\":", count: 200_000)
        #expect(throws: DocumentError.tooDeep) { try scanned(Array(objects.utf8)) }
    }

    @Test("a body of 16 MiB is a document and one byte more is none")
    func size() throws {
        let most = ScannedDocument.bytesMax
        var body = Array("{\"a\":1".utf8) + [UInt8](repeating: 0x20, count: most - 7) + [UInt8(ascii: "}")]
        #expect(try scanned(body).leaves.count == 1)
        body.append(0x20)
        #expect(throws: DocumentError.tooLarge(bytes: most + 1)) { try scanned(body) }
    }

    @Test("buffers are kept from scan to scan, and nothing of an earlier body stays in them")
    func reuse() throws {
        var document = ScannedDocument()
        for body in ["{\"a\":[1,2,3]}", "{\"b\":NaN", "{\"c\":true}"] {
            try? document.scan(Array(body.utf8))  // the second is none
        }
        #expect(document.skeleton == Array("{\"c\":\u{3}}".utf8))
        #expect(document.leaves == [Leaf(offset: 5, length: 4, kind: .boolean)])
    }

    @Test("every reason reads as one sentence")
    func descriptions() {
        let errors: [DocumentError] = [
            .empty, .markup, .tooLarge(bytes: 20_000_000), .tooDeep, .foreign("XML"), .notAnObject, .cutShort,
            .trailing(offset: 6), .malformed(offset: 7),
        ]
        for error in errors {
            #expect(error.description.hasPrefix("the body ") && !error.description.contains("\n"))
        }
        #expect(Set(errors.map(\.description)).count == errors.count)
    }
}
