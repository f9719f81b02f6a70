import JSON
import Model
import Testing

@testable import Export

@Suite("Leaving out what a stream refuses")
struct CustomVariablesTests {
    private static let prefix = "golang.expvar.custom"

    private func document(_ custom: String) -> [UInt8] {
        Array(
            #"{"golang":{"expvar":{"obtained":{"total":{"bytes":9223372036854775807}},"custom":\#(custom)}},"tags":["a"]}"#
                .utf8
        )
    }

    /// What is left of variables after one refusal, by the server's words alone or with its mapping.
    private func left(_ custom: String, _ reason: String, mapping: String? = nil) throws -> JSONValue? {
        var stream = StreamMapping()
        stream.learnLimits(RefusalReason(reason), text: reason)
        if let mapping {
            let text =
                #"{"i-000001":{"mappings":{"properties":{"golang":{"properties":{"expvar":{"properties":{"custom":{"properties":\#(mapping)}}}}}}}}}"#
            stream.asked(MappedFields(answer: try JSONReader.value(of: Array(text.utf8))), now: 0)
        }
        let variables = try #require(CustomVariables(of: document(custom)))
        if let path = RefusalReason(reason).named(among: variables.kinds.keys) {
            let isNew = stream.learn(path, variables.kinds[path] ?? [], reason: reason)
            #expect(isNew)
        }
        guard let fitted = variables.fitted(to: stream) else { return nil }
        let value = try JSONReader.value(of: fitted.bytes)
        #expect(value["tags"] == .array([.string("a"), .string(CustomVariables.tag)]))
        #expect(value[path: ["error", "message"]]?.string?.isEmpty == false)
        #expect(
            value[path: ["golang", "expvar", "obtained", "total", "bytes"]] == .number("9223372036854775807")
        )
        return value[path: ["golang", "expvar", "custom"]] ?? .null
    }

    private func json(_ text: String) throws -> JSONValue { try JSONReader.value(of: Array(text.utf8)) }

    @Test(
        "a server's words name one of the document's own paths, whatever else they quote",
        arguments: [
            (
                "object mapping for [P.cache] tried to parse field [cache] as object, but found a concrete value",
                "cache"
            ),
            (
                "failed to parse field [P.n] of type [long] in document with id 'x'. Preview of field's value: 'a'",
                "n"
            ),
            ("[1:203] failed to parse field [P.n] of type [long] in document with id 'x'. Preview of", "n"),
            (
                "failed to parse field [P.n] of type [long] in document with id 'x'. Preview of field's value: '[P.other] of type [long]'",
                "n"
            ),
            (
                "Could not dynamically add mapping for field [a.b]. Existing mapping for [P.a] must be of type object but found [long].",
                "a"
            ),
            ("mapper [P.n] cannot be changed from type [long] to [keyword]", "n"),
            ("can't merge a non object mapping [P.a.b] with an object mapping", "a.b"),
            ("failed to parse field [P.x]y[z] of type [long] in document", "x]y[z"),
            ("failed to parse field [P.q'\"] of type [long] in document", "q'\""),
            ("failed to parse field [P.two lines] of type [long] in document", "two\nlines"),
            ("mapping set to strict, dynamic introduction of [n] within [P] is not allowed", "n"),
            ("mapping set to strict, dynamic introduction of [b] within [P.a] is not allowed", "a.b"),
            ("mapping set to strict, dynamic introduction of [n] within [_doc] is not allowed", nil),
            ("failed to parse", nil),
            ("failed to parse field [golang.expvar.gc.last_finished.ns] of type [long] in document", nil),
            ("something new about [P.n]", nil),
        ] as [(String, String?)]
    )
    func named(reason: String, expected: String?) throws {
        let custom =
            #"{"cache":5,"n":"a","other":1,"a.b":2,"x]y[z":1,"x":2,"q'\"":1,"two\nlines":1}"#
        let variables = try #require(CustomVariables(of: document(custom)))
        let reason = reason.replacing("P.", with: Self.prefix + ".").replacing(
            "[P]",
            with: "[\(Self.prefix)]"
        )
        let named = RefusalReason(reason).named(among: variables.kinds.keys)
        #expect(named == expected.map { "\(Self.prefix).\($0)" })
    }

    @Test("a name so long that the server's words are cut in it is known by its beginning")
    func cutReason() throws {
        let name = String(repeating: "n", count: 600)
        let variables = try #require(CustomVariables(of: document(#"{"\#(name)":1,"m":2}"#)))
        let reason = ServerText(secrets: []).clean(
            "failed to parse field [\(Self.prefix).\(name)] of type [long]"
        )
        #expect(RefusalReason(reason).named(among: variables.kinds.keys) == "\(Self.prefix).\(name)")
    }

    @Test("what is refused is left out with all that is under it, and an array as a whole")
    func leftOut() throws {
        let custom =
            #"{"cache":{"hits":1,"size":{"max":2}},"cached":3,"list":[{"x":1}],"a.b":{"c":1},"n":4.50}"#
        func refused(_ path: String) -> String {
            "failed to parse field [\(Self.prefix).\(path)] of type [keyword]"
        }
        #expect(
            try left(custom, refused("cache.hits"))
                == json(#"{"cache":{"size":{"max":2}},"cached":3,"list":[{"x":1}],"a.b":{"c":1},"n":4.50}"#)
        )
        #expect(
            try left(custom, refused("cache"))
                == json(#"{"cached":3,"list":[{"x":1}],"a.b":{"c":1},"n":4.50}"#)
        )
        #expect(
            try left(custom, refused("list.x"))
                == json(#"{"cache":{"hits":1,"size":{"max":2}},"cached":3,"a.b":{"c":1},"n":4.50}"#)
        )
        #expect(
            try left(custom, refused("a"))
                == json(
                    #"{"cache":{"hits":1,"size":{"max":2}},"cached":3,"list":[{"x":1}],"n":4.50}"#
                )
        )
        #expect(try left(#"{"a":1}"#, refused("a")) == .null)
    }

    @Test("what the mapping tells is left out at once, and nothing that fits")
    func byMapping() throws {
        let mapping = #"""
            {"l":{"type":"long"},"b":{"type":"boolean"},"k":{"type":"keyword"},"d":{"type":"double"},
             "o":{"properties":{"p":{"type":"long"}}},"f":{"type":"flattened"},"e":{"type":"object","enabled":false}}
            """#
        func kept(_ custom: String) throws -> JSONValue? {
            try left(custom, "failed to parse", mapping: mapping)
        }
        for fits in [
            #"{"l":1,"b":true,"k":5,"d":1e300,"o":{"p":2},"f":{"x":{"y":"z"}},"e":[1,{"a":2}],"new":{"x":1}}"#,
            #"{"l":0.5,"b":"","k":true,"d":"12","o.p":[1,2.5],"l.":1}"#,
            #"{"l":"1e3","b":"true","k":[1,"a"]}"#,
        ] { #expect(try kept(fits) == nil, "\(fits)") }
        for unfit in [
            #"{"l":{"a":1}}"#, #"{"l":"x"}"#, #"{"l":"0x10"}"#, #"{"l":true}"#,
            #"{"l":18446744073709551615}"#,
            #"{"b":1}"#, #"{"b":"off"}"#, #"{"k":{"a":1}}"#, #"{"d":1e400}"#, #"{"o":5}"#,
            #"{"o":[{"p":1},2]}"#,
            #"{"l.x":1}"#, #"{"o":{"p":{"q":1}}}"#,
        ] { #expect(try kept(unfit) == .null, "\(unfit)") }
    }

    @Test("an index that is full still takes what it maps, and nothing new")
    func limit() throws {
        let mapping = #"{"l":{"type":"long"},"o":{"properties":{"p":{"type":"long"}}}}"#
        #expect(
            try left(
                #"{"l":1,"new":1,"o":{"p":2,"q":3},"x.y":4,"o.r":5}"#,
                "Limit of total fields [1000] has been exceeded",
                mapping: mapping
            ) == json(#"{"l":1,"o":{"p":2}}"#)
        )
    }

    @Test("objects deeper than the index takes are left out, and what lies above them is not")
    func depth() throws {
        let deep = { (levels: Int) in
            String(repeating: #"{"a":"#, count: levels) + "1" + String(repeating: "}", count: levels)
        }
        let reason = "Limit of mapping depth [20] has been exceeded due to object field [\(Self.prefix).a]"
        #expect(try left(#"{"a":1,"b":\#(deep(16))}"#, reason) == nil)
        #expect(try left(#"{"a":1,"b":\#(deep(17))}"#, reason) == json(#"{"a":1}"#))
    }

    @Test("nothing custom, nothing to leave out")
    func none() throws {
        #expect(CustomVariables(of: document("{}")) == nil)
    }
}
