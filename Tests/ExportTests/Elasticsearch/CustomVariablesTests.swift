import Export
import JSON
import Model
import Testing

@Suite("Leaving out what a stream refuses")
struct CustomVariablesTests {
    private func left(_ custom: String, _ reason: String) throws -> JSONValue? {
        try leftOut(custom, reason)?.rest
    }

    private func leftOut(_ custom: String, _ reason: String) throws -> (rest: JSONValue, paths: [String])? {
        let document = ReplayDocument(
            id: "x",
            seq: 1,
            target: TargetID(1),
            targetName: "t",
            time: Timestamp(milliseconds: 0),
            kind: .expvar,
            bytes: Array(
                #"{"golang":{"expvar":{"obtained":{"total":{"bytes":18446744073709551615}},"custom":\#(custom)}},"tags":["a"]}"#
                    .utf8
            )
        )
        guard let (result, paths) = CustomVariables.leaveOut(of: document, reason: reason) else { return nil }
        #expect(result.id == document.id)
        let value = try JSONReader.value(of: result.bytes)
        #expect(value["tags"] == .array([.string("a"), .string(CustomVariables.tag)]))
        #expect(value[path: ["error", "message"]]?.string == reason)
        #expect(
            value[path: ["golang", "expvar", "obtained", "total", "bytes"]] == .number("18446744073709551615")
        )
        return (value[path: ["golang", "expvar", "custom"]] ?? .null, paths)
    }

    @Test("what was left out is named: a variable, the part of one that does not fit, or all of custom")
    func paths() throws {
        let custom = #"{"cache":{"hits":1,"size":{"max":2}},"a.b":{"c":1},"n":4.50}"#
        func paths(_ reason: String) throws -> [String]? { try leftOut(custom, reason)?.paths }
        let prefix = "golang.expvar.custom"
        #expect(
            try paths("failed to parse field [\(prefix).cache.size.max] of") == ["\(prefix).cache.size.max"]
        )
        #expect(try paths("object mapping for [\(prefix).cache] tried") == ["\(prefix).cache"])
        #expect(try paths("failed to parse field [\(prefix).n.x] of type") == ["\(prefix).n"])
        #expect(try paths("failed to parse field [\(prefix).a.b.c] of type") == ["\(prefix).a.b.c"])
        #expect(try paths("Limit of total fields [1000] has been exceeded") == [prefix])
        #expect(try paths("failed to parse field [\(prefix).zzz] of type") == [prefix])
    }

    private func json(_ text: String) throws -> JSONValue { try JSONReader.value(of: Array(text.utf8)) }

    @Test("equal to the named path, on the way to it, or beyond it")
    func named() throws {
        let custom = #"{"cache":{"hits":1,"size":{"max":2}},"cached":3,"n":4.50}"#
        #expect(
            try left(custom, "failed to parse field [golang.expvar.custom.cache.hits] of type [keyword]")
                == json(#"{"cache":{"size":{"max":2}},"cached":3,"n":4.50}"#)
        )
        #expect(
            try left(
                custom,
                "object mapping for [golang.expvar.custom.cache] tried to parse field [cache] as object"
            )
                == json(#"{"cached":3,"n":4.50}"#)
        )
        // Named deeper than the value goes: the value itself does not fit.
        #expect(
            try left(custom, "Existing mapping for [golang.expvar.custom.cached.x] must be of type object")
                == json(#"{"cache":{"hits":1,"size":{"max":2}},"n":4.50}"#)
        )
    }

    @Test("an array is one value, whatever it holds")
    func arrays() throws {
        #expect(
            try left(
                #"{"list":[{"x":1}],"n":1}"#,
                "failed to parse field [golang.expvar.custom.list.x] of type [long]"
            ) == json(#"{"n":1}"#)
        )
    }

    @Test("keys with dots are compared as the paths that they expand to")
    func dotted() throws {
        #expect(
            try left(
                #"{"a.b":{"c":1},"a.d":2}"#,
                "[1:99] failed to parse field [golang.expvar.custom.a.b.c] of type"
            )
                == json(#"{"a.d":2}"#)
        )
    }

    @Test("no path under custom, or one that fits nothing: all of custom")
    func wholeCustom() throws {
        #expect(try left(#"{"a":1}"#, "Limit of total fields [1000] has been exceeded") == .null)
        #expect(
            try left(#"{"a":1}"#, "failed to parse field [golang.expvar.obtained] of type [long]") == .null
        )
        #expect(
            try left(#"{"a":1}"#, "failed to parse field [golang.expvar.custom.zzz] of type [long]") == .null
        )
        #expect(
            try left(#"{"a":1}"#, "failed to parse field [golang.expvar.custom.a] of type [long]") == .null
        )
    }

    @Test("nothing custom, nothing to leave out")
    func none() throws {
        #expect(try left("{}", "whatever") == nil)
    }
}
